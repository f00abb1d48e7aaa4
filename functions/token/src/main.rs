//! Wiring of the `token` function.
fn main() {}
