//! One row in bytes, as its difference to the row before it.
//!
//! A row is a list of runs of columns, closed by [`END`]. Each run begins with one byte for its [`Run`] and length;
//! only a run of values is followed by content, one value after the other, in the form of its column's kind:
//!
//! - text: a first byte that is the whole value for the commonest short codes, a length, the length of the next of the
//!   claim's packed texts, or the number of a text that stood in this claim before;
//! - numbers: a varint whose low two bits say scale 0, scale 2, a number that stood in this claim before, or others;
//! - dates: a varint with the distance to the date before, since the dates of a claim lie close together.

use jiff::civil::Date;

use super::FormatError;
use super::packed::Packed;
use crate::rif::{Column, DateForm, Decimal, Kind, Row, Value};

/// What a run says of its columns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    /// As in the row before.
    Same,
    /// A value each, which follows.
    Values,
    /// One space each, with which CMS fills some unused columns.
    Space,
    /// A plain `0` each.
    Zero,
    /// Empty, unlike the row before.
    Empty,
}

/// The byte that closes a row; the columns after it are as in the row before.
const END: u8 = 0;

/// The first byte of each run and its greatest length; the byte is `first + length - 1`.
const RUNS: [(Run, u8, u8); 5] = [
    (Run::Same, 1, 80),
    (Run::Values, 81, 80),
    (Run::Space, 161, 32),
    (Run::Zero, 193, 32),
    (Run::Empty, 225, 31),
];

/// First bytes of a text. What lies between these is a count or an index beginning there.
const TEXT_EMPTY: u8 = 0;
const TEXT_LENGTH: u8 = 1;
const TEXT_PACKED: u8 = 40;
const TEXT_LONG: u8 = 64;
const TEXT_ONE: u8 = 65;
const TEXT_TWO_DIGITS: u8 = 102;
const TEXT_SEEN: u8 = 202;

/// Texts of one character that one byte stands for.
const ONE: &str = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Texts of two digits that one byte stands for.
const TWO_DIGITS: &str = concat!(
    "00010203040506070809101112131415161718192021222324",
    "25262728293031323334353637383940414243444546474849",
    "50515253545556575859606162636465666768697071727374",
    "75767778798081828384858687888990919293949596979899",
);
/// A packed text is shorter than one of bytes from this length on; shorter ones have a byte of their own.
const PACKED_LENGTH_MIN: usize = 2;
const PACKED_LENGTH_MAX: usize = PACKED_LENGTH_MIN + (TEXT_LONG - TEXT_PACKED) as usize - 1;
const TEXTS_SEEN_MAX: usize = (u8::MAX - TEXT_SEEN) as usize + 1;
const NUMBERS_SEEN_MAX: usize = 32;

/// Low bits of a number.
const NUMBER_WHOLE: u64 = 0;
const NUMBER_HUNDREDTHS: u64 = 1;
const NUMBER_SEEN: u64 = 2;
const NUMBER_OTHER: u64 = 3;
const NUMBER_TAG_BITS: u32 = 2;
/// The greatest number of units that leaves room for the low bits.
const UNITS_MAX: u64 = u64::MAX >> NUMBER_TAG_BITS;

/// What follows the other numbers.
const OTHER_EMPTY: u64 = 0;
const OTHER_TEXT: u64 = 1;
const OTHER_NEGATIVE_WHOLE: u64 = 2;
const OTHER_NEGATIVE_HUNDREDTHS: u64 = 3;
const OTHER_SCALE: u64 = 4;

/// First values of a date; what is greater is a distance to the date before.
const DATE_EMPTY: u64 = 0;
const DATE_TEXT: u64 = 1;
const DATE_FORM: u64 = 2;
const DATE_DISTANCE: u64 = 5;
const DATE_FORMS: [DateForm; 3] = [
    DateForm::DayMonthYearUpper,
    DateForm::DayMonthYearTitle,
    DateForm::YearMonthDay,
];

/// What writer and reader remember of the claim so far; both learn it from the same values in the same order.
struct Memory<'a> {
    texts: Vec<&'a str>,
    numbers: Vec<Decimal>,
    form: DateForm,
    day: i64,
}

impl<'a> Memory<'a> {
    fn new() -> Self {
        Self {
            texts: Vec::new(),
            numbers: Vec::new(),
            form: DateForm::DayMonthYearTitle,
            day: day_number(Date::constant(2015, 1, 1)),
        }
    }

