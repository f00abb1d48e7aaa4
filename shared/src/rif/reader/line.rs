//! Lines of bounded length, and their fields.

use std::borrow::Cow;
use std::io::{self, BufRead};

use super::super::{Column, Rejection};
use super::{Header, LINE_BYTES_MAX};

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// There was none.
    EndOfFile,
    /// It was read whole.
    Whole,
    /// It was longer than allowed; what stood behind the limit was skipped.
    TooLong,
}

/// Reads the next line without its line break.
pub(super) fn read(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<LineEnd> {
    line.clear();
    let mut has_bytes = false;
    let mut end = LineEnd::Whole;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            break;
        }
        has_bytes = true;
        let newline = memchr::memchr(b'\n', available);
        let part = &available[..newline.unwrap_or(available.len())];
        let room = LINE_BYTES_MAX - line.len();
        if part.len() > room {
            end = LineEnd::TooLong;
        }
        line.extend(&part[..part.len().min(room)]);
        let consumed = newline.map_or(available.len(), |at| at + 1);
        input.consume(consumed);
        if newline.is_some() {
            break;
        }
    }
    if !has_bytes {
        return Ok(LineEnd::EndOfFile);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(end)
}

/// A row as it stands in the file, split into fields.
#[derive(Default)]
pub(super) struct RawRow {
    pub(super) line: u64,
    /// Why the row as such cannot be taken over.
    pub(super) fault: Option<Rejection>,
    text: String,
    fields: Vec<Field>,
}

/// Where a field begins and ends in the text of its row.
pub(super) type Field = (u32, u32);

impl RawRow {
    /// The memory of the row, to read the next one into.
    pub(super) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text).into_bytes()
    }

    /// The text of a field, if the row has so many.
    pub(super) fn field(&self, index: usize) -> Option<&str> {
        let (start, end) = *self.fields.get(index)?;
        if start == end {
            return Some("");
        }
        self.text.get(start as usize..end as usize)
    }

    /// The first fields and the text that they cover.
    pub(super) fn prefix(&self, fields: usize) -> Option<(&[Field], &str)> {
        let prefix = self.fields.get(..fields)?;
        let (_, end) = *prefix.last()?;
        Some((prefix, self.text.get(..end as usize)?))
    }

    /// Takes over a line and looks whether it is a row of such a file.
    pub(super) fn fill(&mut self, bytes: Vec<u8>, end: LineEnd, line: u64, header: &Header) {
        self.line = line;
        self.fault = None;
        self.text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if end == LineEnd::TooLong && error.utf8_error().error_len().is_none() => {
                lossy(error.into_bytes())
            }
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = lossy(error.into_bytes());
                let column = header.column_at(text.as_bytes(), at);
                self.reject(column, "expected text in UTF-8".into());
                text
            }
        };
        if let Err(expected) = self.split() {
            self.reject(None, expected.into());
        }
        if end == LineEnd::TooLong {
            let reason = format!("expected a line of at most {LINE_BYTES_MAX} bytes");
            self.reject(None, reason.into());
        }
        if let Some(at) = control_character(self.text.as_bytes()) {
            let column = header.column_at(self.text.as_bytes(), at);
            self.reject(column, "expected text without control characters".into());
        }
        self.check_number_of_fields(header.field_count);
    }

    /// Rows of most kinds end with one delimiter more than the header has. What stands behind it has no name and is
    /// left out, as CMS's own reader does.
    fn check_number_of_fields(&mut self, expected: usize) {
        if self.fields.len() == expected + 1 {
            self.fields.pop();
        }
        let found = self.fields.len();
        if found == expected {
            return;
        }
        let reason = format!("expected {expected} fields, found {found}");
        self.reject(None, reason.into());
        if found < expected {
            // The last field may be cut off, so that it must not be taken for an id.
            self.fields.pop();
        }
    }

    /// The first fault is the one that is told.
    pub(super) fn reject(&mut self, column: Option<Column>, reason: Cow<'static, str>) {
        self.fault.get_or_insert_with(|| Rejection {
            line: self.line,
            column: column.map(Column::name),
            reason,
        });
    }

    fn split(&mut self) -> Result<(), &'static str> {
        self.fields.clear();
        if memchr::memchr2(b'"', b'\\', self.text.as_bytes()).is_some() {
            let (text, fields) = (&mut self.text, &mut self.fields);
            return split_quoted(text, fields);
        }
        let mut start = 0;
        // Fields are two or three bytes long, too short for a search to pay.
        for (end, byte) in (0..).zip(self.text.bytes()) {
            if byte == b'|' {
                self.fields.push((start, end));
                start = end + 1;
            }
        }
        self.fields.push((start, self.text.len() as u32));
        Ok(())
    }
}

/// Where the first control character stands. All bytes are looked at without a branch, because there is hardly ever
/// one.
fn control_character(text: &[u8]) -> Option<usize> {
    let has_one = text
        .iter()
        .fold(false, |found, byte| found | byte.is_ascii_control());
    if !has_one {
        return None;
    }
    text.iter().position(u8::is_ascii_control)
}

/// Bytes that are not UTF-8 replaced, of which nothing but the claim id is looked at any more.
fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Splits a row with quoted fields, in which the delimiter is text and a doubled quote is a quote (the CSV convention
/// of Excel), or with backslashes: one before a delimiter is dropped and escapes nothing, as CMS's own reader has it.
fn split_quoted(text: &mut String, fields: &mut Vec<Field>) -> Result<(), &'static str> {
    let raw = text.replace("\\|", "|");
    text.clear();
    let mut rest = raw.as_str();
    let mut fault = Ok(());
    loop {
        let start = text.len() as u32;
        let quoted = rest.strip_prefix('"');
        if let Some(quoted) = quoted {
            rest = unquote(quoted, text).unwrap_or_else(|| {
                fault = Err("expected the closing quote of a quoted field");
                ""
            });
        }
        let end = memchr::memchr(b'|', rest.as_bytes()).unwrap_or(rest.len());
        if quoted.is_some() && end > 0 {
            fault = Err("expected the field to end with its closing quote");
        }
        text.push_str(&rest[..end]);
        fields.push((start, text.len() as u32));
        match rest.get(end + 1..) {
            Some(following) => rest = following,
            None => return fault,
        }
    }
}

/// Appends what stands within quotes and returns what follows them; `None` where they are not closed.
fn unquote<'a>(mut quoted: &'a str, text: &mut String) -> Option<&'a str> {
    loop {
        let (part, rest) = quoted.split_once('"')?;
        text.push_str(part);
        match rest.strip_prefix('"') {
            Some(following) => {
                text.push('"');
                quoted = following;
            }
            None => return Some(rest),
        }
    }
}
