//! One value of a RIF row in typed form. Every form writes back exactly the text it was read from.

use std::fmt;

use jiff::civil::Date;

use super::Kind;

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

/// The longest value that a row may hold; the widest column of any layout is below 100.
pub const VALUE_BYTES_MAX: usize = 255;

/// The most digits of a decimal: all of them fit [`Decimal::units`].
pub const DECIMAL_DIGITS_MAX: usize = 18;

/// The longest text of a decimal: its digits or those of a whole number, a zero in front, the point and the sign.
const DECIMAL_TEXT_BYTES_MAX: usize = 24;

/// The most digits of a whole number, as in a beneficiary id.
pub const INTEGER_DIGITS_MAX: usize = 19;

const MONTHS_UPPER: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const MONTHS_TITLE: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl<'a> Value<'a> {
    /// Reads the text of a column of that kind: `None` where it is empty, and what was expected where it does not fit.
    ///
    /// Text that a typed form would not give back letter for letter (`007`, `+5`, `27-oct-1999`, spaces in place of a
    /// number) stays text.
    ///
    /// # Errors
    /// What the column expects, without quoting the text.
    pub fn parse(kind: Kind, text: &'a str) -> Result<Option<Self>, &'static str> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > VALUE_BYTES_MAX {
            return Err("expected at most 255 bytes");
        }
        let typed = match kind {
            Kind::Text => Value::Text(text),
            _ if is_blank(text) => Value::Text(text),
            Kind::Char => one_character(text)?,
            Kind::Integer => integer(text)?,
            Kind::Decimal => decimal(text)?.0,
            Kind::Date => date(text)?.0,
        };
        Ok(Some(typed))
    }

    /// The date that the value says, also where it is kept as text.
    #[must_use]
    pub fn date(self) -> Option<Date> {
        match self {
            Value::Date(date, _) => Some(date),
            Value::Text(text) => date(text).ok().map(|(_, date)| date),
            Value::Decimal(_) => None,
        }
    }

    /// The number that the value says, also where it is kept as text.
    #[must_use]
    pub fn decimal(self) -> Option<Decimal> {
        match self {
            Value::Decimal(decimal) => Some(decimal),
            Value::Text(text) => decimal(text).ok().map(|(_, decimal)| decimal),
            Value::Date(..) => None,
        }
    }
}

impl Decimal {
    /// Zero without decimal places.
    pub const ZERO: Decimal = Decimal { units: 0, scale: 0 };

    /// The text as it stood in the file.
    #[must_use]
    pub fn to_text(self) -> String {
        let text = self.with_ascii(<[u8]>::to_vec);
        String::from_utf8(text).expect("digits are ASCII")
    }

