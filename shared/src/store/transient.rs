//! The transient table: approvals, codes and revoked access tokens, each under its kind and SHA-256. What has no end is
//! whom a user name stands for.
//!
//! Every reader checks the expiry itself; the table's time to live only cleans up.

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{Delete, Put, Update},
};
use jiff::{Timestamp, ToSpan};

use super::{
    StoreError, attributes,
    item::{self, Item},
};
use crate::{
    http::{ApiVersion, Language},
    identity::BeneId,
    oauth::{Approval, Code, Person, pkce::CodeChallenge, sha256_hex, token::LEEWAY_SECONDS},
    secret::Secret,
};

/// The transient table.
#[derive(Clone, Debug)]
pub struct TransientTable {
    client: Client,
    table: String,
}

/// An approval in a browser's hands at some time.
#[derive(Clone, Copy)]
pub struct HeldApproval<'a> {
    /// Its id.
    pub id: &'a str,
    /// SHA-256 of the session that the browser holds.
    pub session_hash: &'a str,
    /// When the browser uses it.
    pub now: Timestamp,
}

/// When a write to a held approval holds: the table forgets what has ended days later, and until then nobody may use
/// it.
const HELD: &str = "session_hash = :session AND expires_at > :now";

/// The kinds of items, as the keys begin.
const APPROVAL: &str = "approval";
const CODE: &str = "code";
const REVOKED: &str = "revoked";
const USERNAME: &str = "username";

