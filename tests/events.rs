//! Every file of `events/` sent to its function as `infra/docs/local.md` says: filled in by `bluebutton-admin event`,
//! sent by `cargo lambda invoke`, and answered by the function as `cargo lambda watch` runs it.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use url::Url;

use crate::architecture::{functions, read};
use crate::client::{Person, Sandbox};
use crate::script;

/// API Gateway's events by function and case, the status of the answer, and what stands in its body or its `Location`.
/// Each is there as a REST API sends it (`_v1.json`) and as payload version 2 (`_v2.json`), and answered alike.
const HTTP_EVENTS: [(&str, u16, &str); 20] = [
    ("authorize_start", 302, "/login?approval="),
    ("authorize_unknown_application", 400, "client_id"),
    ("coverage_read", 200, r#""id":"part-a-"#),
    ("coverage_without_token", 401, "OperationOutcome"),
    ("discovery_metadata", 200, "CapabilityStatement"),
    ("discovery_smart_configuration", 200, "token_endpoint"),
    ("discovery_unknown_path", 404, "Not found."),
    (
        "eob_search_post",
        200,
        "type=carrier&startIndex=0&_count=1\"",
    ),
    ("eob_search_repeated_parameters", 200, "_count=5\""),
    ("eob_without_token", 401, "OperationOutcome"),
    ("patient_read_of_another_person", 404, "OperationOutcome"),
    ("patient_read_stu3", 200, r#""resourceType":"Patient""#),
    ("patient_search", 200, r#""total":1"#),
    ("patient_without_token", 401, "OperationOutcome"),
    ("portal_home", 404, "not built yet"),
    ("token_exchange", 200, r#""refresh_token":"#),
    ("token_introspect", 200, r#""active":true"#),
    ("token_unknown_code", 400, "invalid_grant"),
    ("userinfo_read", 200, r#""patient":"#),
    ("userinfo_without_token", 401, "credentials"),
];

/// How a function that is no endpoint ends: what it answers, or the name of its failure.
type Ending = Result<&'static str, &'static str>;

/// Events of the functions that are no endpoints.
const OTHER_EVENTS: [(&str, Ending); 8] = [
    ("check_deployment", Ok("null")),
    (
        "check_without_deployment",
        Err("lambda_runtime::deserializer::DeserializeError"),
    ),
    ("ingest_missing_object", Err("Unreadable")),
    ("ingest_object", Ok("null")),
    ("metrics_daily", Ok("null")),
    ("metrics_without_time", Err("NoTime")),
    ("rotate_daily", Ok("null")),
    ("rotate_of_another_time", Err("AnotherTime")),
];

/// Functions that refuse every event until they are built.
const NOT_BUILT: [&str; 1] = ["portal"];

/// What asks CodeDeploy, which no local AWS has. In `cargo xtask test` the recorder in front of it answers for that.
const ASKS_CODEDEPLOY: &str = "check_deployment.json";

/// A person and an application that no other test uses: what is approved ends what the pair had before.
const PERSON: u64 = 15;
const APPLICATION: &str = "Another sandbox app";
/// What is loaded through the local S3, of the folder of RIF files that the sandbox made.
const OBJECT: &str = "hospice.csv";

/// A file, and how its function ends with it.
struct Event {
    name: String,
    ending: Expected,
}

/// What the function answers.
enum Expected {
    Http(u16, &'static str),
    Other(Ending),
}

#[test]
fn every_function_has_events_that_succeed_and_fail_and_every_event_is_used() {
    let entries = fs::read_dir(folder()).unwrap();
    let there: BTreeSet<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let used: BTreeSet<_> = events().into_iter().map(|event| event.name).collect();
    let mut tried: BTreeSet<_> = events().iter().map(Event::tries).collect();
    assert_eq!(there, used, "the files, and the tables of tests/events.rs");
    for function in NOT_BUILT {
        assert!(
            tried.insert((function.to_owned(), true)),
            "{function} is built"
        );
    }
    for function in functions() {
        for succeeds in [true, false] {
            let is_tried = tried.contains(&(function.clone(), succeeds));
            assert!(
                is_tried,
                "succeeds: {succeeds}. Add events/{function}_<case>.json and its row to tests/events.rs"
            );
        }
    }
}

#[test]
fn both_payload_versions_of_a_case_ask_for_the_same() {
    for (case, ..) in HTTP_EVENTS {
        let [rest, version_2] = ["v1", "v2"].map(|version| {
            let text = read(&format!("events/{case}_{version}.json"));
            serde_json::from_str::<Value>(&text).unwrap()
        });
        assert_eq!(rest.get("version"), None, "{case}");
        assert_eq!(version_2["version"], "2.0", "{case}");
        assert_eq!(
            asked_by_rest(&rest),
            asked_by_version_2(&version_2),
            "{case}"
        );
    }
}

/// A request: method, path, decoded query, headers by lower-case names, decoded body.
type Request = (
    String,
    String,
    Vec<(String, String)>,
    Vec<(String, String)>,
    String,
);

fn asked_by_rest(event: &Value) -> Request {
    let pairs = |name: &str| {
        let entries = event[name].as_object().into_iter().flatten();
        let mut pairs = Vec::new();
        for (name, values) in entries {
            let values = values.as_array().unwrap().iter().map(text);
            pairs.extend(values.map(|value| (name.clone(), value)));
        }
        pairs
    };
    let query = pairs("multiValueQueryStringParameters");
    let headers = pairs("multiValueHeaders").into_iter();
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value));
    sorted((
        text(&event["httpMethod"]),
        text(&event["path"]),
        query,
        headers.collect(),
        body(event),
    ))
}

fn asked_by_version_2(event: &Value) -> Request {
    let query = text(&event["rawQueryString"]);
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let headers = event["headers"].as_object().into_iter().flatten();
    let headers = headers.map(|(name, value)| (name.clone(), text(value)));
    sorted((
        text(&event["requestContext"]["http"]["method"]),
        text(&event["rawPath"]),
        query.collect(),
        headers.collect(),
        body(event),
    ))
}

fn sorted(mut request: Request) -> Request {
    request.2.sort();
    request.3.sort();
    request
}

/// A body with placeholders is written in plain; `bluebutton-admin event` encodes it.
fn body(event: &Value) -> String {
    let body = event["body"].as_str().unwrap_or_default();
    match event["isBase64Encoded"] == true && !body.contains("${") {
        true => String::from_utf8(BASE64_STANDARD.decode(body).unwrap()).unwrap(),
        false => body.to_owned(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn cargo_lambda_invoke_gets_the_answer_to_every_event() {
    let (Some(sandbox), Some(cargo_lambda)) = (
        Sandbox::running(),
        script::needed("BLUEBUTTON_CARGO_LAMBDA"),
    ) else {
        return;
    };
    let port = Url::parse(&sandbox.base_url).unwrap().port().unwrap();
    for event in events() {
        // Only a recorder answers for CodeDeploy.
        if event.name == ASKS_CODEDEPLOY && script::needed("BLUEBUTTON_RECORDER").is_none() {
            continue;
        }
        let mut invoke = Command::new(&cargo_lambda);
        invoke
            .args(["lambda", "invoke", event.function(), "--invoke-address"])
            .args(["127.0.0.1", "--invoke-port", &port.to_string()])
            .args(["--data-file", "/dev/stdin"])
            .env("NO_COLOR", "1");
        let output = fed(&mut invoke, &event.filled());
        event.check(&output);
    }
}

impl Event {
    fn function(&self) -> &str {
        function_of(&self.name)
    }

    /// The function that it tries, and whether that succeeds.
    fn tries(&self) -> (String, bool) {
        let succeeds = match self.ending {
            Expected::Http(status, _) => status < 400,
            Expected::Other(ending) => ending.is_ok(),
        };
        (self.function().to_owned(), succeeds)
    }

    /// The event as `cargo xtask event` prints it.
    fn filled(&self) -> Vec<u8> {
        let sandbox = PathBuf::from(env::var_os("BLUEBUTTON_SANDBOX").unwrap());
        let mut admin = Command::new(env::var_os("BLUEBUTTON_ADMIN").unwrap());
        admin
            .arg("event")
            .arg(folder().join(&self.name))
            .args(["--patient", &Person::synthetic(PERSON).patient])
            .args(["--application", APPLICATION, "--sandbox-json"])
            .arg(&sandbox);
        if self.name == "ingest_object.json" {
            let rif = sandbox.with_file_name("rif").join(OBJECT);
            admin.arg("--object").arg(rif);
        }
        let output = admin.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", self.name);
        output.stdout
    }

    fn check(&self, output: &Output) {
        let name = &self.name;
        let printed = String::from_utf8_lossy(&output.stdout);
        let said = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
        let ends_well = !matches!(self.ending, Expected::Other(Err(_)));
        assert_eq!(output.status.success(), ends_well, "{name}: {said}");
        match self.ending {
            Expected::Http(status, expected) => {
                let answer: Value = serde_json::from_str(&printed).unwrap();
                assert_eq!(answer["statusCode"], status, "{name}: {said}");
                let body = answer["body"].as_str().unwrap_or_default();
                let location = answer["headers"]["location"].as_str().unwrap_or_default();
                let is_there = format!("{location}\n{body}").contains(expected);
                assert!(is_there, "{name}: {expected} is not in {said}");
            }
            Expected::Other(Ok(expected)) => assert_eq!(printed.trim(), expected, "{name}"),
            Expected::Other(Err(failure)) => {
                let sentence = format!("Error: {failure}\n");
                assert!(said.contains(&sentence), "{name}: {said}");
            }
        }
    }
}

/// What the program prints when it is given that.
fn fed(program: &mut Command, input: &[u8]) -> Output {
    let mut running = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    running.stdin.take().unwrap().write_all(input).unwrap();
    running.wait_with_output().unwrap()
}

fn events() -> Vec<Event> {
    let http = HTTP_EVENTS.iter().flat_map(|(case, status, expected)| {
        ["v1", "v2"].map(|version| Event {
            name: format!("{case}_{version}.json"),
            ending: Expected::Http(*status, expected),
        })
    });
    let other = OTHER_EVENTS.iter().map(|(case, ending)| Event {
        name: format!("{case}.json"),
        ending: Expected::Other(*ending),
    });
    http.chain(other).collect()
}

/// The function that a file is named after.
fn function_of(name: &str) -> &str {
    name.split('_').next().unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")
}