    /// Hands over the ASCII bytes of the text as it stood in the file, made on the stack: `-12.30`.
    #[inline]
    pub fn with_ascii<T>(self, take: impl FnOnce(&[u8]) -> T) -> T {
        let mut text = [b'0'; DECIMAL_TEXT_BYTES_MAX];
        let (mut at, mut rest) = (text.len(), self.units.unsigned_abs());
        let whole_at = text.len() - usize::from(self.scale).min(DECIMAL_DIGITS_MAX);
        while at > whole_at {
            at -= 1;
            text[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        if self.scale > 0 {
            at -= 1;
            text[at] = b'.';
        }
        loop {
            at -= 1;
            text[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if self.units < 0 {
            at -= 1;
            text[at] = b'-';
        }
        take(&text[at..])
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ')
}

fn one_character(text: &str) -> Result<Value<'_>, &'static str> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(_), None) => Ok(Value::Text(text)),
        _ => Err("expected one character"),
    }
}

fn integer(text: &str) -> Result<Value<'_>, &'static str> {
    const EXPECTED: &str = "expected a whole number of at most 19 digits";
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !(1..=INTEGER_DIGITS_MAX).contains(&digits.len()) || !all_digits(digits.as_bytes()) {
        return Err(EXPECTED);
    }
    let has_leading_zero = digits.starts_with('0') && text != "0";
    match text.parse() {
        Ok(units) if !has_leading_zero => Ok(Value::Decimal(Decimal { units, scale: 0 })),
        _ => Ok(Value::Text(text)),
    }
}

/// The typed value, and the number even where the value must stay text.
fn decimal(text: &str) -> Result<(Value<'_>, Decimal), &'static str> {
    const EXPECTED: &str = "expected a decimal number of at most 18 digits";
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mut units, mut digits, mut point) = (0_i64, 0, None);
    for (index, byte) in unsigned.bytes().enumerate() {
        match byte {
            b'0'..=b'9' if digits < DECIMAL_DIGITS_MAX => {
                units = units * 10 + i64::from(byte - b'0');
                digits += 1;
            }
            b'.' if point.is_none() => point = Some(index),
            _ => return Err(EXPECTED),
        }
    }
    if digits == 0 {
        return Err(EXPECTED);
    }
    let whole_digits = point.unwrap_or(digits);
    let scale = digits - whole_digits;
    let is_canonical = (unsigned.as_bytes()[0] != b'0' || whole_digits == 1)
        && whole_digits > 0
        && (point.is_none() || scale > 0)
        && !text.starts_with('+')
        && !(text.starts_with('-') && units == 0);
    let number = Decimal {
        units: if text.starts_with('-') { -units } else { units },
        scale: scale as u8,
    };
    let value = if is_canonical {
        Value::Decimal(number)
    } else {
        Value::Text(text)
    };
    Ok((value, number))
}

/// The typed value, and the date even where the value must stay text.
fn date(text: &str) -> Result<(Value<'_>, Date), &'static str> {
    const EXPECTED: &str = "expected a date such as 27-OCT-1999 or 19991027";
    let bytes = text.as_bytes();
    let (year, month, day, form) = match bytes {
        [year @ .., _, _, _, _] if bytes.len() == 8 && all_digits(bytes) => (
            number(year),
            number(&bytes[4..6]),
            number(&bytes[6..]),
            Some(DateForm::YearMonthDay),
        ),
        [d1, d2, b'-', m1, m2, m3, b'-', year @ ..]
            if year.len() == 4 && all_digits(&[*d1, *d2]) && all_digits(year) =>
        {
            let (month, form) = month(&[*m1, *m2, *m3]).ok_or(EXPECTED)?;
            (number(year), month, number(&[*d1, *d2]), form)
        }
        _ => return Err(EXPECTED),
    };
    if year == 0 {
        return Err(EXPECTED);
    }
    let date = Date::new(year, month as i8, day as i8).map_err(|_| EXPECTED)?;
    let value = form.map_or(Value::Text(text), |form| Value::Date(date, form));
    Ok((value, date))
}

/// The month's number, and its form where that is one of the two in which it can be written back.
fn month(name: &[u8; 3]) -> Option<(i16, Option<DateForm>)> {
    let index = MONTHS_UPPER
        .iter()
        .position(|month| month.as_bytes().eq_ignore_ascii_case(name))?;
    let form = if MONTHS_UPPER[index].as_bytes() == name {
        Some(DateForm::DayMonthYearUpper)
    } else if MONTHS_TITLE[index].as_bytes() == name {
        Some(DateForm::DayMonthYearTitle)
    } else {
        None
    };
    Some((index as i16 + 1, form))
}

fn all_digits(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_digit)
}

/// The number that at most four digits write.
fn number(digits: &[u8]) -> i16 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + i16::from(digit - b'0'))
}

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
        self.with_ascii(|text| f.write_str(str::from_utf8(text).expect("digits are ASCII")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The form that the text takes in a column of that kind: its name, or what was expected.
    fn check(kind: Kind, text: &str, expected: &str) {
        let form = match Value::parse(kind, text) {
            Ok(None) => "empty",
            Ok(Some(value)) => {
                assert_eq!(value.to_string(), text, "must come back letter for letter");
                match value {
                    Value::Text(_) => "text",
                    Value::Date(..) => "date",
                    Value::Decimal(_) => "decimal",
                }
            }
            Err(_) => "rejected",
        };
        assert_eq!(form, expected, "{kind:?} {text:?}");
    }

    #[test]
    fn keeps_a_typed_form_only_where_it_gives_the_text_back() {
        for kind in [
            Kind::Text,
            Kind::Char,
            Kind::Integer,
            Kind::Decimal,
            Kind::Date,
        ] {
            check(kind, "", "empty");
            check(kind, " ", "text");
        }
        for text in ["0", "-5", "9223372036854775807", "-100000486"] {
            check(Kind::Integer, text, "decimal");
        }
        for text in ["007", "-0", "9999999999999999999", "00"] {
            check(Kind::Integer, text, "text");
        }
        for text in ["+5", "5.0", "1e3", "-", "x", "12345678901234567890", "１"] {
            check(Kind::Integer, text, "rejected");
        }
        for text in [
            "0",
            "0.00",
            "-12.30",
            "888.00",
            "123456789012345678",
            "0.05",
        ] {
            check(Kind::Decimal, text, "decimal");
        }
        for text in ["007", "+5", "-0", "-0.0", ".5", "5.", "00.5", "   "] {
            check(Kind::Decimal, text, "text");
        }
        for text in [
            "1,000",
            "1e3",
            "1.2.3",
            ".",
            "-",
            "+-1",
            "NaN",
            "1234567890123456789",
        ] {
            check(Kind::Decimal, text, "rejected");
        }
        for text in ["27-OCT-1999", "27-Oct-1999", "19991027", "29-FEB-2000"] {
            check(Kind::Date, text, "date");
        }
        for text in ["27-oct-1999", "27-oCT-1999"] {
            check(Kind::Date, text, "text");
        }
        for text in [
            "29-FEB-2001",
            "1999102",
            "1999-10-27",
            "27-OKT-1999",
            "00000101",
            "19991327",
            "1-OCT-1999",
            "27-OCT-99",
        ] {
            check(Kind::Date, text, "rejected");
        }
        for text in ["A", "é", "0"] {
            check(Kind::Char, text, "text");
        }
        check(Kind::Char, "AB", "rejected");
        check(Kind::Text, &"x".repeat(255), "text");
        check(Kind::Text, &"x".repeat(256), "rejected");
    }

    #[test]
    fn reads_numbers_and_dates_that_are_kept_as_text() {
        let decimal = |text| Value::Text(text).decimal().map(|d| d.to_string());
        assert_eq!(decimal("+007.50").as_deref(), Some("7.50"));
        assert_eq!(decimal("  "), None);
        let october = Value::Text("27-oct-1999").date();
        assert_eq!(october, Some(Date::constant(1999, 10, 27)));
    }

    proptest! {
        #[test]
        fn gives_back_any_text_it_accepts(text in "\\PC{0,14}|[-+]?[0-9]{0,8}\\.?[0-9]{0,4}|[0-3][0-9]-[A-Za-z]{3}-[0-9]{4}|[0-9]{8}") {
            for kind in [Kind::Text, Kind::Char, Kind::Integer, Kind::Decimal, Kind::Date] {
                if let Ok(value) = Value::parse(kind, &text) {
                    prop_assert_eq!(value.map(|v| v.to_string()).unwrap_or_default(), text.clone());
                }
            }
        }
    }
}
