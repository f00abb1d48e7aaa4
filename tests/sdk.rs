//! CMS's own Python SDK against the sandbox, unchanged.

use std::env;
use std::process::Command;

use serde_json::Value;

use crate::client::{Person, Sandbox};

#[test]
fn cms_python_sdk_goes_from_authorize_url_to_paged_claims() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let Some(python) = env::var_os("BLUEBUTTON_SDK_PYTHON") else {
        eprintln!(
            "skipped: BLUEBUTTON_SDK_PYTHON names no Python with cms-bluebutton-sdk; `cargo xtask test` makes one"
        );
        return;
    };
    let person = Person::synthetic(13);
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/sdk_walk.py"))
        .arg(env::var_os("BLUEBUTTON_SANDBOX").unwrap())
        .args([&person.username, &person.password])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let total = sandbox
        .get(
            "/v2/fhir/ExplanationOfBenefit?_count=0",
            &sandbox.access_token(&person),
        )
        .json()["total"]
        .clone();
    assert_eq!(seen["patient"], person.patient.as_str());
    assert_eq!(seen["status"], serde_json::json!([200, 200, 200, 200, 200]));
    assert_eq!((&seen["claims"], &seen["total"]), (&total, &total));
    assert_eq!(
        seen["pages"].as_u64().unwrap(),
        total.as_u64().unwrap().div_ceil(10)
    );
}
