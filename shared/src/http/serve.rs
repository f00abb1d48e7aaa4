//! The loop around a function's handler: request ids, one log line per request, no panic that escapes.

use lambda_http::{
    Error, LambdaEvent,
    http::{HeaderName, Method, StatusCode, header},
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
};

use super::{Call, Response, event::Event};
use crate::{
    config,
    metrics::{Dimensions, Ending, Ids, Metric, Record},
};

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
        let (event, context) = (&invocation.payload, &invocation.context);
        let call = Call::new(event, &context.request_id, public_base_url.as_deref());
        let run = Ids::of_run(&context.request_id, context.xray_trace_id.as_deref());
        Ok::<_, Infallible>(Event(event).answer(counted(&handler, call, run).await))
    }))
    .await
}

/// Answers one call as [`serve`] does, for tests of a whole function without the Lambda runtime.
pub async fn answer<Handler, Answer>(handler: &Handler, call: Call) -> Response
where
    Handler: Fn(Call) -> Answer,
    Answer: Future<Output = Response>,
{
    counted(handler, call, Ids::default()).await
}

/// Answers one call under a record of its own, and writes the record's line.
async fn counted<Handler, Answer>(handler: &Handler, call: Call, run: Ids) -> Response
where
    Handler: Fn(Call) -> Answer,
    Answer: Future<Output = Response>,
{
    let request_id = call.request_id.clone();
    let record = Record::new(Ids {
        request_id: request_id.clone(),
        ..run
    });
    let (route, is_https) = (call.route(), call.base_url.starts_with("https://"));
    let (method, version) = (known_method(&call.method), call.version);
    let answered = record.of(or_panic(|| handler(call))).await;
    let response = answered.unwrap_or_else(|| {
        let body = json!({"error": "server_error", "request_id": request_id});
        Response::json(StatusCode::INTERNAL_SERVER_ERROR, &body).with_error_code("panic")
    });
    let status = response.status;
    let one_if = u64::from;
    record.add(Metric::Requests, 1);
    record.add(Metric::ServerErrors, one_if(status.is_server_error()));
    record.add(Metric::ClientErrors, one_if(status.is_client_error()));
    record.add(Metric::StoreCalls, 0);
    if status == StatusCode::UNAUTHORIZED {
        record.add(Metric::Unauthorized, 1);
    }
    record.end(Ending {
        message: "answered",
        dimensions: Dimensions::Route {
            route,
            status: status.as_u16(),
        },
        properties: vec![
            ("method", method.into()),
            ("version", version.map(super::ApiVersion::as_str).into()),
            ("error_code", response.error_code.into()),
            ("bytes", response.body.len().into()),
        ],
    });
    let response = match is_https {
        true => response.with_header(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY),
        false => response,
    };
    response.with_header(HeaderName::from_static("x-request-id"), &request_id)
}

/// The method, if it is one that anybody has: a method is any word that a client cares to send.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let known = KNOWN.into_iter().find(|known| method == known);
    known.unwrap_or("other")
}

/// The future's answer, or nothing when making or polling it panicked.
pub async fn or_panic<Answer: Future>(make: impl FnOnce() -> Answer) -> Option<Answer::Output> {
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
