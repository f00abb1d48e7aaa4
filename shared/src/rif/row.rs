//! Typed rows: a claim with its lines, a person, an earlier identifier.

use super::{ClaimType, Column, Layout, Value};

/// The values of one row's header part or line part, by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    columns: &'static [Column],
    values: Vec<Option<Value<'a>>>,
}

/// Which part of a layout a row covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowPart {
    /// The columns of the claim or person as a whole.
    Header,
    /// The columns of one line.
    Line,
}

impl<'a> Row<'a> {
    /// An empty row with that part's columns.
    #[must_use]
    pub fn new(layout: &'static Layout, part: RowPart) -> Self {
        let columns = match part {
            RowPart::Header => layout.header,
            RowPart::Line => layout.line,
        };
        Self {
            columns,
            values: vec![None; columns.len()],
        }
    }

    /// The value of a column; `None` where it is blank or not part of this row.
    #[must_use]
    pub fn get(&self, column: Column) -> Option<Value<'a>> {
        self.values[self.position(column)?]
    }

    /// The text of a column that holds text, a code or an identifier kept as text.
    #[must_use]
    pub fn text(&self, column: Column) -> Option<&'a str> {
        match self.get(column)? {
            Value::Text(text) => Some(text),
            Value::Date(..) | Value::Decimal(_) => None,
        }
    }

    /// Sets the value at a position of this part's columns.
    ///
    /// # Panics
    /// Panics if the position lies outside the layout.
    pub fn set_at(&mut self, position: usize, value: Option<Value<'a>>) {
        self.values[position] = value;
    }

    /// The values in the order of the layout, blank ones as `None`.
    #[must_use]
    pub fn values(&self) -> &[Option<Value<'a>>] {
        &self.values
    }

    /// The columns of this part in the order of the layout.
    #[must_use]
    pub fn columns(&self) -> &'static [Column] {
        self.columns
    }

    fn position(&self, column: Column) -> Option<usize> {
        self.columns
            .iter()
            .position(|candidate| *candidate == column)
    }
}

/// One claim with its lines (no lines for Part D events).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Its type, which decides its layout.
    pub claim_type: ClaimType,
    /// The columns of the claim as a whole.
    pub header: Row<'a>,
    /// Its lines, in the order of the file.
    pub lines: Vec<Row<'a>>,
}
