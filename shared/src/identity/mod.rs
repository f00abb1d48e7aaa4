//! Who a person is: beneficiary ids, Medicare number hashing, matching, and where people sign in.

mod bene_id;
mod hash;
mod matching;
mod medicare_number;
pub mod provider;
pub mod sandbox;

pub use bene_id::BeneId;
pub use hash::MedicareNumberHasher;
pub use matching::{Match, Matcher, MedicareNumbers};
pub use medicare_number::MedicareNumber;
