//! Blue Button claims API: what two or more functions share.
//!
//! `rif`, `fhir` and `mapping` are pure; `store` is the only module that knows DynamoDB.

pub mod audit;
pub mod aws_call;
pub mod aws_error;
pub mod config;
pub mod exchange;
pub mod fhir;
pub mod http;
pub mod identity;
pub mod lookups_file;
pub mod mapping;
pub mod metrics;
pub mod oauth;
pub mod rate_limit;
pub mod rif;
pub mod runs;
pub mod secret;
pub mod store;
