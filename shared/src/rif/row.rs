//! Typed rows: a claim with its lines, a person, an earlier identifier.

use jiff::civil::Date;

use super::layouts::{ABSENT, Positions};
use super::{ClaimType, Column, Decimal, Layout, Value};

/// The values of one row's header part or line part, by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    part: RowPart,
    layout: &'static Layout,
    positions: &'static Positions,
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
        let positions = match part {
            RowPart::Header => layout.header_positions,
            RowPart::Line => layout.line_positions,
        };
        Self {
            part,
            layout,
            positions,
            values: vec![None; layout.columns(part).len()],
        }
    }

    /// The value of a column; `None` where it is empty or not part of this row.
    ///
    /// A column filled with spaces is not empty: it is [`Value::Text`], as written.
    #[must_use]
    pub fn get(&self, column: Column) -> Option<Value<'a>> {
        let position = self.positions[column as usize];
        if position == ABSENT {
            return None;
        }
        self.values[usize::from(position)]
    }

    /// The text of a column that holds text or a code, as written.
    #[must_use]
    pub fn text(&self, column: Column) -> Option<&'a str> {
        match self.get(column)? {
            Value::Text(text) => Some(text),
            Value::Date(..) | Value::Decimal(_) => None,
        }
    }

    /// The one character of a column of that kind.
    #[must_use]
    pub fn char(&self, column: Column) -> Option<char> {
        self.text(column)?.chars().next()
    }

    /// The date of a column, however it was written.
    #[must_use]
    pub fn date(&self, column: Column) -> Option<Date> {
        self.get(column)?.date()
    }

    /// The number of a column, however it was written; `None` where it is blank.
    ///
    /// A column that CMS never leaves out reads as zero when blank: there, say `.unwrap_or(Decimal::ZERO)`.
    #[must_use]
    pub fn decimal(&self, column: Column) -> Option<Decimal> {
        self.get(column)?.decimal()
    }

    /// Whether the row says that it is that beneficiary's; one that does not say whose it is, is nobody's.
    #[must_use]
    pub fn belongs_to(&self, beneficiary: &str) -> bool {
        let owner = self.get(Column::BENE_ID).map(|value| value.to_string());
        owner.as_deref() == Some(beneficiary)
    }

    /// Sets the value of a column; columns that are not part of this row are left out.
    pub fn set(&mut self, column: Column, value: Option<Value<'a>>) {
        let position = self.positions[column as usize];
        if position != ABSENT {
            self.values[usize::from(position)] = value;
        }
    }

    /// Sets the value at a position of this part's columns.
    ///
    /// # Panics
    /// Panics if the position lies outside the layout.
    pub fn set_at(&mut self, position: usize, value: Option<Value<'a>>) {
        self.values[position] = value;
    }

    /// The values in the order of the layout, empty ones as `None`.
    #[must_use]
    pub fn values(&self) -> &[Option<Value<'a>>] {
        &self.values
    }

    /// The columns of this part in the order of the layout.
    #[must_use]
    pub fn columns(&self) -> &'static [Column] {
        self.layout.columns(self.part)
    }

    /// The layout to which the row belongs.
    #[must_use]
    pub fn layout(&self) -> &'static Layout {
        self.layout
    }

    /// The part of the layout which the row covers.
    #[must_use]
    pub fn part(&self) -> RowPart {
        self.part
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

impl<'a> Claim<'a> {
    /// The claim's id as written; its `Display` is the id in keys and in FHIR.
    #[must_use]
    pub fn id(&self) -> Option<Value<'a>> {
        self.header.get(self.claim_type.id_column())
    }

    /// The last day of service, against which `service-date` is compared.
    #[must_use]
    pub fn service_through(&self) -> Option<Date> {
        self.header.date(self.claim_type.service_through_column())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rif::FileType;

    #[test]
    fn finds_every_column_of_every_layout_at_its_position() {
        for file_type in FileType::ALL {
            for part in [RowPart::Header, RowPart::Line] {
                let layout = file_type.layout();
                let names: Vec<_> = layout.columns(part).iter().map(|c| c.name()).collect();
                let mut row = Row::new(layout, part);
                for (position, name) in names.iter().enumerate() {
                    row.set_at(position, Some(Value::Text(name)));
                }
                for column in Column::ALL {
                    let expected = layout.columns(part).contains(column);
                    assert_eq!(row.text(*column), expected.then(|| column.name()));
                }
            }
        }
    }
}
