//! Codes and refresh tokens become tokens: what is answered, how often, and what is refused.

use aws_sdk_dynamodb::Client as DynamoDb;
use bluebutton::{
    http::{Call, HeaderValue, Method, StatusCode, header},
    oauth::{Application, DataAccess, Scopes, access::AccessError},
    secret::Secret,
    store::AuditTable,
};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use stand::{consent::VERIFIER, local};
use std::sync::Arc;
use token::State;
use tokio::task::JoinSet;

use crate::sandbox::{REDIRECT_URI, Sandbox, handle, post, read, text};

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
    let aws = local::unhurried(env!("CARGO_PKG_NAME")).await;
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
        let now = Timestamp::now();
        let mut consent = sandbox.consent_at(now);
        consent.code.used_at = Some(now - used_seconds_ago.seconds());
        let code = consent.give(&sandbox.tables).await;
        let mut form = sandbox.exchange(&code);
        form.retain(|(name, _)| *name != "code_verifier");
        form.push(("code_verifier", verifier));
        let before = sandbox.grant_id().await;
        let answer = sandbox.post_at(now, "token", &form).await;
        assert_eq!(answer, (400, json!({"error": "invalid_grant"})));
        assert_eq!(
            sandbox.grant_id().await == before,
            lives,
            "{used_seconds_ago}"
        );
    };
    check(0, VERIFIER, true).await;
    check(10, VERIFIER, true).await;
    check(11, VERIFIER, false).await;
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
async fn the_predecessor_may_be_repeated_for_a_minute_and_no_longer() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let check = async |later_seconds: i64, expected: u16| {
        let given = Timestamp::now();
        let first = sandbox.tokens_of(&sandbox.consent_at(given)).await;
        let old = text(&first, "refresh_token");
        let form = sandbox.refresh(&old);
        let (_, second) = sandbox.post_at(given, "token", &form).await;
        let now = given + later_seconds.seconds();
        let (status, again) = sandbox.post_at(now, "token", &form).await;
        assert_eq!(status, expected, "{later_seconds} {again}");
        let lives = sandbox.access_at(now, &second).await.is_ok();
        assert_eq!(lives, expected == 200, "{later_seconds}");
    };
    check(0, 200).await;
    check(60, 200).await;
    check(61, 400).await;
    check(3000, 400).await;
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
    sandbox.register(&inactive).await;
    let name = inactive.name.clone();
    assert_eq!(
        sandbox.access(&tokens).await,
        Err(AccessError::ApplicationInactive { name })
    );
    let (status, body) = sandbox.post("token", &sandbox.refresh(refresh_token)).await;
    assert_eq!((status, &body["error"]), (403, &json!("invalid_client")));

    let once = Application {
        data_access: DataAccess::OneTime,
        ..sandbox.application.clone()
    };
    sandbox.register(&once).await;
    let (status, body) = sandbox.post("token", &sandbox.refresh(refresh_token)).await;
    assert_eq!((status, &body["error"]), (403, &json!("invalid_client")));
    assert!(sandbox.tokens().await.get("refresh_token").is_none());
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
    check(&[("grant_type", "")], 400, "unsupported_grant_type").await;
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
    let mut expired = sandbox.consent();
    expired.code.expires_at = Timestamp::now() - 1.seconds();
    let expired = expired.give(&sandbox.tables).await;
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
async fn tells_nobody_why_a_code_is_none() {
    let (Some(sandbox), Some(other)) = (Sandbox::new().await, Sandbox::new().await) else {
        return;
    };
    let check = async |code: &str, change: (&str, &str)| {
        let code = Secret::new(code);
        let mut form = sandbox.exchange(&code);
        form.retain(|(name, _)| *name != change.0);
        form.push(change);
        let answer = handle(&sandbox.state, post("token", &form, None)).await;
        assert_eq!(answer.status, 400, "{change:?}");
        assert_eq!(answer.body, br#"{"error":"invalid_grant"}"#, "{change:?}");
        let names = answer.headers.keys().map(|name| name.as_str().to_owned());
        names.collect::<Vec<_>>()
    };
    let same = ("redirect_uri", REDIRECT_URI);
    let foreign = other.code().await;
    let used = sandbox.code().await;
    assert_eq!(sandbox.post("token", &sandbox.exchange(&used)).await.0, 200);
    let good = sandbox.code().await;
    let unknown = check("unknown", same).await;
    for headers in [
        check(foreign.expose(), same).await,
        check(used.expose(), same).await,
        check(good.expose(), ("redirect_uri", "http://localhost:3001/")).await,
        check(good.expose(), ("code_verifier", &"a".repeat(43))).await,
        check(good.expose(), ("code_verifier", "short")).await,
    ] {
        assert_eq!(headers, unknown);
    }
    assert_eq!(other.post("token", &other.exchange(&foreign)).await.0, 200);
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
        StatusCode::NOT_FOUND,
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
