//! FHIR: the JSON writer, bundles, search parameters and operation outcomes.

pub mod bundle;
pub mod capability;
pub mod date;
pub mod json;
pub mod media_type;
pub mod outcome;
pub mod search;
