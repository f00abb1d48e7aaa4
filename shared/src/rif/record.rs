//! What a RIF file yields: records to insert or update, and rows that were rejected.

use std::borrow::Cow;
use std::fmt;

use super::{Claim, Row};

/// One record of a file, complete with its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What its first row asks for.
    pub action: Action,
    /// The line of the file on which its first row stands, counted from 1.
    pub line: u64,
    /// How many rows of the file it covers.
    pub rows: u64,
    /// The record itself.
    pub record: Record<'a>,
}

/// What `DML_IND` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Store it unless it is there already.
    Insert,
    /// Store it in place of what is there.
    Update,
}

/// The content of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A claim with its lines.
    Claim(Claim<'a>),
    /// A person in one reference year.
    Beneficiary(Row<'a>),
    /// An earlier identifier of a person.
    History(Row<'a>),
}

impl<'a> Record<'a> {
    /// The columns of the record as a whole.
    #[must_use]
    pub fn header(&self) -> &Row<'a> {
        match self {
            Record::Claim(claim) => &claim.header,
            Record::Beneficiary(row) | Record::History(row) => row,
        }
    }
}

/// A row that was not taken over, and why. It never quotes the row: rows are personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The line of the file, counted from 1.
    pub line: u64,
    /// The column that is at fault, where one is.
    pub column: Option<&'static str>,
    /// What was expected.
    pub reason: Cow<'static, str>,
}

/// `line: column: reason`, which after the file's name and a colon points editors to the place.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}",
            self.line,
            self.column.unwrap_or("row"),
            self.reason
        )
    }
}
