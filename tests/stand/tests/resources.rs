//! What holds for every endpoint that answers personal data, whichever function it is of.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use bluebutton::config::{Limits, Stage};
use bluebutton::http::{Call, Response};
use bluebutton::lookups_file::Installed;
use bluebutton::oauth::Application;
use bluebutton::rate_limit::WINDOW_SECONDS;
use bluebutton::rif::ClaimType::{Carrier, Inpatient, Pde};
use serde_json::{Value, json};
use stand::{MBI, OTHER, OWN, Stand, TableCall, body, check_names_nobody_else, get, post};
use std::time::Duration;

/// An endpoint: what a scope must permit, and the request.
#[derive(Clone)]
struct Endpoint {
    resource: &'static str,
    interaction: Interaction,
    method: &'static str,
    path: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Interaction {
    Read,
    Search,
    Userinfo,
}

/// Every endpoint with personal data, in the versions that have it.
fn endpoints() -> Vec<Endpoint> {
    use Interaction::{Read, Search, Userinfo};
    let mut endpoints = Vec::new();
    let mut add = |resource, interaction, method, path: String| {
        endpoints.push(Endpoint {
            resource,
            interaction,
            method,
            path,
        });
    };
    for version in ["v1", "v2"] {
        for (resource, id) in [
            ("Patient", OWN.to_owned()),
            ("Coverage", format!("part-a-{OWN}")),
            ("ExplanationOfBenefit", "carrier-1".to_owned()),
        ] {
            let path = format!("/{version}/fhir/{resource}");
            add(resource, Read, "GET", format!("{path}/{id}"));
            add(resource, Search, "POST", format!("{path}/_search"));
            add(resource, Search, "GET", path);
        }
        add("", Userinfo, "GET", format!("/{version}/connect/userinfo"));
    }
    add("", Userinfo, "GET", "/v3/connect/userinfo".to_owned());
    endpoints
}

impl Endpoint {
    fn call(&self, token: &str) -> Call {
        match self.method {
            "POST" => post(&self.path, token, ""),
            _ => get(&self.path, token),
        }
    }

