//! The language of the tables of Patient and Coverage, and what the two have in common: how a person's columns are
//! found and become extensions.
//!
//! Rows read from left to right: column, or twelve columns of a kind, the target in R4, then the target in STU3 where
//! it is another. The order of the rows is the order of the extensions. Sources: the field dictionary's entries for
//! Coverage and Patient, and the approved answers for their order.

mod complete;

use super::codes::{self, VARIABLE_BASE};
use super::{Context, Version};
use crate::fhir::json::Writer;
use crate::rif::Column::{self, *};
use crate::rif::{Beneficiary, Row, Value};

/// One row of a table.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    columns: Columns,
    stu3: Target,
    r4: Target,
}

/// What a row stands for. The variable behind a column has its name.
#[derive(Clone, Copy)]
enum Columns {
    One(Column),
    /// One column for each month of the reference year.
    Months([Column; 12]),
}

/// Where a value goes. Paths are R4's; those of STU3 are given where they are not the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// In no answer, and why.
    Unmapped(&'static str),
    /// Another row says where.
    Elsewhere,

    /// `extension.valueCoding` under the URL of the variable; of months only where the reference year is known.
    Code,
    /// The same for each month of all years, the year and month in the URL, a blank as code `0`.
    CodeOfAllYears,
    /// `extension.valueDate`: the reference year.
    Year,
    /// `id`, and who it is about: Patient's `identifier`, Coverage's `beneficiary`.
    Id,

    // Patient
    /// `gender` and US Core's `extension`.
    Sex,
    /// `extension.valueCoding`, followed by US Core's extension, which says unknown of everyone.
    Race,
    /// `identifier`: the present Medicare number, and each other one that the person ever had, once.
    MedicareNumber,
    /// `identifier`: the hash of the present Medicare number.
    MedicareNumberHash,
    /// `identifier.period.start` of the present Medicare number.
    NumberSince,
    /// `identifier.period.end` of the present Medicare number.
    NumberUntil,
    /// `name.family`
    Family,
    /// `name.given`
    Given,
    /// `birthDate`
    BirthDate,
    /// `deceasedDateTime`
    Deceased,
    /// `address.state`
    State,
    /// `address.postalCode`
    PostalCode,

    // Coverage
    /// `status`: active where the column says `0`.
    Status,
    /// `subscriberId`
    SubscriberId,
    /// `period.start`
    PeriodStart,
    /// `period.end`
    PeriodEnd,
}

/// A row for one column.
pub(super) const fn row(column: Column, r4: Target) -> Rule {
    Rule {
        columns: Columns::One(column),
        stu3: r4,
        r4,
    }
}

/// A row for the twelve columns of that name, months spelled `JAN`.
pub(super) const fn named_months(prefix: &str, suffix: &str, r4: Target) -> Rule {
    Rule {
        columns: Columns::Months(months(prefix, NAMES, suffix)),
        stu3: r4,
        r4,
    }
}

/// A row for the twelve columns of that name, months numbered from 1.
pub(super) const fn numbered_months(prefix: &str, suffix: &str, r4: Target) -> Rule {
    Rule {
        columns: Columns::Months(months(prefix, NUMBERS, suffix)),
        stu3: r4,
        r4,
    }
}

impl Rule {
    /// Where the value goes in STU3, if not where it goes in R4.
    pub(super) const fn stu3(mut self, target: Target) -> Self {
        self.stu3 = target;
        self
    }

    const fn target(&self, version: Version) -> Target {
        match version {
            Version::Stu3 => self.stu3,
            Version::R4 => self.r4,
        }
    }

    const fn columns(&self) -> &[Column] {
        match &self.columns {
            Columns::One(column) => std::slice::from_ref(column),
            Columns::Months(columns) => columns,
        }
    }
}

/// A person as one table answers them in one version.
pub(super) struct Person<'a> {
    beneficiary: &'a Beneficiary<'a>,
    rules: &'static [Rule],
    version: Version,
}

impl<'a> Person<'a> {
    pub(super) fn new(
        beneficiary: &'a Beneficiary<'a>,
        rules: &'static [Rule],
        version: Version,
    ) -> Self {
        Person {
            beneficiary,
            rules,
            version,
        }
    }