    /// Makes room for all that a claim can give to remember, once.
    fn reserve(&mut self) {
        self.texts.reserve_exact(TEXTS_SEEN_MAX);
        self.numbers.reserve_exact(NUMBERS_SEEN_MAX);
    }

    fn learn_text(&mut self, text: &'a str) {
        if self.texts.len() < TEXTS_SEEN_MAX {
            self.texts.push(text);
        }
    }

    fn number_seen(&self, number: Decimal) -> Option<usize> {
        if is_one_byte(number) {
            return None;
        }
        self.numbers.iter().position(|seen| *seen == number)
    }

    fn learn_number(&mut self, number: Decimal) {
        if self.numbers.len() < NUMBERS_SEEN_MAX && !is_one_byte(number) {
            self.numbers.push(number);
        }
    }
}

/// Writes rows one after the other.
pub(super) struct RowWriter<'a> {
    bytes: Vec<u8>,
    memory: Memory<'a>,
    /// Where the run of values begins that the next value can join.
    open_values: Option<usize>,
    /// The texts that are packed, and where they will stand.
    packed: Option<(usize, Packed)>,
}

impl<'a> RowWriter<'a> {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            memory: Memory::new(),
            open_values: None,
            packed: None,
        }
    }

    /// From here on texts are packed where they can be; all of them will stand here, in front of the rows.
    pub(super) fn pack_texts(&mut self) {
        self.packed = Some((self.bytes.len(), Packed::default()));
        self.memory.reserve();
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        if let Some((at, packed)) = self.packed.take() {
            let packed = packed.into_bytes();
            let rows = self.bytes.split_off(at);
            self.count(packed.len());
            self.bytes.extend(packed);
            self.bytes.extend(rows);
        }
        self.bytes
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn count(&mut self, count: usize) {
        self.varint(count as u64);
    }

    /// A day outside of rows.
    pub(super) fn day(&mut self, day: Date) {
        let number = day_number(day);
        self.varint(zigzag(number - self.memory.day));
        self.memory.day = number;
    }

    pub(super) fn row(&mut self, row: &Row<'a>, previous: Option<&Row<'a>>) {
        self.open_values = None;
        let (columns, values) = (row.columns(), row.values());
        let before = previous.map(Row::values);
        let class_at = |position: usize| {
            let before = before.and_then(|before| before[position]);
            class(columns[position], values[position], before)
        };
        let (mut position, mut end) = (0, 0);
        let mut next = None;
        while position < values.len() {
            let run = next.unwrap_or_else(|| class_at(position));
            next = Some(run);
            while next == Some(run) {
                end += 1;
                next = (end < values.len()).then(|| class_at(end));
            }
            if run == Run::Same && end == values.len() {
                break;
            }
            let joins = self.open_values.is_some()
                && end - position == 1
                && costs_one_byte(values[position]);
            if run == Run::Values || joins {
                for at in position..end {
                    self.value(columns[at].kind(), values[at]);
                }
            } else {
                self.run(run, end - position);
            }
            position = end;
        }
        self.byte(END);
    }

    fn run(&mut self, run: Run, mut length: usize) {
        self.open_values = None;
        let (_, first, longest) = RUNS[run as usize];
        while length > 0 {
            let part = length.min(usize::from(longest));
            self.byte(first + (part as u8 - 1));
            length -= part;
        }
    }

    fn value(&mut self, kind: Kind, value: Option<Value<'a>>) {
        let (_, first, longest) = RUNS[Run::Values as usize];
        match self.open_values {
            Some(at) if self.bytes[at] < first + longest - 1 => self.bytes[at] += 1,
            _ => {
                self.open_values = Some(self.bytes.len());
                self.byte(first);
            }
        }
        match kind {
            Kind::Text | Kind::Char => self.text_or_other(value),
            Kind::Integer | Kind::Decimal => self.number(value),
            Kind::Date => self.date(value),
        }
    }

    /// Columns of text hold nothing else; should a caller have set another form, its text is what counts.
    fn text_or_other(&mut self, value: Option<Value<'a>>) {
        match value {
            None => self.byte(TEXT_EMPTY),
            Some(Value::Text(text)) => self.text(text),
            Some(other) => {
                // The reader will learn this text; its place is taken here by one that is never looked for.
                self.memory.learn_text("");
                self.raw_text(&other.to_string());
            }
        }
    }

    fn text(&mut self, text: &'a str) {
        if let Some(code) = short_text(text) {
            return self.byte(code);
        }
        if let Some(index) = self.memory.texts.iter().position(|seen| *seen == text) {
            return self.byte(TEXT_SEEN + index as u8);
        }
        self.memory.learn_text(text);
        if let Some((_, packed)) = &mut self.packed
            && (PACKED_LENGTH_MIN..=PACKED_LENGTH_MAX).contains(&text.len())
            && packed.add(text)
        {
            return self.byte(TEXT_PACKED + (text.len() - PACKED_LENGTH_MIN) as u8);
        }
        self.raw_text(text);
    }

    fn raw_text(&mut self, text: &str) {
        if text.len() <= usize::from(TEXT_PACKED - TEXT_LENGTH) {
            self.byte(TEXT_LENGTH + text.len() as u8 - 1);
        } else {
            self.byte(TEXT_LONG);
            self.count(text.len());
        }
        self.bytes.extend(text.as_bytes());
    }

    fn number(&mut self, value: Option<Value<'a>>) {
        let number = match value {
            Some(Value::Decimal(number)) => number,
            None => return self.varint(OTHER_EMPTY << NUMBER_TAG_BITS | NUMBER_OTHER),
            text_or_date => {
                self.varint(OTHER_TEXT << NUMBER_TAG_BITS | NUMBER_OTHER);
                return self.text_or_other(text_or_date);
            }
        };
        if let Some(index) = self.memory.number_seen(number) {
            return self.varint((index as u64) << NUMBER_TAG_BITS | NUMBER_SEEN);
        }
        self.memory.learn_number(number);
        let units = number.units.unsigned_abs();
        let other = |code: u64| code << NUMBER_TAG_BITS | NUMBER_OTHER;
        match (number.units < 0, number.scale) {
            (false, 0) if units <= UNITS_MAX => {
                self.varint(units << NUMBER_TAG_BITS | NUMBER_WHOLE);
            }
            (false, 2) if units <= UNITS_MAX => {
                self.varint(units << NUMBER_TAG_BITS | NUMBER_HUNDREDTHS);
            }
            (true, 0) => {
                self.varint(other(OTHER_NEGATIVE_WHOLE));
                self.varint(units);
            }
            (true, 2) => {
                self.varint(other(OTHER_NEGATIVE_HUNDREDTHS));
                self.varint(units);
            }
            (_, scale) => {
                self.varint(other(OTHER_SCALE));
                self.byte(scale);
                self.varint(zigzag(number.units));
            }
        }
    }

    fn date(&mut self, value: Option<Value<'a>>) {
        let (date, form) = match value {
            Some(Value::Date(date, form)) => (date, form),
            None => return self.varint(DATE_EMPTY),
            text_or_number => {
                self.varint(DATE_TEXT);
                return self.text_or_other(text_or_number);
            }
        };
        if form != self.memory.form {
            self.memory.form = form;
            self.varint(DATE_FORM + form as u64);
        }
        let number = day_number(date);
        self.varint(DATE_DISTANCE + zigzag(number - self.memory.day));
        self.memory.day = number;
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }
}

