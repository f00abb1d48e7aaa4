//! How long a table is waited for beyond the usual. Loads and the emptying of tables take their time and try again, as
//! requests of people never do; counts beside a request are hurried.

use std::time::Duration;

use aws_sdk_dynamodb::config::{Builder, Config, retry::RetryConfig, timeout::TimeoutConfig};

use super::StoreError;

/// How often a step is tried again when a table is throttled or slow, besides the SDK's own retries.
const RETRIES_MAX: u32 = 8;

const FIRST_PAUSE_MILLISECONDS: u64 = 50;

/// How long a request waits for what is only counted. The reads beside it take a few milliseconds, and a count that is
/// late is better left out, or to the next call, than waited for. For the same reason the SDK does not send it again.
const HURRIED_MILLISECONDS: u64 = 500;

/// The settings of a call that a request does not wait for long, sent once.
pub(super) fn hurried() -> Builder {
    let patience = Duration::from_millis(HURRIED_MILLISECONDS);
    Config::builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(patience).build())
}

/// Tries a step that may be done more than once until it works, for about ten seconds. A conflict means that another
/// writer was faster: the step reads again and decides anew, at once.
pub(super) async fn patiently<T, F>(step: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    try_again(Duration::from_millis(FIRST_PAUSE_MILLISECONDS), step).await
}

async fn try_again<T, F>(mut pause: Duration, step: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..RETRIES_MAX {
        match step().await {
            Err(StoreError::Conflict) => {}
            Err(error) if error.is_transient() => tokio::time::sleep(pause).await,
            outcome => return outcome,
        }
        pause *= 2;
    }
    step().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn tries_again_what_may_pass() {
        let refused = StoreError::Refused("ValidationException".to_owned());
        check(0, StoreError::Throttled, 1, true).await;
        check(3, StoreError::Throttled, 4, true).await;
        check(8, StoreError::Unavailable, 9, true).await;
        check(9, StoreError::Unavailable, 9, false).await;
        check(2, StoreError::Conflict, 3, true).await;
        check(1, refused, 1, false).await;
    }

    async fn check(failures: u32, error: StoreError, attempts: u32, works: bool) {
        let attempted = Cell::new(0);
        let outcome = try_again(Duration::ZERO, || {
            attempted.set(attempted.get() + 1);
            let fails = attempted.get() <= failures;
            std::future::ready(if fails { Err(error.clone()) } else { Ok(()) })
        });
        assert_eq!(outcome.await.is_ok(), works);
        assert_eq!(attempted.get(), attempts);
    }
}
