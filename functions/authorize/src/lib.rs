//! The `authorize` function.
