//! Wiring of the `portal` function.
fn main() {}
