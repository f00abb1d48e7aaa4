//! Introspection (RFC 7662): what is active now, for the token's own client: SEC-26.

use bluebutton::{
    http::Method,
    oauth::{Application, DataAccess, Scopes},
};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, handle, post, read, text};

fn inactive() -> (u16, Value) {
    (200, json!({"active": false}))
}

#[tokio::test]
async fn says_what_a_living_token_may_do() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let given = Timestamp::now();
    let tokens = sandbox.tokens_of(&sandbox.consent_at(given)).await;
    let (status, access) = sandbox
        .about("introspect", &text(&tokens, "access_token"))
        .await;
    assert_eq!(status, 200);
    assert_eq!(access["exp"], given.as_second() + 3600);
    assert!(access["jti"].is_string());
    let check = |answer: &Value, member: &str, expected: Value| {
        assert_eq!(answer[member], expected, "{member}");
    };
    let (_, refresh) = sandbox
        .about("introspect", &text(&tokens, "refresh_token"))
        .await;
    for answer in [&access, &refresh] {
        check(answer, "active", json!(true));
        check(answer, "scope", json!(Scopes::DEFAULT));
        check(answer, "client_id", json!(sandbox.application.client_id));
        check(answer, "patient", json!(sandbox.patient.as_str()));
        check(answer, "iss", json!("http://localhost:8000"));
    }
    check(&access, "token_type", json!("Bearer"));
    check(&refresh, "token_type", Value::Null);
    let end = tokens["access_grant_expiration"].as_str().expect("text");
    let end: Timestamp = end.parse().expect("a time");
    check(&refresh, "exp", json!(end.as_second()));
}

#[tokio::test]
async fn says_active_of_what_works_now_whatever_the_hint_says() {
    let (Some(own), Some(other)) = (Sandbox::new().await, Sandbox::new().await) else {
        return;
    };
    let check = async |sandbox: &Sandbox, token: &str, active: bool| {
        for hint in ["", "access_token", "refresh_token", "unheard_of"] {
            let about = [("token", token), ("token_type_hint", hint)];
            let form = [&about, &sandbox.client()[..]].concat();
            let (status, answer) = sandbox.post("introspect", &form).await;
            assert_eq!((status, &answer["active"]), (200, &json!(active)), "{hint}");
            assert!(active || answer == inactive().1, "{answer}");
        }
    };
    let all = |tokens: &Value| [text(tokens, "access_token"), text(tokens, "refresh_token")];

    let old = all(&own.tokens().await);
    for token in &old {
        check(&own, token, true).await;
        check(&other, token, false).await;
    }
    let first = all(&own.tokens().await);
    for token in &old {
        check(&own, token, false).await;
    }
    let (_, second) = own.post("token", &own.refresh(&first[1])).await;
    let second = all(&second);
    for (token, active) in [
        (&first[0], false),
        (&first[1], false),
        (&second[0], true),
        (&second[1], true),
    ] {
        check(&own, token, active).await;
    }
    assert_eq!(own.about("revoke_token", &second[0]).await.0, 200);
    check(&own, &second[0], false).await;
    check(&own, &second[1], true).await;
    assert_eq!(own.about("revoke_token", &second[1]).await.0, 200);
    check(&own, &second[1], false).await;

    let third = all(&own.tokens().await);
    assert_eq!(own.about("revoke", &third[0]).await.0, 200);
    for token in &third {
        check(&own, token, false).await;
    }
    check(&own, "unknown", false).await;
    check(&own, "a.b.c", false).await;
}

#[tokio::test]
async fn nothing_is_active_after_its_end() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let tokens = sandbox.tokens().await;
    let check = async |name: &str, later_hours: i64, active: bool| {
        let token = text(&tokens, name);
        let form = [&[("token", token.as_str())], &sandbox.client()[..]].concat();
        let now = Timestamp::now() + later_hours.hours();
        let (_, answer) = sandbox.post_at(now, "introspect", &form).await;
        assert_eq!(answer["active"], active, "{name} {later_hours}");
    };
    check("access_token", 0, true).await;
    check("access_token", 2, false).await;
    check("refresh_token", 2, true).await;
    check("refresh_token", 400 * 24, false).await;
    // An application that may not refresh has no use for a refresh token.
    let once = Application {
        data_access: DataAccess::OneTime,
        ..sandbox.application.clone()
    };
    sandbox.register(&once).await;
    check("access_token", 0, true).await;
    check("refresh_token", 0, false).await;
}

#[tokio::test]
async fn tells_nothing_to_whom_it_does_not_know_and_takes_no_token_from_a_url() {
    let (Some(own), Some(other)) = (Sandbox::new().await, Sandbox::new().await) else {
        return;
    };
    let tokens = own.tokens().await;
    let access_token = text(&tokens, "access_token");
    let check = async |form: &[(&str, &str)], status: u16, error: &str| {
        let (answered, body) = own.post("introspect", form).await;
        assert_eq!(
            (answered, &body["error"]),
            (status, &json!(error)),
            "{form:?}"
        );
        assert_eq!(body.get("active"), None);
    };
    let token = ("token", access_token.as_str());
    let [id, secret] = own.client()[..] else {
        panic!("a confidential client has both");
    };
    check(&[token], 401, "invalid_client").await;
    check(&[token, id], 401, "invalid_client").await;
    check(
        &[token, id, ("client_secret", other.secret.expose())],
        401,
        "invalid_client",
    )
    .await;
    check(&[id, secret], 400, "invalid_request").await;
    check(&[("token", ""), id, secret], 400, "invalid_request").await;
    check(&[token, token, id, secret], 400, "invalid_request").await;
    // A token is no client's authentication here.
    let bearer = format!("Bearer {access_token}");
    let call = post("introspect", &[token], Some(&bearer));
    assert_eq!(read(&handle(&own.state, call).await).0, 401);
    let mut call = post("introspect", &[id, secret], None);
    call.query = vec![("token".into(), access_token.clone())];
    assert_eq!(read(&handle(&own.state, call.clone()).await).0, 400);
    call.method = Method::GET;
    assert_eq!(read(&handle(&own.state, call).await).0, 405);
}