/// How a value compares with the row before.
fn class(column: Column, value: Option<Value<'_>>, before: Option<Value<'_>>) -> Run {
    let Some(value) = value else {
        return before.map_or(Run::Same, |_| Run::Empty);
    };
    if before == Some(value) {
        return Run::Same;
    }
    match value {
        // What the form in front of the rows says already is not repeated in them.
        Value::Text(action) if column == Column::DML_IND && super::ACTIONS.contains(&action) => {
            Run::Same
        }
        Value::Text(" ") => Run::Space,
        _ if Some(value) == zero(column.kind()) => Run::Zero,
        _ => Run::Values,
    }
}

fn zero(kind: Kind) -> Option<Value<'static>> {
    match kind {
        Kind::Text | Kind::Char => Some(Value::Text("0")),
        Kind::Integer | Kind::Decimal => Some(Value::Decimal(Decimal::ZERO)),
        Kind::Date => None,
    }
}

/// Whether joining a run of values is as short as a run of its own, and saves beginning the next run of values.
fn costs_one_byte(value: Option<Value<'_>>) -> bool {
    match value {
        None => true,
        Some(Value::Text(text)) => short_text(text).is_some(),
        Some(Value::Decimal(number)) => is_one_byte(number),
        Some(Value::Date(..)) => false,
    }
}

