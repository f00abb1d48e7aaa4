//! The sign-in failures table: how often each user name of the sandbox was tried in vain.

use aws_sdk_dynamodb::Client;
use jiff::{Timestamp, ToSpan};
use std::time::Duration;

use super::{StoreError, attributes, item};
use crate::oauth::sha256_hex;

/// The failures after which a user name is locked.
pub const FAILURES_MAX: i64 = 5;

/// How often a name is tried that seems locked, and the pause between.
const ATTEMPTS: u32 = 4;
const PAUSE_MILLISECONDS: u64 = 100;

/// How long failures count, and how long the lock holds after the last one.
pub const LOCK_MINUTES: i64 = 30;

/// The sign-in failures table. Its key is the SHA-256 of the user name, because people type all sorts of things there.
#[derive(Clone, Debug)]
pub struct SignInFailuresTable {
    client: Client,
    table: String,
}

impl SignInFailuresTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// Counts an attempt before its password is looked at, so that parallel guesses count too.
    /// Whether the password may be looked at; if not, the name is locked.
    ///
    /// A person who signs in several times at once is counted until the first of them has succeeded, so a name that
    /// seems locked is tried again for a moment.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn begin(&self, username: &str, now: Timestamp) -> Result<bool, StoreError> {
        for _ in 1..ATTEMPTS {
            if self.count(username, now).await? {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(PAUSE_MILLISECONDS)).await;
        }
        self.count(username, now).await
    }

    /// Forgets the failures after a sign-in.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn clear(&self, username: &str) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key("pk", item::string(sha256_hex(username)))
            .send()
            .await
            .map(drop)
            .map_err(StoreError::of)
    }

    async fn count(&self, username: &str, now: Timestamp) -> Result<bool, StoreError> {
        let counted = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", item::string(sha256_hex(username)))
            .update_expression("SET expires_at = :end ADD failures :one")
            .condition_expression(
                "attribute_not_exists(pk) OR (expires_at > :now AND failures < :max)",
            )
            .expression_attribute_values(":end", attributes::seconds(end_of_lock(now)))
            .expression_attribute_values(":one", item::number(1))
            .expression_attribute_values(":now", attributes::seconds(now))
            .expression_attribute_values(":max", item::number(FAILURES_MAX))
            .send()
            .await
            .map_err(StoreError::of);
        match counted {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => self.restart(username, now).await,
            Err(error) => Err(error),
        }
    }

    /// Counts a first attempt again if the earlier ones no longer count. Whether it did.
    async fn restart(&self, username: &str, now: Timestamp) -> Result<bool, StoreError> {
        let first = attributes::item_of([
            ("pk", item::string(sha256_hex(username))),
            ("failures", item::number(1)),
            ("expires_at", attributes::seconds(end_of_lock(now))),
        ]);
        let restarted = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(first))
            .condition_expression("expires_at <= :now")
            .expression_attribute_values(":now", attributes::seconds(now))
            .send()
            .await
            .map_err(StoreError::of);
        match restarted {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn end_of_lock(now: Timestamp) -> Timestamp {
    now + LOCK_MINUTES.minutes()
}
