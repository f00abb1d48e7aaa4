//! Trials: whole functions under races, lost replies, faults and foreign ids, on the tables of a sandbox.
//!
//! `cargo xtask test` runs few rounds of each, `cargo xtask soak` all of them: the same code with other counts.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod costs;
mod cross_patient;
mod expired;
mod instance;
mod lost_replies;
mod matrix;
mod metric_lines;
mod pair;
mod panics;
mod races;
mod rounds;
mod runbooks;
mod stages;
mod timing;
