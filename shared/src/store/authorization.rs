//! The writes of authorization that touch several tables, each one transaction: all of it happens or nothing.
//!
//! The audit record is a part of each: what is not recorded has not happened, and can be asked for again.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{
    Client,
    types::{ConditionCheck, Delete, Put, TransactWriteItem, Update},
};
use jiff::Timestamp;
use std::time::Duration;

use super::transaction::{Outcome, outcome};
use super::{
    AuditTable, GrantsTable, HeldApproval, RefreshTokensTable, StoreError, TransientTable,
};
use crate::{
    audit::Event,
    config::{self, ConfigError},
    oauth::{Code, Grant, Person, RefreshToken},
    secret::Secret,
};

/// How often a transaction is tried that met another one on the same item.
const ATTEMPTS_MAX: u32 = 6;

/// The pause before the next attempt, doubled each time.
const PAUSE_MILLISECONDS: u64 = 10;

/// The tables of approvals, codes, grants, refresh tokens and audit records together.
#[derive(Clone, Debug)]
pub struct AuthorizationTables {
    client: Client,
    /// Grants.
    pub grants: GrantsTable,
    /// Approvals, codes and revoked access tokens.
    pub transient: TransientTable,
    /// Refresh tokens.
    pub refresh_tokens: RefreshTokensTable,
    /// Audit records.
    pub audit: AuditTable,
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
        let client = config::dynamodb(aws);
        let grants = config::variable("GRANTS_TABLE")?;
        let transient = config::variable("TRANSIENT_TABLE")?;
        let refresh_tokens = config::variable("REFRESH_TOKENS_TABLE")?;
        let audit = config::variable("AUDIT_TABLE")?;
        Ok(Self {
            grants: GrantsTable::new(client.clone(), grants),
            transient: TransientTable::new(client.clone(), transient),
            refresh_tokens: RefreshTokensTable::new(client.clone(), refresh_tokens),
            audit: AuditTable::new(client.clone(), audit),
            client,
        })
    }

    /// Notes who signed in, and the browser's new session, if it still holds the approval.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn sign_in(
        &self,
        held: HeldApproval<'_>,
        new_session_hash: &str,
        person: &Person,
        event: &Event<'_>,
    ) -> Result<Transaction, StoreError> {
        let sign_in = self.transient.sign_in(held, new_session_hash, person);
        self.write([event], vec![update(sign_in)]).await
    }

    /// Uses an approval up, replaces the pair's grant (all earlier tokens die) and keeps the code.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn approve(
        &self,
        held: HeldApproval<'_>,
        grant: &Grant,
        (secret, code): (&Secret, &Code),
        event: &Event<'_>,
    ) -> Result<Transaction, StoreError> {
        let writes = vec![
            delete(self.transient.consume_approval(held)),
            put(self.grants.put(grant)),
            put(self.transient.put_code(secret, code)),
        ];
        self.write([event], writes).await
    }

    /// Uses an approval up and changes nothing else.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn decline(
        &self,
        held: HeldApproval<'_>,
        event: &Event<'_>,
    ) -> Result<Transaction, StoreError> {
        let consume = self.transient.consume_approval(held);
        self.write([event], vec![delete(consume)]).await
    }

    /// Uses an approval up and removes the grant of the pair that the events are about; refused if there is none.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn withhold(
        &self,
        held: HeldApproval<'_>,
        [revoked, declined]: [&Event<'_>; 2],
    ) -> Result<Transaction, StoreError> {
        let writes = vec![
            delete(self.transient.consume_approval(held)),
            delete(self.grants.remove_any(revoked.patient, revoked.client_id)),
        ];
        self.write([revoked, declined], writes).await
    }

    /// Uses a code up while its grant is the pair's, keeps the first refresh token if there is one, and notes whom the
    /// user name stands for. The event says when.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn redeem(
        &self,
        (secret, code): (&str, &Code),
        first: Option<(&Secret, &RefreshToken)>,
        username_key: Option<&Secret>,
        event: &Event<'_>,
    ) -> Result<Transaction, StoreError> {
        let mut writes = vec![
            update(self.transient.consume_code(secret, event.at)),
            check(
                self.grants
                    .check((&code.patient, &code.client_id), &code.grant_id, event.at),
            ),
        ];
        writes.extend(first.map(|(secret, token)| put(self.refresh_tokens.put(secret, token))));
        writes.extend(username_key.map(|key| put(self.transient.put_person(key, &code.patient))));
        self.write([event], writes).await
    }

    /// Uses a refresh token up while its grant is the pair's, revokes the access token that came with it and keeps
    /// the successor. The event says when.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn rotate(
        &self,
        (secret, token): (&str, &RefreshToken),
        (new_secret, successor): (&Secret, &RefreshToken),
        event: &Event<'_>,
    ) -> Result<Transaction, StoreError> {
        let (jti, expires_at) = (&token.access.jti, token.access.expires_at());
        let writes = vec![
            update(self.refresh_tokens.consume(secret, event.at)),
            check(self.grants.check(
                (&token.patient, &token.client_id),
                &token.grant_id,
                event.at,
            )),
            put(self.transient.put_revoked(jti, expires_at)),
            put(self.refresh_tokens.put(new_secret, successor)),
        ];
        self.write([event], writes).await
    }

    /// Gives the grant that the event is about another id if it still has that one: all its tokens die, the consent
    /// stays. Refused if they are dead already.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn end_tokens(
        &self,
        grant_id: &str,
        event: &Event<'_>,
    ) -> Result<Transaction, StoreError> {
        let change = self
            .grants
            .end_tokens(event.patient, event.client_id, grant_id);
        self.write([event], vec![update(change)]).await
    }

    /// Removes the grant that the event is about if it still has that id, with which all its tokens die. Refused if a
    /// newer consent has replaced it, or if it is gone.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn remove_grant(
        &self,
        grant_id: &str,
        event: &Event<'_>,
    ) -> Result<Transaction, StoreError> {
        let change = self.grants.remove(event.patient, event.client_id, grant_id);
        self.write([event], vec![delete(change)]).await
    }

    /// Revokes an access token until it would have ended.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn revoke_access(
        &self,
        (jti, expires_at): (&str, Timestamp),
        event: &Event<'_>,
    ) -> Result<Transaction, StoreError> {
        let revoked = self.transient.put_revoked(jti, expires_at);
        self.write([event], vec![put(revoked)]).await
    }

    /// One transaction, with the audit record of each event in it. The client request token stays the same through all
    /// attempts, the SDK's own and these, so that an answer lost on the way does not turn into a refusal.
    async fn write<const EVENTS: usize>(
        &self,
        events: [&Event<'_>; EVENTS],
        mut writes: Vec<TransactWriteItem>,
    ) -> Result<Transaction, StoreError> {
        writes.extend(events.map(|event| put(self.audit.put(event))));
        let token = uuid::Uuid::new_v4().to_string();
        for attempt in 0..ATTEMPTS_MAX {
            let written = self
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.clone()))
                .client_request_token(&token)
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
