//! What can go wrong at a table, said without naming a type of the SDK.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::BatchStatementErrorCodeEnum;

use super::stored_claim::FormatError;
use crate::metrics::{self, Metric};

/// Why a read or write of a table failed. Neither keys nor values are part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// AWS asks us to slow down: answer 503 with `Retry-After`.
    #[error("the table is throttled")]
    Throttled,
    /// The table did not answer in time, or answered with a fault of its own.
    #[error("the table is unavailable")]
    Unavailable,
    /// A condition did not hold: somebody else wrote first, or the item is not in the expected state.
    #[error("the condition of the write does not hold")]
    Conflict,
    /// What is stored cannot be read; the text says which part.
    #[error("a stored item cannot be read: {0}")]
    Corrupt(&'static str),
    /// AWS refused the request itself (missing table, missing right, invalid request); the text is AWS's error code.
    #[error("the table refuses the request: {0}")]
    Refused(String),
}

/// The error codes by which DynamoDB asks for less.
const THROTTLING_CODES: [&str; 4] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottledException",
    "ThrottlingException",
];

/// The error codes with which DynamoDB blames itself or another request in flight; a later attempt may succeed.
const UNAVAILABLE_CODES: [&str; 4] = [
    "InternalServerError",
    "ServiceUnavailable",
    "TransactionConflictException",
    "TransactionInProgressException",
];

const CONDITION_FAILED_CODE: &str = "ConditionalCheckFailedException";

impl StoreError {
    /// The error of any SDK call. The SDK's own text is dropped, because it may quote keys.
    pub(crate) fn of<E: ProvideErrorMetadata, R>(error: SdkError<E, R>) -> Self {
        match &error {
            SdkError::ServiceError(answer) => Self::of_code(answer.err().code()),
            SdkError::ConstructionFailure(_) => Self::Refused("invalid request".to_owned()),
            _ => Self::Unavailable,
        }
    }

    /// The error of one statement of a batch.
    pub(crate) fn of_statement(code: Option<&BatchStatementErrorCodeEnum>) -> Self {
        use BatchStatementErrorCodeEnum::*;
        match code {
            Some(DuplicateItem | ConditionalCheckFailed) => Self::Conflict,
            Some(ProvisionedThroughputExceeded | RequestLimitExceeded | ThrottlingError) => {
                Self::throttled()
            }
            Some(InternalServerError | TransactionConflict) | None => Self::Unavailable,
            Some(other) => Self::Refused(other.as_str().to_owned()),
        }
    }

    /// The table asks for less, which is counted wherever it is heard.
    pub(super) fn throttled() -> Self {
        metrics::count(Metric::StoreThrottles);
        Self::Throttled
    }

    /// Whether a later attempt of the same request may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable)
    }

    fn of_code(code: Option<&str>) -> Self {
        match code {
            Some(CONDITION_FAILED_CODE) => Self::Conflict,
            Some(code) if THROTTLING_CODES.contains(&code) => Self::throttled(),
            Some(code) if UNAVAILABLE_CODES.contains(&code) => Self::Unavailable,
            Some(code) => Self::Refused(code.to_owned()),
            // Without a code it was not DynamoDB that answered: a proxy, or half an answer.
            None => Self::Unavailable,
        }
    }
}

impl From<FormatError> for StoreError {
    fn from(error: FormatError) -> Self {
        Self::Corrupt(match error {
            FormatError::UnknownVersion(_) => "its version is unknown",
            FormatError::Damaged => "its bytes are damaged",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_cause_by_the_code_of_the_answer() {
        check(
            Some("ConditionalCheckFailedException"),
            StoreError::Conflict,
        );
        check(
            Some("ProvisionedThroughputExceededException"),
            StoreError::Throttled,
        );
        check(Some("ThrottlingException"), StoreError::Throttled);
        check(Some("InternalServerError"), StoreError::Unavailable);
        check(None, StoreError::Unavailable);
        check(
            Some("ResourceNotFoundException"),
            StoreError::Refused("ResourceNotFoundException".to_owned()),
        );
    }

    fn check(code: Option<&str>, expected: StoreError) {
        assert_eq!(StoreError::of_code(code), expected);
    }
}
