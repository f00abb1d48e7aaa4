//! The audit records of a person, as `bluebutton-admin audit` prints them, on the tables of a sandbox.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod run;

use std::process::Command;

use aws_sdk_dynamodb::Client;
use bluebutton::audit::{Action, AuditTable, Event};
use bluebutton::config;
use bluebutton::identity::BeneId;
use jiff::{Timestamp, ToSpan};
use stand::local;
use uuid::Uuid;

use run::Run;

fn audit(patient: &BeneId, more: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bluebutton-admin"));
    Run::of(command.args(["audit", patient.as_str()]).args(more))
}

#[tokio::test]
async fn the_records_of_a_person_are_printed_the_newest_first_and_nobody_elses() {
    let Some(aws) = local::aws(env!("CARGO_PKG_NAME"), &["AUDIT_TABLE"]).await else {
        return;
    };
    let table = AuditTable::new(Client::new(&aws), config::variable("AUDIT_TABLE").unwrap());
    // Nobody has been loaded with such ids.
    let [patient, another] = [(); 2].map(|()| {
        let number = Uuid::new_v4().as_u128() % 1_000_000_000_000;
        BeneId::parse(&format!("-7{number}")).unwrap()
    });
    let now = Timestamp::now();
    let records = [
        (&patient, 1, Action::Consented, "profile", "request-1"),
        (
            &patient,
            3,
            Action::Search,
            "v2 ExplanationOfBenefit",
            "request-3",
        ),
        (&patient, 2, Action::Read, "v1 Patient", "request-2"),
        (&another, 2, Action::Userinfo, "", "request-4"),
    ];
    for (patient, hours, action, detail, request_id) in records {
        let event = Event {
            at: now - (72 - hours).hours(),
            patient,
            client_id: "client",
            action,
            detail,
            request_id,
        };
        table.record(&event).await.unwrap();
    }
    let printed = audit(&patient, &[]);
    assert!(printed.succeeded, "{}", printed.output);
    let lines: Vec<_> = printed.output.lines().collect();
    let ends = [
        " request-3 client search v2 ExplanationOfBenefit",
        " request-2 client read v1 Patient",
        " request-1 client consented profile",
    ];
    assert_eq!(lines.len(), ends.len(), "{}", printed.output);
    for (line, end) in lines.iter().zip(ends) {
        assert!(line.ends_with(end), "{line}");
        let time = line.strip_suffix(end).unwrap();
        assert!(time.parse::<Timestamp>().is_ok(), "{line}");
    }
    assert!(!printed.says(patient.as_str()));
    let none = audit(&patient, &["--days", "2"]);
    assert!(!none.succeeded && none.says("no record"), "{}", none.output);
    let wrong =
        Run::of(Command::new(env!("CARGO_BIN_EXE_bluebutton-admin")).args(["audit", "x y"]));
    assert!(!wrong.succeeded && wrong.says("not a patient id"));
}
