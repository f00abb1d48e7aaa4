//! The counts of requests, among the transient table's items: how many of a kind came in a window of time.

use std::time::Duration;

use aws_sdk_dynamodb::config::{Config, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{Client, types::ReturnValue};
use jiff::Timestamp;

use super::{StoreError, attributes, item};
use crate::oauth::sha256_hex;

/// How the keys of counts begin. The roles of resource functions may change such items of the table and no others.
const KEY_PREFIX: &str = "requests#";

/// How long a request waits for its count. The reads beside it take a few milliseconds, and a count that is late is
/// better left out than waited for; nor is it tried again.
const PATIENCE_MILLISECONDS: u64 = 500;

/// The counts of requests in the transient table.
#[derive(Clone, Debug)]
pub struct RequestCountsTable {
    client: Client,
    table: String,
}

impl RequestCountsTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// Counts one more under a kind and a text that only its hash is kept of, and tells how many there are now.
    /// The table forgets the count some time after its end.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn add(
        &self,
        (kind, text): (&str, String),
        end: Timestamp,
    ) -> Result<i64, StoreError> {
        let patience = Duration::from_millis(PATIENCE_MILLISECONDS);
        let once = Config::builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(patience).build());
        let key = format!("{KEY_PREFIX}{kind}#{}", sha256_hex(&text));
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", item::string(key))
            .update_expression("SET expires_at = :end ADD requests :one")
            .expression_attribute_values(":end", attributes::seconds(end))
            .expression_attribute_values(":one", item::number(1))
            .return_values(ReturnValue::UpdatedNew)
            .customize()
            .config_override(once)
            .send()
            .await
            .map_err(StoreError::of)?;
        let counted = updated.attributes.unwrap_or_default();
        attributes::read_number(&counted, "requests")
    }
}
