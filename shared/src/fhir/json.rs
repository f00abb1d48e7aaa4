//! An append-only JSON writer: bytes go out in the order of the calls, no tree is built.
//!
//! FHIR forbids empty arrays and objects, so the members that may turn out empty take themselves back.
//! Decimals are written as the text they were read from (`888.00` stays `888.00`), as FHIR asks:
//! the precision of a decimal is part of its value (<https://hl7.org/fhir/R4/datatypes.html#decimal>).

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::rif::Decimal;

/// Writes one JSON document into a byte vector.
///
/// The caller answers for the grammar (a key before each value of an object); the writer answers for commas and
/// escaping.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty document.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty document with room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// The document so far.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes the document has so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes back everything written since the document had that many bytes.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// An object as a value, its members written by `members`.
    #[inline]
    pub fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.begin_object();
        members(self);
        self.end_object();
    }

    /// An array as a value, its elements written by `elements`.
    #[inline]
    pub fn array(&mut self, elements: impl FnOnce(&mut Self)) {
        self.begin_array();
        elements(self);
        self.end_array();
    }

    /// The member `key` with an object, left out when `members` writes none.
    #[inline]
    pub fn object_unless_empty(&mut self, key: &str, members: impl FnOnce(&mut Self)) {
        self.unless_empty(key, b'{', b'}', members);
    }

    /// The member `key` with an array, left out when `elements` writes none.
    #[inline]
    pub fn array_unless_empty(&mut self, key: &str, elements: impl FnOnce(&mut Self)) {
        self.unless_empty(key, b'[', b']', elements);
    }

    /// Opens an object as a value.
    pub fn begin_object(&mut self) {
        self.separate();
        self.bytes.push(b'{');
    }

    /// Closes the innermost object.
    pub fn end_object(&mut self) {
        self.bytes.push(b'}');
    }

    /// Opens an array as a value.
    pub fn begin_array(&mut self) {
        self.separate();
        self.bytes.push(b'[');
    }

    /// Closes the innermost array.
    pub fn end_array(&mut self) {
        self.bytes.push(b']');
    }

    /// The name of a member; keys are the specification's own names, which need no escaping.
    #[inline(always)] // A constant that is known where it is written is copied in a few moves.
    pub fn key(&mut self, key: &str) {
        self.separate();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    /// A string value, escaped.
    pub fn string(&mut self, text: &str) {
        self.separate();
        self.bytes.push(b'"');
        self.escaped(text);
        self.bytes.push(b'"');
    }

    /// A string value made of several parts.
    pub fn string_of(&mut self, parts: &[&str]) {
        self.separate();
        self.bytes.push(b'"');
        for part in parts {
            self.escaped(part);
        }
        self.bytes.push(b'"');
    }

    /// The member `key` with a string.
    pub fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    /// The member `key` with a string of the specification's own, such as a URL, which needs no escaping.
    pub fn plain(&mut self, key: &str, text: &str) {
        self.key(key);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(b'"');
    }

    /// JSON as it stands: a value, or members of the open object. It may leave a string open, which `escaped` carries
    /// on.
    #[inline(always)]
    pub fn raw(&mut self, json: &str) {
        self.separate();
        self.append(json);
    }

    /// JSON as it stands that follows without a comma: what ends something, or begins with the comma.
    #[inline(always)]
    pub fn append(&mut self, json: &str) {
        self.bytes.extend_from_slice(json.as_bytes());
    }

    /// JSON as it stands, in parts that follow each other without a comma: what is constant goes out in whole runs.
    pub fn raw_of(&mut self, parts: &[&str]) {
        self.separate();
        for part in parts {
            self.bytes.extend_from_slice(part.as_bytes());
        }
    }

    /// What another writer wrote: a value, or several with their commas.
    pub fn all_of(&mut self, other: &Writer) {
        self.separate();
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// A number with the scale it was read with.
    pub fn number(&mut self, decimal: Decimal) {
        self.separate();
        decimal.with_ascii(|text| self.bytes.extend_from_slice(text));
    }

    /// A FHIR date.
    pub fn date(&mut self, date: Date) {
        self.separate();
        let [y1, y2, y3, y4, m1, m2, d1, d2] = digits_of(date);
        let day = [b'"', y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'"'];
        self.bytes.extend_from_slice(&day);
    }

    /// Midnight UTC of a day as a FHIR dateTime, in the form in which CMS writes it.
    pub fn date_time(&mut self, date: Date) {
        self.date(date);
        self.bytes.pop();
        self.append("T00:00:00+00:00\"");
    }

    /// A FHIR instant, to the millisecond.
    pub fn instant(&mut self, instant: Timestamp) {
        let moment = Offset::UTC.to_datetime(instant);
        self.date(moment.date());
        self.bytes.pop();
        let [h1, h2] = two_digits(moment.hour());
        let [m1, m2] = two_digits(moment.minute());
        let [s1, s2] = two_digits(moment.second());
        let time = [b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'.'];
        self.bytes.extend_from_slice(&time);
        let milliseconds = moment.millisecond().unsigned_abs();
        let [tenths, rest] = [milliseconds / 100, milliseconds % 100];
        let [hundredths, thousandths] = two_digits(rest as i8);
        self.bytes
            .extend_from_slice(&[b'0' + tenths as u8, hundredths, thousandths]);
        self.append("+00:00\"");
    }

    /// A whole number: sequences, totals.
    pub fn unsigned(&mut self, number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.separate();
        self.bytes.extend_from_slice(&digits[at..]);
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, boolean: bool) {
        self.raw(if boolean { "true" } else { "false" });
    }

    #[inline]
    fn unless_empty(&mut self, key: &str, open: u8, close: u8, content: impl FnOnce(&mut Self)) {
        let before = self.bytes.len();
        self.key(key);
        self.bytes.push(open);
        let opened = self.bytes.len();
        content(self);
        if self.bytes.len() == opened {
            self.bytes.truncate(before);
        } else {
            self.bytes.push(close);
        }
    }

    /// A comma, unless this is the first thing in its object or array or follows a key.
    ///
    /// The last byte tells: strings end with a quotation mark, so these four can only be structure.
    #[inline]
    fn separate(&mut self) {
        if !matches!(self.bytes.last(), None | Some(b'{' | b'[' | b':' | b',')) {
            self.bytes.push(b',');
        }
    }

    /// Text within a string that is open, with the escapes of RFC 8259 section 7; runs of plain bytes are copied at
    /// once.
    pub fn escaped(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(at) = first_to_escape(rest) {
            self.bytes.extend_from_slice(&rest[..at]);
            self.escape(rest[at]);
            rest = &rest[at + 1..];
        }
        self.bytes.extend_from_slice(rest);
    }

    fn escape(&mut self, byte: u8) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        match byte {
            b'\n' => self.bytes.extend_from_slice(b"\\n"),
            b'\r' => self.bytes.extend_from_slice(b"\\r"),
            b'\t' => self.bytes.extend_from_slice(b"\\t"),
            b'"' | b'\\' => self.bytes.extend_from_slice(&[b'\\', byte]),
            _ => {
                self.bytes.extend_from_slice(b"\\u00");
                self.bytes.push(HEX[usize::from(byte >> 4)]);
                self.bytes.push(HEX[usize::from(byte & 0xf)]);
            }
        }
    }
}

