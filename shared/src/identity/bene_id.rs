//! The beneficiary id, which is the FHIR Patient id.

use std::fmt;

/// A beneficiary id: up to 19 digits, with a leading minus for synthetic people, as CMS writes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BeneId(Box<str>);

impl BeneId {
    const DIGITS_MAX: usize = 19;

    /// The id of that text, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let well_formed = (1..=Self::DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        well_formed.then(|| Self(text.into()))
    }

    /// The id as text: for keys, references and answers, never for a log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the person is synthetic: CMS gives synthetic people negative ids.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        self.0.starts_with('-')
    }
}

impl fmt::Debug for BeneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BeneId([redacted])")
    }
}
