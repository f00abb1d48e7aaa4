//! Who a person is: beneficiary ids, Medicare number hashing, matching.

mod bene_id;
mod hash;
pub mod sandbox;

pub use bene_id::BeneId;
pub use hash::MedicareNumberHasher;
