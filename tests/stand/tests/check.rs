//! The function `check` as a process of its own, where an identity provider signs people in: with functions that answer
//! as they should, and with the secrets of a local AWS.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::{env, thread};

use aws_sdk_secretsmanager::Client;
use check::Function;
use serde_json::{Value, json};
use stand::recorder::Recorder;
use stand::{lambda, local, runtime};

#[tokio::test]
async fn a_refresh_token_that_was_used_up_is_replaced_where_the_next_check_finds_it() {
    let Some(aws) = local::aws(env!("CARGO_PKG_NAME"), &["ACCOUNT_SECRET"]).await else {
        return;
    };
    let aws_url = aws.endpoint_url().expect("a local AWS has an endpoint");
    let secret = env::var("ACCOUNT_SECRET").unwrap();
    let Some(program) = runtime::program("check") else {
        return;
    };
    let secrets = Client::new(&aws);
    let put = |account: Value| {
        secrets
            .put_secret_value()
            .secret_id(&secret)
            .secret_string(account.to_string())
            .send()
    };
    let account = |refresh_token: &str| {
        json!({
            "client_id": "app", "client_secret": "secret", "redirect_uri": "https://app.example/",
            "sign_ins": [], "refresh_token": refresh_token,
        })
    };
    put(account("first")).await.unwrap();

    let mut check = Command::new(program);
    check
        .env("STAGE", "dev")
        .env("AWS_ENDPOINT_URL", recorder(aws_url))
        .env("AWS_ENDPOINT_URL_LAMBDA", lambda::serve(answer).unwrap());
    for function in Function::ALL {
        let name = function
            .variable()
            .trim_end_matches("_VERSION")
            .to_lowercase();
        let version = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}:1");
        check.env(function.variable(), version);
    }
    let event = include_str!("../../../events/check_deployment.json");
    let event = serde_json::from_str(event).unwrap();
    runtime::start(check, (&event, 1), || 0).unwrap();

    let kept = secrets
        .get_secret_value()
        .secret_id(&secret)
        .send()
        .await
        .unwrap();
    let kept: Value = serde_json::from_str(kept.secret_string().unwrap()).unwrap();
    // As it was made: nobody signs in.
    put(json!({})).await.unwrap();
    assert_eq!(kept, account("second"));
}

/// Where the function's calls are recorded, which answers for CodeDeploy too: the recorder of `cargo xtask test`, or one
/// of this test's own.
fn recorder(aws_url: &str) -> String {
    if let Ok(url) = env::var("BLUEBUTTON_RECORDER") {
        return url;
    }
    let upstream = aws_url.trim_start_matches("http://");
    let recorder = Recorder::create(upstream, Path::new("/dev/null")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || recorder.serve(&listener));
    url
}

/// Functions of a deployment that is well, before which an identity provider stands.
fn answer(function: &str, event: &Value) -> Value {
    let text = event.to_string();
    let has = |part: &str| text.contains(part);
    let answer = |status: u16, body: &str| json!({"statusCode": status, "body": body});
    match function {
        "discovery" => answer(
            200,
            r#"{"message":"","keys":[{}],"token_endpoint":"","resourceType":"CapabilityStatement"}"#,
        ),
        "authorize" if has(r#""client_id":["app"]"#) => json!({
            "statusCode": 302,
            "headers": {"location": "https://provider.example/authorize?response_type=code"},
        }),
        "authorize" => answer(400, ""),
        "token" if has("refresh_token=first") => {
            answer(200, r#"{"access_token":"a","refresh_token":"second"}"#)
        }
        "token" if has("client_id=app") => answer(400, r#"{"error":"invalid_grant"}"#),
        "token" => answer(400, r#"{"error":"invalid_client"}"#),
        _ if has(r#""authorization":"Bearer a""#) => answer(200, "{}"),
        _ => answer(401, "{}"),
    }
}
