//! The `eob` function.
