//! The function's program starts only where it may: with a provider, or in a sandbox.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_sdk_secretsmanager::Client as SecretsManager;
use serde_json::json;
use stand::local;

use crate::walk::Records;

const OWN_PEPPER: &str = r#"{"pepper":"k0Yr8sVq2","iterations":1000}"#;
const DEVELOPMENT_PEPPER: &str = r#"{"pepper":"nottherealpepper","iterations":2}"#;

const POLL: Duration = Duration::from_millis(20);

#[tokio::test]
async fn starts_outside_the_sandbox_only_with_a_provider_on_the_internet_and_a_pepper_of_its_own() {
    if Records::of_sandbox().await.is_none() {
        return;
    }
    let provider = |issuer: &str| {
        let settings = json!({
            "issuer": issuer, "client_id": "c", "client_secret": "s", "scopes": "openid", "mbi_claim": "mbi",
        });
        settings.to_string()
    };
    let (on_the_internet, beside_us) = (
        provider("https://id.example"),
        provider("http://127.0.0.1:9"),
    );
    let check = async |stage: &str, provider: &str, pepper: &str, expected: Result<(), &str>| {
        let outcome = start(stage, provider, pepper).await;
        let refusal = outcome.as_ref().err().map(String::as_str);
        match expected {
            Ok(()) => assert_eq!(refusal, None, "{stage} {provider} {pepper}"),
            Err(why) => assert!(
                refusal.is_some_and(|text| text.contains(why)),
                "{stage} {provider}: {refusal:?}"
            ),
        }
    };
    for stage in ["dev", "prod"] {
        check(stage, &on_the_internet, OWN_PEPPER, Ok(())).await;
        check(stage, "{}", OWN_PEPPER, Err("names no identity provider")).await;
        check(
            stage,
            &beside_us,
            OWN_PEPPER,
            Err("IDENTITY_PROVIDER_SECRET does not have the expected form"),
        )
        .await;
        let refused = "development values of IDENTITY_SECRET are refused in this stage";
        check(stage, &on_the_internet, DEVELOPMENT_PEPPER, Err(refused)).await;
    }
    check("sandbox", "{}", DEVELOPMENT_PEPPER, Ok(())).await;
    check("sandbox", &beside_us, DEVELOPMENT_PEPPER, Ok(())).await;
    check(
        "sandbox",
        "",
        DEVELOPMENT_PEPPER,
        Err("IDENTITY_PROVIDER_SECRET does not have the expected form"),
    )
    .await;
}

/// Runs the program until it asks for its first call; else what it says.
async fn start(stage: &str, provider: &str, pepper: &str) -> Result<(), String> {
    let configuration = json!({"stage": stage}).to_string();
    let runtime = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut program = Command::new(env!("CARGO_BIN_EXE_authorize"))
        .env("CONFIGURATION_SECRET", secret(&configuration).await)
        // A secret cannot be empty, so that white space stands for a value that is none.
        .env(
            "IDENTITY_PROVIDER_SECRET",
            secret(if provider.is_empty() { " " } else { provider }).await,
        )
        .env("IDENTITY_SECRET", secret(pepper).await)
        .env(
            "AWS_LAMBDA_RUNTIME_API",
            runtime.local_addr().expect("an address").to_string(),
        )
        .env("AWS_LAMBDA_FUNCTION_NAME", "authorize")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stderr = program.stderr.take().expect("a pipe");
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        let _ = stderr.read_to_string(&mut said);
        said
    });
    runtime.set_nonblocking(true).expect("a socket");
    let ended = loop {
        if let Some(status) = program.try_wait().expect("a program") {
            break Some(status);
        }
        if let Ok((connection, _)) = runtime.accept() {
            let mut line = String::new();
            connection.set_nonblocking(false).expect("a socket");
            let _ = BufReader::new(connection).read_line(&mut line);
            assert!(line.contains("/invocation/next"), "{line}");
            break None;
        }
        tokio::time::sleep(POLL).await;
    };
    let _ = program.kill();
    let _ = program.wait();
    let said = said.join().expect("a thread");
    match ended {
        None => Ok(()),
        Some(status) => {
            assert!(!status.success());
            Err(said)
        }
    }
}

/// The name of a new secret.
async fn secret(value: &str) -> String {
    let name = format!("test-{}", uuid::Uuid::new_v4());
    let secrets = SecretsManager::new(&local::unhurried(env!("CARGO_PKG_NAME")).await);
    let created = secrets
        .create_secret()
        .name(&name)
        .secret_string(value)
        .send();
    created.await.expect("a secret");
    name
}
