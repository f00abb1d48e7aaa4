//! Tokens against a local AWS: codes, refresh tokens, revocation, and the answers to what goes wrong.
//!
//! The tests need the environment of a sandbox (`AWS_ENDPOINT_URL` and the tables) and are skipped without it.

use aws_sdk_dynamodb::Client as DynamoDb;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bluebutton::{
    config,
    http::{ApiVersion, Call, HeaderMap, HeaderValue, Method, Response, StatusCode, header},
    identity::BeneId,
    oauth::{
        Application, Code, DataAccess, RedirectUri, Scopes,
        access::{AccessError, Verifier},
    },
    secret::Secret,
    store::{ApplicationsTable, AuditTable, AuthorizationTables},
};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use stand::consent::{Consent, VERIFIER};
use std::{env, sync::Arc};
use token::{State, handle};
use tokio::task::JoinSet;

const BASE_URL: &str = "http://localhost:8000";
const REDIRECT_URI: &str = "http://localhost:3001/api/bluebutton/callback/";

/// One test's own application and beneficiary, so that tests share nothing.
struct Sandbox {
    state: Arc<State>,
    verifier: Verifier,
    applications: ApplicationsTable,
    tables: AuthorizationTables,
    application: Application,
    secret: Secret,
    patient: BeneId,
}

impl Sandbox {
    async fn new() -> Option<Self> {
        if env::var("AWS_ENDPOINT_URL").is_err() || env::var("GRANTS_TABLE").is_err() {
            eprintln!("skipped: AWS_ENDPOINT_URL and the names of a sandbox's tables are not set");
            return None;
        }
        let aws = config::aws().await;
        let client = DynamoDb::new(&aws);
        let table = config::variable("APPLICATIONS_TABLE").expect("a sandbox");
        let applications = ApplicationsTable::new(client, table);
        let (application, secret) = Application::register(
            "Test",
            vec![RedirectUri::parse(REDIRECT_URI).expect("a URI")],
        );
        applications.put(&application).await.expect("a table");
        let number = uuid::Uuid::new_v4().as_u128() % 1_000_000_000_000_000;
        Some(Self {
            state: Arc::new(State::from_environment(&aws).await.expect("a sandbox")),
            verifier: Verifier::from_environment(&aws).await.expect("a sandbox"),
            applications,
            tables: AuthorizationTables::from_environment(&aws).expect("a sandbox"),
            application,
            secret,
            patient: BeneId::parse(&format!("-{number}")).expect("an id"),
        })
    }

    /// The code of a consent, with changes.
    async fn code_with(&self, change: impl FnOnce(&mut Code)) -> Secret {
        let mut consent = Consent::new(&self.application, &self.patient, Timestamp::now());
        change(&mut consent.code);
        consent.give(&self.tables).await
    }

    async fn grant_id(&self) -> String {
        let client_id = &self.application.client_id;
        let grant = self.tables.grants.get(&self.patient, client_id).await;
        grant.expect("a table").expect("a grant").grant_id
    }

    async fn code(&self) -> Secret {
        self.code_with(|_| {}).await
    }

    /// The parameters of a good exchange of a code.
    fn exchange<'a>(&'a self, code: &'a Secret) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
            ("client_id", &self.application.client_id),
            ("client_secret", self.secret.expose()),
        ]
    }

    /// The parameters of a good refresh.
    fn refresh<'a>(&'a self, refresh_token: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
            ("client_id", &self.application.client_id),
            ("client_secret", self.secret.expose()),
        ]
    }

    async fn tokens(&self) -> Value {
        let code = self.code().await;
        let (status, body) = self.post("token", &self.exchange(&code)).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        read(&handle(&self.state, post(path, form, None)).await)
    }

    /// Whether an access token gives access now.
    async fn access(&self, token: &Value) -> Result<(), AccessError> {
        let mut call = post("token", &[], None);
        let bearer = format!(
            "Bearer {}",
            token["access_token"].as_str().expect("a token")
        );
        call.headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_str(&bearer).expect("a header"),
        );
        let now = Timestamp::now();
        let verified = self.verifier.verify(&call, now).await?;
        assert_eq!(verified.patient, self.patient);
        self.verifier.confirm(&verified, now).await.map(drop)
    }
}

