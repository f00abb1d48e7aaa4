//! The `userinfo` function.
