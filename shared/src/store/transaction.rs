//! How transactions of several items end when they are not done.
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>)

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use super::StoreError;

/// What kept a transaction from being done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// One of its conditions does not hold.
    ConditionFailed,
    /// It met another transaction, or itself: the same may be sent again.
    Contended,
    /// Anything else.
    Failed(StoreError),
}

/// Why the transaction was not done.
pub(super) fn outcome(error: SdkError<TransactWriteItemsError, HttpResponse>) -> Outcome {
    // AWS says that it is done, and the rest of its answer cannot be read: asked again, it says the same.
    if error
        .raw_response()
        .is_some_and(|answer| answer.status().is_success())
    {
        return Outcome::Contended;
    }
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
            return Outcome::Contended;
        }
        _ => return Outcome::Failed(StoreError::of(error)),
    };
    let has = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
    if has("ConditionalCheckFailed") {
        return Outcome::ConditionFailed;
    }
    if has("TransactionConflict") {
        return Outcome::Contended;
    }
    if has("ThrottlingError") || has("ProvisionedThroughputExceeded") {
        return Outcome::Failed(StoreError::throttled());
    }
    Outcome::Failed(StoreError::of(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    #[test]
    fn a_cancelled_transaction_is_told_by_its_reasons() {
        check(
            &["None", "ConditionalCheckFailed"],
            Outcome::ConditionFailed,
        );
        check(
            &["TransactionConflict", "ConditionalCheckFailed"],
            Outcome::ConditionFailed,
        );
        check(&["TransactionConflict", "None"], Outcome::Contended);
        let throttled = || Outcome::Failed(StoreError::Throttled);
        check(&["None", "ThrottlingError"], throttled());
        check(&["ProvisionedThroughputExceeded", "None"], throttled());
        let refused = StoreError::Refused("TransactionCanceledException".to_owned());
        check(&["ValidationError", "None"], Outcome::Failed(refused));

        fn check(codes: &[&str], expected: Outcome) {
            let reason = |code: &&str| CancellationReason::builder().code(*code).build();
            let reasons = codes.iter().map(reason).collect();
            let cancelled = TransactionCanceledException::builder()
                .set_cancellation_reasons(Some(reasons))
                .meta(
                    ErrorMetadata::builder()
                        .code("TransactionCanceledException")
                        .build(),
                )
                .build();
            let answer = HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::empty());
            let error = TransactWriteItemsError::TransactionCanceledException(cancelled);
            let error = SdkError::service_error(error, answer);
            assert_eq!(outcome(error), expected, "{codes:?}");
        }
    }
}