fn is_one_byte(number: Decimal) -> bool {
    (0..32).contains(&number.units) && matches!(number.scale, 0 | 2)
}

/// The one byte that stands for a text, if there is one.
fn short_text(text: &str) -> Option<u8> {
    match *text.as_bytes() {
        [] => Some(TEXT_EMPTY),
        [b' '] => Some(TEXT_ONE),
        [digit @ b'0'..=b'9'] => Some(TEXT_ONE + 1 + (digit - b'0')),
        [letter @ b'A'..=b'Z'] => Some(TEXT_ONE + 11 + (letter - b'A')),
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(TEXT_TWO_DIGITS + (tens - b'0') * 10 + (ones - b'0'))
        }
        _ => None,
    }
}

/// Reads rows one after the other.
pub(super) struct RowReader<'a> {
    bytes: &'a [u8],
    memory: Memory<'a>,
    /// The packed texts that no row has taken yet.
    texts: &'a str,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            memory: Memory::new(),
            texts: "",
        }
    }

    /// The packed texts.
    pub(super) fn packed(&mut self) -> Result<&'a [u8], FormatError> {
        let length = self.count(self.bytes.len() as u64)?;
        self.take(length)
    }

    /// Takes the packed texts and makes room for all that rows can give to remember, before the first is read.
    pub(super) fn expect_rows(&mut self, texts: &'a str) {
        self.texts = texts;
        self.memory.reserve();
    }

    /// Nothing may follow the last row, and no packed text may be left, but for half a byte.
    pub(super) fn end(self) -> Result<(), FormatError> {
        if self.bytes.is_empty() && self.texts.len() <= 1 {
            Ok(())
        } else {
            Err(FormatError::Damaged)
        }
    }

    pub(super) fn byte(&mut self) -> Result<u8, FormatError> {
        let (byte, rest) = self.bytes.split_first().ok_or(FormatError::Damaged)?;
        self.bytes = rest;
        Ok(*byte)
    }

    pub(super) fn count(&mut self, max: u64) -> Result<usize, FormatError> {
        match self.varint()? {
            count if count <= max => Ok(count as usize),
            _ => Err(FormatError::Damaged),
        }
    }

    /// A day outside of rows.
    pub(super) fn day(&mut self) -> Result<Date, FormatError> {
        let distance = self.varint()?;
        self.day_at(distance)
    }

    /// Changes a row, which holds the values of the row before, to the next one.
    pub(super) fn row(&mut self, row: &mut Row<'a>) -> Result<(), FormatError> {
        let columns = row.columns();
        let mut position = 0;
        loop {
            let Some((run, length)) = run_of(self.byte()?) else {
                return Ok(());
            };
            let end = position + length;
            let run_columns = columns.get(position..end).ok_or(FormatError::Damaged)?;
            for (at, column) in (position..end).zip(run_columns) {
                let value = match run {
                    Run::Same => break,
                    Run::Values => self.value(column.kind())?,
                    Run::Space => Some(Value::Text(" ")),
                    Run::Zero => zero(column.kind()),
                    Run::Empty => None,
                };
                row.set_at(at, value);
            }
            position = end;
        }
    }

    fn value(&mut self, kind: Kind) -> Result<Option<Value<'a>>, FormatError> {
        match kind {
            Kind::Text | Kind::Char => self.text(),
            Kind::Integer | Kind::Decimal => self.number(),
            Kind::Date => self.date(),
        }
    }

    fn text(&mut self) -> Result<Option<Value<'a>>, FormatError> {
        let first = self.byte()?;
        let text = match first {
            TEXT_EMPTY => return Ok(None),
            TEXT_LENGTH..TEXT_PACKED => {
                let length = usize::from(first - TEXT_LENGTH) + 1;
                self.raw_text(length)?
            }
            TEXT_PACKED..TEXT_LONG => {
                self.packed_text(usize::from(first - TEXT_PACKED) + PACKED_LENGTH_MIN)?
            }
            TEXT_LONG => {
                let length = self.count(self.bytes.len() as u64)?;
                self.raw_text(length)?
            }
            TEXT_ONE..TEXT_TWO_DIGITS => {
                let at = usize::from(first - TEXT_ONE);
                &ONE[at..=at]
            }
            TEXT_TWO_DIGITS..TEXT_SEEN => {
                let at = usize::from(first - TEXT_TWO_DIGITS) * 2;
                &TWO_DIGITS[at..at + 2]
            }
            TEXT_SEEN.. => {
                let index = usize::from(first - TEXT_SEEN);
                self.memory.texts.get(index).ok_or(FormatError::Damaged)?
            }
        };
        Ok(Some(Value::Text(text)))
    }

    fn raw_text(&mut self, length: usize) -> Result<&'a str, FormatError> {
        let text = str::from_utf8(self.take(length)?).map_err(|_| FormatError::Damaged)?;
        self.memory.learn_text(text);
        Ok(text)
    }

    fn packed_text(&mut self, length: usize) -> Result<&'a str, FormatError> {
        let split = self.texts.split_at_checked(length);
        let (text, rest) = split.ok_or(FormatError::Damaged)?;
        self.texts = rest;
        self.memory.learn_text(text);
        Ok(text)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let split = self.bytes.split_at_checked(length);
        let (taken, rest) = split.ok_or(FormatError::Damaged)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<Option<Value<'a>>, FormatError> {
        let first = self.varint()?;
        let rest = first >> NUMBER_TAG_BITS;
        let number = match first & ((1 << NUMBER_TAG_BITS) - 1) {
            NUMBER_WHOLE => decimal(rest as i64, 0),
            NUMBER_HUNDREDTHS => decimal(rest as i64, 2),
            NUMBER_SEEN => {
                let seen = self.memory.numbers.get(rest as usize);
                return seen
                    .map(|number| Some(Value::Decimal(*number)))
                    .ok_or(FormatError::Damaged);
            }
            _ => match rest {
                OTHER_EMPTY => return Ok(None),
                OTHER_TEXT => return self.text(),
                OTHER_NEGATIVE_WHOLE => decimal(negative(self.varint()?)?, 0),
                OTHER_NEGATIVE_HUNDREDTHS => decimal(negative(self.varint()?)?, 2),
                OTHER_SCALE => {
                    let scale = self.byte()?;
                    if usize::from(scale) > crate::rif::value::DECIMAL_DIGITS_MAX {
                        return Err(FormatError::Damaged);
                    }
                    decimal(unzigzag(self.varint()?), scale)
                }
                _ => return Err(FormatError::Damaged),
            },
        };
        self.memory.learn_number(number);
        Ok(Some(Value::Decimal(number)))
    }

    fn date(&mut self) -> Result<Option<Value<'a>>, FormatError> {
        let mut first = self.varint()?;
        match first {
            DATE_EMPTY => return Ok(None),
            DATE_TEXT => return self.text(),
            DATE_FORM..DATE_DISTANCE => {
                self.memory.form = DATE_FORMS[(first - DATE_FORM) as usize];
                first = self.varint()?;
            }
            _ => {}
        }
        let distance = first
            .checked_sub(DATE_DISTANCE)
            .ok_or(FormatError::Damaged)?;
        let date = self.day_at(distance)?;
        Ok(Some(Value::Date(date, self.memory.form)))
    }

    fn day_at(&mut self, distance: u64) -> Result<Date, FormatError> {
        let number = self
            .memory
            .day
            .checked_add(unzigzag(distance))
            .ok_or(FormatError::Damaged)?;
        self.memory.day = number;
        day_of(number).ok_or(FormatError::Damaged)
    }

    fn varint(&mut self) -> Result<u64, FormatError> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return Err(FormatError::Damaged);
            }
            number |= part << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(FormatError::Damaged)
    }
}

/// The run that a byte begins and its length; none where the byte closes the row.
fn run_of(byte: u8) -> Option<(Run, usize)> {
    let (run, first, _) = *RUNS.iter().rev().find(|(_, first, _)| byte >= *first)?;
    Some((run, usize::from(byte - first) + 1))
}

const fn decimal(units: i64, scale: u8) -> Decimal {
    Decimal { units, scale }
}

fn negative(magnitude: u64) -> Result<i64, FormatError> {
    0_i64
        .checked_sub_unsigned(magnitude)
        .ok_or(FormatError::Damaged)
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Months of 31 days: as close as true days within a month, and cheaper to take apart again.
fn day_number(date: Date) -> i64 {
    let month = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
    month * 31 + i64::from(date.day()) - 1
}

fn day_of(number: i64) -> Option<Date> {
    let (month, day) = (number.div_euclid(31), number.rem_euclid(31));
    let year = i16::try_from(month.div_euclid(12)).ok()?;
    Date::new(year, month.rem_euclid(12) as i8 + 1, day as i8 + 1).ok()
}
