//! Answers of every resource type before validators that are not ours: both versions before Python's `fhir.resources`,
//! R4 before Node's `fhir`, too.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::client::{Person, Sandbox};
use crate::conformance::{kind_of, sample_resources, synthea_resources};
use crate::script;

/// An element that FHIR requires and that Blue Button leaves out, and we with it.
struct KnownGap {
    version: &'static str,
    kinds: &'static [&'static str],
    /// The elements in which it is missing, of this resource type should they be contained resources.
    parent: &'static str,
    resource_type: Option<&'static str>,
    missing: &'static str,
    /// What would do: the validator stops at the first gap, so what lies behind it is looked at with the gap filled.
    filler: &'static str,
}

const KNOWN_GAPS: [KnownGap; 4] = [
    KnownGap {
        version: "v1",
        kinds: &["carrier", "dme"],
        parent: "contained",
        resource_type: Some("ReferralRequest"),
        missing: "intent",
        filler: r#""order""#,
    },
    // The diagnosis that is a DRG has a packageCode alone.
    KnownGap {
        version: "v1",
        kinds: &["inpatient", "snf"],
        parent: "diagnosis",
        resource_type: None,
        missing: "diagnosisCodeableConcept",
        filler: r#"{"text": "DRG"}"#,
    },
    KnownGap {
        version: "v1",
        kinds: &["pde"],
        parent: "item.detail",
        resource_type: None,
        missing: "sequence",
        filler: "1",
    },
    // A claim without CARR_CLM_BLG_NPI_NUM.
    KnownGap {
        version: "v2",
        kinds: &["carrier"],
        parent: "",
        resource_type: None,
        missing: "provider",
        filler: r#"{"display": "unknown"}"#,
    },
];

#[test]
fn every_answer_is_valid_but_for_the_gaps_that_are_cms_own() {
    let Some(python) = Validator::python() else {
        return;
    };
    let Some(mut filled) = answers(&["v1", "v2"]) else {
        return;
    };
    let mut gaps = BTreeSet::new();
    for (version, resource) in &mut filled {
        let kind = kind_of(resource).to_owned();
        for known in KNOWN_GAPS {
            if known.version == *version
                && known.kinds.contains(&kind.as_str())
                && known.fill(resource)
            {
                gaps.insert((known.missing, kind.clone()));
            }
        }
    }
    let known = KNOWN_GAPS.iter().flat_map(|known| {
        known
            .kinds
            .iter()
            .map(|kind| (known.missing, (*kind).to_owned()))
    });
    assert_eq!(gaps, known.collect(), "gaps that are there, and known ones");
    assert_eq!(python.faults(&filled), BTreeSet::new());
}

#[test]
fn every_r4_answer_is_valid_for_a_second_validator_but_for_the_gaps_that_are_cms_own() {
    let Some(node) = Validator::node() else {
        return;
    };
    let Some(answers) = answers(&["v2"]) else {
        return;
    };
    let known = KNOWN_GAPS.iter().filter(|known| known.version == "v2");
    let known = known.flat_map(|known| {
        (known.kinds.iter()).map(|kind| Fault {
            version: "v2".to_owned(),
            kind: (*kind).to_owned(),
            path: format!("ExplanationOfBenefit.{}", known.missing),
            fault: "Missing property".to_owned(),
        })
    });
    assert_eq!(node.faults(&answers), known.collect());
}

#[test]
fn bundles_errors_and_what_the_api_says_of_itself_are_valid() {
    check_what_surrounds_the_answers(Validator::python(), &["v1", "v2"], 15);
}

#[test]
fn bundles_errors_and_what_the_api_says_of_itself_are_valid_for_a_second_validator() {
    check_what_surrounds_the_answers(Validator::node(), &["v2"], 16);
}

