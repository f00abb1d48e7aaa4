//! The binary form of a stored claim and of a person's rows.
//!
//! ```text
//! claim  version  flags  last updated (6)  service-through day  packed texts  header row  number of lines  line rows
//! rows   version  number of rows  (row kind  row)...
//! ```
//!
//! The first bytes are the facts by which a search filters, readable without decoding the rest. A row is written as its
//! difference to the row before it (the first to an empty one), each value in the form that its column's kind gives it;
//! see [`row`]. A claim's identifiers and most of its codes are digits, of which two stand in a byte; see [`packed`].
//! Lossless: every value comes back as it was written in the RIF file.
//!
//! Positions of columns are stable and a row ends where its last difference ends, so that columns appended to a layout
//! later read as empty in claims stored earlier. Any other change of the form needs a new version.

mod packed;
mod row;

use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::civil::Date;
use thiserror::Error;

use self::row::{RowReader, RowWriter};
use crate::mapping::sensitive;
use crate::rif::{Claim, ClaimType, Column, FileType, Row, RowPart, Value};

/// The version that is written.
pub const FORMAT_VERSION: u8 = 2;

/// What a search filters by, without decoding the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The claim's type.
    pub claim_type: ClaimType,
    /// The last day of service.
    pub service_through: Option<Date>,
    /// When the content last changed, kept to the millisecond.
    pub last_updated: Timestamp,
    /// Whether the claim speaks of treatment for substance use (42 CFR part 2).
    pub sensitive: bool,
}

/// Why stored bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    /// They were written by a later version of this program.
    #[error("the stored form has version {0}, which this program does not know")]
    UnknownVersion(u8),
    /// They are not what any version writes.
    #[error("the stored bytes are damaged")]
    Damaged,
}

/// A claim as it is stored: its id, which its key carries, and its bytes.
#[derive(Clone)]
pub struct StoredClaim {
    /// The claim id as in the key and in FHIR.
    pub claim_id: String,
    bytes: Vec<u8>,
    /// The packed texts one after the other, once the claim was asked for: its rows borrow them.
    texts: OnceLock<String>,
}

/// A decoded claim holds at most so many lines and a person so many rows, whatever damaged bytes say.
const ROWS_MAX: u64 = 10_000;

const FLAGS_AT: usize = 1;
const LAST_UPDATED_AT: usize = 2;
const LAST_UPDATED_BYTES: usize = 6;
const CONTENT_AT: usize = LAST_UPDATED_AT + LAST_UPDATED_BYTES;

const TYPE_MASK: u8 = 0b0000_1111;
const SENSITIVE: u8 = 0b0001_0000;
const HAS_SERVICE_THROUGH: u8 = 0b0010_0000;
/// What `DML_IND` said. It is how the row arrived and not content, so it stands where comparisons leave it out.
const ACTION_SHIFT: u8 = 6;
const ACTION_MASK: u8 = 0b1100_0000;
const ACTIONS: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

/// The part of a layout to which a row of a person belongs, beside its kind of file in the low bits.
const LINE_PART: u8 = 0b0001_0000;

impl Facts {
    /// The facts of a claim that is stored at that time.
    #[must_use]
    pub fn of(claim: &Claim<'_>, last_updated: Timestamp) -> Self {
        Self {
            claim_type: claim.claim_type,
            service_through: claim.service_through(),
            last_updated,
            sensitive: sensitive::is_sensitive(claim),
        }
    }
}

/// The bytes of a claim. The claim's own type counts, should the facts name another.
#[must_use]
pub fn encode(claim: &Claim<'_>, facts: &Facts) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    let mut flags = claim.claim_type as u8 | action_bits(&claim.header);
    if facts.sensitive {
        flags |= SENSITIVE;
    }
    if facts.service_through.is_some() {
        flags |= HAS_SERVICE_THROUGH;
    }
    bytes.extend([FORMAT_VERSION, flags]);
    let milliseconds = facts.last_updated.as_millisecond().to_le_bytes();
    bytes.extend(&milliseconds[..LAST_UPDATED_BYTES]);

    let mut writer = RowWriter::new(bytes);
    if let Some(day) = facts.service_through {
        writer.day(day);
    }
    writer.pack_texts();
    writer.row(&claim.header, None);
    writer.count(claim.lines.len());
    let mut previous = None;
    for line in &claim.lines {
        writer.row(line, previous);
        previous = Some(line);
    }
    writer.into_bytes()
}

