//! The sign-in failures table: how often each user name of the sandbox was tried in vain, and from which address.

use aws_sdk_dynamodb::Client;
use jiff::{Timestamp, ToSpan};
use std::time::Duration;

use super::{StoreError, attributes, item};
use crate::{
    config::Limits,
    metrics::{self, Metric},
    oauth::sha256_hex,
};

/// How long the failures of a user name count, and how long its lock holds after the last attempt that was counted.
const ACCOUNT_LOCK_MINUTES: i64 = 30;

/// How long the failures of an address count together, from the first of them. They are not counted from the last, or
/// the address of a whole clinic would be locked out in time by the typing errors of a day.
const ADDRESS_LOCK_MINUTES: i64 = 5;

/// How often a name is tried that seems locked, and the pause between.
const ATTEMPTS: u32 = 4;
const PAUSE_MILLISECONDS: u64 = 100;

/// The sign-in failures table. Its keys are hashes: people type all sorts of things as a user name, and addresses are
/// personal data.
#[derive(Clone, Debug)]
pub struct SignInFailuresTable {
    client: Client,
    table: String,
    limits: Limits,
}

/// Who tries to sign in.
#[derive(Clone, Copy)]
pub struct SignIn<'a> {
    /// The user name as typed.
    pub username: &'a str,
    /// The address that the gateway saw, if it saw one.
    pub address: Option<&'a str>,
    /// When.
    pub now: Timestamp,
}

/// Failures that are counted together.
struct Counter {
    key: String,
    failures_max: u32,
    /// How the end of the time in which failures count is set when one more is counted.
    end_expression: &'static str,
    minutes: i64,
}

impl SignInFailuresTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, limits: Limits) -> Self {
        Self {
            client,
            table: table.into(),
            limits,
        }
    }

    /// Counts an attempt before its password is looked at, so that parallel guesses count too.
    /// Whether the password may be looked at; if not, the name or the address is locked.
    ///
    /// A person who signs in several times at once is counted until the first of them has succeeded, so a name that
    /// seems locked is tried again for a moment.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn begin(&self, attempt: SignIn<'_>) -> Result<bool, StoreError> {
        let (account, address) = tokio::join!(
            self.begin_account(attempt),
            self.count_if_known(self.address(attempt), attempt.now),
        );
        let is_open = account? && address?;
        if !is_open {
            metrics::count(Metric::SignInLockouts);
        }
        Ok(is_open)
    }

    /// Forgets the failures of the user name after a sign-in, and takes back that the address had one more.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn clear(&self, attempt: SignIn<'_>) -> Result<(), StoreError> {
        let (account, address) = tokio::join!(
            self.forget(self.account(attempt)),
            self.take_back(self.address(attempt)),
        );
        account.and(address)
    }

    async fn begin_account(&self, attempt: SignIn<'_>) -> Result<bool, StoreError> {
        let account = self.account(attempt);
        for _ in 1..ATTEMPTS {
            if self.count(&account, attempt.now).await? {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(PAUSE_MILLISECONDS)).await;
        }
        self.count(&account, attempt.now).await
    }

    fn account(&self, attempt: SignIn<'_>) -> Counter {
        Counter {
            key: format!("account#{}", sha256_hex(attempt.username)),
            failures_max: self.limits.account_sign_in_failures,
            end_expression: ":end",
            minutes: ACCOUNT_LOCK_MINUTES,
        }
    }

    fn address(&self, attempt: SignIn<'_>) -> Option<Counter> {
        Some(Counter {
            key: format!("address#{}", sha256_hex(attempt.address?)),
            failures_max: self.limits.address_sign_in_failures,
            end_expression: "if_not_exists(expires_at, :end)",
            minutes: ADDRESS_LOCK_MINUTES,
        })
    }

    async fn count_if_known(
        &self,
        counter: Option<Counter>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        match counter {
            Some(counter) => self.count(&counter, now).await,
            None => Ok(true),
        }
    }

    /// Counts an attempt, unless there were too many already. Whether it did.
    async fn count(&self, counter: &Counter, now: Timestamp) -> Result<bool, StoreError> {
        let update = format!(
            "SET expires_at = {} ADD failures :one",
            counter.end_expression
        );
        let counted = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", item::string(&counter.key))
            .update_expression(update)
            .condition_expression(
                "attribute_not_exists(pk) OR (expires_at > :now AND failures < :max)",
            )
            .expression_attribute_values(":end", attributes::seconds(counter.end(now)))
            .expression_attribute_values(":one", item::number(1))
            .expression_attribute_values(":now", attributes::seconds(now))
            .expression_attribute_values(":max", item::number(counter.failures_max.into()))
            .send()
            .await
            .map_err(StoreError::of);
        match counted {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => self.restart(counter, now).await,
            Err(error) => Err(error),
        }
    }

    /// Counts a first attempt again if the earlier ones no longer count. Whether it did.
    async fn restart(&self, counter: &Counter, now: Timestamp) -> Result<bool, StoreError> {
        let first = attributes::item_of([
            ("pk", item::string(&counter.key)),
            ("failures", item::number(1)),
            ("expires_at", attributes::seconds(counter.end(now))),
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

    async fn forget(&self, counter: Counter) -> Result<(), StoreError> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key("pk", item::string(counter.key))
            .send()
            .await
            .map(drop)
            .map_err(StoreError::of)
    }

    async fn take_back(&self, counter: Option<Counter>) -> Result<(), StoreError> {
        let Some(counter) = counter else {
            return Ok(());
        };
        let taken_back = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", item::string(counter.key))
            .update_expression("ADD failures :less")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":less", item::number(-1))
            .send()
            .await
            .map_err(StoreError::of);
        match taken_back {
            // The time in which it counted is over, and the table has forgotten it.
            Err(StoreError::Conflict) => Ok(()),
            other => other.map(drop),
        }
    }
}

impl Counter {
    fn end(&self, now: Timestamp) -> Timestamp {
        now + self.minutes.minutes()
    }
}