fn post(path: &str, form: &[(&str, &str)], authorization: Option<&str>) -> Call {
    let mut headers = HeaderMap::new();
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, form_type);
    if let Some(value) = authorization {
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_str(value).expect("a header"),
        );
    }
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    Call {
        method: Method::POST,
        version: Some(ApiVersion::V2),
        path: format!("/o/{path}"),
        query: vec![],
        headers,
        body: body.into_bytes(),
        request_id: uuid::Uuid::new_v4().to_string(),
        base_url: BASE_URL.into(),
        source_ip: None,
    }
}

fn read(response: &Response) -> (u16, Value) {
    let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    (response.status.as_u16(), body)
}

fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().expect("a token").to_owned()
}

/// Sends the same form so many times at once.
async fn at_once(sandbox: &Sandbox, times: usize, form: &[(&str, &str)]) -> Vec<(u16, Value)> {
    let mut calls = JoinSet::new();
    for _ in 0..times {
        let (state, call) = (Arc::clone(&sandbox.state), post("token", form, None));
        calls.spawn(async move { read(&handle(&state, call).await) });
    }
    calls.join_all().await
}

#[tokio::test]
async fn answers_a_code_with_the_tokens_that_blue_button_documents() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let tokens = sandbox.tokens().await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["scope"], Scopes::DEFAULT);
    assert_eq!(tokens["patient"], sandbox.patient.as_str());
    assert!(tokens["refresh_token"].is_string());
    assert!(tokens.get("expires_at").is_none());
    let end = tokens["access_grant_expiration"].as_str().expect("text");
    let end: Timestamp = end.parse().expect("a timestamp");
    let days = (end.as_second() - Timestamp::now().as_second()) / 86_400;
    assert!((390..=400).contains(&days), "{days}");
    assert_eq!(sandbox.access(&tokens).await, Ok(()));
}

#[tokio::test]
async fn without_an_audit_record_nothing_is_used_up_or_ended_and_the_same_can_be_asked_again() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let aws = config::aws().await;
    let mut state = State::from_environment(&aws).await.expect("a sandbox");
    state.authorization.audit = AuditTable::new(DynamoDb::new(&aws), "missing");
    let check = async |path: &str, form: &[(&str, &str)]| {
        let (status, refused) = read(&handle(&state, post(path, form, None)).await);
        assert_eq!(status, 503, "{path} {refused}");
        let (status, answer) = sandbox.post(path, form).await;
        assert_eq!(status, 200, "{path} {answer}");
        answer
    };
    let code = sandbox.code().await;
    let first = check("token", &sandbox.exchange(&code)).await;
    let refresh_token = text(&first, "refresh_token");
    let second = check("token", &sandbox.refresh(&refresh_token)).await;
    let credentials = sandbox.refresh("")[2..].to_vec();
    for (path, name) in [
        ("revoke_token", "access_token"),
        ("revoke_token", "refresh_token"),
        ("revoke", "access_token"),
    ] {
        let tokens = match path {
            "revoke_token" => second.clone(),
            _ => sandbox.tokens().await,
        };
        let token = text(&tokens, name);
        let before = sandbox.access(&tokens).await;
        let form = [&[("token", token.as_str())], &credentials[..]].concat();
        let (status, _) = read(&handle(&state, post(path, &form, None)).await);
        assert_eq!(status, 503, "{path} {name}");
        assert_eq!(sandbox.access(&tokens).await, before, "{path} {name}");
        assert_eq!(sandbox.post(path, &form).await.0, 200);
        assert!(sandbox.access(&tokens).await.is_err(), "{path} {name}");
    }
}

