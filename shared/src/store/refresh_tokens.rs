//! The refresh tokens table: each token under its SHA-256, with its family and generation.

use aws_sdk_dynamodb::{
    Client,
    types::{Put, Update},
};
use jiff::{Timestamp, ToSpan};

use super::{
    StoreError, attributes,
    item::{self, Item},
    transient::put_new,
};
use crate::{
    oauth::{IssuedAccess, RefreshToken, sha256_hex},
    secret::Secret,
};

/// How much longer than its grant a token is known, so that who comes back with it hears that the access has timed out
/// and not that there is no such token.
const KEPT_AFTER_END_HOURS: i64 = 365 * 24;

/// The refresh tokens table.
#[derive(Clone, Debug)]
pub struct RefreshTokensTable {
    client: Client,
    table: String,
}

impl RefreshTokensTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// The token, used or not. Strongly consistent.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn get(&self, token: &str) -> Result<Option<RefreshToken>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", item::string(sha256_hex(token)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::of)?;
        found.item.as_ref().map(refresh_token).transpose()
    }

    /// The part of a transaction that keeps a new token.
    pub(super) fn put(&self, secret: &Secret, token: &RefreshToken) -> Put {
        put_new(&self.table, item_of(secret, token))
    }

    /// The part of a transaction that uses a token up, once and before it ends.
    pub(super) fn consume(&self, token: &str, now: Timestamp) -> Update {
        Update::builder()
            .table_name(&self.table)
            .key("pk", item::string(sha256_hex(token)))
            .update_expression("SET used_at = :now")
            .condition_expression(
                "attribute_exists(pk) AND attribute_not_exists(used_at) \
                 AND (attribute_not_exists(ends_at) OR ends_at > :now)",
            )
            .expression_attribute_values(":now", attributes::seconds(now))
            .build()
            .expect("table, key and expression are set")
    }
}

fn item_of(secret: &Secret, token: &RefreshToken) -> Item {
    let mut item = attributes::item_of([
        ("pk", item::string(sha256_hex(secret.expose()))),
        ("client_id", item::string(&token.client_id)),
        ("patient", item::string(token.patient.as_str())),
        ("grant_id", item::string(&token.grant_id)),
        ("generation", item::number(token.generation)),
        ("scopes", item::string(token.scopes.to_string())),
        ("access_jti", item::string(&token.access.jti)),
        (
            "access_scopes",
            item::string(token.access.scopes.to_string()),
        ),
        (
            "access_issued_at",
            attributes::seconds(token.access.issued_at),
        ),
    ]);
    let kept_until = |end: Timestamp| attributes::seconds(end + KEPT_AFTER_END_HOURS.hours());
    let ends_at = token.ends_at.map(attributes::seconds);
    attributes::put_optional(&mut item, "ends_at", ends_at);
    // The name that the table's time to live knows.
    let expires_at = token.ends_at.map(kept_until);
    attributes::put_optional(&mut item, "expires_at", expires_at);
    item
}

fn refresh_token(found: &Item) -> Result<RefreshToken, StoreError> {
    Ok(RefreshToken {
        client_id: attributes::read_text(found, "client_id")?,
        patient: attributes::read_bene_id(found, "patient")?,
        grant_id: attributes::read_text(found, "grant_id")?,
        generation: attributes::read_number(found, "generation")?,
        scopes: attributes::read_scopes(found, "scopes")?,
        access: IssuedAccess {
            jti: attributes::read_text(found, "access_jti")?,
            scopes: attributes::read_scopes(found, "access_scopes")?,
            issued_at: attributes::read_seconds(found, "access_issued_at")?,
        },
        used_at: attributes::read_optional_seconds(found, "used_at")?,
        ends_at: attributes::read_optional_seconds(found, "ends_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identity::BeneId, oauth::Scopes, secret::Secret};

    #[test]
    fn is_known_for_long_after_its_end_and_forever_without_one() {
        let check = |ends_at: Option<Timestamp>| {
            let token = RefreshToken {
                client_id: "client".into(),
                patient: BeneId::parse("-1").expect("an id"),
                grant_id: "grant".into(),
                generation: 1,
                scopes: Scopes::defaults(),
                access: IssuedAccess::new(Scopes::defaults(), Timestamp::UNIX_EPOCH),
                used_at: None,
                ends_at,
            };
            let item = item_of(&Secret::new("secret"), &token);
            assert_eq!(refresh_token(&item).expect("a token").ends_at, ends_at);
            let kept_until = attributes::read_optional_seconds(&item, "expires_at");
            let longer = |end: Timestamp| end + (365 * 24).hours();
            assert_eq!(kept_until, Ok(ends_at.map(longer)));
        };
        check(None);
        check(Some(Timestamp::from_second(1_800_000_000).expect("a time")));
    }
}
