//! Texts of digits, two characters to a byte.
//!
//! The high half of a byte is the first character. Identifiers and codes are digits for the most part, so that sixteen
//! characters reach far: a dump of the bytes still shows the digits.

/// What half a byte stands for: digits, the sign of synthetic people's numbers, and the letters with which the
/// commonest diagnoses begin.
const CHARACTERS: &[u8; 16] = b"0123456789-DEINZ";

/// No half of a byte stands for this character.
const NONE: u8 = u8::MAX;

/// The half of a byte that stands for each character.
static HALVES: [u8; 256] = {
    let mut halves = [NONE; 256];
    let mut half = 0;
    while half < CHARACTERS.len() {
        halves[CHARACTERS[half] as usize] = half as u8;
        half += 1;
    }
    halves
};

/// The two characters of each byte.
static PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [CHARACTERS[byte >> 4], CHARACTERS[byte & 0xf]];
        byte += 1;
    }
    pairs
};

/// Texts on their way into bytes, one half after the other.
#[derive(Default)]
pub(super) struct Packed {
    halves: Vec<u8>,
}

impl Packed {
    /// Adds a text, unless it has characters for which there is no half.
    pub(super) fn add(&mut self, text: &str) -> bool {
        let halves = text.bytes().map(|byte| HALVES[usize::from(byte)]);
        let is_packable = halves.clone().all(|half| half != NONE);
        if is_packable {
            self.halves.extend(halves);
        }
        is_packable
    }

    /// The bytes of all texts; the last half may stay unused.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let pairs = self.halves.chunks(2);
        pairs
            .map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or_default())
            .collect()
    }
}

/// The texts in packed bytes, one after the other.
pub(super) fn unpack(packed: &[u8]) -> String {
    let mut characters = Vec::with_capacity(packed.len() * 2);
    for byte in packed {
        characters.extend_from_slice(&PAIRS[usize::from(*byte)]);
    }
    String::from_utf8(characters).expect("all of the characters are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_characters_stand_in_a_byte_and_come_back() {
        let mut packed = Packed::default();
        for (text, is_packable) in [
            ("8888819926", true),
            ("-100000438", true),
            ("E1122", true),
            ("J329", false),
            ("e1122", false),
            ("1 2", false),
        ] {
            assert_eq!(packed.add(text), is_packable, "{text}");
        }
        let bytes = packed.into_bytes();
        assert_eq!(bytes[..5], [0x88, 0x88, 0x81, 0x99, 0x26]);
        // The half that is left over reads as a digit.
        assert_eq!(unpack(&bytes), "8888819926-100000438E11220");
    }
}
