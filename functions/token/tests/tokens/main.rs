//! The token function against a local AWS, in process.
//!
//! The tests need the environment of a sandbox (`AWS_ENDPOINT_URL` and the tables) and are skipped without it.

mod clients;
mod exchange;
mod introspection;
mod kinds;
mod management;
mod revocation;
mod sandbox;
mod scopes;
