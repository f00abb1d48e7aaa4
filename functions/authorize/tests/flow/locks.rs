//! How often who may try to sign in.

use aws_sdk_dynamodb::{Client as DynamoDb, types::AttributeValue};
use bluebutton::{
    config::{self, Limits},
    http::Response,
    identity::sandbox,
    oauth::sha256_hex,
};
use jiff::{Timestamp, ToSpan};
use stand::local;

use crate::visit::{Browser, Sandbox, location, text};

/// The failures of an address after which the tests' function locks it.
const ADDRESS_FAILURES_MAX: u32 = 6;

/// Where an answer tells how many requests came before it; a busy machine leaves all of them out.
const COUNTS: [&str; 3] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// What is the same in two answers to the same attempts: the status, the headers and the page, without what was typed,
/// the nonce of each page and the counts of requests.
fn shown(response: &Response, typed: &str) -> (u16, Vec<(String, String)>, String) {
    let policy = response.header("content-security-policy");
    let nonce = policy.and_then(|policy| policy.split_once("'nonce-")?.1.split('\'').next());
    let without = |text: &str| {
        let text = text.replace(nonce.expect("a page"), "NONCE");
        match typed {
            "" => text,
            typed => text.replace(&format!("\"{typed}\""), "\"\""),
        }
    };
    let headers = response.headers.iter();
    let headers = headers
        .filter(|(name, _)| !COUNTS.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), without(value.to_str().expect("text"))));
    (
        response.status.as_u16(),
        headers.collect(),
        without(&text(response)),
    )
}

#[tokio::test]
async fn locks_a_user_name_after_five_failures_and_answers_the_same_for_unknown_names() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let mut browser = Browser::default();
    let sign_in = sandbox.begin(&mut browser).await;
    let html = text(&sandbox.get(&mut browser, &sign_in).await);
    let username = sandbox::user_name_of(&sandbox.patient);
    let unknown = format!("{username}0");
    let attempt = async |username: &str, password: &str| {
        let mut browser = browser.clone();
        let response = sandbox
            .try_sign_in(&mut browser, &html, username, password)
            .await;
        shown(&response, username)
    };
    let wrong = attempt(&username, "wrong").await;
    assert_eq!(wrong.0, 403);
    assert_eq!(
        attempt(&unknown, &sandbox::password_of(&unknown)).await,
        wrong
    );
    assert_eq!(attempt("", "").await, wrong);
    assert_eq!(attempt(&"x".repeat(5000), "x").await, wrong);
    for _ in 0..4 {
        assert_eq!(attempt(&username, "wrong").await, wrong);
    }
    assert_eq!(
        attempt(&username, &sandbox::password_of(&username)).await,
        wrong
    );
}

/// How long it takes is measured by a command (see infra/docs/measurements.md); that it is the same work is told by its
/// calls, each of which carries what was hashed for it.
#[tokio::test]
async fn does_the_same_work_for_known_and_unknown_names() {
    let Some((sandbox, proxy)) = Sandbox::behind_a_proxy().await else {
        return;
    };
    let mut browser = Browser {
        address: new_address().leak(),
        ..Browser::default()
    };
    let sign_in = sandbox.begin(&mut browser).await;
    let html = text(&sandbox.get(&mut browser, &sign_in).await);
    let known = sandbox::user_name_of(&sandbox.patient);
    let mut work = async |username: &str| {
        let _ = proxy.take_seen();
        let response = sandbox
            .try_sign_in(&mut browser, &html, username, "wrong")
            .await;
        // Calls that run beside each other come in any order.
        let mut calls: Vec<_> = proxy
            .take_seen()
            .into_iter()
            .map(|call| (call.operation, call.tables))
            .collect();
        calls.sort();
        (calls, shown(&response, username))
    };
    let expected = work(&known).await;
    assert_eq!(expected.1.0, 403);
    assert_eq!(expected.0.len(), 5, "{:?}", expected.0);
    let digits = &known[1..];
    for unknown in [
        format!("-8{}", &digits[1..]),
        format!("BBUser{}", &digits[..5]),
        "BBUser99999".to_owned(),
        format!("nobody{digits}"),
    ] {
        assert_eq!(work(&unknown).await, expected, "{unknown}");
    }
}

/// An address that tries names, each once.
struct Guesser<'a> {
    sandbox: &'a Sandbox,
    browser: Browser,
    html: String,
}

impl<'a> Guesser<'a> {
    async fn at(sandbox: &'a Sandbox, address: &'static str) -> Self {
        let mut browser = Browser {
            address,
            ..Browser::default()
        };
        let page = sandbox.begin(&mut browser).await;
        Self {
            sandbox,
            html: text(&sandbox.get(&mut browser, &page).await),
            browser,
        }
    }