#[tokio::test]
async fn of_twenty_redemptions_at_once_one_succeeds_and_its_token_lives() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let code = sandbox.code().await;
    let answers = at_once(&sandbox, 20, &sandbox.exchange(&code)).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_eq!(answer, (400, json!({"error": "invalid_grant"})));
    }
    assert_eq!(sandbox.access(&won[0].1).await, Ok(()));
    let refresh_token = won[0].1["refresh_token"].as_str().expect("a token");
    assert_eq!(
        sandbox
            .post("token", &sandbox.refresh(refresh_token))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_used_code_revokes_the_family_unless_its_answer_may_have_been_lost() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let check = async |used_seconds_ago: i64, verifier: &str, lives: bool| {
        let used_at = Timestamp::now() - used_seconds_ago.seconds();
        let code = sandbox.code_with(|code| code.used_at = Some(used_at)).await;
        let mut form = sandbox.exchange(&code);
        form.retain(|(name, _)| *name != "code_verifier");
        form.push(("code_verifier", verifier));
        let before = sandbox.grant_id().await;
        let answer = sandbox.post("token", &form).await;
        assert_eq!(answer, (400, json!({"error": "invalid_grant"})));
        assert_eq!(sandbox.grant_id().await == before, lives);
    };
    check(0, VERIFIER, true).await;
    check(9, VERIFIER, true).await;
    check(12, VERIFIER, false).await;
    check(3600, VERIFIER, false).await;
    check(0, &"a".repeat(43), false).await;
}

#[tokio::test]
async fn a_refresh_gives_new_tokens_and_ends_the_old_ones() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let first = sandbox.tokens().await;
    let old = first["refresh_token"].as_str().expect("a token");
    let mut form = sandbox.refresh(old);
    form.push(("scope", "patient/Coverage.r"));
    let (status, second) = sandbox.post("token", &form).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(second["scope"], "patient/Coverage.r");
    assert_eq!(second["expires_in"], 3600);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(
        sandbox.access(&first).await,
        Err(AccessError::InvalidToken("revoked"))
    );
    assert_eq!(sandbox.access(&second).await, Ok(()));
    // Narrowing concerns the access token; the refresh token keeps what was consented to.
    let next = second["refresh_token"].as_str().expect("a token");
    let (_, third) = sandbox.post("token", &sandbox.refresh(next)).await;
    assert_eq!(third["scope"], Scopes::DEFAULT);
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_gives_the_same_successor_and_a_later_one_is_theft() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let first = sandbox.tokens().await;
    let old = first["refresh_token"].as_str().expect("a token");
    let (_, second) = sandbox.post("token", &sandbox.refresh(old)).await;
    let (status, again) = sandbox.post("token", &sandbox.refresh(old)).await;
    assert_eq!(status, 200, "{again}");
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    assert_eq!(sandbox.access(&second).await, Ok(()));
    assert_eq!(sandbox.access(&again).await, Ok(()));

    let next = second["refresh_token"].as_str().expect("a token");
    let (_, third) = sandbox.post("token", &sandbox.refresh(next)).await;
    assert_eq!(sandbox.access(&third).await, Ok(()));
    let reused = sandbox.post("token", &sandbox.refresh(old)).await;
    assert_eq!(reused, (400, json!({"error": "invalid_grant"})));
    assert_eq!(
        sandbox.access(&third).await,
        Err(AccessError::InvalidToken("superseded"))
    );
    let last = third["refresh_token"].as_str().expect("a token");
    let dead = sandbox.post("token", &sandbox.refresh(last)).await;
    assert_eq!(dead, (400, json!({"error": "invalid_grant"})));
}

#[tokio::test]
async fn of_twenty_refreshes_at_once_all_successes_carry_one_living_token() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let first = sandbox.tokens().await;
    let old = first["refresh_token"].as_str().expect("a token");
    let answers = at_once(&sandbox, 20, &sandbox.refresh(old)).await;
    let mut successors: Vec<_> = answers
        .iter()
        .filter(|(status, _)| *status == 200)
        .map(|(_, body)| body["refresh_token"].as_str().expect("a token"))
        .collect();
    assert_eq!(successors.len(), 20, "{answers:?}");
    successors.dedup();
    assert_eq!(successors.len(), 1);
    for (_, tokens) in &answers {
        assert_eq!(sandbox.access(tokens).await, Ok(()));
    }
}

