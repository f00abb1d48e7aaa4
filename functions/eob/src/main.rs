//! Wiring of the `eob` function.
fn main() {}
