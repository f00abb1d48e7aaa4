//! DynamoDB: one type per table, and the stored claim in its binary form.

mod applications;
mod attributes;
mod audit;
mod authorization;
mod claims;
mod error;
mod grants;
mod identity_table;
mod item;
pub mod load;
mod patience;
mod probe;
pub mod read_units;
mod refresh_tokens;
mod request_counts;
mod sign_in_failures;
mod stored_beneficiary;
pub mod stored_claim;
mod transient;
mod usage;
mod whole_table;

pub use applications::{ApplicationsTable, CountedApplication};
pub use audit::AuditTable;
pub use authorization::{AuthorizationTables, Transaction};
pub use claims::{ClaimsTable, INSERTS_MAX, ItemKey, NewItem, StoredItem};
pub use error::StoreError;
pub use grants::{CountedGrant, GrantsTable};
pub use identity_table::IdentityTable;
pub use probe::Probe;
pub use refresh_tokens::RefreshTokensTable;
pub use request_counts::RequestCountsTable;
pub use sign_in_failures::{SignIn, SignInFailuresTable};
pub use stored_beneficiary::StoredBeneficiary;
pub use stored_claim::{Facts, StoredClaim};
pub use transient::{HeldApproval, TransientTable};
pub use usage::{PatientAccess, Transfer, Transfers, UsageTable, day_of};
