//! The writes of authorization that touch several tables, each one transaction: all of it happens or nothing.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{ConditionCheck, Delete, Put, TransactWriteItem, Update},
};
use jiff::Timestamp;
use std::time::Duration;

use super::{GrantsTable, RefreshTokensTable, StoreError, TransientTable};
use crate::{
    config::{self, ConfigError},
    oauth::{Code, Grant, RefreshToken},
    secret::Secret,
};

/// How often a transaction is tried that met another one on the same item.
const ATTEMPTS_MAX: u32 = 6;

/// The pause before the next attempt, doubled each time.
const PAUSE_MILLISECONDS: u64 = 10;

/// The tables of approvals, codes, grants and refresh tokens together.
#[derive(Clone, Debug)]
pub struct AuthorizationTables {
    client: Client,
    /// Grants.
    pub grants: GrantsTable,
    /// Approvals, codes and revoked access tokens.
    pub transient: TransientTable,
    /// Refresh tokens.
    pub refresh_tokens: RefreshTokensTable,
}

/// Whether a transaction happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// All of it.
    Done,
    /// Nothing, because a condition did not hold.
    Refused,
}

impl AuthorizationTables {
    /// The tables that the environment names.
    ///
    /// # Errors
    /// When one is not named.
    pub fn from_environment(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let client = Client::new(aws);
        let grants = config::variable("GRANTS_TABLE")?;
        let transient = config::variable("TRANSIENT_TABLE")?;
        let refresh_tokens = config::variable("REFRESH_TOKENS_TABLE")?;
        Ok(Self {
            grants: GrantsTable::new(client.clone(), grants),
            transient: TransientTable::new(client.clone(), transient),
            refresh_tokens: RefreshTokensTable::new(client.clone(), refresh_tokens),
            client,
        })
    }

    /// Uses an approval up, replaces the pair's grant (all earlier tokens die) and keeps the code.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn approve(
        &self,
        (approval_id, session_hash): (&str, &str),
        grant: &Grant,
        (secret, code): (&Secret, &Code),
    ) -> Result<Transaction, StoreError> {
        self.write(vec![
            delete(self.transient.consume_approval(approval_id, session_hash)),
            put(self.grants.put(grant)),
            put(self.transient.put_code(secret, code)),
        ])
        .await
    }

    /// Uses a code up while its grant is the pair's, and keeps the first refresh token if there is one.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn redeem(
        &self,
        (secret, code): (&str, &Code),
        first: Option<(&Secret, &RefreshToken)>,
        now: Timestamp,
    ) -> Result<Transaction, StoreError> {
        let mut writes = vec![
            update(self.transient.consume_code(secret, now)),
            check(
                self.grants
                    .check(&code.patient, &code.client_id, &code.grant_id),
            ),
        ];
        writes.extend(first.map(|(secret, token)| put(self.refresh_tokens.put(secret, token))));
        self.write(writes).await
    }

    /// Uses a refresh token up while its grant is the pair's, revokes the access token that came with it and keeps
    /// the successor.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn rotate(
        &self,
        (secret, token): (&str, &RefreshToken),
        (new_secret, successor): (&Secret, &RefreshToken),
        now: Timestamp,
    ) -> Result<Transaction, StoreError> {
        let (jti, expires_at) = (&token.access.jti, token.access.expires_at());
        self.write(vec![
            update(self.refresh_tokens.consume(secret, now)),
            check(
                self.grants
                    .check(&token.patient, &token.client_id, &token.grant_id),
            ),
            put(self.transient.put_revoked(jti, expires_at)),
            put(self.refresh_tokens.put(new_secret, successor)),
        ])
        .await
    }

    /// One transaction. The client request token stays the same through the SDK's own retries, so that an answer
    /// lost on the way does not turn into a refusal.
    async fn write(&self, writes: Vec<TransactWriteItem>) -> Result<Transaction, StoreError> {
        for attempt in 0..ATTEMPTS_MAX {
            let written = self
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.clone()))
                .client_request_token(uuid::Uuid::new_v4().to_string())
                .send()
                .await;
            match written.map_err(outcome) {
                Ok(_) => return Ok(Transaction::Done),
                Err(Outcome::ConditionFailed) => return Ok(Transaction::Refused),
                Err(Outcome::Failed(error)) => return Err(error),
                Err(Outcome::Contended) => {}
            }
            let pause = Duration::from_millis(PAUSE_MILLISECONDS << attempt);
            tokio::time::sleep(pause).await;
        }
        Err(StoreError::Throttled)
    }
}

enum Outcome {
    ConditionFailed,
    Contended,
    Failed(StoreError),
}

fn outcome(error: SdkError<TransactWriteItemsError>) -> Outcome {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
            return Outcome::Contended;
        }
        _ => return Outcome::Failed(StoreError::of(error)),
    };
    let has = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
    if has("ConditionalCheckFailed") {
        return Outcome::ConditionFailed;
    }
    if has("TransactionConflict") {
        return Outcome::Contended;
    }
    if has("ThrottlingError") || has("ProvisionedThroughputExceeded") {
        return Outcome::Failed(StoreError::Throttled);
    }
    Outcome::Failed(StoreError::of(error))
}

fn put(put: Put) -> TransactWriteItem {
    TransactWriteItem::builder().put(put).build()
}

fn update(update: Update) -> TransactWriteItem {
    TransactWriteItem::builder().update(update).build()
}

fn delete(delete: Delete) -> TransactWriteItem {
    TransactWriteItem::builder().delete(delete).build()
}

fn check(check: ConditionCheck) -> TransactWriteItem {
    TransactWriteItem::builder().condition_check(check).build()
}
