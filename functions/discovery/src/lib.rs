//! The `discovery` function.
