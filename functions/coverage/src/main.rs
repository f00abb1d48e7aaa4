//! Wiring of the `coverage` function.
fn main() {}
