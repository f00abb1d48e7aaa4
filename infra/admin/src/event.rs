//! `event`: an event of `events/` with what only the running sandbox knows, for `cargo lambda invoke`.
//!
//! A file of the repository can hold no access token that works, so it says `${TOKEN}` where one belongs.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws_sdk_s3::Client as S3;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bluebutton::aws_error::words;
use bluebutton::config;
use bluebutton::identity::BeneId;
use bluebutton::oauth::random_token;
use jiff::Timestamp;
use serde_json::Value;
use url::form_urlencoded;

use crate::Outcome;
use crate::client::Client;
use crate::environment::refuse_real_aws;
use crate::print::say;

/// What an event may ask for: everything that an application knows or gets, and the time.
const PLACEHOLDERS: [&str; 8] = [
    "TOKEN",
    "PATIENT",
    "CODE",
    "CODE_VERIFIER",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "REDIRECT_URI",
    "NOW",
];

/// Which event, and whose.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The event.
    file: PathBuf,
    /// The patient who signs in if the event needs a token or a code; by default the first that the sandbox describes.
    #[arg(long, allow_hyphen_values = true)]
    patient: Option<String>,
    /// The name of the sandbox's application that asks; by default its first one.
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// A file to put into the local S3 where the event says that it is.
    #[arg(long, value_name = "PATH")]
    object: Option<PathBuf>,
    /// The description that the running sandbox wrote.
    #[arg(long, default_value = "target/sandbox/sandbox.json")]
    sandbox_json: PathBuf,
}

/// Prints the event, ready to be sent.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let name = arguments.file.display();
    let text = fs::read_to_string(&arguments.file).map_err(|error| format!("{name}: {error}"))?;
    let names = placeholders(&text).map_err(|error| format!("{name}: {error}"))?;
    let values = match names.is_empty() {
        true => BTreeMap::new(),
        false => values(&arguments, &names)?,
    };
    let event = filled(&text, &values).map_err(|error| format!("{name}: {error}"))?;
    if let Some(object) = &arguments.object {
        put(&event, object).await?;
    }
    say!("{event:#}");
    Ok(ExitCode::SUCCESS)
}

/// The placeholders of the text.
fn placeholders(text: &str) -> Result<Vec<&str>, String> {
    let found = text.split("${").skip(1);
    let names = found.map(|rest| rest.split_once('}').map_or(rest, |(name, _)| name));
    names
        .map(|name| match PLACEHOLDERS.contains(&name) {
            true => Ok(name),
            false => Err(format!(
                "${{{name}}} is not one of {}",
                PLACEHOLDERS.join(", ")
            )),
        })
        .collect()
}

/// What the placeholders stand for. A code and a token end those that the same person and application had before, so
/// either is asked for only where it is needed.
fn values(
    arguments: &Arguments,
    names: &[&str],
) -> Result<BTreeMap<&'static str, String>, Box<dyn Error>> {
    let client = Client::read(&arguments.sandbox_json, arguments.application.as_deref())?;
    let patient = match &arguments.patient {
        Some(patient) => BeneId::parse(patient).ok_or("--patient is not a patient id")?,
        None => client.known_patient()?,
    };
    let verifier = random_token();
    let mut values = BTreeMap::from([
        ("PATIENT", patient.as_str().to_owned()),
        ("CODE_VERIFIER", verifier.expose().to_owned()),
        ("CLIENT_ID", client.client_id.clone()),
        ("CLIENT_SECRET", client.client_secret.clone()),
        ("REDIRECT_URI", client.redirect_uri.clone()),
        ("NOW", format!("{:.0}", Timestamp::now())),
    ]);
    if names.contains(&"CODE") {
        let code = client.code(&patient, verifier.expose(), None)?;
        values.insert("CODE", code);
    } else if names.contains(&"TOKEN") {
        let code = client.code(&patient, verifier.expose(), None)?;
        values.insert("TOKEN", client.exchange(&code, verifier.expose())?);
    }
    Ok(values)
}

