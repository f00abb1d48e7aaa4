//! What a read costs by DynamoDB's rules, computed from the sizes of items: emulators count differently.

use std::fmt;

/// A read is charged in steps of this many bytes.
pub const READ_UNIT_BYTES: usize = 4096;

/// A Query answers at most so many bytes at a time; each answer is charged by itself.
pub const QUERY_PAGE_BYTES_MAX: usize = 1_048_576;

/// Half read units, because an eventually consistent read of one step costs one half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadUnits {
    halves: u64,
}

/// The value of an attribute, as far as its size goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeSize<'a> {
    /// A string counts its UTF-8 bytes.
    Text(&'a str),
    /// A binary counts its bytes.
    Binary(usize),
    /// A number counts about one byte for two significant digits, and one more.
    Number(&'a str),
}

/// The size of an item: names and values of its attributes, the keys among them.
#[must_use]
pub fn item_bytes(attributes: &[(&str, AttributeSize<'_>)]) -> usize {
    attributes
        .iter()
        .map(|(name, value)| name.len() + value_bytes(*value))
        .sum()
}

fn value_bytes(value: AttributeSize<'_>) -> usize {
    match value {
        AttributeSize::Text(text) => text.len(),
        AttributeSize::Binary(length) => length,
        AttributeSize::Number(number) => {
            let digits = number.bytes().filter(u8::is_ascii_digit).count();
            let sign = usize::from(number.starts_with('-'));
            digits.div_ceil(2) + 1 + sign
        }
    }
}

/// What one Query over items of these sizes costs, read eventually consistent.
///
/// The sizes of an answer are added up, rounded up to the next 4 KB, and halved.
#[must_use]
pub fn query(item_sizes: impl IntoIterator<Item = usize>) -> ReadUnits {
    let mut halves = 0;
    let mut page_bytes = 0;
    for size in item_sizes {
        page_bytes += size;
        // The item that passes the limit is still part of the page.
        if page_bytes >= QUERY_PAGE_BYTES_MAX {
            halves += page_bytes.div_ceil(READ_UNIT_BYTES);
            page_bytes = 0;
        }
    }
    halves += page_bytes.div_ceil(READ_UNIT_BYTES);
    ReadUnits {
        halves: halves as u64,
    }
}

impl ReadUnits {
    /// The cost in halves of a unit.
    #[must_use]
    pub const fn halves(self) -> u64 {
        self.halves
    }
}

/// `13.5`
impl fmt::Display for ReadUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let half = if self.halves.is_multiple_of(2) {
            ""
        } else {
            ".5"
        };
        write!(f, "{}{half}", self.halves / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_names_and_values() {
        let attributes = [
            ("pk", AttributeSize::Text("-20140000000001")),
            ("d", AttributeSize::Binary(300)),
            ("fmt", AttributeSize::Number("1")),
        ];
        assert_eq!(item_bytes(&attributes), 2 + 15 + 1 + 300 + 3 + 2);
    }

    #[test]
    fn rounds_the_sum_and_not_each_item() {
        for (count, size, expected) in [
            (0, 300, "0"),
            (1, 1, "0.5"),
            (1, 4096, "0.5"),
            (1, 4097, "1"),
            (40, 306, "1.5"),
            (400, 268, "13.5"),
            (4_000, 268, "131.5"),
            (2, 600_000, "146.5"),
        ] {
            let units = query(std::iter::repeat_n(size, count));
            assert_eq!(units.to_string(), expected, "{count} items of {size}");
        }
    }
}
