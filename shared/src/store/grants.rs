//! The grants table: what each beneficiary allowed each application, one item per pair.

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ConditionCheck, Delete, Put, Update},
};
use jiff::Timestamp;
use std::collections::HashMap;

use super::{
    StoreError, attributes,
    item::{self, Item},
    whole_table,
};
use crate::{
    identity::BeneId,
    oauth::{Grant, Scopes},
};

/// The grants table.
#[derive(Clone, Debug)]
pub struct GrantsTable {
    client: Client,
    table: String,
}

/// What is counted of a grant.
#[derive(Clone)]
pub struct CountedGrant {
    /// Whose it is: people are counted, not told.
    pub patient: BeneId,
    /// Whom it is for.
    pub client_id: String,
    /// What was consented to.
    pub scopes: Scopes,
    /// Whether claims about substance use were included.
    pub substance_use: bool,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

impl GrantsTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// The grant of that pair. Strongly consistent: a withdrawn consent is effective on the next request.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn get(
        &self,
        patient: &BeneId,
        client_id: &str,
    ) -> Result<Option<Grant>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(patient, client_id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::of)?;
        found.item.as_ref().map(grant).transpose()
    }

    /// All grants of a beneficiary, in the order of client ids. Strongly consistent.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn of_patient(&self, patient: &BeneId) -> Result<Vec<Grant>, StoreError> {
        let found = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("patient = :patient")
            .expression_attribute_values(":patient", item::string(patient.as_str()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(StoreError::of)?;
        found.iter().map(grant).collect()
    }

    /// All grants of an application. It walks through the whole table: for operators, never on a request's path.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn of_application(&self, client_id: &str) -> Result<Vec<Grant>, StoreError> {
        let scan = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("client_id = :client_id")
            .expression_attribute_values(":client_id", item::string(client_id));
        whole_table::all(scan).await?.iter().map(grant).collect()
    }

    /// Calls `see` for every grant, with nothing but what is counted. The name that a person signed in with is not
    /// read.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn for_each(&self, see: impl FnMut(CountedGrant)) -> Result<(), StoreError> {
        const COUNTED: &str = "patient, client_id, scopes, substance_use, grant_expires_at";
        let read = |item: &Item| {
            Ok(CountedGrant {
                patient: attributes::read_bene_id(item, "patient")?,
                client_id: attributes::read_text(item, "client_id")?,
                scopes: attributes::read_scopes(item, "scopes")?,
                substance_use: attributes::read_bool(item, "substance_use")?,
                expires_at: attributes::read_optional_seconds(item, "grant_expires_at")?,
            })
        };
        whole_table::for_each(&self.client, (&self.table, COUNTED), read, see).await
    }

    /// The part of a transaction that writes a grant.
    pub(super) fn put(&self, grant: &Grant) -> Put {
        Put::builder()
            .table_name(&self.table)
            .set_item(Some(item_of(grant)))
            .build()
            .expect("table and item are set")
    }

    /// The part of a transaction that fails unless the pair's grant has that id and has not ended.
    pub(super) fn check(
        &self,
        (patient, client_id): (&BeneId, &str),
        grant_id: &str,
        now: Timestamp,
    ) -> ConditionCheck {
        ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key(patient, client_id)))
            .condition_expression(
                "grant_id = :grant AND (attribute_not_exists(grant_expires_at) OR grant_expires_at > :now)",
            )
            .expression_attribute_values(":grant", item::string(grant_id))
            .expression_attribute_values(":now", attributes::seconds(now))
            .build()
            .expect("table, key and condition are set")
    }

    /// The part of a transaction that gives the pair's grant another id if it still has that one, with which all its
    /// tokens die and the consent stays.
    pub(super) fn end_tokens(&self, patient: &BeneId, client_id: &str, grant_id: &str) -> Update {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(patient, client_id)))
            .update_expression("SET grant_id = :new")
            .condition_expression("grant_id = :old")
            .expression_attribute_values(":old", item::string(grant_id))
            .expression_attribute_values(":new", item::string(Grant::new_id()))
            .build()
            .expect("table, key and expression are set")
    }

    /// The part of a transaction that removes the pair's grant if it still has that id, with which all its tokens die.
    pub(super) fn remove(&self, patient: &BeneId, client_id: &str, grant_id: &str) -> Delete {
        Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key(patient, client_id)))
            .condition_expression("grant_id = :grant")
            .expression_attribute_values(":grant", item::string(grant_id))
            .build()
            .expect("table, key and condition are set")
    }

    /// The part of a transaction that removes the pair's grant, whichever it is, and fails if there is none.
    pub(super) fn remove_any(&self, patient: &BeneId, client_id: &str) -> Delete {
        Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key(patient, client_id)))
            .condition_expression("attribute_exists(grant_id)")
            .build()
            .expect("table and key are set")
    }
}

fn key(patient: &BeneId, client_id: &str) -> HashMap<String, AttributeValue> {
    attributes::item_of([
        ("patient", item::string(patient.as_str())),
        ("client_id", item::string(client_id)),
    ])
}

fn item_of(grant: &Grant) -> Item {
    let mut item = key(&grant.patient, &grant.client_id);
    item.extend(attributes::item_of([
        ("grant_id", item::string(&grant.grant_id)),
        ("scopes", item::string(grant.scopes.to_string())),
        ("substance_use", AttributeValue::Bool(grant.substance_use)),
        ("approved_at", attributes::seconds(grant.approved_at)),
    ]));
    let username = grant.username.as_deref().map(item::string);
    let expires_at = grant.expires_at.map(attributes::seconds);
    attributes::put_optional(&mut item, "username", username);
    attributes::put_optional(&mut item, "grant_expires_at", expires_at);
    item
}

fn grant(found: &Item) -> Result<Grant, StoreError> {
    Ok(Grant {
        patient: attributes::read_bene_id(found, "patient")?,
        client_id: attributes::read_text(found, "client_id")?,
        grant_id: attributes::read_text(found, "grant_id")?,
        scopes: attributes::read_scopes(found, "scopes")?,
        substance_use: attributes::read_bool(found, "substance_use")?,
        username: attributes::read_optional_string(found, "username")?,
        approved_at: attributes::read_seconds(found, "approved_at")?,
        expires_at: attributes::read_optional_seconds(found, "grant_expires_at")?,
    })
}
