//! DynamoDB: one type per table, and the stored claim in its binary form.

mod claims;
mod error;
mod identity_table;
mod item;
pub mod read_units;
pub mod stored_claim;

pub use claims::{ClaimsTable, ItemKey, StoredItem};
pub use error::StoreError;
pub use identity_table::IdentityTable;
