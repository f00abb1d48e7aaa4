//! DynamoDB: one type per table, and the stored claim in its binary form.

mod claims;
mod error;
mod identity_table;
mod item;
pub mod read_units;
mod stored_beneficiary;
pub mod stored_claim;
mod whole_table;

pub use claims::{ClaimsTable, ItemKey, StoredItem};
pub use error::StoreError;
pub use identity_table::IdentityTable;
pub use stored_beneficiary::StoredBeneficiary;
pub use stored_claim::{Facts, StoredClaim};
