//! Health when a dependency is dead: the answer names it, in time, and nobody is asked twice.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::env;
use std::time::{Duration, Instant};

use bluebutton::config::Stage;
use bluebutton::http::Call;
use bluebutton::oauth::keys::Keys;
use discovery::{Health, State};
use jiff::Timestamp;
use serde_json::{Value, json};
use stand::proxy::{Fault, Patience, Proxy, Rule, When};
use stand::{BASE, local};
use tokio::time::timeout;

/// Beyond it a request has no answer: the template gives a function so much.
const FUNCTION_SECONDS: u64 = 26;

/// For how long a finding is known.
const REMEMBERED_SECONDS: u64 = 5;

/// How often a busy machine may take longer than that for the questions that follow.
const ROUNDS_MAX: usize = 10;

/// Longer than a check waits, so that it is the check that ends.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(20),
    attempt: Duration::from_secs(20),
    operation: Duration::from_secs(20),
};

async fn ask(state: &State, path: &str) -> (u16, Value) {
    let event = json!({
        "version": "2.0", "rawPath": path, "requestContext": {"http": {"method": "GET"}},
    });
    let answer = discovery::handle(state, Call::new(&event, "", Some(BASE)));
    let answer = timeout(Duration::from_secs(FUNCTION_SECONDS), answer).await;
    let answer = answer.unwrap_or_else(|_| panic!("{path} does not answer"));
    let body = serde_json::from_slice(&answer.body).unwrap();
    (answer.status.as_u16(), body)
}

#[tokio::test]
async fn a_dead_dependency_is_named_in_time_and_asked_once() {
    let Some(aws) = local::aws(env!("CARGO_PKG_NAME"), &["GRANTS_TABLE"]).await else {
        return;
    };
    let proxy = Proxy::before(&aws);
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
            "GetItem",
            table("SIGN_IN_FAILURES_TABLE"),
            Fault::Throttling,
            "/health/sls",
            "sign_in_failures_table",
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
        let operations: &'static [&'static str] = Box::leak(Box::new([operation]));
        let when = When::From(0);
        let rule = Rule {
            operations,
            table,
            when,
            fault,
        };
        let detail = format!(
            "Service temporarily unavailable, try again later. There is an issue with the - {check} - service check. \
             Reason: {reason}"
        );
        let expected = (503, json!({"detail": detail}));
        let mut rounds = 1;
        loop {
            proxy.heal();
            let keys = keys().await;
            let health = Health::new(&aws, Stage::Sandbox).unwrap();
            let state = State { keys, health };
            proxy.set([rule.clone()]);
            let _ = proxy.take_seen();
            let started = Instant::now();
            assert_eq!(ask(&state, path).await, expected, "{path}");
            eprintln!("{path} answers after {:?}", started.elapsed());
            let known = Instant::now();
            let _ = proxy.take_seen();
            for _ in 0..2 {
                assert_eq!(ask(&state, path).await, expected, "{path}");
            }
            let asked = proxy.take_seen();
            if asked.is_empty() {
                break;
            }
            // It was known a little earlier than this test heard of it.
            let is_late = known.elapsed() >= Duration::from_secs(REMEMBERED_SECONDS) / 2;
            assert!(
                is_late && rounds < ROUNDS_MAX,
                "what is known is not asked again: {asked:?}"
            );
            rounds += 1;
        }
    }
}
