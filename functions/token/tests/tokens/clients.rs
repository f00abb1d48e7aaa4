//! Who a client is: SEC-24 and RFC 6749 sections 2.3 and 3.2.1. A refresh token that nobody knows shows who is let in
//! without using anything up.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bluebutton::{
    http::{Call, HeaderValue, header},
    oauth::{Application, ClientType},
};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, handle, handle_at, post, read, text};

const NOBODY: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

fn authenticated() -> (u16, Value) {
    let description = "Refresh token not found.";
    let body =
        json!({"status_code": 400, "error": "invalid_request", "error_description": description});
    (400, body)
}

fn wrong() -> (u16, Value) {
    (401, json!({"error": "invalid_client"}))
}

fn unknown_in_header() -> (u16, Value) {
    let description = "Application does not exist";
    let body =
        json!({"status_code": 401, "error": "invalid_client", "error_description": description});
    (401, body)
}

fn unknown_in_body() -> (u16, Value) {
    let description = "Application does not exist (client_id)";
    let body =
        json!({"status_code": 400, "error": "invalid_client", "error_description": description});
    (400, body)
}

fn invalid_request(description: &str) -> (u16, Value) {
    let body = json!({"error": "invalid_request", "error_description": description});
    (400, body)
}

fn basic(text: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(text))
}

/// A refresh with a token that nobody knows.
fn probe(authorization: &str, credentials: &[(&str, &str)]) -> Call {
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let form = [&refresh, credentials].concat();
    let authorization = Some(authorization).filter(|value| !value.is_empty());
    post("token", &form, authorization)
}

#[tokio::test]
async fn a_confidential_client_is_let_in_by_its_secret_sent_in_one_way() {
    let (Some(sandbox), Some(other)) = (Sandbox::new().await, Sandbox::new().await) else {
        return;
    };
    let check = async |authorization: &str, credentials: &[(&str, &str)], expected| {
        let answer = handle(&sandbox.state, probe(authorization, credentials)).await;
        assert_eq!(read(&answer), expected, "{authorization} {credentials:?}");
        let challenge = answer.header("www-authenticate");
        let expects_challenge = answer.status == 401 && !authorization.is_empty();
        assert_eq!(challenge.is_some(), expects_challenge, "{authorization}");
    };
    let (id, secret) = (
        sandbox.application.client_id.as_str(),
        sandbox.secret.expose(),
    );
    let other_id = other.application.client_id.as_str();
    let escaped = |text: &str| format!("%{:02X}{}", text.as_bytes()[0], &text[1..]);
    let good = basic(&format!("{id}:{secret}"));
    let two_clients = || invalid_request("different app in headers than in request data");
    let two_ways = || invalid_request("More than one way of client authentication was used.");
    let duplicate = || invalid_request("A parameter was sent more than once.");

    // In the header: raw as most clients send it, form-encoded as RFC 6749 section 2.3.1 has it.
    check(&good, &[], authenticated()).await;
    check(
        &basic(&format!("{}:{secret}", escaped(id))),
        &[],
        authenticated(),
    )
    .await;
    check(
        &basic(&format!("{id}:{}", escaped(secret))),
        &[],
        authenticated(),
    )
    .await;
    check(&good.replace("Basic", "basic"), &[], authenticated()).await;
    check(&good, &[("client_id", id)], authenticated()).await;
    check(&good, &[("client_id", "")], authenticated()).await;
    check(&good, &[("client_secret", "")], authenticated()).await;
    check(&basic(&format!("{id}:wrong")), &[], wrong()).await;
    check(&basic(&format!("{id}:")), &[], wrong()).await;
    check(&basic(&format!("{id}:{secret}x")), &[], wrong()).await;
    check(&basic(&format!("{id}: {secret}")), &[], wrong()).await;
    check(&basic(&format!("{other_id}:{secret}")), &[], wrong()).await;
    check(
        &basic(&format!("{NOBODY}:{secret}")),
        &[],
        unknown_in_header(),
    )
    .await;
    check(&basic(&format!("x:{secret}")), &[], unknown_in_header()).await;
    check(&basic(&format!(":{secret}")), &[], unknown_in_header()).await;
    check(&basic("no colon"), &[], wrong()).await;
    check("Basic", &[], wrong()).await;
    check("Basic !!!", &[], wrong()).await;

    // In the body.
    let body_id = ("client_id", id);
    let body_secret = ("client_secret", secret);
    check("", &[body_id, body_secret], authenticated()).await;
    check("", &[body_id], wrong()).await;
    check("", &[body_secret], wrong()).await;
    check("", &[], wrong()).await;
    check("", &[body_id, ("client_secret", "")], wrong()).await;
    check("", &[body_id, ("client_secret", "wrong")], wrong()).await;
    check(
        "",
        &[body_id, ("client_secret", other.secret.expose())],
        wrong(),
    )
    .await;
    check("", &[("client_id", other_id), body_secret], wrong()).await;
    check("", &[("client_id", NOBODY), body_secret], unknown_in_body()).await;
    check("", &[("client_id", "x"), body_secret], unknown_in_body()).await;
    check(
        "",
        &[("client_id", &id.to_lowercase()), body_secret],
        unknown_in_body(),
    )
    .await;
    check("", &[body_id, body_id, body_secret], duplicate()).await;
    check("", &[body_id, body_secret, body_secret], duplicate()).await;

    // In both.
    check(&good, &[("client_id", other_id)], two_clients()).await;
    check(&good, &[("client_id", NOBODY)], two_clients()).await;
    check(&good, &[body_id, body_secret], two_ways()).await;
    check(&good, &[body_secret], two_ways()).await;
    check(&good, &[body_id, body_id], duplicate()).await;

    // CMS's Python SDK leaves an old bearer token in the header of its token requests.
    check("Bearer old", &[body_id, body_secret], authenticated()).await;
    check("Bearer old", &[body_id], wrong()).await;
}

