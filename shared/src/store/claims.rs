//! The claims table: per beneficiary one item for the person, one per reference year and one per claim.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementRequest, BatchStatementResponse};
use jiff::Timestamp;

use super::item::{self, Item};
use super::{StoreError, StoredBeneficiary, StoredClaim, whole_table};
use crate::identity::BeneId;
use crate::rif::ClaimType;

/// The claims table.
#[derive(Clone, Debug)]
pub struct ClaimsTable {
    client: Client,
    table: String,
}

/// The sort key of an item: what it holds of a beneficiary.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ItemKey {
    /// The person as last loaded.
    Person,
    /// The enrolment months of a reference year.
    Year(u16),
    /// One claim with its lines.
    Claim(ClaimType, String),
}

/// The bytes of an item and when they were last changed.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredItem {
    /// The binary form; its first byte is the version of the format.
    pub bytes: Vec<u8>,
    /// When the content last changed.
    pub last_updated: Timestamp,
    /// Of a person: the hash of the present Medicare number (MBI), which STU3 answers.
    pub mbi_hash: Option<String>,
}

/// An item to be written where there is none.
#[derive(Clone, Debug)]
pub struct NewItem<'a> {
    /// Whose it is.
    pub beneficiary: &'a BeneId,
    /// What it is.
    pub key: &'a ItemKey,
    /// Its content.
    pub item: StoredItem,
}

/// The most items of one [`ClaimsTable::insert_all`].
pub const INSERTS_MAX: usize = 25;

/// Sort keys of claims begin with this, so that one Query returns them all and nothing else.
const CLAIM_PREFIX: &str = "C#";
const YEAR_PREFIX: &str = "Y#";
const PERSON_KEY: &str = "B";

const PARTITION_KEY: &str = "pk";
const SORT_KEY: &str = "sk";
const BYTES: &str = "d";
const LAST_UPDATED: &str = "lu";
const FORMAT: &str = "fmt";
const MBI_HASH: &str = "mh";

