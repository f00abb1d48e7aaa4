//! HTTP: calls and answers, the public base URL, request ids, bodies and headers that every function shares.

mod call;
mod event;
mod form;
mod language;
mod log;
pub mod page;
mod response;
mod routes;
mod serve;

pub use call::{ApiVersion, Call};
pub use form::{BODY_BYTES_MAX, Duplicate, FormError, Parameters};
pub use lambda_http::{
    Error,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
};
pub use language::Language;
pub use log::start_logging;
#[cfg(test)]
pub(crate) use log::tests::logged;
pub use response::Response;
pub use serve::{answer, or_panic, serve};
