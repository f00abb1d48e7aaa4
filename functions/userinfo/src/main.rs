//! Wiring of the `userinfo` function.
fn main() {}
