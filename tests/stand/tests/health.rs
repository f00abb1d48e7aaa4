//! Health when a dependency is dead: the answer names it, in time, and nobody is asked twice.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::env;
use std::time::{Duration, Instant};

use bluebutton::config::{self, Stage};
use bluebutton::http::Call;
use bluebutton::oauth::keys::Keys;
use discovery::{Health, State};
use jiff::Timestamp;
use serde_json::{Value, json};
use stand::BASE;
use stand::proxy::{Fault, Patience, Proxy, Rule, When};

/// A check may take five seconds.
const ANSWER_SECONDS_MAX: u64 = 8;

/// Longer than a check waits, so that it is the check that ends.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(1),
    attempt: Duration::from_secs(20),
    operation: Duration::from_secs(20),
};

async fn ask(state: &State, path: &str) -> (u16, Value) {
    let event = json!({
        "version": "2.0", "rawPath": path, "requestContext": {"http": {"method": "GET"}},
    });
    let answer = discovery::handle(state, Call::new(&event, "", Some(BASE))).await;
    let body = serde_json::from_slice(&answer.body).unwrap();
    (answer.status.as_u16(), body)
}

#[tokio::test]
async fn a_dead_dependency_is_named_in_time_and_asked_once() {
    if env::var_os("AWS_ENDPOINT_URL").is_none() || env::var_os("GRANTS_TABLE").is_none() {
        eprintln!("skipped: AWS_ENDPOINT_URL and the names of a sandbox's tables are not set");
        return;
    }
    let proxy = Proxy::before(&config::aws(env!("CARGO_PKG_NAME")).await);
    let aws = proxy.aws(PATIENCE).await;
    let keys = || async { Keys::read(&aws, Timestamp::now()).await.unwrap() };
    let table = |variable: &str| Some(env::var(variable).unwrap());
    let throttled = "the table is throttled";
    let slow = "it takes too long";
    for (operation, table, fault, path, check, reason) in [
        (
            "GetItem",
            table("CLAIMS_TABLE"),
            Fault::BlackHole,
            "/health/bfd",
            "claims_table",
            slow,
        ),
        (
            "GetItem",
            table("GRANTS_TABLE"),
            Fault::Throttling,
            "/health",
            "grants_table",
            throttled,
        ),
        (
            "GetPublicKey",
            None,
            Fault::Throttling,
            "/health/external",
            "signing_key",
            "a signing key cannot be read",
        ),
    ] {
        proxy.heal();
        let keys = keys().await;
        let health = Health::new(&aws, Stage::Sandbox).unwrap();
        let state = State { keys, health };
        let operations: &'static [&'static str] = Box::leak(Box::new([operation]));
        let when = When::From(0);
        proxy.set([Rule {
            operations,
            table,
            when,
            fault,
        }]);
        let _ = proxy.take_seen();
        let started = Instant::now();
        let detail = format!(
            "Service temporarily unavailable, try again later. There is an issue with the - {check} - service check. \
             Reason: {reason}"
        );
        let mut asked = Vec::new();
        for _ in 0..3 {
            let answer = ask(&state, path).await;
            assert_eq!(answer, (503, json!({"detail": detail})), "{path}");
            asked.push(proxy.take_seen().len());
        }
        assert!(
            started.elapsed() < Duration::from_secs(ANSWER_SECONDS_MAX),
            "{path}"
        );
        assert_eq!(
            asked[1..],
            [0, 0],
            "what is known is not asked again: {asked:?}"
        );
    }
}
