//! Reads a RIF file record by record, in the memory of one record and of a few bytes for each claim.
//!
//! One row stands on one line, and the rows of a claim stand one after another. A bad row is rejected and reading goes
//! on; a claim is rejected whole when one of its rows is bad, because half a claim would be a false statement. A file
//! that is not RIF is refused when it is opened.

mod header;
mod line;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufRead};

use self::header::Header;
use self::line::{LineEnd, RawRow};
use super::{
    Action, Claim, Column, Entry, FileType, Layout, Record, Rejection, Row, RowPart, Value,
};
use crate::identity::BeneId;

pub use self::header::{NotRif, OpenError};

/// The longest line that is read; the widest rows are below 8,000 bytes.
pub const LINE_BYTES_MAX: usize = 65_536;

/// The most lines of a claim; claim forms have room for 999.
pub const LINES_PER_CLAIM_MAX: usize = 1_000;

/// A RIF file being read.
pub struct Reader<R> {
    input: R,
    header: Header,
    line_number: u64,
    /// The rows of the record at hand, then perhaps the first row of the next; kept to use their memory again.
    rows: Vec<RawRow>,
    used: usize,
    state: State,
    /// The line of a row without a readable claim id that stands right behind the rows of the record at hand.
    stray_line: Option<u64>,
    /// How each claim began whose rows are read, by its id.
    begun: HashMap<i64, Begin>,
}

/// The line that a claim's rows begin with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// Line 1, as in a whole claim.
    First,
    /// Another, as where the rows before it stand elsewhere, or nowhere.
    Later,
}

/// What the next call begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// No record has been begun.
    Fresh,
    /// The rows of a record are at hand, and more of them may follow.
    Gathering,
    /// The record at hand has been handed out, and the row after it is the first of the next.
    NextBegun,
    /// This claim has too many lines; those that still follow are rejected one by one.
    Overflowing(String),
}

enum Gathered {
    Nothing,
    Record,
    Rejected(Vec<Rejection>),
}

impl<R: BufRead> Reader<R> {
    /// Begins to read a file, which is recognised by the columns in its first line; should two kinds of file fit
    /// equally, the file's name decides.
    ///
    /// # Errors
    /// When the file cannot be read or is not RIF.
    pub fn open(mut input: R, file_name: &str) -> Result<Self, OpenError> {
        let mut first_line = Vec::new();
        let end = line::read(&mut input, &mut first_line)?;
        let header = Header::parse(&first_line, end, file_name)?;
        Ok(Self {
            input,
            header,
            line_number: 1,
            rows: Vec::new(),
            used: 0,
            state: State::Fresh,
            stray_line: None,
            begun: HashMap::new(),
        })
    }