fn check_what_surrounds_the_answers(
    validator: Option<Validator>,
    versions: &[&'static str],
    person: u64,
) {
    let (Some(validator), Some(sandbox)) = (validator, Sandbox::running()) else {
        return;
    };
    let mut resources = Vec::new();
    let access_token = sandbox.access_token(&Person::synthetic(person));
    for version in versions {
        for path in [
            "metadata",
            "Patient",
            "Coverage",
            "Coverage?_count=x",
            "Unknown",
        ] {
            let answer = sandbox.get(&format!("/{version}/fhir/{path}"), &access_token);
            resources.push((*version, answer.json()));
        }
    }
    let kinds: BTreeSet<&str> = (resources.iter())
        .map(|(_, resource)| kind_of(resource))
        .collect();
    let expected = ["Bundle", "CapabilityStatement", "OperationOutcome"];
    assert_eq!(kinds, BTreeSet::from(expected));
    assert_eq!(validator.faults(&resources), BTreeSet::new());
}

#[test]
fn the_validators_find_what_is_wrong() {
    // The second one names what is wrong in a contained resource by that resource's own path.
    let contained =
        json!({"resourceType": "Patient", "contained": [{"resourceType": "Patient", "x": 1}]});
    let more = [
        (contained.clone(), "Patient.contained.x"),
        (
            json!({"resourceType": "Patient", "birthDate": "1980-13-01"}),
            "Patient.birthDate",
        ),
    ];
    check_finds_what_is_wrong(Validator::python(), &["v1", "v2"], &more);
    // What only the second one looks at: codes, and which types a reference may name.
    let more = [
        (contained, "Patient.x"),
        (
            json!({"resourceType": "Patient", "gender": "F"}),
            "Patient.gender",
        ),
        (
            json!({"resourceType": "Patient", "managingOrganization": {"reference": "Patient/1"}}),
            "Patient.managingOrganization",
        ),
    ];
    check_finds_what_is_wrong(Validator::node(), &["v2"], &more);
}

fn check_finds_what_is_wrong(
    validator: Option<Validator>,
    versions: &[&'static str],
    more: &[(Value, &'static str)],
) {
    let Some(validator) = validator else { return };
    let wrong = [
        (
            json!({"resourceType": "Patient", "birthday": "1980-01-01"}),
            "Patient.birthday",
        ),
        (
            json!({"resourceType": "Patient", "name": {}}),
            "Patient.name",
        ),
        (
            json!({"resourceType": "OperationOutcome", "issue": [{"code": "invalid"}]}),
            "OperationOutcome.issue.severity",
        ),
    ];
    let wrong = || wrong.iter().chain(more);
    let resources: Vec<_> = (versions.iter())
        .flat_map(|version| wrong().map(|(resource, _)| (*version, resource.clone())))
        .collect();
    let found = validator.faults(&resources);
    let paths: BTreeSet<_> = (found.iter())
        .map(|fault| (fault.version.as_str(), fault.path.as_str()))
        .collect();
    let expected = (versions.iter()).flat_map(|version| wrong().map(|(_, path)| (*version, *path)));
    assert_eq!(paths, expected.collect());
}

/// Everything that the versions answer about the people of CMS's samples.
fn answers(versions: &[&'static str]) -> Option<Vec<(&'static str, Value)>> {
    let mut answers = Vec::new();
    for version in versions {
        let path = format!("/{version}");
        let all = sample_resources(&path)?
            .into_iter()
            .chain(synthea_resources(&path)?);
        answers.extend(all.map(|resource| (*version, resource)));
    }
    let kinds: BTreeSet<_> = (answers.iter())
        .map(|(version, resource)| (version, kind_of(resource)))
        .collect();
    // Eight types of claims, four parts of coverage and the patient.
    assert_eq!(kinds.len(), versions.len() * 13, "{kinds:?}");
    Some(answers)
}

impl KnownGap {
    /// Fills the gap wherever it is; whether it was anywhere.
    fn fill(&self, resource: &mut Value) -> bool {
        let mut parents = vec![resource];
        for name in self.parent.split('.').filter(|name| !name.is_empty()) {
            parents = (parents.into_iter())
                .filter_map(|parent| parent.get_mut(name)?.as_array_mut())
                .flatten()
                .collect();
        }
        let mut filled = false;
        for parent in parents {
            let is_meant = self
                .resource_type
                .is_none_or(|wanted| parent["resourceType"] == wanted);
            if is_meant && parent.get(self.missing).is_none() {
                parent[self.missing] = serde_json::from_str(self.filler).unwrap();
                filled = true;
            }
        }
        filled
    }
}

/// What the validator says of a kind of resource; the same of many is one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    version: String,
    kind: String,
    path: String,
    fault: String,
}

/// A program that reads resources and prints what is wrong with them, by the same protocol whichever it is.
struct Validator(Command);

impl Validator {
    /// `fhir.resources`: which elements there are, how many of each, and of which types.
    fn python() -> Option<Self> {
        script::python("BLUEBUTTON_VALIDATOR_PYTHON", "validity.py").map(Self)
    }

    /// `fhir`: the same of R4, the codes, and which types references name.
    fn node() -> Option<Self> {
        script::node("BLUEBUTTON_NODE_MODULES", "validity.cjs").map(Self)
    }

    fn faults(mut self, resources: &[(&str, Value)]) -> BTreeSet<Fault> {
        let input: Vec<Value> = (resources.iter())
            .map(|(version, resource)| json!({"version": version, "resource": resource}))
            .collect();
        let found = script::answer(&mut self.0, &Value::from(input));
        let fault = |found: &Value| {
            let (version, resource) = &resources[found["index"].as_u64().unwrap() as usize];
            Fault {
                version: (*version).to_owned(),
                kind: kind_of(resource).to_owned(),
                path: found["path"].as_str().unwrap().to_owned(),
                fault: found["fault"].as_str().unwrap().to_owned(),
            }
        };
        let found = found.as_array().unwrap().iter();
        found.map(fault).collect()
    }
}