impl ClaimsTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// The person with all reference years, if loaded. Eventually consistent: for answers, not for decisions on access.
    ///
    /// # Errors
    /// As every call of a table: throttling, outage, an item that cannot be read.
    pub async fn beneficiary(
        &self,
        beneficiary: &BeneId,
    ) -> Result<Option<StoredBeneficiary>, StoreError> {
        let (person, years) = tokio::join!(
            self.item(beneficiary, &ItemKey::Person, Consistency::Eventual),
            self.query(beneficiary, YEAR_PREFIX)
        );
        let (Some(person), years) = (person?, years?) else {
            return Ok(None);
        };
        let years = years
            .into_iter()
            .map(StoredItem::try_from)
            .collect::<Result<_, _>>()?;
        Ok(Some(StoredBeneficiary::new(person, years)))
    }

    /// All claims of a person in the order of their ids, then types: the order of a search's answer. Eventually
    /// consistent.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn claims(&self, beneficiary: &BeneId) -> Result<Vec<StoredClaim>, StoreError> {
        self.query(beneficiary, CLAIM_PREFIX)
            .await?
            .into_iter()
            .map(|mut item| {
                let key = ItemKey::parse(item::read_string(&item, SORT_KEY)?);
                let Some(ItemKey::Claim(_, claim_id)) = key else {
                    return Err(StoreError::Corrupt(SORT_KEY));
                };
                Ok(StoredClaim::new(
                    claim_id,
                    item::take_binary(&mut item, BYTES)?,
                ))
            })
            .collect()
    }

    /// One claim of a person, if loaded. Eventually consistent.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn claim(
        &self,
        beneficiary: &BeneId,
        claim_type: ClaimType,
        claim_id: &str,
    ) -> Result<Option<StoredClaim>, StoreError> {
        let key = ItemKey::Claim(claim_type, claim_id.to_owned());
        let item = self.item(beneficiary, &key, Consistency::Eventual).await?;
        Ok(item.map(|item| StoredClaim::new(claim_id.to_owned(), item.bytes)))
    }

    /// Whether the person is loaded. Strongly consistent, because a sign-in hangs on it.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn exists(&self, beneficiary: &BeneId) -> Result<bool, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(beneficiary, &ItemKey::Person)))
            .projection_expression(PARTITION_KEY)
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::of)?;
        Ok(found.item.is_some())
    }

    /// The item under a key as it stands now, read strongly consistent: what a load compares with.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn stored(
        &self,
        beneficiary: &BeneId,
        key: &ItemKey,
    ) -> Result<Option<StoredItem>, StoreError> {
        self.item(beneficiary, key, Consistency::Strong).await
    }

    /// Writes an item under a key that is free; [`StoreError::Conflict`] leaves what is there as it is.
    ///
    /// # Errors
    /// As every call of a table, and `Conflict` when the key is taken.
    pub async fn insert(
        &self,
        beneficiary: &BeneId,
        key: &ItemKey,
        new: StoredItem,
    ) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(beneficiary, key, new)))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await
            .map(drop)
            .map_err(StoreError::of)
    }

    /// Writes items under keys that are free, each for itself, in one request: at most [`INSERTS_MAX`], no key twice.
    /// The answer says for each whether it was written; `Conflict` leaves what is there as it is.
    ///
    /// These are PartiQL statements because a BatchWriteItem cannot be conditional, and a transaction costs twice.
    ///
    /// # Errors
    /// As every call of a table, when the request as a whole fails: then any of the items may have been written.
    pub async fn insert_all(
        &self,
        items: &[NewItem<'_>],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let statements = items.iter().map(|new| self.insert_statement(new)).collect();
        let answer = self
            .client
            .batch_execute_statement()
            .set_statements(Some(statements))
            .send()
            .await
            .map_err(StoreError::of)?;
        let responses = answer.responses.unwrap_or_default();
        if responses.len() != items.len() {
            return Err(StoreError::Unavailable);
        }
        let outcome = |response: BatchStatementResponse| match response.error {
            None => Ok(()),
            Some(error) => Err(StoreError::of_statement(error.code.as_ref())),
        };
        Ok(responses.into_iter().map(outcome).collect())
    }

    fn insert_statement(&self, new: &NewItem<'_>) -> BatchStatementRequest {
        let mut item = item_of(new.beneficiary, new.key, new.item.clone());
        let mut statement = BatchStatementRequest::builder().statement(format!(
            "INSERT INTO \"{}\" VALUE {{'pk': ?, 'sk': ?, 'd': ?, 'lu': ?, 'fmt': ?}}",
            self.table
        ));
        for name in [PARTITION_KEY, SORT_KEY, BYTES, LAST_UPDATED, FORMAT] {
            statement = statement.parameters(item.remove(name).expect("every item has it"));
        }
        statement.build().expect("the statement is set")
    }

    /// Replaces an item that still holds exactly the bytes last seen.
    ///
    /// # Errors
    /// As every call of a table, and `Conflict` when another writer was faster.
    pub async fn replace(
        &self,
        beneficiary: &BeneId,
        key: &ItemKey,
        seen: StoredItem,
        new: StoredItem,
    ) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(beneficiary, key, new)))
            .condition_expression("d = :seen")
            .expression_attribute_values(":seen", item::binary(seen.bytes))
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

    /// Calls `see` with the key of every item in the table, in no order. Reads the whole table.
    ///
    /// # Errors
    /// As every call of a table, and when a key has not the form of ours.
    pub async fn for_each_key(
        &self,
        mut see: impl FnMut(BeneId, ItemKey),
    ) -> Result<(), StoreError> {
        whole_table::for_each_key(&self.client, &self.table, |item| {
            let beneficiary = BeneId::parse(item::read_string(item, PARTITION_KEY)?);
            let key = ItemKey::parse(item::read_string(item, SORT_KEY)?);
            see(
                beneficiary.ok_or(StoreError::Corrupt(PARTITION_KEY))?,
                key.ok_or(StoreError::Corrupt(SORT_KEY))?,
            );
            Ok(())
        })
        .await
    }

    async fn item(
        &self,
        beneficiary: &BeneId,
        item_key: &ItemKey,
        consistency: Consistency,
    ) -> Result<Option<StoredItem>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(beneficiary, item_key)))
            .consistent_read(consistency == Consistency::Strong)
            .send()
            .await
            .map_err(StoreError::of)?;
        found.item.map(StoredItem::try_from).transpose()
    }

    /// All items of a person whose sort key has that prefix: as many requests as the answer has pages of 1 MB.
    async fn query(&self, beneficiary: &BeneId, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", item::string(beneficiary.as_str()))
            .expression_attribute_values(":prefix", item::string(prefix))
            .into_paginator()
            .send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.map_err(StoreError::of)?.items.unwrap_or_default());
        }
        Ok(items)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Consistency {
    Eventual,
    Strong,
}

