//! Wiring of the `ingest` function.
fn main() {}
