//! CMS's sample claims, loaded by the real loader, are answered as CMS answers them.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::approved;
use crate::client::{Consent, Person, Sandbox};
use crate::straight_path::all_pages;

/// The person of CMS's sample files.
const SAMPLE_PATIENT: &str = "567834";
pub(crate) const TYPES: [&str; 8] = [
    "carrier",
    "dme",
    "hha",
    "hospice",
    "inpatient",
    "outpatient",
    "pde",
    "snf",
];
/// The people of CMS's larger, synthetic sample.
pub(crate) const SYNTHEA_PATIENTS: [&str; 3] = ["-1000006", "-1000014", "-1000018"];

/// What CMS approved in both versions, besides a search.
const APPROVED: [(&str, &str); 10] = [
    ("Patient/567834", "patientRead.json"),
    ("Coverage/part-a-567834", "coverageRead.json"),
    (
        "ExplanationOfBenefit/carrier-9991831999",
        "eobReadCarrier.json",
    ),
    ("ExplanationOfBenefit/dme-2188888888", "eobReadDme.json"),
    ("ExplanationOfBenefit/hha-2925555555", "eobReadHha.json"),
    (
        "ExplanationOfBenefit/hospice-9992223422",
        "eobReadHospice.json",
    ),
    (
        "ExplanationOfBenefit/inpatient-333333222222",
        "eobReadInpatient.json",
    ),
    (
        "ExplanationOfBenefit/outpatient-1234567890",
        "eobReadOutpatient.json",
    ),
    ("ExplanationOfBenefit/pde-89", "eobReadPde.json"),
    ("ExplanationOfBenefit/snf-777777777", "eobReadSnf.json"),
];

#[test]
fn the_sample_person_reads_what_cms_approved() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let Some(files) = sample_files() else { return };
    load(&files);
    let access_token = sample_token(&sandbox);
    for version in ["v1", "v2"] {
        for (id, approved) in APPROVED {
            let request = format!("/{version}/fhir/{id}");
            let answer = sandbox.get(&request, access_token);
            assert_eq!(answer.status, 200, "{request}: {}", answer.body);
            approved::assert_approved(&format!("{version}/{approved}"), answer.body.as_bytes());
        }
        let request = format!("/{version}/fhir/Patient?_id={SAMPLE_PATIENT}");
        let bundle = sandbox.get(&request, access_token).json();
        assert_eq!(bundle["total"], 1);
        let patient = bundle["entry"][0]["resource"].to_string();
        approved::assert_approved_at(
            &format!("{version}/patientSearchById.json"),
            "/entry/0/resource",
            patient.as_bytes(),
        );
    }
}

#[test]
fn loading_the_sample_twice_changes_no_answer() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let Some(files) = sample_files() else { return };
    load(&files);
    let access_token = {
        // An application of its own keeps this test's token alive beside the other test's.
        sandbox.access_token_for(1, &Person::with_patient_id(SAMPLE_PATIENT))
    };
    let answers = || -> Vec<Value> {
        let mut all = all_pages(&sandbox, "/v2/fhir/ExplanationOfBenefit", &access_token);
        all.extend(all_pages(&sandbox, "/v2/fhir/Coverage", &access_token));
        all.push(sandbox.get("/v2/fhir/Patient/567834", &access_token).json());
        all
    };
    let before = answers();
    load(&files);
    assert_eq!(answers(), before, "lastUpdated included");
}

