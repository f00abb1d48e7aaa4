//! The `portal` function.
