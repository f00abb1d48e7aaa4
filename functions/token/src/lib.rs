//! The `token` function.
