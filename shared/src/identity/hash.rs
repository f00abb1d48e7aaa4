//! Medicare numbers (MBI, HICN) as hashes: what the identity table and the Patient search know them by.

use std::fmt::{self, Write};
use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;

/// Hashes Medicare numbers with this deployment's pepper: PBKDF2-HMAC-SHA256, 32 bytes, lower-case hex, as CMS does.
#[derive(Clone)]
pub struct MedicareNumberHasher {
    pepper: Vec<u8>,
    iterations: NonZeroU32,
}

const HASH_BYTES: usize = 32;

impl MedicareNumberHasher {
    /// A hasher with that pepper and number of iterations.
    #[must_use]
    pub fn new(pepper: impl Into<Vec<u8>>, iterations: NonZeroU32) -> Self {
        let pepper = pepper.into();
        Self { pepper, iterations }
    }

    /// The hash of a number, as 64 hex digits.
    #[must_use]
    pub fn hash(&self, number: &str) -> String {
        let mut hash = [0; HASH_BYTES];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            self.iterations,
            &self.pepper,
            number.as_bytes(),
            &mut hash,
        );
        hash.iter()
            .fold(String::with_capacity(2 * HASH_BYTES), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }
}

impl fmt::Debug for MedicareNumberHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MedicareNumberHasher([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_hashes_that_cms_published() {
        check(2, "3456789", "82273caf");
        check(2, "543217066U", "99f6cc85");
        check(
            2,
            "1000044680",
            "2025fbc612a884853f0c245e686780bf748e5652360ecd7430575491f4e018c5",
        );
        check(1000, "3456789", "ec49dc08");
    }

    fn check(iterations: u32, number: &str, expected_start: &str) {
        let iterations = NonZeroU32::new(iterations).unwrap();
        let hash = MedicareNumberHasher::new("nottherealpepper", iterations).hash(number);
        assert_eq!(hash.len(), 64);
        assert!(hash.starts_with(expected_start), "{hash}");
    }
}
