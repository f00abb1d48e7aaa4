//! DynamoDB: one type per table, and the stored claim in its binary form.

mod claims;
mod error;
mod identity_table;
mod item;

pub use claims::{ClaimsTable, ItemKey, StoredItem};
pub use error::StoreError;
pub use identity_table::IdentityTable;
