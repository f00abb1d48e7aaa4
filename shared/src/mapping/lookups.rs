//! Names of providers and drugs, which no RIF row carries: the operator loads them.

/// What is known about a provider number (NPI).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provider {
    /// The organisation's name, or the person's as one string.
    pub name: String,
    /// The NUCC taxonomy code, where one is known.
    pub taxonomy_code: Option<String>,
    /// The NUCC taxonomy's own words for it.
    pub taxonomy_display: Option<String>,
}

/// A source of names; what is unknown is left out of the resource.
pub trait Lookups: Send + Sync {
    /// The provider behind an NPI.
    fn provider(&self, npi: &str) -> Option<&Provider>;
    /// The drug behind a National Drug Code, for example `Fake Diluent - WATER`.
    fn drug(&self, ndc: &str) -> Option<&str>;
}

/// Knows no names.
#[derive(Clone, Copy, Debug)]
pub struct NoLookups;

impl Lookups for NoLookups {
    fn provider(&self, _npi: &str) -> Option<&Provider> {
        None
    }

    fn drug(&self, _ndc: &str) -> Option<&str> {
        None
    }
}
