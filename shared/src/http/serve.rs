//! The loop around a function's handler: request ids, one log line per request, no panic that escapes.

use lambda_http::{
    Error, LambdaEvent,
    http::{HeaderName, StatusCode, header},
    lambda_runtime::run,
    service_fn,
};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Instant,
};

use super::{Call, Response, event::Event};
use crate::config;

/// A year, for which browsers then ask by https only (RFC 6797).
const HTTPS_ONLY: &str = "max-age=31536000";

/// Runs a function: each event becomes a [`Call`], each [`Response`] leaves with `X-Request-Id`,
/// and a panic becomes a JSON 500.
///
/// # Errors
/// When the Lambda runtime cannot be reached.
pub async fn serve<Handler, Answer>(handler: Handler) -> Result<(), Error>
where
    Handler: Fn(Call) -> Answer + Send + Sync,
    Answer: Future<Output = Response> + Send,
{
    let public_base_url = config::public_base_url();
    run(service_fn(async |invocation: LambdaEvent<Value>| {
        let (event, id) = (&invocation.payload, &invocation.context.request_id);
        let call = Call::new(event, id, public_base_url.as_deref());
        Ok::<_, Infallible>(Event(event).answer(answer(&handler, call).await))
    }))
    .await
}

/// Answers one call as [`serve`] does, for tests of a whole function without the Lambda runtime.
pub async fn answer<Handler, Answer>(handler: &Handler, call: Call) -> Response
where
    Handler: Fn(Call) -> Answer,
    Answer: Future<Output = Response>,
{
    let started = Instant::now();
    let (request_id, method, version) =
        (call.request_id.clone(), call.method.clone(), call.version);
    let is_https = call.base_url.starts_with("https://");
    let response = or_panic(|| handler(call)).await.unwrap_or_else(|| {
        let body = json!({"error": "server_error", "request_id": request_id});
        Response::json(StatusCode::INTERNAL_SERVER_ERROR, &body)
    });
    tracing::info!(
        request_id,
        method = method.as_str(),
        version = version.map(super::ApiVersion::as_str),
        status = response.status.as_u16(),
        milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
    let response = match is_https {
        true => response.with_header(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY),
        false => response,
    };
    response.with_header(HeaderName::from_static("x-request-id"), &request_id)
}

/// The future's answer, or nothing when making or polling it panicked.
async fn or_panic<Answer: Future>(make: impl FnOnce() -> Answer) -> Option<Answer::Output> {
    let future = catch_unwind(AssertUnwindSafe(make)).ok()?;
    let mut future = pin!(future);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        },
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Call::new(&json!({}), "", Some("http://localhost:8000"))
    }

    #[tokio::test]
    async fn a_panic_becomes_a_json_500_with_the_request_id() {
        async fn panics(_: Call) -> Response {
            panic!("for the test")
        }
        let call = call();
        let id = call.request_id.clone();
        let response = answer(&panics, call).await;
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.header("x-request-id"), Some(id.as_str()));
        let body: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
        assert_eq!(body, json!({"error": "server_error", "request_id": id}));
    }

    #[tokio::test]
    async fn every_answer_carries_the_request_id_and_on_https_asks_for_https_only() {
        async fn answers(_: Call) -> Response {
            Response::empty(StatusCode::NO_CONTENT)
        }
        async fn panics(_: Call) -> Response {
            panic!("for the test")
        }
        for (base_url, expected) in [
            ("http://localhost:8000", None),
            ("https://api.example/dev", Some(HTTPS_ONLY)),
        ] {
            let call = || Call::new(&json!({}), "", Some(base_url));
            for response in [
                answer(&answers, call()).await,
                answer(&panics, call()).await,
            ] {
                assert!(response.header("x-request-id").is_some());
                assert_eq!(response.header("cache-control"), Some("no-store"));
                let only = response.header("strict-transport-security");
                assert_eq!(only, expected, "{base_url}");
            }
        }
    }
}
