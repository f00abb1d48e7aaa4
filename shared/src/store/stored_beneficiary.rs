//! The person item: the row as last loaded, then earlier identities, in the binary form of rows.

use jiff::Timestamp;

use super::StoreError;
use super::claims::StoredItem;
use super::stored_claim::{decode_row, decode_rows};
use crate::rif::{Beneficiary, Row};

/// A person as stored, with all reference years.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBeneficiary {
    person: StoredItem,
    years: Vec<StoredItem>,
}

impl StoredBeneficiary {
    /// The person item and the items of the reference years, ascending.
    #[must_use]
    pub fn new(person: StoredItem, years: Vec<StoredItem>) -> Self {
        Self { person, years }
    }

    /// The rows, borrowed from the stored bytes.
    ///
    /// # Errors
    /// When the bytes cannot be read.
    pub fn beneficiary(&self) -> Result<Beneficiary<'_>, StoreError> {
        let person = Person::decode(&self.person.bytes)?;
        let years = self.years.iter().map(|year| decode_row(&year.bytes));
        Ok(Beneficiary {
            row: person.row,
            earlier: person.earlier,
            years: years.collect::<Result<_, _>>()?,
            mbi_hash: self.person.mbi_hash.as_deref(),
        })
    }

    /// When the person or any reference year last changed.
    #[must_use]
    pub fn last_updated(&self) -> Timestamp {
        let years = self.years.iter().map(|year| year.last_updated);
        years.fold(self.person.last_updated, Timestamp::max)
    }
}

/// What the person item holds: encoded as rows one after the other, the person's own first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person<'a> {
    /// The row of the beneficiary file.
    pub(crate) row: Row<'a>,
    /// Earlier identities, in the layout of the beneficiary history file.
    pub(crate) earlier: Vec<Row<'a>>,
}

impl<'a> Person<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let mut rows = decode_rows(bytes)?.into_iter();
        Ok(Self {
            row: rows.next().ok_or(StoreError::Corrupt("person"))?,
            earlier: rows.collect(),
        })
    }
}
