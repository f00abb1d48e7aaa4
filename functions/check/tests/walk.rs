//! The check against stand-ins: one that answers as the API should but for one endpoint, and a running sandbox.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::{env, fs};

use check::{Account, Answer, Call, CallError, Function, Functions, Stage, Unanswered, walk};
use serde_json::{Value, json};
use url::Url;

const TOKEN: &str = "/v2/o/token/";
const PROVIDER: &str = "https://provider.example/authorize?response_type=code&client_id=x";

/// An API that does what it should, in a few lines, but for what is broken.
struct StandIn {
    stage: Stage,
    broken: Option<Broken>,
    /// Where people sign in.
    provider: &'static str,
    /// What becomes of the first refreshes; later ones are answered.
    refreshes: &'static [Refresh],
    /// Refreshes, what was kept, and what was read with a token.
    done: Mutex<Vec<String>>,
}

/// What becomes of the answer to a refresh.
#[derive(Clone, Copy)]
enum Refresh {
    Answered,
    Silent,
    Unavailable,
    WithoutAccessToken,
}

/// A request that is answered wrongly: method, path, and how.
#[derive(Clone, Copy)]
struct Broken {
    method: &'static str,
    path: &'static str,
    with_token: bool,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    Status(u16),
    Silent,
    Empty,
}

impl Functions for StandIn {
    fn host(&self) -> &str {
        "api.example"
    }

    async fn call(&self, call: &Call) -> Result<Answer, Unanswered> {
        let with_token = call
            .headers
            .iter()
            .any(|(name, _)| *name == "authorization");
        let is_broken = self.broken.filter(|broken| {
            (broken.method, broken.path, broken.with_token)
                == (call.method, call.path(), with_token)
        });
        match is_broken.map(|broken| broken.how) {
            Some(How::Status(status)) => Ok(answer(status, "{}")),
            Some(How::Silent) => Err(Unanswered(
                "the function ended without an answer".to_owned(),
            )),
            Some(How::Empty) => Ok(answer(200, "")),
            None if call.body.contains("grant_type=refresh_token") => self.refresh(call),
            None => Ok(self.answer(call, with_token)),
        }
    }
}