    async fn answer(&self, stand: &Stand, token: &str) -> Response {
        answer(stand, self.call(token)).await
    }
}

/// The answer of the function that the path belongs to.
async fn answer(stand: &Stand, call: Call) -> Response {
    let resource = call.path.split('/').nth(2).unwrap_or_default().to_owned();
    // On the heap, because the stack of a test's thread is small for the futures of four functions.
    match resource.as_str() {
        "Patient" => Box::pin(patient::handle(&stand.state, &stand.identity, call)).await,
        "Coverage" => Box::pin(coverage::handle(&stand.state, call)).await,
        "ExplanationOfBenefit" => {
            Box::pin(eob::handle(&stand.state, &Installed::at(None), call)).await
        }
        _ => Box::pin(userinfo::handle(Stage::Sandbox, &stand.state, call)).await,
    }
}

async fn loaded() -> Stand {
    let stand = Stand::new().await;
    for person in [OWN, OTHER] {
        stand.load_person(person);
        stand.load_claim(person, Carrier, "1", false);
        stand.load_claim(person, Inpatient, "2", false);
        stand.load_claim(person, Pde, "3", false);
    }
    stand
}

// What is stored.

/// A way in which an item of the subject's partition is not the subject's.
#[derive(Clone, Copy, Debug)]
enum Corruption {
    WrongOwner,
    NoOwner,
    Malformed,
    AnothersItem,
}

/// An item of the person's partition that is corrupted.
#[derive(Clone, Copy, Debug)]
enum Corrupted {
    Person,
    EarlierIdentity,
    CarrierClaim,
    InpatientClaim,
    PartDEvent,
}

#[tokio::test]
async fn an_application_that_is_switched_off_is_named_and_gets_no_data() {
    let stand = loaded().await;
    let off = |usual| Application {
        active: false,
        ..usual
    };
    stand.change_application(off).await;
    let sentence = "This application, Test, is temporarily inactive.";
    for endpoint in endpoints() {
        let response = endpoint.answer(&stand, &stand.own_token()).await;
        let body = body(&response);
        assert_eq!(response.status.as_u16(), 401, "{}: {body}", endpoint.path);
        let said = match endpoint.interaction {
            Interaction::Userinfo => &body["detail"],
            _ => &body["issue"][0]["diagnostics"],
        };
        assert_eq!(said, sentence, "{}: {body}", endpoint.path);
        let challenge = response.header("www-authenticate");
        assert!(challenge.is_some_and(|challenge| challenge.contains("invalid_token")));
    }
}

#[tokio::test]
async fn an_item_that_is_not_the_subjects_is_withheld_by_every_endpoint_that_shows_it() {
    use Corrupted::{CarrierClaim, EarlierIdentity, InpatientClaim, PartDEvent, Person};
    use Corruption::{AnothersItem, Malformed, NoOwner, WrongOwner};
    for item in [
        Person,
        EarlierIdentity,
        CarrierClaim,
        InpatientClaim,
        PartDEvent,
    ] {
        for corruption in [WrongOwner, NoOwner, Malformed, AnothersItem] {
            check_withheld(item, corruption).await;
        }
    }
}

async fn check_withheld(item: Corrupted, corruption: Corruption) {
    let stand = loaded().await;
    let (key, claim) = match item {
        Corrupted::Person | Corrupted::EarlierIdentity => ("B", None),
        Corrupted::CarrierClaim => ("C#1#carrier", Some((Carrier, "1"))),
        Corrupted::InpatientClaim => ("C#2#inpatient", Some((Inpatient, "2"))),
        Corrupted::PartDEvent => ("C#3#pde", Some((Pde, "3"))),
    };
    let bytes = match (corruption, item, claim) {
        (Corruption::Malformed, ..) => vec![1, 0xff, 0xff, 0xff],
        (Corruption::AnothersItem, ..) => stand.stored_bytes(OTHER, key),
        (_, Corrupted::EarlierIdentity, _) => stand::person_with_earlier(OWN, owner(corruption)),
        (_, _, None) => stand::person(owner(corruption)),
        (_, _, Some((claim_type, id))) => stand::claim(owner(corruption), claim_type, id),
    };
    stand.replace_bytes(OWN, key, &bytes);
    let shown = |endpoint: &Endpoint| match (endpoint.resource, claim) {
        ("ExplanationOfBenefit", Some((_, id))) => {
            endpoint.interaction == Interaction::Search
                || endpoint.path.ends_with(&format!("-{id}"))
        }
        (resource, claim) => claim.is_none() && resource != "ExplanationOfBenefit",
    };
    let mut endpoints = endpoints();
    if let Some((claim_type, id)) = claim {
        let path = format!("/v2/fhir/ExplanationOfBenefit/{}-{id}", claim_type.name());
        let read = endpoints
            .iter()
            .find(|e| e.resource == "ExplanationOfBenefit")
            .cloned();
        endpoints.push(Endpoint {
            path,
            ..read.unwrap()
        });
    }
    for endpoint in endpoints.iter().filter(|endpoint| shown(endpoint)) {
        let what = format!("{item:?} {corruption:?} {}", endpoint.path);
        let response = endpoint.answer(&stand, &stand.own_token()).await;
        let status = match endpoint.interaction {
            Interaction::Userinfo => 503,
            _ => 500,
        };
        check_names_nobody_else(&what, &response, status);
        let text = String::from_utf8_lossy(&response.body);
        assert!(
            !text.contains(MBI) && !text.contains("Doe"),
            "{what}: {text}"
        );
    }
}

fn owner(corruption: Corruption) -> Option<&'static str> {
    match corruption {
        Corruption::WrongOwner => Some(OTHER),
        _ => None,
    }
}

// The audit record.