    /// The rows with their targets in this version.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&'static Rule, Target)> {
        let version = self.version;
        let rules = self.rules.iter();
        rules.map(move |rule| (rule, rule.target(version)))
    }

    /// The columns that go there.
    pub(super) fn columns(&self, target: Target) -> impl Iterator<Item = Column> {
        self.rules()
            .filter(move |(_, candidate)| *candidate == target)
            .flat_map(|(rule, _)| rule.columns().iter().copied())
    }

    /// The values that go there.
    pub(super) fn values(&self, target: Target) -> impl Iterator<Item = Value<'a>> {
        let row = &self.beneficiary.row;
        self.columns(target)
            .filter_map(|column| filled(row, column))
    }

    /// The value that goes there as text, as the member `key`.
    pub(super) fn text(&self, w: &mut Writer, key: &str, target: Target) {
        if let Some(value) = self.values(target).next() {
            w.text(key, &value.to_string());
        }
    }

    /// The date that goes there, as the member `key`.
    pub(super) fn date(&self, w: &mut Writer, key: &str, target: Target) {
        let row = &self.beneficiary.row;
        if let Some(date) = self.columns(target).find_map(|column| row.date(column)) {
            w.key(key);
            w.date(date);
        }
    }

    /// The extensions of a row, if it has any.
    pub(super) fn extension(&self, w: &mut Writer, rule: &Rule, target: Target) {
        let row = &self.beneficiary.row;
        match (target, &rule.columns) {
            (Target::Year, Columns::One(column)) => year(w, row, *column),
            (Target::Code | Target::Race, Columns::One(column)) => code(w, row, *column),
            (Target::Code, Columns::Months(columns)) if filled(row, RFRNC_YR).is_some() => {
                columns.iter().for_each(|column| code(w, row, *column));
            }
            (Target::CodeOfAllYears, Columns::Months(columns)) => {
                for row in &self.beneficiary.years {
                    months_of_year(w, row, columns);
                }
            }
            _ => {}
        }
    }
}

/// `meta`: when the data was loaded, and in R4 the CARIN profile it follows.
pub(super) fn meta(w: &mut Writer, context: &Context, profile: &str) {
    w.key("meta");
    w.object(|w| {
        w.key("lastUpdated");
        w.instant(context.last_updated);
        if context.version == Version::R4 {
            w.array_unless_empty("profile", |w| w.string(profile));
        }
    });
}

/// The value of a column without the blanks around it, which no FHIR code may have; `None` where nothing is left.
pub(super) fn filled<'a>(row: &Row<'a>, column: Column) -> Option<Value<'a>> {
    match row.get(column)? {
        Value::Text(text) => Some(text.trim())
            .filter(|text| !text.is_empty())
            .map(Value::Text),
        number => Some(number),
    }
}

/// A year as FHIR writes dates, in four digits; there is no year 0.
fn year(w: &mut Writer, row: &Row, column: Column) {
    let number = filled(row, column).and_then(|year| year.to_string().parse().ok());
    if let Some(year @ 1_u16..=9999) = number {
        w.object(|w| {
            w.key("url");
            w.string_of(&[VARIABLE_BASE, codes::variable(column).name]);
            w.text("valueDate", &format!("{year:04}"));
        });
    }
}

fn code(w: &mut Writer, row: &Row, column: Column) {
    if let Some(value) = filled(row, column) {
        coding(w, column, "", &value.to_string());
    }
}

fn months_of_year(w: &mut Writer, row: &Row, columns: &[Column; 12]) {
    let Some(year) = filled(row, RFRNC_YR) else {
        return;
    };
    for (month, column) in (1..).zip(columns) {
        let code = filled(row, *column).map_or_else(|| "0".to_owned(), |value| value.to_string());
        coding(w, *column, &format!("-{year}-{month}"), &code);
    }
}

/// An extension with a code of the column's variable, with its meaning where it has one.
fn coding(w: &mut Writer, column: Column, suffix: &str, code: &str) {
    let variable = codes::variable(column);
    w.object(|w| {
        w.key("url");
        w.string_of(&[VARIABLE_BASE, variable.name, suffix]);
        w.key("valueCoding");
        w.object(|w| {
            w.key("system");
            w.string_of(&[VARIABLE_BASE, variable.name]);
            w.text("code", code);
            if let Some(display) = variable.display(code) {
                w.text("display", display);
            }
        });
    });
}

const NAMES: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEPT", "OCT", "NOV", "DEC",
];
const NUMBERS: [&str; 12] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12",
];

/// The twelve columns of that name, found while compiling: a name that is none does not compile.
const fn months(prefix: &str, months: [&str; 12], suffix: &str) -> [Column; 12] {
    let mut columns = [DML_IND; 12];
    let mut month = 0;
    while month < 12 {
        columns[month] = column([prefix, months[month], suffix]);
        month += 1;
    }
    columns
}

const fn column(name: [&str; 3]) -> Column {
    let mut candidate = 0;
    while candidate < Column::ALL.len() {
        if is_concatenation(Column::ALL[candidate].name(), name) {
            return Column::ALL[candidate];
        }
        candidate += 1;
    }
    panic!("no such column")
}

const fn is_concatenation(text: &str, parts: [&str; 3]) -> bool {
    let text = text.as_bytes();
    let mut at = 0;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut byte = 0;
        while byte < bytes.len() {
            if at >= text.len() || text[at] != bytes[byte] {
                return false;
            }
            at += 1;
            byte += 1;
        }
        part += 1;
    }
    at == text.len()
}

#[cfg(test)]
mod tests;
