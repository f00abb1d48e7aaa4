//! The mapping of RIF columns to FHIR elements, as const tables over one engine.
