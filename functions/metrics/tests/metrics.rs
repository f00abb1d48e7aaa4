//! A day counted on tables of one's own in the local AWS.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::collections::HashMap;
use std::process;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use bluebutton::identity::BeneId;
use bluebutton::oauth::{Application, DataAccess};
use bluebutton::store::load::Summary;
use bluebutton::store::{
    ApplicationsTable, GrantsTable, PatientAccess, RequestCountsTable, StoreError, Transfer,
    Transfers, UsageTable,
};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use metrics::{State, handle};
use serde_json::json;
use stand::local;

/// Tables of one test, with keys as the template gives them.
struct Tables {
    client: Client,
    names: [String; 3],
}

const KEYS: [(&str, &[&str]); 3] = [
    ("grants", &["patient", "client_id"]),
    ("applications", &["client_id"]),
    ("transient", &["pk"]),
];

impl Tables {
    async fn make(test: &str) -> Option<Self> {
        let client = Client::new(&local::aws(env!("CARGO_PKG_NAME"), &[]).await?);
        let names = KEYS.map(|(kind, _)| format!("metrics-{test}-{}-{kind}", process::id()));
        for (name, (_, keys)) in names.iter().zip(KEYS) {
            local::create_table(&client, name, keys).await;
        }
        Some(Self { client, names })
    }

    fn state(&self) -> State {
        let [grants, applications, transient] = &self.names;
        State {
            grants: GrantsTable::new(self.client.clone(), grants),
            applications: ApplicationsTable::new(self.client.clone(), applications),
            counts: RequestCountsTable::new(self.client.clone(), transient),
            usage: UsageTable::new(self.client.clone(), transient),
        }
    }

    async fn register(&self, name: &str, active: bool, data_access: DataAccess) -> String {
        let application = Application {
            active,
            data_access,
            ..Application::register(name, Vec::new()).0
        };
        self.state().applications.put(&application).await.unwrap();
        application.client_id
    }

    async fn grant(&self, patient: usize, client_id: &str, ends: Option<Timestamp>) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut put = self
            .client
            .put_item()
            .table_name(&self.names[0])
            .item("patient", text(&format!("-{patient}")))
            .item("client_id", text(client_id))
            .item("grant_id", text("g"))
            .item("scopes", text("patient/Patient.rs openid profile"))
            .item("substance_use", AttributeValue::Bool(false))
            .item("username", text("BBUser"));
        if let Some(end) = ends {
            let end = AttributeValue::N(end.as_second().to_string());
            put = put.item("grant_expires_at", end);
        }
        put.send().await.unwrap();
    }

    async fn transient_items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let scan = self.client.scan().table_name(&self.names[2]);
        scan.send().await.unwrap().items.unwrap_or_default()
    }

    async fn delete(self) {
        for name in &self.names {
            let delete = self.client.delete_table().table_name(name);
            delete.send().await.unwrap();
        }
    }
}

fn now() -> Timestamp {
    "2026-11-22T03:00:00Z".parse().unwrap()
}

const DAY: Date = date(2026, 11, 21);
const NEXT_DAY: Date = date(2026, 11, 22);

/// The application of tests that are not about applications.
const CLIENT: &str = "client";

/// A call's part in the statistics. It waits for half a second and leaves the person to the next call otherwise.
async fn transfer(
    usage: &UsageTable,
    patient: usize,
    client_id: &str,
    day: Date,
) -> Result<(), StoreError> {
    let patient = &BeneId::parse(&format!("-{patient}")).unwrap();
    let known = usage.transfers(patient, day).await?;
    let transfer = Transfer {
        patient,
        client_id,
        day,
    };
    usage.note_transfer(&transfer, &known).await
}

/// Calls one after the other, until one had its part.
async fn transferred(usage: &UsageTable, patient: usize, client_id: &str, day: Date) {
    const CALLS_MAX: usize = 10;
    for _ in 0..CALLS_MAX {
        if transfer(usage, patient, client_id, day).await.is_ok() {
            return;
        }
    }
    panic!("no call of {patient} was counted");
}

#[tokio::test]
async fn counts_a_day_and_keeps_its_report_without_anybodys_id() {
    let Some(tables) = Tables::make("day").await else {
        return;
    };
    let state = tables.state();
    let once = tables.register("Once", true, DataAccess::OneTime).await;
    let year = tables
        .register("Year", true, DataAccess::ThirteenMonth)
        .await;
    tables
        .register("Study", false, DataAccess::ResearchStudy)
        .await;
    for patient in 7001..7011 {
        tables.grant(patient, &year, Some(now() + 1.hour())).await;
    }
    tables.grant(7001, &once, None).await;
    tables.grant(7002, &once, Some(now() - 1.hour())).await;
    for window in 0..5 {
        for day in [DAY, NEXT_DAY] {
            let counted = state.counts.add_of_client(&year, day, window).await;
            counted.unwrap();
        }
    }
    state.counts.add_of_client(&once, DAY, 0).await.unwrap();
    for (patient, day) in [(7001, DAY), (7002, DAY), (7002, DAY), (7001, NEXT_DAY)] {
        transferred(&state.usage, patient, CLIENT, day).await;
    }
    transferred(&state.usage, 7003, CLIENT, date(2025, 12, 31)).await;
    let changed = Summary {
        updated: 1,
        ..Summary::default()
    };
    let noted = state.usage.note_load(&changed, now() - 30.hours()).await;
    assert_eq!(noted, Ok(()));

    let report = handle(&state, now()).await.unwrap().to_json();
    let expected = json!({
        "day": "2026-11-21",
        "people": {
            "connected": 10,
            "by_applications": {"1": 9, "2": 1, "3": 0, "4-5": 0, "6-8": 0, "9-13": 0, "more": 0},
        },
        "applications": {"active": 2, "inactive": 1, "connected": 2},
        "grants": {
            "held": 11, "ended": 1, "one_time": 1, "thirteen_month": 10, "research_study": 0,
            "of_removed_applications": 0, "with_personal_data": 11, "without_personal_data": 0,
            "with_substance_use": 0,
        },
        "calls": 6,
        "patient_access": {"year": 2026, "people": 2, "people_more_than_once": 1},
        "data_age_hours": 30,
    });
    assert_eq!(report, expected);
    let kept = state.usage.report(DAY).await.unwrap();
    assert_eq!(kept, Some(expected.to_string()));
    for id in ["-7001", "-7002", "-7003", "BBUser"] {
        let kept = format!("{:?}", tables.transient_items().await);
        assert!(!kept.contains(id), "{id}");
    }
    tables.delete().await;
}

