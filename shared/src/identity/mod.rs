//! Who a person is: beneficiary ids, Medicare number hashing, matching.

mod bene_id;

pub use bene_id::BeneId;
