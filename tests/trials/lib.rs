//! The trials live in `main.rs`; this library is empty.