#[tokio::test]
async fn every_answer_with_data_has_one_record_and_without_a_record_there_is_none() {
    let stand = loaded().await;
    let token = stand.own_token();
    for (already, endpoint) in endpoints().iter().enumerate() {
        let response = endpoint.answer(&stand, &token).await;
        assert_eq!(response.status.as_u16(), 200, "{}", endpoint.path);
        let records = stand.tables.items("audit");
        assert_eq!(records.len(), already + 1, "{}", endpoint.path);
        assert_eq!(records[already]["pk"]["S"], OWN, "{}", endpoint.path);
    }
    for code in [
        "ThrottlingException",
        "InternalServerError",
        "AccessDeniedException",
    ] {
        let stand = loaded().await;
        stand.tables.fail("audit", code);
        for endpoint in endpoints() {
            let response = endpoint.answer(&stand, &stand.own_token()).await;
            let text = String::from_utf8_lossy(&response.body).into_owned();
            assert_eq!(response.status.as_u16(), 503, "{} {text}", endpoint.path);
            assert!(
                response.header("retry-after").is_some(),
                "{}",
                endpoint.path
            );
            assert!(!text.contains(OWN) && !text.contains("Doe"), "{text}");
        }
    }
}

// Scopes, before any table is called.

/// Every scope with what it permits: a resource type, whether to read, whether to search.
const SCOPES: [(&str, &str, bool, bool); 15] = [
    ("patient/Patient.rs", "Patient", true, true),
    ("patient/Patient.r", "Patient", true, false),
    ("patient/Patient.s", "Patient", false, true),
    ("patient/Patient.read", "Patient", true, true),
    ("patient/Coverage.rs", "Coverage", true, true),
    ("patient/Coverage.r", "Coverage", true, false),
    ("patient/Coverage.s", "Coverage", false, true),
    ("patient/Coverage.read", "Coverage", true, true),
    (
        "patient/ExplanationOfBenefit.rs",
        "ExplanationOfBenefit",
        true,
        true,
    ),
    (
        "patient/ExplanationOfBenefit.r",
        "ExplanationOfBenefit",
        true,
        false,
    ),
    (
        "patient/ExplanationOfBenefit.s",
        "ExplanationOfBenefit",
        false,
        true,
    ),
    (
        "patient/ExplanationOfBenefit.read",
        "ExplanationOfBenefit",
        true,
        true,
    ),
    ("profile", "", true, true),
    ("openid", "none", false, false),
    ("launch/patient", "none", false, false),
];

#[tokio::test]
async fn a_scope_permits_its_resource_and_interaction_and_the_rest_is_refused_before_any_read() {
    let stand = loaded().await;
    for (scope, resource, reads, searches) in SCOPES {
        let token = stand.token(OWN, scope);
        for endpoint in endpoints() {
            let permitted = endpoint.resource == resource
                && match endpoint.interaction {
                    Interaction::Read | Interaction::Userinfo => reads,
                    Interaction::Search => searches,
                };
            let calls = stand.tables.calls().len();
            let status = endpoint.answer(&stand, &token).await.status.as_u16();
            let what = format!("{scope}: {} {}", endpoint.method, endpoint.path);
            assert_eq!(status, if permitted { 200 } else { 403 }, "{what}");
            let called = stand.tables.calls().len() - calls;
            assert_eq!(called > 0, permitted, "{what}: {called} calls of tables");
        }
    }
}

// Whose data is read.

#[tokio::test]
async fn whatever_is_asked_only_the_subjects_partition_is_read() {
    let stand = loaded().await;
    let token = stand.own_token();
    for version in ["v1", "v2"] {
        for path in [
            format!("Patient/{OTHER}"),
            format!("Patient?_id={OTHER}"),
            format!("Patient?_id={OWN}&_id={OTHER}"),
            format!(
                "Patient?identifier=https://bluebutton.cms.gov/resources/identifier/mbi-hash|{OTHER}"
            ),
            format!("Patient?patient={OTHER}"),
            format!("Coverage/part-a-{OTHER}"),
            format!("Coverage?beneficiary={OTHER}"),
            format!("Coverage?beneficiary=Patient/{OTHER}"),
            format!("Coverage?patient={OTHER}"),
            format!("Coverage?_id=part-a-{OTHER}"),
            format!("ExplanationOfBenefit?patient={OTHER}"),
            format!("ExplanationOfBenefit?patient=Patient/{OTHER}"),
            format!("ExplanationOfBenefit?patient={OWN}&patient={OTHER}"),
            format!("ExplanationOfBenefit?_id={OTHER}"),
            format!("ExplanationOfBenefit?_include=Patient&_revinclude={OTHER}"),
            format!("ExplanationOfBenefit?patient.identifier={OTHER}"),
        ] {
            let response = answer(&stand, get(&format!("/{version}/fhir/{path}"), &token)).await;
            let entries = body(&response)["entry"].to_string();
            assert!(!entries.contains(OTHER), "{version} {path}: {entries}");
        }
    }
    let calls = stand.tables.calls();
    let is_of_people = |call: &&TableCall| ["claims", "audit"].contains(&call.table.as_str());
    let partitions: Vec<_> = calls
        .iter()
        .filter(is_of_people)
        .map(TableCall::partition)
        .collect();
    assert!(partitions.len() > 30);
    assert!(partitions.iter().all(|partition| *partition == Some(OWN)));
}