    /// The kind of file.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        self.header.file_type
    }

    /// Columns of the file that its layout does not have. They are left out; whoever loads the file should say so.
    #[must_use]
    pub fn unknown_columns(&self) -> &[String] {
        &self.header.unknown_columns
    }

    /// The next record, or the rejections of the rows of one that cannot be taken over; `None` at the end of the file.
    /// Every row of the file belongs to exactly one record or has exactly one rejection.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub fn read(&mut self) -> io::Result<Option<Result<Entry<'_>, Vec<Rejection>>>> {
        Ok(match self.gather()? {
            Gathered::Nothing => None,
            Gathered::Rejected(rejections) => Some(Err(rejections)),
            Gathered::Record if self.is_torn() => Some(Err(self.torn())),
            Gathered::Record => Some(self.record()),
        })
    }

    /// Whether other rows of the claim at hand stand elsewhere in the file: it comes again, and once without its first
    /// line. A claim that comes again whole is one, as an update behind an insert is.
    fn is_torn(&mut self) -> bool {
        let Some(number) = self.header.line_number_column else {
            return false;
        };
        let first = &self.rows[0];
        let whole = |column: Column, field| match Value::parse(column.kind(), first.field(field)?) {
            Ok(Some(Value::Decimal(number))) => Some(number.units),
            _ => None,
        };
        let Some(id) = whole(self.header.id_column, self.header.id_field) else {
            return false;
        };
        let begin = match whole(number, self.header.field_of(RowPart::Line, number)) {
            Some(1) => Begin::First,
            _ => Begin::Later,
        };
        let earlier = self.begun.insert(id, begin);
        earlier.is_some_and(|earlier| [earlier, begin].contains(&Begin::Later))
    }

    fn torn(&self) -> Vec<Rejection> {
        let rows = &self.rows[..self.used];
        let fault = Rejection {
            line: rows[0].line,
            column: None,
            reason: Cow::Borrowed("expected the rows of a claim one after another"),
        };
        reject_all(rows, vec![(0, fault)])
    }

    /// Reads on to the end of a record.
    fn gather(&mut self) -> io::Result<Gathered> {
        match self.state {
            State::Fresh => self.used = 0,
            State::NextBegun => {
                self.rows.swap(0, self.used);
                self.used = 1;
                self.state = State::Gathering;
                self.stray_line = None;
            }
            State::Gathering | State::Overflowing(_) => {}
        }
        loop {
            if !self.read_row()? {
                let is_open = self.used > 0;
                self.state = State::Fresh;
                return Ok(if is_open {
                    Gathered::Record
                } else {
                    Gathered::Nothing
                });
            }
            if let Some(gathered) = self.place_row() {
                return Ok(gathered);
            }
        }
    }

    /// Decides where the row belongs that was read last; `None` when the record may go on after it.
    fn place_row(&mut self) -> Option<Gathered> {
        if !self.header.has_lines() {
            self.used = 1;
            self.state = State::Fresh;
            return Some(Gathered::Record);
        }
        let Some(id) = self.claim_id(self.used).map(str::to_owned) else {
            return Some(Gathered::Rejected(vec![self.stray_row()]));
        };
        match &self.state {
            State::Overflowing(overflowing) if *overflowing == id => {
                let line = self.rows[self.used].line;
                return Some(Gathered::Rejected(vec![too_many_lines(line)]));
            }
            State::Fresh | State::Overflowing(_) => {
                self.used = 1;
                self.state = State::Gathering;
                self.stray_line = None;
                return None;
            }
            State::Gathering | State::NextBegun => {}
        }
        if self.claim_id(0) != Some(&id) {
            self.state = State::NextBegun;
            return Some(Gathered::Record);
        }
        if self.used == LINES_PER_CLAIM_MAX {
            let rows = &self.rows[..=self.used];
            let rejections = rows.iter().map(|row| too_many_lines(row.line)).collect();
            self.state = State::Overflowing(id);
            self.used = 0;
            return Some(Gathered::Rejected(rejections));
        }
        if let Some(stray) = self.stray_line.take() {
            let reason = format!("line {stray}, amid the rows of this claim, was rejected");
            self.rows[self.used].reject(None, reason.into());
        }
        self.used += 1;
        None
    }

    /// The claim to which a row says it belongs. Damaged ids are none: they could be any claim's.
    fn claim_id(&self, row: usize) -> Option<&str> {
        let id = self.rows[row].field(self.header.id_field)?;
        match Value::parse(self.header.id_column.kind(), id) {
            Ok(Some(_)) if !id.trim().is_empty() => Some(id),
            _ => None,
        }
    }

    /// A row that belongs to no claim. Should it stand amid the rows of one, it may well have been one of them.
    fn stray_row(&mut self) -> Rejection {
        let row = &mut self.rows[self.used];
        if self.state == State::Gathering {
            self.stray_line.get_or_insert(row.line);
        }
        let column = self.header.id_column;
        let expected = "expected the id of a claim, a whole number of at most 19 digits";
        row.reject(Some(column), expected.into());
        row.fault.take().unwrap_or(rejection(row, column, expected))
    }

    /// Reads the row that follows into the place behind those in use; false at the end of the file.
    fn read_row(&mut self) -> io::Result<bool> {
        if self.rows.len() == self.used {
            self.rows.push(RawRow::default());
        }
        let row = &mut self.rows[self.used];
        loop {
            let mut bytes = row.take_bytes();
            let end = line::read(&mut self.input, &mut bytes)?;
            if end == LineEnd::EndOfFile {
                return Ok(false);
            }
            self.line_number += 1;
            if bytes.is_empty() {
                continue;
            }
            row.fill(bytes, end, self.line_number, &self.header);
            return Ok(true);
        }
    }

    /// The record at hand in typed form, or the rejections of all its rows.
    fn record(&self) -> Result<Entry<'_>, Vec<Rejection>> {
        let rows = &self.rows[..self.used];
        let mut faults: Vec<(usize, Rejection)> = Vec::new();
        let mut lines = Vec::with_capacity(if self.header.has_lines() {
            self.used
        } else {
            0
        });
        let header = match self.header_row(&rows[0]) {
            Ok(header) => Some(header),
            Err(fault) => {
                faults.push((0, fault));
                None
            }
        };
        for (index, row) in rows.iter().enumerate() {
            match self.line_row(row, &rows[0]) {
                Ok(line) => lines.extend(line),
                Err(_) if index == 0 && header.is_none() => {}
                Err(fault) => faults.push((index, fault)),
            }
        }
        match header {
            Some((action, header)) if faults.is_empty() => Ok(Entry {
                action,
                line: rows[0].line,
                rows: rows.len() as u64,
                record: self.typed_record(header, lines),
            }),
            _ => Err(reject_all(rows, faults)),
        }
    }

    fn typed_record<'a>(&self, header: Row<'a>, lines: Vec<Row<'a>>) -> Record<'a> {
        match self.header.file_type {
            FileType::Beneficiary => Record::Beneficiary(header),
            FileType::BeneficiaryHistory => Record::History(header),
            FileType::Claim(claim_type) => Record::Claim(Claim {
                claim_type,
                header,
                lines,
            }),
        }
    }

    /// The columns of the record as a whole, from its first row.
    fn header_row<'a>(&self, row: &'a RawRow) -> Result<(Action, Row<'a>), Rejection> {
        if let Some(fault) = &row.fault {
            return Err(fault.clone());
        }
        let action = self.action(row)?;
        let header = self.part(row, RowPart::Header)?;
        self.require(row, &header, Column::BENE_ID)?;
        self.require(row, &header, self.header.id_column)?;
        let bene_id = row.field(self.header.field_of(RowPart::Header, Column::BENE_ID));
        if bene_id.and_then(BeneId::parse).is_none() {
            let expected = "expected a whole number of at most 19 digits";
            return Err(rejection(row, Column::BENE_ID, expected));
        }
        Ok((action, header))
    }

    /// The columns of a line; none in files that have one row per record.
    fn line_row<'a>(&self, row: &'a RawRow, first: &RawRow) -> Result<Option<Row<'a>>, Rejection> {
        if let Some(fault) = &row.fault {
            return Err(fault.clone());
        }
        let Some(number) = self.header.line_number_column else {
            return Ok(None);
        };
        if !std::ptr::eq(row, first) && !self.header.repeats(row, first) {
            self.check_repeated(row, first)?;
        }
        let line = self.part(row, RowPart::Line)?;
        self.require(row, &line, number)?;
        Ok(Some(line))
    }

    /// The claim's columns count as its first row has them; on its other rows they must still be in order.
    fn check_repeated(&self, row: &RawRow, first: &RawRow) -> Result<(), Rejection> {
        self.action(row)?;
        let bene_id = self.header.field_of(RowPart::Header, Column::BENE_ID);
        if row.field(bene_id) != first.field(bene_id) {
            let expected = "expected the beneficiary of the claim's first row";
            return Err(rejection(row, Column::BENE_ID, expected));
        }
        self.part(row, RowPart::Header).map(|_| ())
    }

    fn part<'a>(&self, row: &'a RawRow, part: RowPart) -> Result<Row<'a>, Rejection> {
        let layout: &'static Layout = self.header.file_type.layout();
        let mut typed = Row::new(layout, part);
        let fields = self.header.fields(part);
        for (position, column) in layout.columns(part).iter().enumerate() {
            let text = row.field(fields[position]).unwrap_or_default();
            if text.is_empty() {
                continue;
            }
            match Value::parse(column.kind(), text) {
                Ok(value) => typed.set_at(position, value),
                Err(expected) => return Err(rejection(row, *column, expected)),
            }
        }
        Ok(typed)
    }

    fn action(&self, row: &RawRow) -> Result<Action, Rejection> {
        match row.field(self.header.field_of(RowPart::Header, Column::DML_IND)) {
            Some("INSERT") => Ok(Action::Insert),
            Some("UPDATE") => Ok(Action::Update),
            _ => Err(rejection(row, Column::DML_IND, "expected INSERT or UPDATE")),
        }
    }

    /// Ids and line numbers are keys: without them a record cannot be told from another.
    fn require(&self, row: &RawRow, typed: &Row<'_>, column: Column) -> Result<(), Rejection> {
        match typed.get(column) {
            Some(Value::Decimal(_)) => Ok(()),
            Some(Value::Text(text)) if !text.trim().is_empty() => Ok(()),
            _ => Err(rejection(row, column, "expected a value")),
        }
    }
}

fn rejection(row: &RawRow, column: Column, expected: &'static str) -> Rejection {
    Rejection {
        line: row.line,
        column: Some(column.name()),
        reason: Cow::Borrowed(expected),
    }
}

fn too_many_lines(line: u64) -> Rejection {
    Rejection {
        line,
        column: None,
        reason: format!("expected at most {LINES_PER_CLAIM_MAX} lines in a claim").into(),
    }
}

/// Rows that are good themselves are rejected with the bad ones of their claim.
fn reject_all(rows: &[RawRow], faults: Vec<(usize, Rejection)>) -> Vec<Rejection> {
    let culprit = faults.first().map_or(0, |(_, fault)| fault.line);
    let mut faults = faults.into_iter().peekable();
    rows.iter()
        .enumerate()
        .map(
            |(index, row)| match faults.next_if(|(at, _)| *at == index) {
                Some((_, fault)) => fault,
                None => Rejection {
                    line: row.line,
                    column: None,
                    reason: format!("line {culprit} of the same claim was rejected").into(),
                },
            },
        )
        .collect()
}

#[cfg(test)]
mod tests;
