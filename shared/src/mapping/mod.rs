//! The mapping of RIF columns to FHIR elements, as const tables over one engine.

#[cfg(test)]
pub(crate) mod approved;
pub mod codes;
pub mod coverage;
#[cfg(test)]
mod dictionary;
mod enrollment;
pub mod eob;
pub mod lookups;
pub mod patient;
pub mod sensitive;
#[cfg(test)]
mod sound;

use std::borrow::Cow;

use jiff::Timestamp;

use self::lookups::{BuiltIn, Lookups};

/// Which FHIR a resource is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// FHIR STU3, API version 1.
    Stu3,
    /// FHIR R4 with the CARIN Blue Button profiles, API version 2.
    R4,
}

/// What a rendering needs besides the row itself.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The FHIR to write.
    pub version: Version,
    /// When the row was loaded: `meta.lastUpdated`.
    pub last_updated: Timestamp,
    /// Names of providers and drugs.
    pub lookups: &'a dyn Lookups,
}

impl Context<'static> {
    /// A context with the built-in names.
    #[must_use]
    pub fn new(version: Version, last_updated: Timestamp) -> Self {
        Context {
            version,
            last_updated,
            lookups: &BuiltIn,
        }
    }
}

impl Context<'_> {
    /// The name of a provider, where it is known.
    #[must_use]
    pub fn provider_name(&self, npi: &str) -> Option<Cow<'_, str>> {
        let provider = self.lookups.provider(npi)?;
        Some(provider.name).filter(|name| !name.is_empty())
    }

    /// The same with these look-ups.
    #[must_use]
    pub fn with_lookups<'b>(&self, lookups: &'b dyn Lookups) -> Context<'b> {
        Context {
            version: self.version,
            last_updated: self.last_updated,
            lookups,
        }
    }
}
