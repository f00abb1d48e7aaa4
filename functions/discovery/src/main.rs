//! Wiring of the `discovery` function.
fn main() {}