impl TransientTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// Keeps a new approval.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn put_approval(&self, id: &str, approval: &Approval) -> Result<(), StoreError> {
        self.put(approval_item(id, approval)).await
    }

    /// The approval of that id, unless it has ended.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn approval(&self, id: &str, now: Timestamp) -> Result<Option<Approval>, StoreError> {
        let found = self.get(&key(APPROVAL, id)).await?;
        let approval = found.as_ref().map(approval).transpose()?;
        Ok(approval.filter(|approval| approval.expires_at > now))
    }

    /// Forgets who signed in, if the browser still holds the approval. Whether it did.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn sign_out(&self, held: HeldApproval<'_>) -> Result<bool, StoreError> {
        let updated = self
            .approval_update(held)
            .update_expression("REMOVE patient, username")
            .send()
            .await
            .map_err(StoreError::of);
        was_held(updated.map(drop))
    }

    /// Changes the language of the approval's pages, if the browser still holds it. Whether it did.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn set_language(
        &self,
        held: HeldApproval<'_>,
        language: Language,
    ) -> Result<bool, StoreError> {
        let updated = self
            .approval_update(held)
            // `language` is a word of DynamoDB's own.
            .update_expression("SET #language = :language")
            .expression_attribute_names("#language", "language")
            .expression_attribute_values(":language", item::string(language.as_str()))
            .send()
            .await
            .map_err(StoreError::of);
        was_held(updated.map(drop))
    }

    /// Notes the state that the browser takes to the identity provider, in place of any before it, if the browser still
    /// holds the approval and nobody has signed in. Whether it did.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn begin_visit(
        &self,
        held: HeldApproval<'_>,
        state: &str,
    ) -> Result<bool, StoreError> {
        let visit = ("SET visit = :visit", "attribute_not_exists(patient)");
        self.change_visit(held, state, visit).await
    }

    /// Uses that state up, if the approval has it and the browser still holds it: it is good for one answer. Whether it
    /// did.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn end_visit(&self, held: HeldApproval<'_>, state: &str) -> Result<bool, StoreError> {
        let visit = ("REMOVE visit", "visit = :visit");
        self.change_visit(held, state, visit).await
    }

    async fn change_visit(
        &self,
        held: HeldApproval<'_>,
        state: &str,
        (update, condition): (&str, &str),
    ) -> Result<bool, StoreError> {
        let updated = self
            .approval_update(held)
            .update_expression(update)
            .condition_expression(format!("{HELD} AND {condition}"))
            .expression_attribute_values(":visit", item::string(sha256_hex(state)))
            .send()
            .await
            .map_err(StoreError::of);
        was_held(updated.map(drop))
    }

    /// Removes an approval that the browser still holds and that nobody signed in to. Whether there was one.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn end_approval(&self, held: HeldApproval<'_>) -> Result<bool, StoreError> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", item::string(key(APPROVAL, held.id)))
            .condition_expression(format!("{HELD} AND attribute_not_exists(patient)"))
            .expression_attribute_values(":session", item::string(held.session_hash))
            .expression_attribute_values(":now", attributes::seconds(held.now))
            .send()
            .await
            .map_err(StoreError::of);
        was_held(deleted.map(drop))
    }

    /// The code, whether it has ended or not. Strongly consistent.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn code(&self, code: &str) -> Result<Option<Code>, StoreError> {
        let found = self.get(&key(CODE, code)).await?;
        found.as_ref().map(code_of).transpose()
    }

    /// Whether an access token is revoked. Strongly consistent.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn is_revoked(&self, jti: &str) -> Result<bool, StoreError> {
        Ok(self.get(&key(REVOKED, jti)).await?.is_some())
    }

    /// The part of a transaction that notes who signed in, and the browser's new session.
    pub(super) fn sign_in(
        &self,
        held: HeldApproval<'_>,
        new_session_hash: &str,
        person: &Person,
    ) -> Update {
        Update::builder()
            .table_name(&self.table)
            .key("pk", item::string(key(APPROVAL, held.id)))
            .update_expression("SET session_hash = :new, patient = :patient, username = :username")
            .condition_expression(format!("{HELD} AND attribute_not_exists(patient)"))
            .expression_attribute_values(":session", item::string(held.session_hash))
            .expression_attribute_values(":now", attributes::seconds(held.now))
            .expression_attribute_values(":new", item::string(new_session_hash))
            .expression_attribute_values(":patient", item::string(person.patient.as_str()))
            .expression_attribute_values(":username", item::string(&person.username))
            .build()
            .expect("table, key and expression are set")
    }

    /// Whom the key of a user name stands for.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn person(&self, username_key: &Secret) -> Result<Option<BeneId>, StoreError> {
        let found = self.get(&key(USERNAME, username_key.expose())).await?;
        let patient = found.map(|found| attributes::read_bene_id(&found, "patient"));
        patient.transpose()
    }

    /// The part of a transaction that notes whom the key of a user name stands for.
    pub(super) fn put_person(&self, username_key: &Secret, patient: &BeneId) -> Put {
        let item = attributes::item_of([
            ("pk", item::string(key(USERNAME, username_key.expose()))),
            ("patient", item::string(patient.as_str())),
        ]);
        Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .build()
            .expect("table and item are set")
    }

    /// The part of a transaction that uses an approval up.
    pub(super) fn consume_approval(&self, held: HeldApproval<'_>) -> Delete {
        Delete::builder()
            .table_name(&self.table)
            .key("pk", item::string(key(APPROVAL, held.id)))
            .condition_expression(format!("{HELD} AND attribute_exists(patient)"))
            .expression_attribute_values(":session", item::string(held.session_hash))
            .expression_attribute_values(":now", attributes::seconds(held.now))
            .build()
            .expect("table and key are set")
    }

    /// The part of a transaction that keeps a new code.
    pub(super) fn put_code(&self, secret: &Secret, code: &Code) -> Put {
        put_new(&self.table, code_item(secret.expose(), code))
    }

    /// The part of a transaction that uses a code up, once and before it ends.
    pub(super) fn consume_code(&self, code: &str, now: Timestamp) -> Update {
        Update::builder()
            .table_name(&self.table)
            .key("pk", item::string(key(CODE, code)))
            .update_expression("SET used_at = :now")
            .condition_expression("attribute_not_exists(used_at) AND expires_at > :now")
            .expression_attribute_values(":now", attributes::seconds(now))
            .build()
            .expect("table, key and expression are set")
    }

    /// The part of a transaction that revokes an access token until it would have ended.
    pub(super) fn put_revoked(&self, jti: &str, expires_at: Timestamp) -> Put {
        Put::builder()
            .table_name(&self.table)
            .set_item(Some(revoked_item(jti, expires_at)))
            .build()
            .expect("table and item are set")
    }

    /// An update of an approval that happens if the browser still holds it.
    fn approval_update(&self, held: HeldApproval<'_>) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", item::string(key(APPROVAL, held.id)))
            .condition_expression(HELD)
            .expression_attribute_values(":session", item::string(held.session_hash))
            .expression_attribute_values(":now", attributes::seconds(held.now))
    }

    async fn get(&self, key: &str) -> Result<Option<Item>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", item::string(key))
            .consistent_read(true)
            .send()
            .await;
        Ok(found.map_err(StoreError::of)?.item)
    }

    async fn put(&self, item: Item) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .send()
            .await
            .map(drop)
            .map_err(StoreError::of)
    }
}

/// The part of a transaction that writes an item under a key that must be free.
pub(super) fn put_new(table: &str, item: Item) -> Put {
    Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(pk)")
        .build()
        .expect("table and item are set")
}

