//! Wiring of the `patient` function.
fn main() {}
