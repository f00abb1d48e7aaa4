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
use stand::{codedeploy, lambda, local, runtime};

/// The secret of the check, and where the calls of the function go.
struct Place {
    secrets: Client,
    secret: String,
    recorder: String,
}

/// A deployment that waits for its check, the functions as they answer, and what comes out.
struct Case {
    deployment: &'static str,
    functions: lambda::Function,
    told: &'static str,
    /// The refresh token that the next check finds, where this one found `first`.
    kept: &'static str,
}

#[tokio::test]
async fn codedeploy_is_told_what_came_out_and_the_next_check_finds_a_refresh_token() {
    let Some(aws) = local::aws(env!("CARGO_PKG_NAME"), &["ACCOUNT_SECRET"]).await else {
        return;
    };
    let aws_url = aws.endpoint_url().expect("a local AWS has an endpoint");
    let place = Place {
        secrets: Client::new(&aws),
        secret: env::var("ACCOUNT_SECRET").unwrap(),
        recorder: recorder(aws_url),
    };
    for case in [
        Case {
            deployment: "d-EXAMPLE11",
            functions: answer,
            told: "Succeeded",
            kept: "second",
        },
        Case {
            deployment: "d-EXAMPLE13",
            functions: answer_without_claims,
            told: "Failed",
            kept: "second",
        },
        // A token that is refreshed twice at once looks stolen: one check of all does it.
        Case {
            deployment: codedeploy::OTHER_DEPLOYMENT,
            functions: answer,
            told: "Succeeded",
            kept: "first",
        },
    ] {
        let Some(program) = runtime::program("check") else {
            return;
        };
        place.check(Command::new(program), &case).await;
    }
    // As it was made: nobody signs in.
    place.put(json!({})).await;
}

impl Place {
    async fn check(&self, mut check: Command, case: &Case) {
        self.put(account("first")).await;
        check
            .env("STAGE", "dev")
            .env("AWS_ENDPOINT_URL", &self.recorder)
            .env(
                "AWS_ENDPOINT_URL_LAMBDA",
                lambda::serve(case.functions).unwrap(),
            );
        for function in Function::ALL {
            let name = function
                .variable()
                .trim_end_matches("_VERSION")
                .to_lowercase();
            let version = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}:1");
            check.env(function.variable(), version);
        }
        let event = include_str!("../../../events/check_deployment.json");
        let mut event: Value = serde_json::from_str(event).unwrap();
        event["DeploymentId"] = json!(case.deployment);
        runtime::start(check, (&event, 1), || 0).unwrap();
        let told = codedeploy::told(&self.recorder, case.deployment).unwrap();
        assert_eq!(told.as_deref(), Some(case.told), "{}", case.deployment);
        assert_eq!(self.kept().await, account(case.kept), "{}", case.deployment);
    }

    async fn put(&self, account: Value) {
        let put = self.secrets.put_secret_value().secret_id(&self.secret);
        put.secret_string(account.to_string()).send().await.unwrap();
    }

    async fn kept(&self) -> Value {
        let get = self.secrets.get_secret_value().secret_id(&self.secret);
        let kept = get.send().await.unwrap();
        serde_json::from_str(kept.secret_string().unwrap()).unwrap()
    }
}

fn account(refresh_token: &str) -> Value {
    json!({
        "client_id": "app", "client_secret": "secret", "redirect_uri": "https://app.example/",
        "sign_ins": [], "refresh_token": refresh_token,
    })
}

/// Where the function's calls are recorded, which answers for CodeDeploy too: the recorder of `cargo xtask test`, or
/// one of this test's own.
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

/// The same, but for claims that nobody gets.
fn answer_without_claims(function: &str, event: &Value) -> Value {
    let has_token = event.to_string().contains(r#""authorization":"Bearer a""#);
    match function {
        "eob" if has_token => json!({"statusCode": 500, "body": "{}"}),
        _ => answer(function, event),
    }
}
