//! One value of a RIF row in typed form. Every form writes back exactly the text it was read from.

use std::fmt;

use jiff::civil::Date;

/// A value as it stands in a RIF row, borrowed from the row or from the stored claim.
///
/// Values are personal data: `Debug` prints the form, never the content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text as written: codes, identifiers, names, and whatever a typed form could not give back letter for letter.
    Text(&'a str),
    /// A calendar date and how it was written.
    Date(Date, DateForm),
    /// A decimal or whole number, with its scale as written (`888.00` keeps both zeros).
    Decimal(Decimal),
}

/// How a date was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateForm {
    /// `27-OCT-1999`
    DayMonthYearUpper,
    /// `27-Oct-1999`
    DayMonthYearTitle,
    /// `19991027`
    YearMonthDay,
}

/// A decimal number as integer units of 10^-scale: `-12.30` is units -1230, scale 2.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// The digits without the point.
    pub units: i64,
    /// How many of the digits stand behind the point.
    pub scale: u8,
}

const MONTHS_UPPER: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const MONTHS_TITLE: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Value::Text(_) => "Text([redacted])",
            Value::Date(..) => "Date([redacted])",
            Value::Decimal(_) => "Decimal([redacted])",
        })
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decimal([redacted])")
    }
}

/// The text as it stood in the file, which is also a valid JSON number where the value is a decimal.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Decimal(decimal) => decimal.fmt(f),
            Value::Date(date, DateForm::YearMonthDay) => {
                write!(f, "{:04}{:02}{:02}", date.year(), date.month(), date.day())
            }
            Value::Date(date, form) => {
                let months = if *form == DateForm::DayMonthYearUpper {
                    MONTHS_UPPER
                } else {
                    MONTHS_TITLE
                };
                let month = months[usize::from(date.month().unsigned_abs()) - 1];
                write!(f, "{:02}-{month}-{:04}", date.day(), date.year())
            }
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let units = self.units.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{units}");
        }
        let divisor = 10_u64.pow(u32::from(self.scale));
        write!(
            f,
            "{sign}{}.{:0width$}",
            units / divisor,
            units % divisor,
            width = usize::from(self.scale)
        )
    }
}