#[tokio::test]
async fn two_secrets_work_while_they_are_changed_and_the_old_one_ends() {
    let Some(mut sandbox) = Sandbox::new().await else {
        return;
    };
    let now = Timestamp::now();
    let second = sandbox.application.renew_secret(now);
    sandbox.register(&sandbox.application).await;
    let check = async |secret: &str, later_hours: i64, expected: (u16, Value)| {
        let id = sandbox.application.client_id.as_str();
        let in_header = probe(&basic(&format!("{id}:{secret}")), &[]);
        let in_body = probe("", &[("client_id", id), ("client_secret", secret)]);
        for call in [in_header, in_body] {
            let answer = handle_at(&sandbox.state, call, now + later_hours.hours()).await;
            assert_eq!(read(&answer), expected, "{later_hours}");
        }
    };
    let first = sandbox.secret.expose();
    check(first, 0, authenticated()).await;
    check(first, 23, authenticated()).await;
    check(first, 24, wrong()).await;
    check(second.expose(), 0, authenticated()).await;
    check(second.expose(), 10_000, authenticated()).await;
}

fn public(usual: Application) -> Application {
    Application {
        client_type: ClientType::Public,
        ..usual
    }
}

#[tokio::test]
async fn a_public_client_is_let_in_by_its_id_alone_and_by_nothing_else() {
    let (Some(sandbox), Some(confidential)) = (Sandbox::with(public).await, Sandbox::new().await)
    else {
        return;
    };
    // The application still has a secret from when it was confidential; it counts no more.
    assert!(!sandbox.application.secrets.is_empty());
    let check = async |authorization: &str, credentials: &[(&str, &str)], expected| {
        let answer = handle(&sandbox.state, probe(authorization, credentials)).await;
        assert_eq!(read(&answer), expected, "{authorization} {credentials:?}");
    };
    let (id, secret) = (
        sandbox.application.client_id.as_str(),
        sandbox.secret.expose(),
    );
    check("", &[("client_id", id)], authenticated()).await;
    check(
        "",
        &[("client_id", id), ("client_secret", "")],
        authenticated(),
    )
    .await;
    check("Bearer old", &[("client_id", id)], authenticated()).await;
    check("", &[("client_id", id), ("client_secret", secret)], wrong()).await;
    check("", &[("client_id", id), ("client_secret", "x")], wrong()).await;
    check(&basic(&format!("{id}:{secret}")), &[], wrong()).await;
    check(&basic(&format!("{id}:")), &[], wrong()).await;
    check(&basic(&format!("{id}:")), &[("client_id", id)], wrong()).await;
    check(
        "",
        &[("client_id", &confidential.application.client_id)],
        wrong(),
    )
    .await;
}

