//! The acceptance suite: what an app, a browser and CMS's SDK see over HTTP of a running sandbox.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod access;
#[path = "../shared/src/mapping/approved.rs"]
mod approved;
mod architecture;
mod authorize;
mod browser;
mod carin;
mod client;
mod clients;
mod conformance;
mod discovery;
mod events;
mod grants;
mod headers;
mod health;
mod leaks;
mod ledger;
mod limits;
mod local;
mod negative;
mod rare_paths;
#[path = "../shared/src/oauth/redirect_mutations.rs"]
mod redirect_mutations;
mod rights;
mod script;
mod secrets;
mod straight_path;
mod synthea;
mod templates;
mod update;
mod validity;
mod walk;
mod workflow;
