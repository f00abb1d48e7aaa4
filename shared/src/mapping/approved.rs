//! Comparison with CMS's approved answers, for tests of all mappings.
//!
//! `BLUEBUTTON_REFERENCE` names the folder that holds them beside the RIF files they were made from.

use std::{env, fs, path::PathBuf};

use serde_json::{Value, json};

const IGNORED: &str = "IGNORED_FIELD";

/// A file of the reference folder as text, or `None`, said on stderr, where there is no such folder.
///
/// # Panics
/// Panics without the folder when `BLUEBUTTON_REFERENCE_REQUIRED=1`, and where the file is missing.
pub(crate) fn reference(file: &str) -> Option<String> {
    let path = reference_path(file)?;
    Some(fs::read_to_string(&path).expect("a file of the reference folder"))
}

/// Where a file or folder of the reference folder is, or `None` as in [`reference`].
///
/// # Panics
/// Panics without the folder when `BLUEBUTTON_REFERENCE_REQUIRED=1`.
pub(crate) fn reference_path(file: &str) -> Option<PathBuf> {
    let Some(folder) = env::var_os("BLUEBUTTON_REFERENCE") else {
        let required = env::var("BLUEBUTTON_REFERENCE_REQUIRED").is_ok_and(|value| value == "1");
        assert!(!required, "BLUEBUTTON_REFERENCE is not set");
        eprintln!("skipped: BLUEBUTTON_REFERENCE is not set, so {file} cannot be compared with");
        return None;
    };
    Some(PathBuf::from(folder).join(file))
}

/// Asserts that a resource equals the approved answer of that name, such as `v2/patientRead.json`.
pub(crate) fn assert_approved(golden: &str, answered: &[u8]) {
    if let Some(approved) = reference(&format!("golden/{golden}")) {
        let approved: Value = serde_json::from_str(&approved).expect("JSON");
        assert_same(golden, approved, answered);
    }
}

/// Asserts that a resource equals one of an approved bundle's, `/entry/0/resource`.
pub(crate) fn assert_approved_at(golden: &str, pointer: &str, answered: &[u8]) {
    if let Some(approved) = reference(&format!("golden/{golden}")) {
        let approved: Value = serde_json::from_str(&approved).expect("JSON");
        let approved = approved.pointer(pointer).expect("the entry").clone();
        assert_same(golden, approved, answered);
    }
}

fn assert_same(golden: &str, approved: Value, answered: &[u8]) {
    let answered: Value = serde_json::from_slice(answered).expect("the answer is JSON");
    let mut differences = Vec::new();
    compare("", &normal(approved), &normal(answered), &mut differences);
    assert!(
        differences.is_empty(),
        "{golden}:\n{}",
        differences.join("\n")
    );
}

/// What the approved answers leave open is made the same: times, random ids, the order of a patient's identifiers.
fn normal(mut value: Value) -> Value {
    if value["resourceType"] == "Patient"
        && let Some(identifiers) = value["identifier"].as_array_mut()
    {
        identifiers.sort_by_key(|identifier| {
            let currency = &identifier["type"]["coding"][0]["extension"][0]["valueCoding"];
            [
                &identifier["system"],
                &identifier["value"],
                &currency["code"],
            ]
            .map(Value::to_string)
        });
    }
    ignore(&mut value);
    value
}

fn ignore(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(ignore),
        Value::Object(members) => {
            for (key, value) in members.iter_mut() {
                let text = value.as_str().unwrap_or_default();
                let random = |text: &str| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok();
                let ignored = match key.as_str() {
                    "lastUpdated" | "created" => true,
                    "id" => random(text),
                    "reference" => text.strip_prefix('#').is_some_and(random),
                    _ => false,
                };
                if ignored {
                    *value = json!(IGNORED);
                }
                ignore(value);
            }
        }
        _ => {}
    }
}

/// Every path at which the two differ. Numbers are compared by value: approved ones went through a double.
fn compare(path: &str, approved: &Value, answered: &Value, differences: &mut Vec<String>) {
    match (approved, answered) {
        (Value::Object(approved), Value::Object(answered)) => {
            let mut keys: Vec<&String> = approved.keys().chain(answered.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = format!("{path}/{key}");
                match (approved.get(key), answered.get(key)) {
                    (Some(approved), Some(answered)) => {
                        compare(&path, approved, answered, differences);
                    }
                    (Some(approved), None) => differences.push(format!("{path}: - {approved}")),
                    (None, Some(answered)) => differences.push(format!("{path}: + {answered}")),
                    (None, None) => unreachable!("the key came from one of them"),
                }
            }
        }
        (Value::Array(approved), Value::Array(answered)) => {
            for index in 0..approved.len().max(answered.len()) {
                let [approved, answered] =
                    [approved, answered].map(|side| side.get(index).unwrap_or(&Value::Null));
                compare(&format!("{path}/{index}"), approved, answered, differences);
            }
        }
        (Value::Number(approved), Value::Number(answered))
            if approved.as_f64() == answered.as_f64() => {}
        (approved, answered) if approved == answered => {}
        _ => differences.push(format!("{path}: - {approved} + {answered}")),
    }
}
