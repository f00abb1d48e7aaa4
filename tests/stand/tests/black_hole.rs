//! An AWS that takes every request and answers none: each endpoint says so itself, before its caller gives up.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig};
use bluebutton::config::{self, Stage};
use bluebutton::exchange;
use bluebutton::http::{Call, Response};
use bluebutton::lookups_file::Installed;
use bluebutton::oauth::keys::Keys;
use bluebutton::oauth::token::{Claims, Signer};
use bluebutton::store::IdentityTable;
use jiff::Timestamp;
use serde_json::{Value, json};
use stand::{BASE, OWN, get, local};
use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The SDK gives up after five seconds, and then there is an answer. Beyond this there is none: the template gives a
/// function so much.
const FUNCTION_SECONDS: u64 = 26;

/// A way to the local AWS that can be shut: then it takes connections and requests, and nothing comes back.
#[derive(Clone)]
struct Gate {
    shut: Arc<AtomicBool>,
    upstream: String,
}

impl Gate {
    fn open(upstream: &str) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let gate = Self {
            shut: Arc::default(),
            upstream: upstream.trim_start_matches("http://").to_owned(),
        };
        let passing = gate.clone();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (here, there) = (connection.unwrap(), TcpStream::connect(&passing.upstream));
                let there = there.unwrap();
                passing.copy(here.try_clone().unwrap(), there.try_clone().unwrap());
                passing.copy(there, here);
            }
        });
        (gate, url)
    }

    fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let shut = self.shut.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                if !shut.load(Ordering::SeqCst) && to.write_all(&bytes[..count]).is_err() {
                    return;
                }
            }
        });
    }
}

#[tokio::test]
async fn every_endpoint_answers_503_when_aws_does_not_answer() {
    let Some(usual) = local::aws(env!("CARGO_PKG_NAME"), &["GRANTS_TABLE"]).await else {
        return;
    };
    let (gate, url) = Gate::open(usual.endpoint_url().expect("a local AWS has an endpoint"));
    let aws = through(url).await;
    let state = &started(async || exchange::State::from_environment(&aws).await).await;
    let authorize = &started(async || authorize::State::from_environment(&aws).await).await;
    let token_state = &started(async || token::State::from_environment(&aws).await).await;
    let tables = aws_sdk_dynamodb::Client::new(&aws);
    let identity = &IdentityTable::new(tables, config::variable("IDENTITY_TABLE").unwrap());
    let token = &token(&usual).await;
    gate.shut();

    let fhir = |path: &str| get(&format!("/v2/fhir/{path}"), token);
    tokio::join!(
        check("patient", async {
            patient::handle(state, identity, fhir("Patient")).await
        }),
        check("coverage", async {
            coverage::handle(state, fhir("Coverage")).await
        }),
        check("eob", async {
            eob::handle(state, &Installed::at(None), fhir("ExplanationOfBenefit")).await
        }),
        check("userinfo", async {
            let call = get("/v2/connect/userinfo", token);
            userinfo::handle(Stage::Sandbox, state, call).await
        }),
        check("authorize", async {
            let query = "client_id=0123456789abcdef0123456789abcdef01234567&response_type=code";
            authorize::handle(authorize, call("GET", "/v2/o/authorize", query)).await
        }),
        check("token", async {
            let form = "grant_type=authorization_code&client_id=0123456789abcdef0123456789abcdef01234567&client_secret=x&code=x";
            token::handle(token_state, call("POST", "/v2/o/token/", form)).await
        }),
        check("revoke", async {
            let form = "token=x&client_id=0123456789abcdef0123456789abcdef01234567&client_secret=x";
            token::handle(token_state, call("POST", "/v2/o/revoke_token/", form)).await
        }),
    );
}

/// The functions' own time-outs, but without the environment, which says where AWS is to every client.
async fn through(url: String) -> SdkConfig {
    let usual = config::aws(env!("CARGO_PKG_NAME")).await;
    let timeouts = usual.timeout_config().expect("time-outs are always set");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(usual.region().cloned())
        .credentials_provider(usual.credentials_provider().expect("a sandbox's"))
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts.clone())
        .endpoint_url(url)
        .build()
}

/// The state of a function; started again, where a busy local AWS did not answer in time.
async fn started<State, Error: Debug>(start: impl AsyncFn() -> Result<State, Error>) -> State {
    const STARTS_MAX: usize = 10;
    for _ in 1..STARTS_MAX {
        if let Ok(state) = Box::pin(start()).await {
            return state;
        }
    }
    Box::pin(start()).await.unwrap()
}

async fn check(what: &str, answer: impl Future<Output = Response>) {
    let started = Instant::now();
    let response = timeout(Duration::from_secs(FUNCTION_SECONDS), Box::pin(answer)).await;
    let response = response.unwrap_or_else(|_| panic!("{what} does not answer"));
    let body = String::from_utf8_lossy(&response.body);
    assert_eq!(response.status.as_u16(), 503, "{what}: {body}");
    assert!(response.header("retry-after").is_some(), "{what}");
    eprintln!("{what} answers after {:?}", started.elapsed());
}

fn call(method: &str, path: &str, form: &str) -> Call {
    let (query, body) = if method == "GET" {
        (form, "")
    } else {
        ("", form)
    };
    let event: Value = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": query, "body": body,
        "headers": {"content-type": "application/x-www-form-urlencoded"},
        "requestContext": {"http": {"method": method, "sourceIp": "192.0.2.77"}},
    });
    Call::new(&event, "", Some(BASE))
}

/// A token whose signature holds; that it has no grant is never found out.
async fn token(aws: &SdkConfig) -> String {
    let at = Timestamp::now();
    let keys = Keys::read(aws, at).await.unwrap();
    let signer = Signer::new(aws, Arc::new(keys));
    let now = at.as_second();
    let claims = Claims {
        iss: BASE.to_owned(),
        aud: BASE.to_owned(),
        sub: "opaque".to_owned(),
        patient: OWN.to_owned(),
        client_id: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        scope: bluebutton::oauth::Scopes::DEFAULT.to_owned(),
        grant: "grant".to_owned(),
        jti: "jti".to_owned(),
        iat: now,
        exp: now + 3600,
        nbf: None,
    };
    signer.sign(&claims, at).await.unwrap().expose().to_owned()
}