// What has ended.

/// What happens to the items behind a token.
type Change = fn(&Stand);

#[tokio::test]
async fn whatever_ends_an_access_is_effective_on_the_next_request() {
    let checks: [(&str, Change); 8] = [
        ("the grant is removed", |stand| {
            stand.tables.remove("grants", "patient", OWN);
        }),
        ("the grant has another id", |stand| {
            set(stand, "grants", "grant_id", json!({"S": "newer"}));
        }),
        ("the grant is over and not swept", |stand| {
            set(stand, "grants", "grant_expires_at", json!({"N": "1"}));
        }),
        ("the grant is another's", |stand| {
            set(stand, "grants", "client_id", json!({"S": "another"}));
        }),
        ("the token is revoked", |stand| {
            let key = format!("revoked#{}", bluebutton::oauth::sha256_hex("jti"));
            let end = json!({"N": "9999999999"});
            let revoked = json!({"pk": {"S": key}, "expires_at": end});
            stand.tables.put("transient", revoked);
        }),
        ("the application is off", |stand| {
            set(stand, "applications", "active", json!({"BOOL": false}));
        }),
        ("the application is removed", |stand| {
            set(stand, "applications", "client_id", json!({"S": "another"}));
        }),
        ("the grant names another person", |stand| {
            set(stand, "grants", "patient", json!({"S": "1"}));
        }),
    ];
    for (what, change) in checks {
        for endpoint in endpoints() {
            let stand = loaded().await;
            let token = stand.own_token();
            let before = endpoint.answer(&stand, &token).await.status.as_u16();
            assert_eq!(before, 200, "{what}: {}", endpoint.path);
            change(&stand);
            let response = endpoint.answer(&stand, &token).await;
            let text = String::from_utf8_lossy(&response.body);
            assert_eq!(
                response.status.as_u16(),
                401,
                "{what}: {} {text}",
                endpoint.path
            );
            assert!(
                !text.contains(OWN) && !text.contains("Doe"),
                "{what}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn what_grants_access_is_read_strongly_consistent() {
    let stand = loaded().await;
    for endpoint in endpoints() {
        endpoint.answer(&stand, &stand.own_token()).await;
    }
    let grants_access = ["grants", "applications", "transient"];
    let calls = stand.tables.calls();
    let reads = calls.iter().filter(|call| call.is_read());
    let mut strong = 0;
    for read in reads.filter(|call| grants_access.contains(&call.table.as_str())) {
        assert_eq!(read.request["ConsistentRead"], true, "{read:?}");
        strong += 1;
    }
    assert_eq!(strong, endpoints().len() * grants_access.len());
}

fn set(stand: &Stand, table: &str, attribute: &str, value: Value) {
    stand
        .tables
        .edit(table, |item| item[attribute] = value.clone());
}

// Limits.

/// Few enough that a burst is quick.
const FEW: Limits = Limits {
    token_requests_per_second: 1,
    client_requests_per_second: 2,
    address_requests_per_second: 1,
    account_sign_in_failures: 5,
    address_sign_in_failures: 100,
};

/// Sends requests until one is refused. A busy machine may spread them over many windows, and leave counts out.
async fn first_refused(stand: &Stand, endpoint: &Endpoint, tokens: &[String]) -> Response {
    const REQUESTS_MAX: usize = 2000;
    for token in tokens.iter().cycle().take(REQUESTS_MAX) {
        let response = endpoint.answer(stand, token).await;
        let Some(limit) = number(&response, "x-ratelimit-limit") else {
            assert_eq!(response.status.as_u16(), 200, "nothing is counted");
            continue;
        };
        let remaining = number(&response, "x-ratelimit-remaining").unwrap();
        assert!((0..limit).contains(&remaining), "{remaining} of {limit}");
        let reset = number(&response, "x-ratelimit-reset").unwrap();
        assert!((1..=WINDOW_SECONDS).contains(&reset), "{reset}");
        if response.status.as_u16() != 200 {
            return response;
        }
    }
    panic!("a burst has an end")
}

/// Asks until the next window lets the token in again.
async fn let_in_again(stand: &Stand, endpoint: &Endpoint, token: &str, wait_seconds: i64) {
    /// The clock of the windows may be put back a little while the other runs.
    const TRIES_MAX: usize = 10;
    for _ in 0..TRIES_MAX {
        tokio::time::sleep(Duration::from_secs(wait_seconds.unsigned_abs())).await;
        if endpoint.answer(stand, token).await.status.as_u16() == 200 {
            return;
        }
    }
    panic!("{} stays refused", endpoint.path)
}

#[tokio::test]
async fn a_burst_is_refused_until_the_next_window_and_leaves_other_tokens_alone() {
    let mut stand = loaded().await;
    stand.limit(FEW);
    let token = stand.own_token();
    for endpoint in [endpoints().swap_remove(2), endpoints().swap_remove(9)] {
        let refused = first_refused(&stand, &endpoint, std::slice::from_ref(&token)).await;
        check_names_nobody_else(&endpoint.path, &refused, 429);
        assert!(!String::from_utf8_lossy(&refused.body).contains(OWN));
        assert_eq!(number(&refused, "x-ratelimit-limit"), Some(WINDOW_SECONDS));
        assert_eq!(number(&refused, "x-ratelimit-remaining"), Some(0));
        let another = stand.own_token_with_id(&endpoint.path);
        assert_eq!(endpoint.answer(&stand, &another).await.status.as_u16(), 200);
        let wait_seconds = number(&refused, "retry-after").unwrap();
        let_in_again(&stand, &endpoint, &token, wait_seconds).await;
    }
}

#[tokio::test]
async fn an_application_is_limited_over_all_its_tokens() {
    let mut stand = loaded().await;
    stand.limit(FEW);
    let ids = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let tokens = ids.map(|id| stand.own_token_with_id(id));
    let refused = first_refused(&stand, &endpoints()[0], &tokens).await;
    assert_eq!(refused.status.as_u16(), 429);
    assert_eq!(
        number(&refused, "x-ratelimit-limit"),
        Some(2 * WINDOW_SECONDS)
    );
}

#[tokio::test]
async fn counters_that_cannot_be_written_limit_nobody() {
    for code in [
        "ThrottlingException",
        "InternalServerError",
        "AccessDeniedException",
    ] {
        let stand = loaded().await;
        stand.tables.fail("counts", code);
        for endpoint in endpoints() {
            let response = endpoint.answer(&stand, &stand.own_token()).await;
            assert_eq!(response.status.as_u16(), 200, "{code} {}", endpoint.path);
            assert_eq!(response.header("x-ratelimit-limit"), None);
        }
    }
}

#[tokio::test]
async fn a_request_costs_one_write_for_its_token_and_one_for_its_application() {
    let stand = loaded().await;
    for endpoint in endpoints() {
        let before = stand.tables.calls().len();
        endpoint.answer(&stand, &stand.own_token()).await;
        let calls = stand.tables.calls();
        let counts: Vec<_> = calls[before..]
            .iter()
            .filter(|c| c.table == "counts")
            .collect();
        assert_eq!(counts.len(), 2, "{}", endpoint.path);
        for count in counts {
            let key = count.partition().unwrap();
            assert!(key.starts_with("requests#"), "{key}");
            assert_eq!(count.operation, "updateitem");
        }
    }
}

/// The number in that header; none where a busy machine has left the count out.
fn number(response: &Response, name: &str) -> Option<i64> {
    let text = response.header(name)?;
    Some(text.parse().expect("a number"))
}
