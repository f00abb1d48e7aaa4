//! Medicare numbers as an identity provider hands them over.

use super::MedicareNumberHasher;
use crate::secret::Secret;

/// A Medicare number in the spelling that is hashed: no white space around it, no dashes, upper case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MedicareNumber(Secret);

impl MedicareNumber {
    /// A Medicare Beneficiary Identifier, as printed on the card (`1SG4-TE5-MK73`) or without dashes.
    ///
    /// The format is CMS's ("Understanding the Medicare Beneficiary Identifier (MBI) Format"): eleven characters,
    /// letters without those that look like digits. The second letter of synthetic people is an S.
    #[must_use]
    pub fn mbi(text: &str) -> Option<Self> {
        const FORMAT: [fn(u8) -> bool; 11] = [
            |first| matches!(first, b'1'..=b'9'),
            |second| is_letter(second) || second == b'S',
            is_letter_or_digit,
            is_digit,
            is_letter,
            is_letter_or_digit,
            is_digit,
            is_letter,
            is_letter,
            is_digit,
            is_digit,
        ];
        let number = normal(text);
        let fits = number.len() == FORMAT.len()
            && number
                .bytes()
                .zip(FORMAT)
                .all(|(byte, allows)| allows(byte));
        fits.then(|| Self(Secret::new(number)))
    }

    /// A Health Insurance Claim Number, which the MBI replaced: a Social Security or Railroad Board number with letters
    /// before or after it. There is no format that all of them have, so only what none has is refused.
    #[must_use]
    pub fn hicn(text: &str) -> Option<Self> {
        const CHARS: std::ops::RangeInclusive<usize> = 7..=12;
        let number = normal(text);
        let fits = CHARS.contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(Secret::new(number)))
    }

    /// What the identity table knows it by.
    #[must_use]
    pub fn hash(&self, hasher: &MedicareNumberHasher) -> String {
        hasher.hash(self.0.expose())
    }
}

fn normal(text: &str) -> String {
    text.trim().replace('-', "").to_ascii_uppercase()
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_uppercase() && !b"SLOIBZ".contains(&byte)
}

fn is_letter_or_digit(byte: u8) -> bool {
    is_letter(byte) || is_digit(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_hashes_to_what_cms_published_however_it_is_written() {
        let hasher = MedicareNumberHasher::new("nottherealpepper", 2.try_into().expect("not zero"));
        for spelling in ["1000044680", " 100-004-4680 "] {
            let hash = MedicareNumber::hicn(spelling).map(|number| number.hash(&hasher));
            let published = "2025fbc612a884853f0c245e686780bf748e5652360ecd7430575491f4e018c5";
            assert_eq!(hash.as_deref(), Some(published), "{spelling}");
        }
    }

    #[test]
    fn reads_numbers_in_every_spelling_and_nothing_else() {
        let check =
            |parse: fn(&str) -> Option<MedicareNumber>, text: &str, expected: Option<&str>| {
                let number = parse(text);
                let number = number.as_ref().map(|number| number.0.expose());
                assert_eq!(number, expected, "{text}");
            };
        let (mbi, hicn) = (MedicareNumber::mbi, MedicareNumber::hicn);
        // Of synthetic people but for one, CMS's own example, in halves: no file holds a number as real people have it.
        let real = ["1EG4", "TE5MK73"].concat();
        check(mbi, &real, Some(&real));
        check(mbi, "1SG4-TE5-MK73", Some("1SG4TE5MK73"));
        check(mbi, "1SG4TE5MK73", Some("1SG4TE5MK73"));
        check(mbi, " 1sg4-te5-mk73\n", Some("1SG4TE5MK73"));
        check(mbi, "1S00EU7JH19", Some("1S00EU7JH19"));
        for refused in [
            "",
            "0EG4TE5MK73",
            "1SG4TE5MK7",
            "1SG4TE5MK733",
            "1SG4TE5MK7A",
            "1LG4TE5MK73",
            "1SG4TS5MK73",
            "1SG4 TE5 MK73",
            "11G4TE5MK73",
            "1EGATE5MK73",
            "1SG4TE5MÄ73",
            "3456789",
            "１EG4TE5MK73",
        ] {
            check(mbi, refused, None);
        }
        check(hicn, "1000044680", Some("1000044680"));
        check(hicn, "543-217066u", Some("543217066U"));
        check(hicn, "WA123456", Some("WA123456"));
        for refused in ["", "123456", "1234567890123", "12345 678A", "543217066Ü"] {
            check(hicn, refused, None);
        }
    }
}