#[test]
fn synthea_loads_whole_and_sensitive_claims_wait_for_consent() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    if sample_files().is_none() {
        return;
    }
    load(&[rif_folder().join("synthea")]);
    let claims = |share_samhsa_data: bool| -> Vec<Value> {
        let consent = || Consent {
            share_samhsa_data,
            ..Consent::connect()
        };
        let people = SYNTHEA_PATIENTS.map(Person::with_patient_id);
        let of = |person: &Person| -> Vec<Value> {
            let tokens = sandbox.tokens_after(person, None, consent());
            let access_token = tokens["access_token"].as_str().unwrap();
            let search = |path: &str| all_pages(&sandbox, path, access_token);
            let v1 = search("/v1/fhir/ExplanationOfBenefit?_count=50");
            let v2 = search("/v2/fhir/ExplanationOfBenefit?_count=7");
            let ids = |claims: &[Value]| -> Vec<Value> {
                claims.iter().map(|claim| claim["id"].clone()).collect()
            };
            assert_eq!(ids(&v1), ids(&v2), "both versions answer the same claims");
            v2
        };
        people.iter().flat_map(of).collect()
    };
    let counts = |claims: &[Value]| -> Vec<usize> {
        let of_type = |name: &&str| -> usize {
            let is_of_type = |claim: &&Value| claim["id"].as_str().unwrap().starts_with(*name);
            claims.iter().filter(is_of_type).count()
        };
        TYPES.iter().map(of_type).collect()
    };
    let (withheld, shared) = (claims(false), claims(true));
    assert_eq!(counts(&shared), [37, 1, 14, 1, 16, 19, 18, 1]);
    assert_eq!(counts(&withheld), [37, 1, 14, 1, 16 - 15, 19, 18, 1]);
    assert_eq!((withheld.len(), shared.len()), (92, 107));

    let sensitive = shared.iter().find(|claim| !withheld.contains(claim));
    let sensitive = sensitive.expect("15 of them");
    let patient = sensitive["patient"]["reference"].as_str().unwrap();
    let person = Person::with_patient_id(patient.strip_prefix("Patient/").unwrap());
    let id = sensitive["id"].as_str().unwrap();
    let access_token = sandbox.access_token(&person);
    for version in ["v1", "v2"] {
        let read = sandbox.get(
            &format!("/{version}/fhir/ExplanationOfBenefit/{id}"),
            &access_token,
        );
        assert_eq!(
            read.status, 404,
            "a withheld claim is as if it did not exist"
        );
    }
}

/// All of the sample person that the API version (`/v1`, `/v2`) serves; `None` where there is no sandbox or no sample.
pub(crate) fn sample_resources(version: &str) -> Option<Vec<Value>> {
    let sandbox = Sandbox::running()?;
    load(&sample_files()?);
    let token = sample_token(&sandbox);
    Some(resources(&sandbox, version, SAMPLE_PATIENT, token))
}

/// The same of the three people of CMS's larger sample.
pub(crate) fn synthea_resources(version: &str) -> Option<Vec<Value>> {
    static TOKENS: OnceLock<Vec<(&str, String)>> = OnceLock::new();
    let sandbox = Sandbox::running()?;
    approved::reference_path("rif/synthea")?;
    load(&[rif_folder().join("synthea")]);
    let tokens = TOKENS.get_or_init(|| {
        let token = |patient| sandbox.access_token_for(1, &Person::with_patient_id(patient));
        SYNTHEA_PATIENTS
            .map(|patient| (patient, token(patient)))
            .into()
    });
    let of = |(patient, token): &(&str, String)| resources(&sandbox, version, patient, token);
    Some(tokens.iter().flat_map(of).collect())
}

/// What a resource is, more closely than its type says: `carrier` of claims, `part-a` of coverages.
pub(crate) fn kind_of(resource: &Value) -> &str {
    let id = resource["id"].as_str().unwrap_or_default();
    match resource["resourceType"].as_str().unwrap() {
        "ExplanationOfBenefit" => id.split_once('-').unwrap().0,
        "Coverage" => &id[.."part-a".len()],
        resource_type => resource_type,
    }
}

fn resources(sandbox: &Sandbox, version: &str, patient: &str, token: &str) -> Vec<Value> {
    let answer = sandbox.get(&format!("{version}/fhir/Patient/{patient}"), token);
    let mut resources = vec![answer.json()];
    for path in ["Coverage", "ExplanationOfBenefit?_count=50"] {
        resources.extend(all_pages(sandbox, &format!("{version}/fhir/{path}"), token));
    }
    resources
}

/// One token for every test that reads the sample person: a second approval would end the first one's.
fn sample_token(sandbox: &Sandbox) -> &'static str {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN.get_or_init(|| sandbox.access_token(&Person::with_patient_id(SAMPLE_PATIENT)))
}

/// The files of CMS's plain sample, as the approved answers' manifest lists them; `None` where they are not at hand.
fn sample_files() -> Option<Vec<PathBuf>> {
    let manifest: Value =
        serde_json::from_str(&approved::reference("golden/manifest.json")?).unwrap();
    let files = manifest["groups"]["SAMPLE_A"].as_array().unwrap();
    Some(
        files
            .iter()
            .map(|file| rif_folder().join(file.as_str().unwrap()))
            .collect(),
    )
}

pub(crate) fn rif_folder() -> PathBuf {
    PathBuf::from(env::var_os("BLUEBUTTON_REFERENCE").unwrap()).join("rif")
}

/// Loads with the operator's command, which must reject nothing.
pub(crate) fn load(paths: &[PathBuf]) {
    let admin = env::var_os("BLUEBUTTON_ADMIN").expect("BLUEBUTTON_ADMIN names the admin binary");
    let output = Command::new(admin)
        .arg("load")
        .args(paths)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
