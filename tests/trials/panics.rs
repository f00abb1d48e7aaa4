//! A fault of the program, wherever a function waits for AWS: the caller gets an answer that tells nothing, and the
//! function goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::{AsyncSleep, Sleep};
use bluebutton::http::Response;
use serde_json::{Value, json};

use crate::instance::{Instance, Request};
use crate::pair::{Pair, Sandbox};

/// What a panic might quote.
const QUOTED: &str = "a letter of a name";

/// The SDK's clock, which panics as soon as it is told to: each call of AWS starts with a time-out.
#[derive(Clone, Debug, Default)]
struct Clock {
    is_broken: Arc<AtomicBool>,
}

impl AsyncSleep for Clock {
    fn sleep(&self, duration: Duration) -> Sleep {
        assert!(!self.is_broken.load(Ordering::SeqCst), "{QUOTED}");
        Sleep::new(tokio::time::sleep(duration))
    }
}

/// A request that makes each function call AWS.
fn requests(pair: &Pair, access_token: &str) -> [(&'static str, Request); 11] {
    let get = |path: &str| Request::get(path).bearer(access_token);
    let token = [("token", "x")];
    [
        ("authorize", pair.authorization()),
        (
            "authorize",
            Request::get("/login?approval=x").with("cookie", "bluebutton-x=x"),
        ),
        ("token", pair.redemption("x")),
        ("token", pair.refreshment("x")),
        ("token", pair.post("revoke_token", &token)),
        ("token", pair.post("introspect", &token)),
        ("userinfo", get("/v2/connect/userinfo")),
        ("patient", get("/v1/fhir/Patient")),
        ("coverage", get("/v2/fhir/Coverage")),
        ("eob", get("/v2/fhir/ExplanationOfBenefit")),
        ("discovery", Request::get("/.well-known/jwks.json")),
    ]
}

#[tokio::test]
async fn a_panic_in_any_function_becomes_a_json_500_with_the_request_id_and_ends_nothing_else() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let clock = Clock::default();
    let aws = sandbox.aws.clone().into_builder();
    let instance = Instance::start(&aws.sleep_impl(clock.clone()).build()).await;
    let pair = sandbox.pair(97).await;
    let tokens = sandbox.tokens(&pair, &instance).await;
    for (function, request) in requests(&pair, &tokens.access) {
        clock.is_broken.store(true, Ordering::SeqCst);
        check(function, &instance.serve(&request).await);
        clock.is_broken.store(false, Ordering::SeqCst);
        let status = instance.serve(&request).await.status.as_u16();
        assert!(status < 500, "{function} goes on, with {status}");
    }
    pair.works(&instance, &tokens).await;
}

fn check(function: &str, response: &Response) {
    let text = String::from_utf8_lossy(&response.body);
    assert_eq!(response.status.as_u16(), 500, "{function}: {text}");
    let id = response.header("x-request-id").expect("a request id");
    let body: Value = serde_json::from_str(&text).expect("JSON");
    let expected = json!({"error": "server_error", "request_id": id});
    assert_eq!(body, expected, "{function}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
}
