//! Wiring of the `authorize` function.
fn main() {}