/// Whether a conditional write's condition held.
fn was_held(written: Result<(), StoreError>) -> Result<bool, StoreError> {
    match written {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error),
    }
}

fn key(kind: &str, secret: &str) -> String {
    format!("{kind}#{}", sha256_hex(secret))
}

fn approval_item(id: &str, approval: &Approval) -> Item {
    let mut item = attributes::item_of([
        ("pk", item::string(key(APPROVAL, id))),
        ("client_id", item::string(&approval.client_id)),
        ("redirect_uri", item::string(&approval.redirect_uri)),
        ("scopes", item::string(approval.scopes.to_string())),
        ("state", item::string(&approval.state)),
        ("challenge", item::string(approval.challenge.as_str())),
        ("version", item::string(approval.version.as_str())),
        ("language", item::string(approval.language.as_str())),
        ("session_hash", item::string(&approval.session_hash)),
        ("expires_at", attributes::seconds(approval.expires_at)),
    ]);
    if let Some(person) = &approval.person {
        item.extend(attributes::item_of([
            ("patient", item::string(person.patient.as_str())),
            ("username", item::string(&person.username)),
        ]));
    }
    item
}

fn approval(found: &Item) -> Result<Approval, StoreError> {
    let version = ApiVersion::parse(item::read_string(found, "version")?);
    let language = Language::parse(item::read_string(found, "language")?);
    Ok(Approval {
        client_id: attributes::read_text(found, "client_id")?,
        redirect_uri: attributes::read_text(found, "redirect_uri")?,
        scopes: attributes::read_scopes(found, "scopes")?,
        state: attributes::read_text(found, "state")?,
        challenge: challenge(found)?,
        version: version.ok_or(StoreError::Corrupt("version"))?,
        language: language.ok_or(StoreError::Corrupt("language"))?,
        session_hash: attributes::read_text(found, "session_hash")?,
        person: person(found)?,
        expires_at: attributes::read_seconds(found, "expires_at")?,
    })
}

fn person(found: &Item) -> Result<Option<Person>, StoreError> {
    if !found.contains_key("patient") {
        return Ok(None);
    }
    Ok(Some(Person {
        patient: attributes::read_bene_id(found, "patient")?,
        username: attributes::read_text(found, "username")?,
    }))
}

fn code_item(secret: &str, code: &Code) -> Item {
    let mut item = attributes::item_of([
        ("pk", item::string(key(CODE, secret))),
        ("client_id", item::string(&code.client_id)),
        ("redirect_uri", item::string(&code.redirect_uri)),
        ("challenge", item::string(code.challenge.as_str())),
        ("patient", item::string(code.patient.as_str())),
        ("grant_id", item::string(&code.grant_id)),
        ("scopes", item::string(code.scopes.to_string())),
        ("expires_at", attributes::seconds(code.expires_at)),
    ]);
    let used_at = code.used_at.map(attributes::seconds);
    attributes::put_optional(&mut item, "used_at", used_at);
    item
}

fn code_of(found: &Item) -> Result<Code, StoreError> {
    Ok(Code {
        client_id: attributes::read_text(found, "client_id")?,
        redirect_uri: attributes::read_text(found, "redirect_uri")?,
        challenge: challenge(found)?,
        patient: attributes::read_bene_id(found, "patient")?,
        grant_id: attributes::read_text(found, "grant_id")?,
        scopes: attributes::read_scopes(found, "scopes")?,
        expires_at: attributes::read_seconds(found, "expires_at")?,
        used_at: attributes::read_optional_seconds(found, "used_at")?,
    })
}

fn challenge(found: &Item) -> Result<CodeChallenge, StoreError> {
    let text = item::read_string(found, "challenge")?;
    CodeChallenge::parse(text).ok_or(StoreError::Corrupt("challenge"))
}

/// Stays until no verifier takes the token any more, which is after its end by what clocks may differ.
fn revoked_item(jti: &str, expires_at: Timestamp) -> Item {
    let unneeded_at = expires_at + (LEEWAY_SECONDS + 1).seconds();
    attributes::item_of([
        ("pk", item::string(key(REVOKED, jti))),
        ("expires_at", attributes::seconds(unneeded_at)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_outlives_the_token_for_every_verifier() {
        let end = Timestamp::from_second(1_800_000_000).expect("a time");
        let item = revoked_item("jti", end);
        let kept_until = attributes::read_seconds(&item, "expires_at").expect("seconds");
        assert!(kept_until.as_second() > end.as_second() + LEEWAY_SECONDS);
    }
}
