//! What stays when an operator updates the stack: the deployment check runs the first test, deploys other settings and
//! other programs, and runs the second, which has what the first one left in the file that `BLUEBUTTON_UPDATE` names.

use std::env;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::{Application, Browser, Consent, Person, Sandbox};

const APPLICATION: &str = "Another sandbox app";
/// A person who shares everything, and one who withholds personal information.
const OPEN: u64 = 15;
const WITHHELD: u64 = 16;

/// What a person reads, with the statuses of one who withholds personal information where they differ.
const PATHS: [(&str, u16); 4] = [
    ("/v2/fhir/Patient", 403),
    ("/v2/connect/userinfo", 403),
    ("/v2/fhir/Coverage", 200),
    ("/v1/fhir/ExplanationOfBenefit?_count=50", 200),
];

#[test]
fn before_it_two_people_consent_and_their_data_is_read() {
    let Some((sandbox, file)) = under_check() else {
        return;
    };
    let application = sandbox.application_named(APPLICATION);
    let withheld = Consent {
        share_demographic_scopes: false,
        ..Consent::connect()
    };
    let tokens = [(OPEN, Consent::connect()), (WITHHELD, withheld)].map(|(number, consent)| {
        sandbox.exchange(&application, &Person::synthetic(number), None, consent)
    });
    let read = tokens.each_ref().map(|tokens| read(&sandbox, tokens));
    check_statuses(&read);
    let left = json!({"tokens": tokens, "read": read});
    fs::write(file, left.to_string()).unwrap();
}

#[test]
fn after_it_their_tokens_their_consents_and_their_data_are_there() {
    let Some((sandbox, file)) = under_check() else {
        return;
    };
    let application = sandbox.application_named(APPLICATION);
    let left: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    // It holds tokens.
    fs::remove_file(file).unwrap();
    for person in 0..2 {
        let (tokens, before) = (&left["tokens"][person], &left["read"][person]);
        assert_eq!(
            &read(&sandbox, tokens),
            before,
            "the access token from before the update"
        );
        assert_eq!(
            introspected(&sandbox, &application, tokens)["active"],
            json!(true)
        );
        let answer = sandbox.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
            ("client_id", &application.client_id),
            ("client_secret", &application.client_secret),
        ]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let refreshed = answer.json();
        // Nobody was asked again, and what was withheld stays withheld.
        assert_eq!(refreshed["scope"], tokens["scope"]);
        assert_eq!(
            &read(&sandbox, &refreshed),
            before,
            "a refreshed token after the update"
        );
    }
}

/// What the deployment check is at, if it is that.
fn under_check() -> Option<(Sandbox, PathBuf)> {
    let Some(file) = env::var_os("BLUEBUTTON_UPDATE") else {
        eprintln!(
            "skipped: for the deployment check of `cargo xtask test` (BLUEBUTTON_UPDATE is not set)"
        );
        return None;
    };
    Some((Sandbox::running()?, file.into()))
}

/// Statuses and bodies of the paths, without the times and ids of the answers themselves.
fn read(sandbox: &Sandbox, tokens: &Value) -> Value {
    let access_token = tokens["access_token"].as_str().unwrap();
    let answers = PATHS.map(|(path, _)| {
        let answer = sandbox.get(path, access_token);
        let mut body = answer.json();
        for own in ["id", "meta"] {
            if body["resourceType"] == "Bundle" {
                body.as_object_mut().unwrap().remove(own);
            }
        }
        json!({"path": path, "status": answer.status, "body": body})
    });
    answers.into_iter().collect()
}

fn check_statuses([open, withheld]: &[Value; 2]) {
    for (index, (path, status)) in PATHS.into_iter().enumerate() {
        assert_eq!(open[index]["status"], 200, "{path}");
        assert_eq!(withheld[index]["status"], status, "{path}");
    }
    assert_ne!(
        open[3]["body"]["total"],
        json!(0),
        "there are claims to lose"
    );
}

fn introspected(sandbox: &Sandbox, application: &Application, tokens: &Value) -> Value {
    let url = format!("{}/v2/o/introspect", sandbox.base_url);
    let form = [
        ("token", tokens["access_token"].as_str().unwrap()),
        ("client_id", &application.client_id),
        ("client_secret", &application.client_secret),
    ];
    Browser::new().post(&url, &form).json()
}
