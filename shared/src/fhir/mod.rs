//! FHIR: the JSON writer, bundles, search parameters and operation outcomes.

pub mod json;
