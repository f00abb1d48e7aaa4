//! The `patient` function.