/// The event with the values in place. A body with placeholders is written in plain, whatever the event says of it.
fn filled(text: &str, values: &BTreeMap<&str, String>) -> Result<Value, serde_json::Error> {
    let written: Value = serde_json::from_str(text)?;
    let is_plain = written["body"]
        .as_str()
        .is_some_and(|body| body.contains("${"));
    let mut text = text.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    let mut event: Value = serde_json::from_str(&text)?;
    if is_plain && event["isBase64Encoded"] == true {
        let body = event["body"].as_str().unwrap_or_default();
        event["body"] = BASE64_STANDARD.encode(body).into();
    }
    Ok(event)
}

/// Puts the file where the event's first record says that an object is, in a bucket that is made if it is not there.
async fn put(event: &Value, file: &Path) -> Result<(), Box<dyn Error>> {
    let aws = config::aws_of_operator(env!("CARGO_PKG_NAME")).await;
    refuse_real_aws("event", &aws)?;
    let (bucket, key) = location(event).ok_or("the event names no object of S3")?;
    let body = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let s3 = aws_sdk_s3::config::Builder::from(&aws).force_path_style(true);
    let s3 = S3::from_conf(s3.build());
    // One that is there already is as good; any other trouble shows in what follows.
    let _ = s3.create_bucket().bucket(bucket).send().await;
    let put = s3.put_object().bucket(bucket).key(key).body(body.into());
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let why = words(&error);
            Err(format!("the object cannot be put: {why}").into())
        }
    }
}

/// Bucket and key; S3 writes the key into events in the form of a query string.
fn location(event: &Value) -> Option<(&str, String)> {
    let s3 = event.pointer("/Records/0/s3")?;
    let bucket = s3.pointer("/bucket/name")?.as_str()?;
    let key = s3.pointer("/object/key")?.as_str()?;
    let (key, _) = form_urlencoded::parse(key.as_bytes()).next()?;
    Some((bucket, key.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_what_an_event_asks_for_and_refuses_what_nobody_knows() {
        let check =
            |text: &str, expected: Result<&[&str], &str>| match (placeholders(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
                (Err(error), Err(expected)) => assert!(error.starts_with(expected), "{error}"),
                (found, _) => panic!("{text}: {found:?}"),
            };
        check(r#"{"a": "$default"}"#, Ok(&[]));
        check(
            r#"["Bearer ${TOKEN}", "${PATIENT}"]"#,
            Ok(&["TOKEN", "PATIENT"]),
        );
        check(r#"["${TOKENS}"]"#, Err("${TOKENS} is not one of TOKEN, "));
        check(r#"["${TOKEN"]"#, Err("${TOKEN\"]} is not one of"));
    }

    #[test]
    fn fills_an_event_and_encodes_a_body_that_it_says_is_encoded() {
        let values = BTreeMap::from([("TOKEN", "a.b".to_owned()), ("PATIENT", "-1".to_owned())]);
        let check = |event: Value, expected: Value| {
            assert_eq!(filled(&event.to_string(), &values).unwrap(), expected);
        };
        check(
            json!({"rawPath": "/x/${PATIENT}", "headers": {"authorization": "Bearer ${TOKEN}"}}),
            json!({"rawPath": "/x/-1", "headers": {"authorization": "Bearer a.b"}}),
        );
        check(
            json!({"body": "token=${TOKEN}", "isBase64Encoded": true}),
            json!({"body": "dG9rZW49YS5i", "isBase64Encoded": true}),
        );
        for (body, is_base64) in [("dA==", true), ("token=x", false)] {
            let event = json!({"body": body, "isBase64Encoded": is_base64});
            check(event.clone(), event);
        }
    }

    #[test]
    fn reads_where_an_event_of_s3_says_that_its_object_is() {
        let event = include_str!("../../../events/ingest_object.json");
        let event = serde_json::from_str(event).unwrap();
        let expected = ("bluebutton-rif", "week 47/claims+1.csv".to_owned());
        assert_eq!(location(&event), Some(expected));
        assert_eq!(location(&json!({"Records": []})), None);
    }
}
