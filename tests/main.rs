//! The acceptance suite.
