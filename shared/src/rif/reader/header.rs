//! The first line of a file: which kind of file it is, and in which field each column stands.

use std::collections::HashMap;
use std::io;

use thiserror::Error;

use super::super::{Column, FileType, RowPart};
use super::LINE_BYTES_MAX;
use super::line::{LineEnd, RawRow};

/// Why a file cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("cannot read the file: {0}")]
    Unreadable(#[from] io::Error),
    /// It is not RIF.
    #[error("not a RIF file: {0}")]
    NotRif(#[from] NotRif),
}

/// Why a file is not RIF. It never quotes the file, whose first line may be personal data.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotRif {
    /// It has no first line.
    #[error("it is empty")]
    Empty,
    /// Its first line is far too long to be one.
    #[error("its first line is longer than {LINE_BYTES_MAX} bytes")]
    LineTooLong,
    /// It is not text.
    #[error("its first line is not text in UTF-8")]
    NotText,
    /// Its first line names no columns of RIF, or too few.
    #[error(
        "its first line does not name the columns of a RIF file, such as DML_IND|BENE_ID, separated by `|`"
    )]
    UnknownColumns,
    /// It would be RIF if it had all columns; without one, loading it would erase what is known.
    #[error("it looks like a {} file, but lacks {}", .0.name(), list(.1))]
    MissingColumns(FileType, Vec<&'static str>),
    /// Which of two columns of the same name counts cannot be known.
    #[error("its first line names {0} twice")]
    ColumnTwice(&'static str),
}

/// The first line, understood.
pub(super) struct Header {
    pub(super) file_type: FileType,
    pub(super) field_count: usize,
    pub(super) unknown_columns: Vec<String>,
    /// The column whose equality makes rows one record.
    pub(super) id_column: Column,
    pub(super) id_field: usize,
    pub(super) line_number_column: Option<Column>,
    header_fields: Vec<usize>,
    line_fields: Vec<usize>,
    /// Whether the columns of the claim come first and in order, so that they can be compared at once.
    is_in_order: bool,
}

/// How many missing columns a message names before it counts them.
const MISSING_NAMED_MAX: usize = 8;
/// The longest name of an unknown column that is repeated to the operator.
const UNKNOWN_NAME_BYTES_MAX: usize = 64;
const BYTE_ORDER_MARK: &str = "\u{feff}";

impl Header {
    pub(super) fn parse(line: &[u8], end: LineEnd, file_name: &str) -> Result<Self, NotRif> {
        match end {
            LineEnd::EndOfFile => return Err(NotRif::Empty),
            LineEnd::TooLong => return Err(NotRif::LineTooLong),
            LineEnd::Whole => {}
        }
        let text = str::from_utf8(line).map_err(|_| NotRif::NotText)?;
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let mut names: Vec<String> = text.split('|').map(clean_name).collect();
        if names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        let places = Places::of(&names);
        let file_type = recognise(&places, file_name)?;
        Self::of(file_type, &names, &places)
    }

    fn of(file_type: FileType, names: &[String], places: &Places) -> Result<Self, NotRif> {
        let layout = file_type.layout();
        let fields = |columns: &[Column]| -> Result<Vec<usize>, NotRif> {
            let fields = columns.iter().map(|column| places.only_field(*column));
            fields.collect()
        };
        let header_fields = fields(layout.header)?;
        let line_fields = fields(layout.line)?;
        let id_column = match file_type {
            FileType::Claim(claim_type) => claim_type.id_column(),
            FileType::Beneficiary | FileType::BeneficiaryHistory => Column::BENE_ID,
        };
        let line_number_column = [Column::LINE_NUM, Column::CLM_LINE_NUM]
            .into_iter()
            .find(|column| layout.line.contains(column));
        Ok(Self {
            file_type,
            field_count: names.len(),
            unknown_columns: unknown_columns(names, &header_fields, &line_fields),
            id_column,
            id_field: places.only_field(id_column)?,
            line_number_column,
            is_in_order: header_fields.iter().copied().eq(0..header_fields.len()),
            header_fields,
            line_fields,
        })
    }

    /// Whether several rows can be one record.
    pub(super) fn has_lines(&self) -> bool {
        self.line_number_column.is_some()
    }

    /// The fields in which the columns of a part stand, in the order of the layout.
    pub(super) fn fields(&self, part: RowPart) -> &[usize] {
        match part {
            RowPart::Header => &self.header_fields,
            RowPart::Line => &self.line_fields,
        }
    }

    /// The field in which a column of the layout stands; beyond all fields for others.
    pub(super) fn field_of(&self, part: RowPart, column: Column) -> usize {
        let columns = self.file_type.layout().columns(part);
        let position = columns.iter().position(|candidate| *candidate == column);
        position.map_or(usize::MAX, |position| self.fields(part)[position])
    }

    /// Whether a row repeats the claim's columns letter for letter. False where that would take long to see.
    pub(super) fn repeats(&self, row: &RawRow, first: &RawRow) -> bool {
        self.is_in_order
            && row.prefix(self.header_fields.len()) == first.prefix(self.header_fields.len())
    }

    /// The column at a byte of a row, for messages; none where the row is not as the header says.
    pub(super) fn column_at(&self, row: &[u8], at: usize) -> Option<Column> {
        let field = row.get(..at)?.iter().filter(|byte| **byte == b'|').count();
        [RowPart::Header, RowPart::Line]
            .into_iter()
            .find_map(|part| {
                let position = self.fields(part).iter().position(|index| *index == field)?;
                Some(self.file_type.layout().columns(part)[position])
            })
    }
}

/// Where a column stands in the first line.
#[derive(Clone, Copy)]
enum Place {
    Field(usize),
    /// In several fields.
    Twice,
}

/// Where each column stands, if it does; looked up once, because ten layouts are compared with it.
struct Places(Vec<Option<Place>>);

impl Places {
    fn of(names: &[String]) -> Self {
        let mut by_name = HashMap::with_capacity(names.len());
        for (field, name) in names.iter().enumerate() {
            by_name
                .entry(name.as_str())
                .and_modify(|place| *place = Place::Twice)
                .or_insert(Place::Field(field));
        }
        let mut places = vec![None; Column::ALL.len()];
        for column in Column::ALL {
            places[*column as usize] = by_name.get(column.name()).copied();
        }
        Self(places)
    }

    fn has(&self, column: Column) -> bool {
        self.0[column as usize].is_some()
    }

    fn only_field(&self, column: Column) -> Result<usize, NotRif> {
        match self.0[column as usize] {
            Some(Place::Field(field)) => Ok(field),
            _ => Err(NotRif::ColumnTwice(column.name())),
        }
    }
}

fn clean_name(name: &str) -> String {
    let name = name.trim();
    let unquoted = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    unquoted.unwrap_or(name).to_ascii_uppercase()
}

/// The kind of file that is nearest: most of its columns there, fewest missing. A beneficiary file has all columns of a
/// history file and is still none, even when a column of its own is missing.
fn recognise(places: &Places, file_name: &str) -> Result<FileType, NotRif> {
    let file_name = file_name.to_ascii_lowercase().replace(['_', '-', ' '], "");
    let is_named = |file_type: FileType| file_name.contains(&file_type.name().replace('_', ""));
    let rank = |file_type: &FileType| {
        let missing = missing_columns(*file_type, places).count();
        let present = column_count(*file_type) - missing;
        (present as isize - missing as isize, is_named(*file_type))
    };
    let best = FileType::ALL.into_iter().max_by_key(rank);
    let best = best.ok_or(NotRif::UnknownColumns)?;
    let missing: Vec<_> = missing_columns(best, places).collect();
    if missing.is_empty() {
        Ok(best)
    } else if missing.len() * 2 < column_count(best) {
        Err(NotRif::MissingColumns(best, missing))
    } else {
        Err(NotRif::UnknownColumns)
    }
}

fn column_count(file_type: FileType) -> usize {
    let layout = file_type.layout();
    layout.header.len() + layout.line.len()
}

fn missing_columns(file_type: FileType, places: &Places) -> impl Iterator<Item = &'static str> {
    let layout = file_type.layout();
    let columns = layout.header.iter().chain(layout.line);
    columns
        .filter(|column| !places.has(**column))
        .map(|column| column.name())
}

fn unknown_columns(names: &[String], header: &[usize], line: &[usize]) -> Vec<String> {
    let mut is_known = vec![false; names.len()];
    for field in header.iter().chain(line) {
        is_known[*field] = true;
    }
    let is_plain = |name: &str| {
        name.len() <= UNKNOWN_NAME_BYTES_MAX
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    names
        .iter()
        .enumerate()
        .filter(|(index, _)| !is_known[*index])
        .map(|(index, name)| {
            if is_plain(name) {
                name.clone()
            } else {
                format!("column {}", index + 1)
            }
        })
        .collect()
}

fn list(columns: &[&str]) -> String {
    let named = columns[..columns.len().min(MISSING_NAMED_MAX)].join(", ");
    match columns.len().saturating_sub(MISSING_NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more columns"),
    }
}