/// The bytes of rows that are not claims: a person, a reference year, earlier identifiers.
#[must_use]
pub fn encode_rows(rows: &[Row<'_>]) -> Vec<u8> {
    let mut writer = RowWriter::new(vec![FORMAT_VERSION]);
    writer.count(rows.len());
    let mut previous: Option<&Row<'_>> = None;
    for row in rows {
        writer.byte(row_kind(row) | action_bits(row));
        writer.row(row, previous.filter(|previous| same_kind(previous, row)));
        previous = Some(row);
    }
    writer.into_bytes()
}

/// The bytes of one row that is not a claim.
#[must_use]
pub fn encode_row(row: &Row<'_>) -> Vec<u8> {
    encode_rows(std::slice::from_ref(row))
}

/// The rows in bytes that [`encode_rows`] wrote.
///
/// # Errors
/// When the bytes are damaged or too new.
pub fn decode_rows(bytes: &[u8]) -> Result<Vec<Row<'_>>, FormatError> {
    check_version(bytes)?;
    let mut reader = RowReader::new(&bytes[1..]);
    let count = reader.count(ROWS_MAX)?;
    let mut rows: Vec<Row<'_>> = Vec::new();
    for _ in 0..count {
        let kind = reader.byte()?;
        let file_type = *FileType::ALL
            .get(usize::from(kind & TYPE_MASK))
            .ok_or(FormatError::Damaged)?;
        let part = if kind & LINE_PART == 0 {
            RowPart::Header
        } else {
            RowPart::Line
        };
        let mut row = Row::new(file_type.layout(), part);
        if let Some(previous) = rows.last().filter(|previous| same_kind(previous, &row)) {
            row = previous.clone();
        }
        reader.row(&mut row)?;
        row.set(
            Column::DML_IND,
            action_of(kind)?.or(row.get(Column::DML_IND)),
        );
        rows.push(row);
    }
    reader.end()?;
    Ok(rows)
}

/// The row in bytes that [`encode_row`] wrote.
///
/// # Errors
/// When the bytes are damaged, too new, or hold another number of rows.
pub fn decode_row(bytes: &[u8]) -> Result<Row<'_>, FormatError> {
    let mut rows = decode_rows(bytes)?;
    match (rows.pop(), rows.is_empty()) {
        (Some(row), true) => Ok(row),
        _ => Err(FormatError::Damaged),
    }
}

impl StoredClaim {
    /// The claim of that id with those bytes, which are looked into only when asked for.
    #[must_use]
    pub fn new(claim_id: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            claim_id: claim_id.into(),
            bytes: bytes.into(),
            texts: OnceLock::new(),
        }
    }

    /// The bytes as stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The facts, read from the first bytes alone.
    ///
    /// # Errors
    /// When the bytes are damaged or too new.
    pub fn facts(&self) -> Result<Facts, FormatError> {
        read_facts(&self.bytes).map(|(facts, _)| facts)
    }

    /// The whole claim, borrowed from the bytes.
    ///
    /// # Errors
    /// When the bytes are damaged or too new.
    pub fn claim(&self) -> Result<Claim<'_>, FormatError> {
        let (facts, mut reader) = read_facts(&self.bytes)?;
        let packed = reader.packed()?;
        reader.expect_rows(self.texts.get_or_init(|| packed::unpack(packed)));
        let layout = facts.claim_type.layout();
        let mut header = Row::new(layout, RowPart::Header);
        reader.row(&mut header)?;
        let action = action_of(self.bytes[FLAGS_AT])?;
        header.set(Column::DML_IND, action.or(header.get(Column::DML_IND)));

        let count = reader.count(ROWS_MAX)?;
        let mut lines: Vec<Row<'_>> = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            let mut line = match lines.last() {
                Some(previous) => previous.clone(),
                None => Row::new(layout, RowPart::Line),
            };
            reader.row(&mut line)?;
            lines.push(line);
        }
        reader.end()?;
        Ok(Claim {
            claim_type: facts.claim_type,
            header,
            lines,
        })
    }

    /// Whether both say the same of the claim, however and whenever they arrived.
    #[must_use]
    pub fn same_content(&self, other: &StoredClaim) -> bool {
        same_content(&self.bytes, &other.bytes)
    }
}

