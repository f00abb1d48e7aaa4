//! The audit table: per beneficiary the records of who saw what, in the order of time.

use aws_sdk_dynamodb::{Client, types::Put};
use jiff::Timestamp;

use super::{
    StoreError, attributes,
    item::{self, Item},
    transient::put_new,
};
use crate::{
    audit::Event,
    identity::BeneId,
    metrics::{self, Metric},
};

/// A record as it was written; whose it is, whoever asks for it knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// What happened, in the word of [`Action::as_str`](crate::audit::Action::as_str).
    pub action: String,
    /// Which application.
    pub client_id: String,
    /// The request, as in the log and the answer.
    pub request_id: String,
    /// What exactly.
    pub detail: String,
}

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

    /// Calls `see` with the records of a beneficiary since then, the newest first: for operators, never on a request's
    /// path.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn for_each_of(
        &self,
        patient: &BeneId,
        since: Timestamp,
        mut see: impl FnMut(AuditRecord),
    ) -> Result<(), StoreError> {
        let mut records = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :patient AND sk >= :since")
            .expression_attribute_values(":patient", item::string(patient.as_str()))
            .expression_attribute_values(":since", item::string(time_text(since)))
            .scan_index_forward(false)
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        while let Some(record) = records.next().await {
            see(record_of(&record.map_err(StoreError::of)?)?);
        }
        Ok(())
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

fn record_of(item: &Item) -> Result<AuditRecord, StoreError> {
    let key = item::read_string(item, "sk")?;
    let at = key.split('#').next().and_then(|time| time.parse().ok());
    Ok(AuditRecord {
        at: at.ok_or(StoreError::Corrupt("sk"))?,
        action: attributes::read_text(item, "action")?,
        client_id: attributes::read_text(item, "client_id")?,
        request_id: attributes::read_text(item, "request_id")?,
        detail: attributes::read_text(item, "detail")?,
    })
}

/// The time and something random: two records never share a key.
fn sort_key(event: &Event<'_>) -> String {
    let random = uuid::Uuid::new_v4().simple();
    format!("{}#{random}", time_text(event.at))
}

/// A time to the microsecond, of fixed width, so that keys are in the order of time.
fn time_text(at: Timestamp) -> String {
    format!("{at:.6}")
}