impl StandIn {
    fn answer(&self, call: &Call, with_token: bool) -> Answer {
        match (call.function, call.method, call.path()) {
            (Function::Discovery, ..) => answer(
                200,
                r#"{"message":"","keys":[{}],"token_endpoint":"","resourceType":"CapabilityStatement"}"#,
            ),
            (Function::Authorize, "GET", "/v2/o/authorize/") => self.begun(call),
            (Function::Authorize, "GET", "/login") if self.stage == Stage::Other => {
                leads_to(self.provider)
            }
            (Function::Authorize, "GET", _) => page(),
            (Function::Authorize, _, "/login") if has_field(call, "password") => {
                leads_to("https://api.example/v2/o/authorize/1/")
            }
            (Function::Authorize, _, "/v2/o/authorize/1/") if has_field(call, "allow") => {
                leads_to("https://app.example/callback?code=good&state=1")
            }
            (Function::Token, ..) => self.token(call),
            _ if with_token => {
                self.note(format!("read {}", call.path()));
                answer(200, r#"{"resourceType":"Bundle"}"#)
            }
            _ => answer(401, "{}"),
        }
    }

    fn begun(&self, call: &Call) -> Answer {
        match call.target.contains("client_id=app&") {
            true => leads_to("/check/login?approval=1"),
            false => answer(400, ""),
        }
    }

    fn token(&self, call: &Call) -> Answer {
        if !call.body.contains("client_id=app&") {
            return answer(400, r#"{"error":"invalid_client"}"#);
        }
        match call.body.contains("code=good") || call.body.contains("refresh_token=first") {
            true => answer(200, r#"{"access_token":"a","refresh_token":"second"}"#),
            false => answer(400, r#"{"error":"invalid_grant"}"#),
        }
    }

    fn refresh(&self, call: &Call) -> Result<Answer, Unanswered> {
        let before = self.done.lock().unwrap().len();
        self.note("refresh".to_owned());
        match self.refreshes.get(before).unwrap_or(&Refresh::Answered) {
            Refresh::Answered => Ok(self.token(call)),
            Refresh::Silent => Err(Unanswered("nothing in time".to_owned())),
            Refresh::Unavailable => Ok(answer(503, "{}")),
            Refresh::WithoutAccessToken => Ok(answer(200, r#"{"refresh_token":"second"}"#)),
        }
    }

    fn note(&self, done: String) {
        self.done.lock().unwrap().push(done);
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        headers: BTreeMap::new(),
        body: body.to_owned(),
    }
}

fn leads_to(place: &str) -> Answer {
    let headers = BTreeMap::from([("location".to_owned(), vec![place.to_owned()])]);
    Answer {
        status: 302,
        headers,
        body: String::new(),
    }
}

fn page() -> Answer {
    answer(
        200,
        r#"<input type="hidden" name="approval" value="1"><input type="hidden" name="csrf_token" value="2">"#,
    )
}

fn has_field(call: &Call, name: &str) -> bool {
    call.body.contains("csrf_token=2") && call.body.contains(&format!("{name}="))
}

fn account() -> Value {
    json!({
        "client_id": "app",
        "client_secret": "secret",
        "redirect_uri": "https://app.example/callback",
        "sign_ins": [{ "username": "user", "password": "password" }],
    })
}

fn account_with_refresh_token() -> Value {
    let mut account = account();
    account["refresh_token"] = json!("first");
    account
}

async fn walked(stage: Stage, account: Value, broken: Option<Broken>) -> Result<(), String> {
    let functions = StandIn {
        stage,
        broken,
        ..refreshed(&[])
    };
    walked_among(&functions, account, Ok(())).await
}

async fn walked_among(
    functions: &StandIn,
    account: Value,
    kept: Result<(), CallError>,
) -> Result<(), String> {
    let account = Account::from_json(&account.to_string()).unwrap();
    let keep = async |renewed: &Account| {
        let renewed: Value = serde_json::from_str(&renewed.to_json()).unwrap();
        functions.note(format!("keep {}", renewed["refresh_token"]));
        kept.clone()
    };
    let walked = walk(functions, functions.stage, account.as_ref(), keep).await;
    walked.map_err(|failure| failure.to_string())
}

#[tokio::test]
async fn lets_in_what_works() {
    for stage in [Stage::Sandbox, Stage::Other] {
        for known in [json!({}), account()] {
            assert_eq!(walked(stage, known, None).await, Ok(()));
        }
    }
}

/// What comes after may take longer than the check may run, and the token before is used up.
#[tokio::test]
async fn keeps_the_next_refresh_token_before_anything_else_is_asked() {
    const KEEP: &str = r#"keep "second""#;
    let reads = [
        "read /v2/connect/userinfo",
        "read /v2/fhir/Patient",
        "read /v2/fhir/Coverage",
        "read /v2/fhir/ExplanationOfBenefit",
    ];
    let once = [&["refresh", KEEP], &reads[..]].concat();
    check(&[], Ok(()), &once).await;
    let again = [&["refresh", "refresh", KEEP], &reads[..]].concat();
    check(&[Refresh::Silent], Ok(()), &again).await;
    check(&[Refresh::Unavailable], Ok(()), &again).await;
    let twice = &["refresh", "refresh"];
    let silent = &[Refresh::Silent, Refresh::Silent];
    check(silent, Err("it does not answer (nothing in time)"), twice).await;
    let unavailable = &[Refresh::Silent, Refresh::Unavailable];
    check(unavailable, Err("503 instead of 200"), twice).await;
    let partly = &[Refresh::WithoutAccessToken];
    let kept = &["refresh", KEEP];
    check(partly, Err("no access token came"), kept).await;

    async fn check(
        refreshes: &'static [Refresh],
        expected: Result<(), &str>,
        expected_done: &[&str],
    ) {
        let functions = refreshed(refreshes);
        let result = walked_among(&functions, account_with_refresh_token(), Ok(())).await;
        let expected = expected.map_err(|wrong| format!("POST {TOKEN}: {wrong}"));
        assert_eq!(result, expected);
        assert_eq!(*functions.done.lock().unwrap(), expected_done);
    }
}

#[tokio::test]
async fn a_refresh_token_that_cannot_be_kept_is_told() {
    let functions = refreshed(&[Refresh::Answered]);
    let unkept = CallError::Unanswered("secretsmanager:PutSecretValue");
    let result = walked_among(&functions, account_with_refresh_token(), Err(unkept)).await;
    let expected = format!("POST {TOKEN}: secretsmanager:PutSecretValue does not answer");
    assert_eq!(result, Err(expected));
}

fn refreshed(refreshes: &'static [Refresh]) -> StandIn {
    StandIn {
        stage: Stage::Other,
        broken: None,
        provider: PROVIDER,
        refreshes,
        done: Mutex::default(),
    }
}

#[tokio::test]
async fn names_the_endpoint_that_is_broken() {
    let everywhere: &[(&str, &str, bool)] = &[
        ("GET", "/health", false),
        ("GET", "/.well-known/jwks.json", false),
        ("GET", "/v2/connect/.well-known/openid-configuration", false),
        ("GET", "/v2/fhir/metadata", false),
        ("GET", "/v2/connect/userinfo", false),
        ("GET", "/v2/fhir/Patient", false),
        ("GET", "/v2/fhir/Coverage", false),
        ("GET", "/v2/fhir/ExplanationOfBenefit", false),
        ("GET", "/v2/o/authorize/", false),
        ("POST", TOKEN, false),
    ];
    let signed_in: &[(&str, &str, bool)] = &[
        ("GET", "/v2/connect/userinfo", true),
        ("GET", "/v2/fhir/Patient", true),
        ("GET", "/v2/fhir/Coverage", true),
        ("GET", "/v2/fhir/ExplanationOfBenefit", true),
    ];
    let pages: &[(&str, &str, bool)] = &[
        ("POST", "/login", false),
        ("POST", "/v2/o/authorize/1/", false),
    ];
    for (stage, known, endpoints) in [
        (
            Stage::Sandbox,
            account(),
            [everywhere, signed_in, pages].concat(),
        ),
        (Stage::Other, account(), everywhere.to_vec()),
        (
            Stage::Other,
            account_with_refresh_token(),
            [everywhere, signed_in].concat(),
        ),
        (Stage::Other, json!({}), everywhere.to_vec()),
    ] {
        for (method, path, with_token) in endpoints {
            for how in [How::Status(500), How::Status(503), How::Silent, How::Empty] {
                let broken = Broken {
                    method,
                    path,
                    with_token,
                    how,
                };
                let result = walked(stage, known.clone(), Some(broken)).await;
                let message = result.expect_err(path);
                let route = path.replace("/1/", "/{approval}/");
                assert!(
                    message.starts_with(&format!("{method} {route}: ")),
                    "{message}"
                );
                for secret in ["password", "secret", "second", "first"] {
                    assert!(!message.contains(secret), "{message}");
                }
            }
        }
    }
}

/// A token endpoint that takes any code, or a resource that asks for no token, is broken although it answers 200.
#[tokio::test]
async fn lets_nothing_in_that_lets_everybody_in() {
    let result = walked(
        Stage::Sandbox,
        account(),
        Some(Broken {
            method: "POST",
            path: TOKEN,
            with_token: false,
            how: How::Status(200),
        }),
    )
    .await;
    assert_eq!(
        result,
        Err("POST /v2/o/token/: 200 instead of 400".to_owned())
    );
    for path in [
        "/v2/fhir/Patient",
        "/v2/fhir/Coverage",
        "/v2/fhir/ExplanationOfBenefit",
        "/v2/connect/userinfo",
    ] {
        let broken = Broken {
            method: "GET",
            path,
            with_token: false,
            how: How::Status(200),
        };
        let result = walked(Stage::Other, account(), Some(broken)).await;
        assert_eq!(result, Err(format!("GET {path}: 200 instead of 401")));
    }
}

#[tokio::test]
async fn a_place_of_our_own_is_no_provider() {
    let check = async |provider: &'static str, expected: Result<(), &str>| {
        let functions = StandIn {
            provider,
            ..refreshed(&[])
        };
        let walked = walked_among(&functions, account(), Ok(())).await;
        let expected = expected.map_err(|wrong| format!("GET /v2/o/authorize/: {wrong}"));
        assert_eq!(walked, expected, "{provider}");
    };
    const NOWHERE: &str = "it leads to no provider";
    check(PROVIDER, Ok(())).await;
    check("https://api.example/x?response_type=code", Err(NOWHERE)).await;
    check("https://check.invalid/x?response_type=code", Err(NOWHERE)).await;
    check("/x?response_type=code", Err(NOWHERE)).await;
}

/// A running sandbox in the functions' place.
struct Sandbox(Url);

impl Functions for Sandbox {
    async fn call(&self, call: &Call) -> Result<Answer, Unanswered> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        let url = format!("{}{}", self.0.as_str().trim_end_matches('/'), call.target);
        let mut request = ureq::http::Request::builder().method(call.method).uri(url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let answer = agent.run(request.body(call.body.clone()).unwrap());
        let mut answer = answer.map_err(|error| Unanswered(error.to_string()))?;
        let mut headers = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in answer.headers() {
            let values = headers.entry(name.as_str().to_owned()).or_default();
            values.push(value.to_str().unwrap().to_owned());
        }
        Ok(Answer {
            status: answer.status().as_u16(),
            headers,
            body: answer.body_mut().read_to_string().unwrap(),
        })
    }
}

#[tokio::test]
async fn signs_a_synthetic_person_in_to_a_running_sandbox_and_reads_what_is_theirs() {
    let Some(path) = env::var_os("BLUEBUTTON_SANDBOX") else {
        assert!(
            env::var_os("REQUIRE_ALL").is_none(),
            "BLUEBUTTON_SANDBOX is not set"
        );
        eprintln!(
            "skipped: no sandbox runs (BLUEBUTTON_SANDBOX is not set); `cargo xtask test` starts one"
        );
        return;
    };
    let description: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let application = &description["applications"][1];
    // A pair of person and application that no other test has.
    let number = 17;
    let account = json!({
        "client_id": application["client_id"],
        "client_secret": application["client_secret"],
        "redirect_uri": application["redirect_uris"][0],
        "sign_ins": [{ "username": format!("BBUser{number:05}"), "password": format!("PW{number:05}!") }],
    });
    let account = Account::from_json(&account.to_string()).unwrap();
    let base_url = Url::parse(description["base_url"].as_str().unwrap()).unwrap();
    let sandbox = Sandbox(base_url);
    for known in [None, account.as_ref()] {
        let nothing = async |_: &Account| Ok(());
        let walked = walk(&sandbox, Stage::Sandbox, known, nothing).await;
        assert_eq!(walked, Ok(()));
    }
}
