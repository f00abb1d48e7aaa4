//! The identity table: which beneficiary a hashed Medicare number stands for, now or earlier.

use aws_sdk_dynamodb::Client;

use super::item::{self, Item};
use super::{StoreError, whole_table};
use crate::identity::BeneId;

/// The identity table. Its keys are hashes of MBIs and HICNs, never the numbers.
#[derive(Clone, Debug)]
pub struct IdentityTable {
    client: Client,
    table: String,
}

const HASH: &str = "pk";
const BENEFICIARY: &str = "sk";

impl IdentityTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// The people behind a hashed number: none, one, or the several whom one number was given to. Strongly consistent,
    /// because a sign-in hangs on it.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn beneficiaries(&self, hash: &str) -> Result<Vec<BeneId>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :hash")
            .expression_attribute_values(":hash", item::string(hash))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut people = Vec::new();
        while let Some(found) = pages.next().await {
            let found = found.map_err(StoreError::of)?;
            let id = item::read_string(&found, BENEFICIARY)?;
            people.push(BeneId::parse(id).ok_or(StoreError::Corrupt(BENEFICIARY))?);
        }
        Ok(people)
    }

    /// Notes that a hashed number stands, or stood, for a beneficiary.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn add(&self, hash: &str, beneficiary: &BeneId) -> Result<(), StoreError> {
        let item = Item::from([
            (HASH.to_owned(), item::string(hash)),
            (BENEFICIARY.to_owned(), item::string(beneficiary.as_str())),
        ]);
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .send()
            .await
            .map(drop)
            .map_err(StoreError::of)
    }

    /// Deletes everything, and says how many items there were. Whoever calls it has made sure that this is the sandbox.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn delete_all(&self) -> Result<u64, StoreError> {
        whole_table::delete_all(&self.client, &self.table).await
    }
}
