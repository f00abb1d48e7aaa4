//! The `coverage` function.