/// Year, month and day.
fn digits_of(date: Date) -> [u8; 8] {
    let year = date.year().unsigned_abs();
    let [y1, y2] = two_digits((year / 100) as i8);
    let [y3, y4] = two_digits((year % 100) as i8);
    let [m1, m2] = two_digits(date.month());
    let [d1, d2] = two_digits(date.day());
    [y1, y2, y3, y4, m1, m2, d1, d2]
}

/// The digits of a number from 0 to 99.
fn two_digits(number: i8) -> [u8; 2] {
    let number = number.unsigned_abs();
    [b'0' + number / 10, b'0' + number % 10]
}

/// Where the first byte stands that needs an escape. Nearly all texts have none, so that eight bytes are looked at
/// together first.
fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    let plain = words
        .iter()
        .take_while(|word| !may_need_escape(u64::from_le_bytes(**word)));
    let start = plain.count() * 8;
    let rest = &bytes[start..];
    let at = rest
        .iter()
        .position(|byte| NEEDS_ESCAPE[usize::from(*byte)])?;
    Some(start + at)
}

/// Whether one of eight bytes may need an escape. Bytes beyond ASCII may be taken for one that does, never the reverse.
const fn may_need_escape(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;
    // Borrowing from the high bit tells which bytes are below a bound; equal bytes become zero, which is below one.
    let control = word.wrapping_sub(ONES * 0x20);
    let quotation_mark = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (control | quotation_mark | backslash) & HIGH_BITS != 0
}