impl PartialEq for StoredClaim {
    fn eq(&self, other: &Self) -> bool {
        self.claim_id == other.claim_id && self.bytes == other.bytes
    }
}

impl Eq for StoredClaim {}

/// The bytes are personal data.
impl std::fmt::Debug for StoredClaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredClaim([redacted])")
    }
}

/// Whether two encoded claims say the same, whatever their time of loading and `DML_IND`.
#[must_use]
pub fn same_content(left: &[u8], right: &[u8]) -> bool {
    let content = |bytes: &[u8]| -> Option<(u8, u8)> {
        Some((*bytes.first()?, bytes.get(FLAGS_AT)? & !ACTION_MASK))
    };
    content(left) == content(right) && left.get(CONTENT_AT..) == right.get(CONTENT_AT..)
}

fn read_facts(bytes: &[u8]) -> Result<(Facts, RowReader<'_>), FormatError> {
    check_version(bytes)?;
    let content = bytes.get(CONTENT_AT..).ok_or(FormatError::Damaged)?;
    let flags = bytes[FLAGS_AT];
    let claim_type = *ClaimType::ALL
        .get(usize::from(flags & TYPE_MASK))
        .ok_or(FormatError::Damaged)?;

    // Six bytes hold the milliseconds with their sign for some four thousand years around 1970.
    let mut milliseconds = [0; 8];
    milliseconds[2..].copy_from_slice(&bytes[LAST_UPDATED_AT..CONTENT_AT]);
    let milliseconds = i64::from_le_bytes(milliseconds) >> 16;
    let last_updated =
        Timestamp::from_millisecond(milliseconds).map_err(|_| FormatError::Damaged)?;

    let mut reader = RowReader::new(content);
    let service_through = if flags & HAS_SERVICE_THROUGH == 0 {
        None
    } else {
        Some(reader.day()?)
    };
    let facts = Facts {
        claim_type,
        service_through,
        last_updated,
        sensitive: flags & SENSITIVE != 0,
    };
    Ok((facts, reader))
}

fn check_version(bytes: &[u8]) -> Result<(), FormatError> {
    match bytes.first() {
        Some(&FORMAT_VERSION) => Ok(()),
        Some(version) => Err(FormatError::UnknownVersion(*version)),
        None => Err(FormatError::Damaged),
    }
}

/// Zero says that the row itself holds `DML_IND`, or nothing does.
fn action_bits(row: &Row<'_>) -> u8 {
    let text = row.text(Column::DML_IND);
    let index = ACTIONS.iter().position(|action| Some(*action) == text);
    index.map_or(0, |index| (index as u8 + 1) << ACTION_SHIFT)
}

fn action_of<'a>(flags: u8) -> Result<Option<Value<'a>>, FormatError> {
    match usize::from(flags >> ACTION_SHIFT) {
        0 => Ok(None),
        action => ACTIONS
            .get(action - 1)
            .map(|action| Some(Value::Text(action)))
            .ok_or(FormatError::Damaged),
    }
}

fn row_kind(row: &Row<'_>) -> u8 {
    let file_type = row.layout().file_type;
    let index = FileType::ALL.iter().position(|kind| *kind == file_type);
    let part = if row.part() == RowPart::Line {
        LINE_PART
    } else {
        0
    };
    index.map_or(0, |index| index as u8) | part
}

fn same_kind(left: &Row<'_>, right: &Row<'_>) -> bool {
    left.layout() == right.layout() && left.part() == right.part()
}

#[cfg(test)]
mod tests;