#[tokio::test]
async fn a_new_approval_ends_all_earlier_tokens_of_the_pair_on_the_next_request() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let first = sandbox.tokens().await;
    assert_eq!(sandbox.access(&first).await, Ok(()));
    let unredeemed = sandbox.code().await;
    assert_eq!(
        sandbox.access(&first).await,
        Err(AccessError::InvalidToken("superseded"))
    );
    let old = first["refresh_token"].as_str().expect("a token");
    assert_eq!(sandbox.post("token", &sandbox.refresh(old)).await.0, 400);
    let second = sandbox.tokens().await;
    assert_eq!(sandbox.access(&second).await, Ok(()));
    let answer = sandbox.post("token", &sandbox.exchange(&unredeemed)).await;
    assert_eq!(answer, (400, json!({"error": "invalid_grant"})));
    assert_eq!(sandbox.access(&second).await, Ok(()));
}

#[tokio::test]
async fn an_application_switched_off_or_a_grant_run_out_ends_access_on_the_next_request() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let tokens = sandbox.tokens().await;
    let refresh_token = tokens["refresh_token"].as_str().expect("a token");
    let inactive = Application {
        active: false,
        ..sandbox.application.clone()
    };
    sandbox.applications.put(&inactive).await.expect("a table");
    assert_eq!(
        sandbox.access(&tokens).await,
        Err(AccessError::ApplicationInactive)
    );
    let (status, body) = sandbox.post("token", &sandbox.refresh(refresh_token)).await;
    assert_eq!((status, &body["error"]), (403, &json!("invalid_client")));

    let once = Application {
        data_access: DataAccess::OneTime,
        ..sandbox.application.clone()
    };
    sandbox.applications.put(&once).await.expect("a table");
    let (status, body) = sandbox.post("token", &sandbox.refresh(refresh_token)).await;
    assert_eq!((status, &body["error"]), (403, &json!("invalid_client")));
    assert!(sandbox.tokens().await.get("refresh_token").is_none());
}

#[tokio::test]
async fn revoking_a_token_a_family_or_a_grant_is_effective_at_once_and_for_the_own_client_only() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let Some(other) = Sandbox::new().await else {
        return;
    };
    let credentials = |sandbox: &Sandbox, token: &str| {
        [
            ("token".to_owned(), token.to_owned()),
            (
                "client_id".to_owned(),
                sandbox.application.client_id.clone(),
            ),
            (
                "client_secret".to_owned(),
                sandbox.secret.expose().to_owned(),
            ),
        ]
    };
    let call = async |sandbox: &Sandbox, path: &str, token: &str| {
        let form = credentials(sandbox, token);
        let form = form
            .each_ref()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        sandbox.post(path, &form).await
    };
    let tokens = sandbox.tokens().await;
    let access_token = text(&tokens, "access_token");
    for path in ["revoke_token", "revoke", "introspect"] {
        assert!(call(&other, path, &access_token).await.0 < 404);
    }
    let (_, foreign) = call(&other, "introspect", &access_token).await;
    assert_eq!(foreign, json!({"active": false}));
    assert_eq!(sandbox.access(&tokens).await, Ok(()));
    let (_, own) = call(&sandbox, "introspect", &access_token).await;
    assert_eq!(
        (&own["active"], &own["scope"]),
        (&json!(true), &json!(Scopes::DEFAULT))
    );

    assert_eq!(call(&sandbox, "revoke_token", "unknown").await.0, 200);
    assert_eq!(call(&sandbox, "revoke", "unknown").await.0, 200);
    assert_eq!(call(&sandbox, "revoke_token", &access_token).await.0, 200);
    assert_eq!(
        sandbox.access(&tokens).await,
        Err(AccessError::InvalidToken("revoked"))
    );
    let (_, dead) = call(&sandbox, "introspect", &access_token).await;
    assert_eq!(dead, json!({"active": false}));

    let tokens = sandbox.tokens().await;
    assert_eq!(
        call(&sandbox, "revoke_token", &text(&tokens, "refresh_token"))
            .await
            .0,
        200
    );
    assert_eq!(
        sandbox.access(&tokens).await,
        Err(AccessError::InvalidToken("superseded"))
    );

    let tokens = sandbox.tokens().await;
    assert_eq!(
        call(&sandbox, "revoke", &text(&tokens, "access_token"))
            .await
            .0,
        200
    );
    assert_eq!(
        sandbox.access(&tokens).await,
        Err(AccessError::GrantMissing)
    );
    let refreshed = sandbox
        .post("token", &sandbox.refresh(&text(&tokens, "refresh_token")))
        .await;
    assert_eq!(
        (refreshed.0, &refreshed.1["error"]),
        (403, &json!("invalid_grant"))
    );
}