#[tokio::test]
async fn a_public_client_gets_refreshes_and_revokes_its_tokens_and_introspects_none() {
    let (Some(sandbox), Some(other)) = (Sandbox::with(public).await, Sandbox::with(public).await)
    else {
        return;
    };
    let code = sandbox.code().await;
    let mut without_verifier = sandbox.exchange(&code);
    without_verifier.retain(|(name, _)| *name != "code_verifier");
    let (status, refused) = sandbox.post("token", &without_verifier).await;
    assert_eq!(
        (status, &refused["error_description"]),
        (400, &json!("Code verifier required."))
    );
    let (status, first) = sandbox.post("token", &sandbox.exchange(&code)).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(sandbox.access(&first).await, Ok(()));
    let old = text(&first, "refresh_token");
    assert_eq!(other.post("token", &other.refresh(&old)).await.0, 400);
    let (status, second) = sandbox.post("token", &sandbox.refresh(&old)).await;
    assert_eq!(status, 200, "{second}");
    assert!(sandbox.access(&first).await.is_err());
    assert_eq!(sandbox.access(&second).await, Ok(()));

    let access_token = text(&second, "access_token");
    assert_eq!(sandbox.about("introspect", &access_token).await, wrong());
    assert_eq!(other.about("revoke_token", &access_token).await.0, 403);
    assert_eq!(other.about("revoke", &access_token).await.0, 200);
    assert_eq!(sandbox.access(&second).await, Ok(()));
    assert_eq!(sandbox.about("revoke_token", &access_token).await.0, 200);
    assert!(sandbox.access(&second).await.is_err());
    let refresh_token = text(&second, "refresh_token");
    assert_eq!(sandbox.about("revoke", &refresh_token).await.0, 200);
    assert_eq!(sandbox.grant_id().await, None);
}

#[tokio::test]
async fn an_application_switched_off_is_told_so_by_every_endpoint() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let tokens = sandbox.tokens().await;
    let inactive = Application {
        active: false,
        ..sandbox.application.clone()
    };
    sandbox.register(&inactive).await;
    let check = async |path: &str, form: &[(&str, &str)], expected: Value| {
        let form = [form, &sandbox.client()].concat();
        assert_eq!(sandbox.post(path, &form).await, (403, expected), "{path}");
    };
    let description = "This application, Test, is temporarily inactive.";
    let named =
        json!({"status_code": 403, "error": "invalid_client", "error_description": description});
    let text_of = |name: &str| text(&tokens, name);
    let (access_token, refresh_token) = (text_of("access_token"), text_of("refresh_token"));
    let token = [("token", access_token.as_str())];
    let code = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("code_verifier", "x"),
    ];
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh_token),
    ];
    check("token", &code, named.clone()).await;
    check("token", &refresh, named.clone()).await;
    check("revoke", &token, named.clone()).await;
    check("introspect", &token, named.clone()).await;
    let expire = format!("expire_authenticated_user/{}", sandbox.patient.as_str());
    check(&expire, &[], named).await;
    let description = "Application is not active or does not exist.";
    let unnamed = json!({"status_code": 403, "description": description});
    check("revoke_token", &token, unnamed).await;
    assert!(sandbox.grant_id().await.is_some());
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