/// The bytes that RFC 8259 does not allow as they are.
static NEEDS_ESCAPE: [bool; 256] = {
    let mut needs_escape = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        needs_escape[control] = true;
        control += 1;
    }
    needs_escape[b'"' as usize] = true;
    needs_escape[b'\\' as usize] = true;
    needs_escape
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_what_needs_an_escape_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut bytes = [b'x'; 20];
                bytes[at] = byte;
                let expected = NEEDS_ESCAPE[usize::from(byte)].then_some(at);
                assert_eq!(first_to_escape(&bytes), expected, "{byte} at {at}");
            }
        }
    }

    fn check(write: impl FnOnce(&mut Writer), expected: &str) {
        let mut w = Writer::new();
        write(&mut w);
        assert_eq!(String::from_utf8(w.into_bytes()).unwrap(), expected);
    }

    #[test]
    fn puts_commas_between_members_and_elements_only() {
        check(
            |w| {
                w.object(|w| {
                    w.text("a", "x");
                    w.key("b");
                    w.array(|w| {
                        w.unsigned(1);
                        w.boolean(true);
                        w.object(|_| ());
                        w.array(|_| ());
                        w.raw("null");
                    });
                    w.text("c", "ends with [");
                    w.text("d", "");
                });
            },
            r#"{"a":"x","b":[1,true,{},[],null],"c":"ends with [","d":""}"#,
        );
    }

    #[test]
    fn leaves_out_members_without_content() {
        check(
            |w| {
                w.object(|w| {
                    w.array_unless_empty("none", |_| ());
                    w.array_unless_empty("some", |w| w.unsigned(1));
                    w.object_unless_empty("outer", |w| w.object_unless_empty("inner", |_| ()));
                });
            },
            r#"{"some":[1]}"#,
        );
    }

    #[test]
    fn keeps_the_scale_of_a_number() {
        let cases = [
            (88800, 2, "888.00"),
            (-5, 2, "-0.05"),
            (7, 0, "7"),
            (0, 1, "0.0"),
            (0, 0, "0"),
            (i64::MIN, 0, "-9223372036854775808"),
            (i64::MAX, 18, "9.223372036854775807"),
        ];
        for (units, scale, expected) in cases {
            check(|w| w.number(Decimal { units, scale }), expected);
        }
    }

    #[test]
    fn writes_days_and_instants_as_fhir_does() {
        let day = jiff::civil::date(1999, 1, 7);
        let instant = Timestamp::from_millisecond(1_500).unwrap();
        check(
            |w| {
                w.array(|w| {
                    w.date(day);
                    w.date_time(day);
                    w.instant(instant);
                });
            },
            r#"["1999-01-07","1999-01-07T00:00:00+00:00","1970-01-01T00:00:01.500+00:00"]"#,
        );
    }

    proptest! {
        #[test]
        fn any_string_reads_back_as_it_was_written(text in any::<String>()) {
            let mut w = Writer::new();
            w.string(&text);
            let read: String = serde_json::from_slice(&w.into_bytes()).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