#[tokio::test]
async fn refuses_what_the_rules_refuse_and_says_why() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let Some(other) = Sandbox::new().await else {
        return;
    };
    let good = sandbox.code().await;
    let check = async |changes: &[(&str, &str)], status: u16, error: &str| {
        let mut form = sandbox.exchange(&good);
        for (name, value) in changes {
            if !name.starts_with('+') {
                form.retain(|(known, _)| known != name);
            }
            if *value != "[]" {
                form.push((name.trim_start_matches('+'), value));
            }
        }
        let (answered, body) = sandbox.post("token", &form).await;
        assert_eq!(
            (answered, &body["error"]),
            (status, &json!(error)),
            "{changes:?}"
        );
    };
    let other_secret = other.secret.expose();
    check(&[("grant_type", "[]")], 400, "unsupported_grant_type").await;
    check(&[("grant_type", "password")], 400, "unsupported_grant_type").await;
    check(
        &[("grant_type", "client_credentials")],
        400,
        "unsupported_grant_type",
    )
    .await;
    check(&[("client_id", "[]")], 401, "invalid_client").await;
    check(&[("client_secret", "[]")], 401, "invalid_client").await;
    check(&[("client_secret", "")], 401, "invalid_client").await;
    check(&[("client_secret", other_secret)], 401, "invalid_client").await;
    check(
        &[("client_id", &other.application.client_id)],
        401,
        "invalid_client",
    )
    .await;
    check(&[("client_id", &"x".repeat(40))], 400, "invalid_client").await;
    check(&[("client_id", "x")], 400, "invalid_client").await;
    check(&[("+client_id", "x")], 400, "invalid_request").await;
    check(&[("+code", "x")], 400, "invalid_request").await;
    check(
        &[("+grant_type", "authorization_code")],
        400,
        "invalid_request",
    )
    .await;
    check(&[("code", "[]")], 400, "invalid_request").await;
    check(&[("code_verifier", "[]")], 400, "invalid_request").await;
    check(&[("code", "x")], 400, "invalid_grant").await;
    check(
        &[("redirect_uri", "http://localhost:3001/")],
        400,
        "invalid_grant",
    )
    .await;
    check(&[("code_verifier", &"a".repeat(43))], 400, "invalid_grant").await;
    check(&[("code_verifier", &VERIFIER[..42])], 400, "invalid_grant").await;
    check(&[("grant_type", "refresh_token")], 400, "invalid_request").await;
    let refresh = ("grant_type", "refresh_token");
    check(&[refresh, ("refresh_token", "x")], 400, "invalid_request").await;
    let tokens = other.tokens().await;
    let foreign = tokens["refresh_token"].as_str().expect("a token");
    check(
        &[refresh, ("refresh_token", foreign)],
        400,
        "invalid_request",
    )
    .await;
    assert_eq!(other.access(&tokens).await, Ok(()));
    let foreign = other.code().await;
    check(&[("code", foreign.expose())], 400, "invalid_grant").await;
    let expired = sandbox
        .code_with(|code| code.expires_at = Timestamp::now() - 1.seconds())
        .await;
    check(&[("code", expired.expose())], 400, "invalid_grant").await;
    // After all of that the good code's grant was replaced; a new one still works.
    let tokens = sandbox.tokens().await;
    let own = tokens["refresh_token"].as_str().expect("a token");
    let wider = "patient/Patient.rs openid";
    check(
        &[refresh, ("refresh_token", own), ("scope", wider)],
        400,
        "invalid_scope",
    )
    .await;
    check(
        &[refresh, ("refresh_token", own), ("scope", "x")],
        400,
        "invalid_scope",
    )
    .await;
    assert_eq!(sandbox.post("token", &sandbox.refresh(own)).await.0, 200);
}

