//! One record on its way into a RIF file: values by column, written in the order of the file's layout.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::LazyLock;

use bluebutton::rif::{Column, DateForm, Decimal, FileType, Value};
use jiff::civil::Date;

/// US dollars in whole cents.
pub(super) type Cents = i64;

/// The values of a header or a line; columns that are not named stay blank.
#[derive(Default)]
pub(super) struct Fields(Vec<(Column, String)>);

/// A claim with its lines, or a person's row.
pub(super) struct Record {
    pub(super) file: FileType,
    pub(super) header: Fields,
    pub(super) lines: Vec<Fields>,
}

impl Fields {
    /// A code, an identifier or a name.
    pub(super) fn text(&mut self, column: Column, text: impl Into<String>) -> &mut Self {
        self.0.push((column, text.into()));
        self
    }

    /// A count.
    pub(super) fn number(&mut self, column: Column, number: i64) -> &mut Self {
        self.text(column, number.to_string())
    }

    /// An amount in dollars with two decimals.
    pub(super) fn money(&mut self, column: Column, cents: Cents) -> &mut Self {
        self.decimal(column, cents, 2)
    }

    /// A number given as units of 10^-scale.
    pub(super) fn decimal(&mut self, column: Column, units: i64, scale: u8) -> &mut Self {
        let decimal = Value::Decimal(Decimal { units, scale });
        self.text(column, decimal.to_string())
    }

    /// A date as `27-Oct-2024`.
    pub(super) fn date(&mut self, column: Column, date: Date) -> &mut Self {
        let value = Value::Date(date, DateForm::DayMonthYearTitle);
        self.text(column, value.to_string())
    }

    /// The same text in several columns.
    pub(super) fn each(&mut self, columns: &[Column], text: &str) -> &mut Self {
        for column in columns {
            self.text(*column, text);
        }
        self
    }

    /// No money in several columns that must not be blank.
    pub(super) fn nothing(&mut self, columns: &[Column]) -> &mut Self {
        self.each(columns, "0.00")
    }

    #[cfg(test)]
    pub(super) fn get(&self, column: Column) -> &str {
        let found = self.0.iter().rev().find(|(name, _)| *name == column);
        found.map_or("", |(_, text)| text)
    }

    #[cfg(test)]
    pub(super) fn columns(&self) -> impl Iterator<Item = Column> {
        self.0.iter().map(|(column, _)| *column)
    }
}

impl Record {
    /// Writes the record's rows: one per line, the header repeated on each; one row where there are no lines.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let layout = self.file.layout();
        let mut values = vec![""; Column::ALL.len()];
        for (column, text) in &self.header.0 {
            values[*column as usize] = text;
        }
        if layout.line.is_empty() {
            return write_row(out, layout.header.iter(), &values);
        }
        for line in &self.lines {
            for column in layout.line {
                values[*column as usize] = "";
            }
            for (column, text) in &line.0 {
                values[*column as usize] = text;
            }
            write_row(out, layout.header.iter().chain(layout.line), &values)?;
        }
        Ok(())
    }
}

/// Writes the first line of a file: the names of its columns.
pub(super) fn write_names(out: &mut impl Write, file: FileType) -> io::Result<()> {
    let layout = file.layout();
    let names = layout.header.iter().chain(layout.line);
    let names: Vec<&str> = names.map(|column| column.name()).collect();
    writeln!(out, "{}", names.join("|"))
}

/// The column of that name, for families such as `ICD_DGNS_CD1` to `ICD_DGNS_CD25`.
pub(super) fn column(name: &str) -> Column {
    static BY_NAME: LazyLock<HashMap<&str, Column>> = LazyLock::new(|| {
        let columns = Column::ALL.iter();
        columns.map(|column| (column.name(), *column)).collect()
    });
    *BY_NAME
        .get(name)
        .expect("families are numbered within the layouts")
}

fn write_row<'a>(
    out: &mut impl Write,
    columns: impl Iterator<Item = &'a Column>,
    values: &[&str],
) -> io::Result<()> {
    for (position, column) in columns.enumerate() {
        if position > 0 {
            out.write_all(b"|")?;
        }
        out.write_all(values[*column as usize].as_bytes())?;
    }
    out.write_all(b"\n")
}
