//! The `ingest` function.