#[tokio::test]
async fn each_person_counts_once_a_year_however_many_calls_come_at_once() {
    const PEOPLE: usize = 20;
    const AGAIN: usize = 8;
    let Some(tables) = Tables::make("transfers").await else {
        return;
    };
    let usage = tables.state().usage;
    for (people, day) in [(PEOPLE, DAY), (AGAIN, NEXT_DAY)] {
        let mut calls = tokio::task::JoinSet::new();
        for call in 0..people * 4 {
            let usage = usage.clone();
            calls.spawn(async move { transfer(&usage, call % people, CLIENT, day).await });
        }
        calls.join_all().await;
        for patient in 0..people {
            transferred(&usage, patient, CLIENT, day).await;
        }
    }
    let counted = usage.patient_access(2026).await.unwrap();
    let expected = PatientAccess {
        people: PEOPLE as u64,
        people_again: AGAIN as u64,
    };
    assert_eq!(counted, expected);
    let before = usage.patient_access(2025).await.unwrap();
    assert_eq!(before, PatientAccess::default());
    let patient = BeneId::parse("-1").unwrap();
    let known = usage.transfers(&patient, DAY).await.unwrap();
    assert_eq!(known, Transfers::Again);
    tables.delete().await;
}

/// CMS-0057-F asks for both numbers of the calendar year before.
#[tokio::test]
async fn the_yearly_numbers_are_people_with_one_transfer_and_people_with_more() {
    const ONE_APP: &str = "one";
    const OTHER_APP: &str = "other";
    const LAST: Date = date(2026, 12, 31);
    const FIRST: Date = date(2027, 1, 1);
    let Some(tables) = Tables::make("years").await else {
        return;
    };
    let state = tables.state();
    let all: [&[(&str, Date)]; 6] = [
        // Once in 2026: one call, or many on one day to one application.
        &[(ONE_APP, DAY)],
        &[(ONE_APP, DAY), (ONE_APP, DAY), (ONE_APP, DAY)],
        // More than once: on another day, to another application, or both.
        &[(ONE_APP, DAY), (ONE_APP, NEXT_DAY), (ONE_APP, LAST)],
        &[(ONE_APP, DAY), (OTHER_APP, DAY)],
        &[(ONE_APP, DAY), (OTHER_APP, NEXT_DAY)],
        // Once in each year.
        &[(ONE_APP, LAST), (ONE_APP, FIRST)],
    ];
    for (patient, transfers) in all.into_iter().enumerate() {
        for (client_id, day) in transfers {
            transferred(&state.usage, patient, client_id, *day).await;
        }
    }
    // The last report of a year is made after the year.
    for (run, year, people, more_than_once) in [
        ("2027-01-01T03:00:00Z", 2026, 6, 3),
        ("2027-01-02T03:00:00Z", 2027, 1, 0),
    ] {
        let report = handle(&state, run.parse().unwrap())
            .await
            .unwrap()
            .to_json();
        let expected = json!({
            "year": year, "people": people, "people_more_than_once": more_than_once,
        });
        assert_eq!(report["patient_access"], expected);
    }
    tables.delete().await;
}

#[tokio::test]
async fn a_day_of_windows_stays_one_small_item_and_counts_every_call() {
    const WINDOWS: i64 = 100;
    const ITEM_BYTES_MAX: usize = 1024;
    let Some(tables) = Tables::make("windows").await else {
        return;
    };
    let counts = tables.state().counts;
    for window in 178_000_000..178_000_000 + WINDOWS {
        for sent in 1..=2 {
            let counted = counts.add_of_client("client", DAY, window).await.unwrap();
            assert_eq!(counted, sent, "{window}");
        }
    }
    let calls = counts.calls_of_day("client", DAY).await.unwrap();
    assert_eq!(calls, 2 * WINDOWS.unsigned_abs());
    let items = tables.transient_items().await;
    let [item] = &items[..] else {
        panic!("{} items", items.len());
    };
    // Names, and numbers of at most ten bytes; the key has eighty.
    let bytes: usize = item.keys().map(|name| name.len() + 10).sum();
    assert!(bytes + 80 < ITEM_BYTES_MAX, "{bytes}");
    tables.delete().await;
}

#[tokio::test]
async fn a_run_without_a_time_or_without_tables_says_so() {
    let Some(tables) = Tables::make("failures").await else {
        return;
    };
    let state = tables.state();
    tables.delete().await;
    for (event, expected) in [
        (json!({}), "the event has no time"),
        (json!({"time": "yesterday"}), "the event has no time"),
        (
            json!({"time": "2026-11-22T03:00:00Z"}),
            "the table refuses the request: ResourceNotFoundException",
        ),
    ] {
        let context = lambda_runtime::Context::default();
        let event = lambda_runtime::LambdaEvent::new(event, context);
        let error = metrics::run(&state, event).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}