#[tokio::test]
async fn accepts_the_ways_in_which_real_clients_authenticate() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let id = sandbox.application.client_id.as_str();
    let secret = sandbox.secret.expose();
    let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
    let check = async |authorization: &str, credentials: &[(&str, &str)], status: u16| {
        let code = sandbox.code().await;
        let mut form = sandbox.exchange(&code);
        form.truncate(4);
        form.extend_from_slice(credentials);
        let call = post("token", &form, Some(authorization));
        let (answered, body) = read(&handle(&sandbox.state, call).await);
        assert_eq!(answered, status, "{body}");
    };
    let good = basic(&format!("{id}:{secret}"));
    check(&good, &[], 200).await;
    check(&good, &[("client_id", id)], 200).await;
    check(
        &basic(&format!("%{:02X}{}:{secret}", id.as_bytes()[0], &id[1..])),
        &[],
        200,
    )
    .await;
    check(&good, &[("client_id", &"x".repeat(40))], 400).await;
    check(&good, &[("client_id", id), ("client_secret", secret)], 400).await;
    check(&basic(&format!("{id}:wrong")), &[], 401).await;
    check(&basic(&format!("{}:{secret}", "x".repeat(40))), &[], 401).await;
    check(&basic("nonsense"), &[], 401).await;
    // CMS's Python SDK leaves an old bearer token in the header.
    check(
        "Bearer old",
        &[("client_id", id), ("client_secret", secret)],
        200,
    )
    .await;
}

#[tokio::test]
async fn reads_the_multipart_form_of_cms_python_sdk() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let code = sandbox.code().await;
    let part = |(name, value): (&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts: String = sandbox.exchange(&code).into_iter().map(part).collect();
    let mut call = post("token", &[], None);
    call.body = format!("{parts}--b--\r\n").into_bytes();
    let multipart = HeaderValue::from_static("multipart/form-data; boundary=b");
    call.headers.insert(header::CONTENT_TYPE, multipart);
    let (status, body) = read(&handle(&sandbox.state, call).await);
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn refuses_other_methods_paths_and_bodies() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let check = async |change: &dyn Fn(&mut Call), expected: StatusCode| {
        let mut call = post("token", &[("grant_type", "authorization_code")], None);
        change(&mut call);
        let response = handle(&sandbox.state, call).await;
        assert_eq!(response.status, expected);
        assert_eq!(response.header("cache-control"), Some("no-store"));
    };
    let json = HeaderValue::from_static("application/json");
    check(
        &|call| call.method = Method::GET,
        StatusCode::METHOD_NOT_ALLOWED,
    )
    .await;
    check(
        &|call| call.method = Method::OPTIONS,
        StatusCode::NO_CONTENT,
    )
    .await;
    check(
        &|call| call.path = "/o/nothing".into(),
        StatusCode::UNAUTHORIZED,
    )
    .await;
    check(&|call| call.version = None, StatusCode::NOT_FOUND).await;
    check(
        &|call| call.body = vec![b'a'; 20_000],
        StatusCode::PAYLOAD_TOO_LARGE,
    )
    .await;
    check(
        &|call| call.body = vec![0xff, 0xfe],
        StatusCode::BAD_REQUEST,
    )
    .await;
    check(
        &|call| drop(call.headers.insert(header::CONTENT_TYPE, json.clone())),
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
    )
    .await;
    check(&|call| call.body.clear(), StatusCode::BAD_REQUEST).await;
}