    /// A name that nobody has tried, with that `X-Forwarded-For` and what proxies send besides.
    async fn guess(&mut self, forwarded_for: &str) {
        self.browser.headers = vec![
            ("x-forwarded-for", forwarded_for.to_owned()),
            ("forwarded", format!("for={forwarded_for}")),
            ("x-real-ip", forwarded_for.to_owned()),
            ("true-client-ip", forwarded_for.to_owned()),
        ];
        let nobody = format!("nobody-{}", uuid::Uuid::new_v4());
        let response = self.try_in(&nobody, "wrong").await;
        assert_eq!(response.status, 403);
    }

    /// Whether the person gets in with the right password.
    async fn gets_in(&mut self) -> bool {
        let username = sandbox::user_name_of(&self.sandbox.patient);
        let password = sandbox::password_of(&username);
        let response = self.try_in(&username, &password).await;
        match response.status.as_u16() {
            303 => location(&response).contains("/o/authorize/"),
            status => {
                assert_eq!(status, 403);
                false
            }
        }
    }

    async fn try_in(&mut self, username: &str, password: &str) -> Response {
        let html = &self.html;
        // Without what a sign-in changes in the browser, so that it can try again.
        let mut browser = self.browser.clone();
        self.sandbox
            .try_sign_in(&mut browser, html, username, password)
            .await
    }
}

#[tokio::test]
async fn locks_an_address_that_the_gateway_saw_whatever_headers_say_until_its_time_is_over() {
    let limits = Limits {
        address_sign_in_failures: ADDRESS_FAILURES_MAX,
        ..Limits::default()
    };
    let Some(sandbox) = Sandbox::with(limits).await else {
        return;
    };
    // An address of its own for each run: what an earlier one failed still counts.
    let address: &'static str = new_address().leak();
    for _ in 1..ADDRESS_FAILURES_MAX {
        let mut guesser = Guesser::at(&sandbox, address).await;
        guesser.guess(&new_address()).await;
    }
    // A sign-in that succeeds is no failure.
    assert!(Guesser::at(&sandbox, address).await.gets_in().await);
    Guesser::at(&sandbox, address)
        .await
        .guess(&new_address())
        .await;
    let mut locked = Guesser::at(&sandbox, address).await;
    assert!(!locked.gets_in().await, "one failure too many");
    locked.browser.headers = vec![("x-forwarded-for", new_address())];
    assert!(!locked.gets_in().await, "a header is no address");

    let mut elsewhere = Guesser::at(&sandbox, new_address().leak()).await;
    elsewhere.browser.headers = vec![("x-forwarded-for", address.to_owned())];
    assert!(elsewhere.gets_in().await, "another address is not locked");

    let failures = Failures::of(address).await;
    let left = failures.end().await.as_second() - Timestamp::now().as_second();
    assert!((1..=5 * 60).contains(&left), "five minutes, not {left} s");
    failures.end_at(Timestamp::now() - 1.seconds()).await;
    assert!(
        Guesser::at(&sandbox, address).await.gets_in().await,
        "the lock has ended, and its item is still there"
    );
}

/// An address of the block that documentation uses (RFC 3849).
fn new_address() -> String {
    let digits = uuid::Uuid::new_v4().simple().to_string();
    format!("2001:db8::{}:{}", &digits[..4], &digits[4..8])
}

/// What the table knows of an address.
struct Failures {
    client: DynamoDb,
    table: String,
    key: AttributeValue,
}

impl Failures {
    async fn of(address: &str) -> Self {
        Self {
            client: DynamoDb::new(&local::unhurried(env!("CARGO_PKG_NAME")).await),
            table: config::variable("SIGN_IN_FAILURES_TABLE").expect("a sandbox"),
            key: AttributeValue::S(format!("address#{}", sha256_hex(address))),
        }
    }

    async fn end(&self) -> Timestamp {
        let found = self.client.get_item().table_name(&self.table);
        let found = found.key("pk", self.key.clone()).send().await;
        let item = found.expect("a table").item.expect("an item");
        let seconds = item["expires_at"].as_n().expect("a number");
        Timestamp::from_second(seconds.parse().expect("seconds")).expect("a time")
    }

    /// Moves the end, so that no test has to wait for it.
    async fn end_at(&self, end: Timestamp) {
        let end = AttributeValue::N(end.as_second().to_string());
        let update = self.client.update_item().table_name(&self.table);
        let update = update
            .key("pk", self.key.clone())
            .update_expression("SET expires_at = :end")
            .expression_attribute_values(":end", end);
        update.send().await.expect("a table");
    }
}
