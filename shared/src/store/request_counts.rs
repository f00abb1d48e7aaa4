//! The counts of requests, among the transient table's items: how many of a kind came in a window of time, and how many
//! of an application on a day.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::{Client, types::ReturnValue};
use jiff::{Timestamp, ToSpan, civil::Date};

use super::item::{self, Item};
use super::patience::hurried;
use super::usage::start_of;
use super::{StoreError, attributes};
use crate::oauth::sha256_hex;

/// How the keys of counts begin. The roles of resource functions may change such items of the table and no others.
const KEY_PREFIX: &str = "requests#";

/// How the attributes are called that count a window.
const WINDOW: &str = "window";

/// How many windows that are over an application's item of a day may hold. Each takes some twenty bytes, and a write
/// unit is a kilobyte.
const WINDOWS_KEPT_MAX: usize = 24;

/// For how long it can be asked how many requests an application sent on a day.
const DAYS_KEPT: i64 = 40;

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
        let key = format!("{KEY_PREFIX}{kind}#{}", sha256_hex(&text));
        let counted = self
            .update(key)
            .update_expression("SET expires_at = :end ADD requests :one")
            .expression_attribute_values(":end", attributes::seconds(end))
            .expression_attribute_values(":one", item::number(1))
            .return_values(ReturnValue::UpdatedNew);
        attributes::read_number(&sent(counted).await?, "requests")
    }

    /// Counts one more of an application, in that window and in its day with the same write, and tells how many there
    /// are now in the window.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn add_of_client(
        &self,
        client_id: &str,
        day: Date,
        window: i64,
    ) -> Result<i64, StoreError> {
        let key = day_key(client_id, day);
        let name = window_name(window);
        let counted = self
            .update(key.clone())
            .update_expression("SET expires_at = :end ADD calls :one, #window :one")
            .expression_attribute_names("#window", &name)
            .expression_attribute_values(":end", attributes::seconds(end_of_counts(day)))
            .expression_attribute_values(":one", item::number(1))
            .return_values(ReturnValue::AllNew);
        let counted = sent(counted).await?;
        self.forget_windows(key, &counted, window).await;
        let count = counted.get(&name).and_then(|value| value.as_n().ok());
        let count = count.and_then(|text| text.parse().ok());
        count.ok_or(StoreError::Corrupt("window"))
    }

    /// How many requests an application sent on a day.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn calls_of_day(&self, client_id: &str, day: Date) -> Result<u64, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", item::string(day_key(client_id, day)))
            .send()
            .await
            .map_err(StoreError::of)?;
        match found.item {
            Some(found) => {
                let calls = attributes::read_number(&found, "calls")?;
                Ok(calls.max(0).unsigned_abs())
            }
            None => Ok(0),
        }
    }

    /// Removes windows that are over, once they are many, so that the item stays smaller than a write unit.
    async fn forget_windows(&self, key: String, counted: &Item, window: i64) {
        // An instance whose clock is behind may still count in the window before.
        let present = [window_name(window), window_name(window - 1)];
        let is_over = |name: &&String| name.starts_with(WINDOW) && !present.contains(name);
        let over: Vec<_> = counted.keys().filter(is_over).collect();
        if over.len() < WINDOWS_KEPT_MAX {
            return;
        }
        let names: Vec<_> = (0..over.len()).map(|at| format!("#w{at}")).collect();
        let mut update = self
            .update(key)
            .update_expression(format!("REMOVE {}", names.join(", ")));
        for (name, window) in names.iter().zip(over) {
            update = update.expression_attribute_names(name, window);
        }
        // What is not removed now is removed by a later request.
        let _ = sent(update).await;
    }

    fn update(&self, key: String) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.table);
        update.key("pk", item::string(key))
    }
}

/// What an update leaves, of an update that is sent once and not waited for long.
async fn sent(update: UpdateItemFluentBuilder) -> Result<Item, StoreError> {
    let updated = update.customize().config_override(hurried()).send().await;
    let updated = updated.map_err(StoreError::of)?;
    Ok(updated.attributes.unwrap_or_default())
}

fn day_key(client_id: &str, day: Date) -> String {
    format!(
        "{KEY_PREFIX}client#{}",
        sha256_hex(&format!("{client_id} {day}"))
    )
}

/// The attribute that counts a window: expressions know no attribute that begins with a digit.
fn window_name(window: i64) -> String {
    format!("{WINDOW}{window}")
}

fn end_of_counts(day: Date) -> Timestamp {
    start_of(day) + (24 * DAYS_KEPT).hours()
}
