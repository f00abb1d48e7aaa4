//! The audit table: per beneficiary the records of who saw what, in the order of time.

use aws_sdk_dynamodb::{Client, types::Put};

use super::{
    StoreError, attributes,
    item::{self, Item},
    transient::put_new,
};
use crate::{
    audit::Event,
    metrics::{self, Metric},
};

/// The audit table. Records are added, never changed.
#[derive(Clone, Debug)]
pub struct AuditTable {
    client: Client,
    table: String,
}

impl AuditTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// Writes a record. An answer with personal data may leave only when this has succeeded.
    ///
    /// # Errors
    /// As every call of a table; the caller answers 503.
    pub async fn record(&self, event: &Event<'_>) -> Result<(), StoreError> {
        let written = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(event)))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await
            .map_err(StoreError::of);
        match written {
            // The key is random: it is this record that is there, by an attempt whose answer was lost.
            Err(StoreError::Conflict) => Ok(()),
            Err(error) => {
                metrics::count(Metric::AuditFailures);
                Err(error)
            }
            Ok(_) => Ok(()),
        }
    }

    /// The part of a transaction that writes a record of what the transaction does.
    pub(super) fn put(&self, event: &Event<'_>) -> Put {
        put_new(&self.table, item_of(event))
    }
}

fn item_of(event: &Event<'_>) -> Item {
    attributes::item_of([
        ("pk", item::string(event.patient.as_str())),
        ("sk", item::string(sort_key(event))),
        ("action", item::string(event.action.as_str())),
        ("client_id", item::string(event.client_id)),
        ("request_id", item::string(event.request_id)),
        ("detail", item::string(event.detail)),
    ])
}

/// The time to the microsecond, of fixed width, and something random: two records never share a key.
fn sort_key(event: &Event<'_>) -> String {
    let random = uuid::Uuid::new_v4().simple();
    format!("{:.6}#{random}", event.at)
}
