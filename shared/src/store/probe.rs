//! Whether a table answers: a read of an item that nobody writes.

use aws_sdk_dynamodb::Client;

use super::{StoreError, item};

/// The value of every key attribute. The role of whoever probes may read items of this key and no others.
const KEY: &str = "health";

/// A table, asked for an item that is not there.
#[derive(Clone, Debug)]
pub struct Probe {
    client: Client,
    table: String,
    key: &'static [&'static str],
}

impl Probe {
    /// The table of that name, with those key attributes.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, key: &'static [&'static str]) -> Self {
        let table = table.into();
        Self { client, table, key }
    }

    /// Asks once. Half a read unit, and nothing is read.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn ask(&self) -> Result<(), StoreError> {
        let key = self.key.iter();
        let key = key.map(|name| ((*name).to_owned(), item::string(KEY)));
        self.client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.collect()))
            .send()
            .await
            .map(drop)
            .map_err(StoreError::of)
    }
}