impl ItemKey {
    /// The sort key as text.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Person => PERSON_KEY.to_owned(),
            Self::Year(year) => format!("{YEAR_PREFIX}{year:04}"),
            Self::Claim(claim_type, id) => format!("{CLAIM_PREFIX}{id}#{}", claim_type.name()),
        }
    }

    /// The key of that text, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == PERSON_KEY {
            return Some(Self::Person);
        }
        if let Some(year) = text.strip_prefix(YEAR_PREFIX) {
            return Some(Self::Year(year.parse().ok()?));
        }
        let (id, claim_type) = text.strip_prefix(CLAIM_PREFIX)?.rsplit_once('#')?;
        Some(Self::Claim(
            ClaimType::from_name(claim_type)?,
            id.to_owned(),
        ))
    }
}

impl TryFrom<Item> for StoredItem {
    type Error = StoreError;

    fn try_from(mut item: Item) -> Result<Self, StoreError> {
        let last_updated = item::read_string(&item, LAST_UPDATED)?
            .parse()
            .map_err(|_| StoreError::Corrupt(LAST_UPDATED))?;
        let bytes = item::take_binary(&mut item, BYTES)?;
        let mbi_hash = item::read_string(&item, MBI_HASH).ok().map(str::to_owned);
        Ok(Self {
            bytes,
            last_updated,
            mbi_hash,
        })
    }
}

impl std::fmt::Debug for StoredItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredItem({} bytes, [redacted])", self.bytes.len())
    }
}

fn key(beneficiary: &BeneId, key: &ItemKey) -> Item {
    Item::from([
        attribute(PARTITION_KEY, item::string(beneficiary.as_str())),
        attribute(SORT_KEY, item::string(key.text())),
    ])
}

/// The whole item. `lu` and `fmt` repeat what the bytes say, for operators who look at the table.
fn item_of(beneficiary: &BeneId, item_key: &ItemKey, new: StoredItem) -> Item {
    let mut whole = key(beneficiary, item_key);
    let format = new.bytes.first().copied().unwrap_or_default();
    whole.extend([
        attribute(LAST_UPDATED, item::string(new.last_updated.to_string())),
        attribute(FORMAT, item::number(format.into())),
        attribute(BYTES, item::binary(new.bytes)),
    ]);
    let mbi_hash = new.mbi_hash.map(item::string);
    whole.extend(mbi_hash.map(|hash| attribute(MBI_HASH, hash)));
    whole
}

fn attribute(name: &str, value: AttributeValue) -> (String, AttributeValue) {
    (name.to_owned(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_from_their_text() {
        check(ItemKey::Person, "B");
        check(ItemKey::Year(2021), "Y#2021");
        check(ItemKey::Year(3), "Y#0003");
        check(
            ItemKey::Claim(ClaimType::Pde, "-12".to_owned()),
            "C#-12#pde",
        );

        fn check(key: ItemKey, text: &str) {
            assert_eq!(key.text(), text);
            assert_eq!(ItemKey::parse(text), Some(key));
        }
    }

    #[test]
    fn refuses_text_that_is_no_key() {
        for text in ["", "X", "Y#twenty", "C#1", "C#1#dental"] {
            assert_eq!(ItemKey::parse(text), None, "{text}");
        }
    }
}
