//! What AWS says of a call that failed, for an operator to read.

use std::error::Error;
use std::{fmt, iter};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Code and sentence of AWS's answer; without an answer, why there is none. Never the answer itself. A table's
/// sentences may quote keys: what tables say of items is a `StoreError` instead.
pub fn words<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code} {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => {
            let sources = iter::successors(Some(error as &dyn Error), |error| (*error).source());
            let sources: Vec<_> = sources.map(ToString::to_string).collect();
            sources.join(": ")
        }
    }
}
