use std::borrow::Cow;

use bluebutton::mapping::lookups::{BuiltIn, Provider};
use bluebutton::metrics::{Ids, Metric, Record};
use bluebutton::oauth::Application;
use bluebutton::rif::ClaimType::{Carrier, Inpatient, Outpatient, Pde};
use bluebutton::rif::{Claim, ClaimType, Column, Kind, Row, RowPart, Value as RifValue};
use serde_json::{Value, json};

use super::*;
use stand::{BASE, LOADED, OTHER, OWN, Stand, body, event_call, get, ids, post, request};

const PATH: &str = "/v2/fhir/ExplanationOfBenefit";

/// A stand with claims of both people, one of them sensitive.
async fn loaded() -> Stand {
    let stand = Stand::new().await;
    stand.load_claim(OWN, Carrier, "-9", false);
    stand.load_claim(OWN, Carrier, "10", false);
    stand.load_claim(OWN, Inpatient, "9", true);
    stand.load_claim(OWN, Pde, "9", false);
    stand.load_claim(OTHER, Carrier, "11", false);
    stand
}

async fn answer_to(stand: &Stand, path_and_query: &str) -> (u16, Value) {
    let call = get(path_and_query, &stand.own_token());
    let response = handle(&stand.state, &BuiltIn, call).await;
    (response.status.as_u16(), body(&response))
}

async fn check_search(stand: &Stand, query: &str, total: usize, expected: &[&str]) {
    let (status, bundle) = answer_to(stand, &format!("{PATH}?{query}")).await;
    assert_eq!(status, 200, "{query}: {bundle}");
    assert_eq!(bundle["total"], total, "{query}");
    assert_eq!(ids(&bundle), expected, "{query}");
}

/// Knows everybody by one name.
struct Everybody;

impl Lookups for Everybody {
    fn provider(&self, _npi: &str) -> Option<Provider<'_>> {
        Some(Provider {
            name: "SOMEBODY".into(),
            taxonomy: None,
        })
    }

    fn drug(&self, _ndc: &str) -> Option<Cow<'_, str>> {
        Some("SOMETHING".into())
    }
}

#[tokio::test]
async fn answers_with_the_names_that_the_operator_has() {
    let stand = Stand::new().await;
    let mut header = Row::new(Pde.layout(), RowPart::Header);
    for (column, text) in [
        (Column::BENE_ID, OWN),
        (Column::PDE_ID, "9"),
        (Column::PROD_SRVC_ID, "12345678901"),
        (Column::PRSCRBR_ID, "1111111111"),
        (Column::PRSCRBR_ID_QLFYR_CD, "01"),
    ] {
        header.set(column, Some(RifValue::Text(text)));
    }
    let claim = Claim {
        claim_type: Pde,
        header,
        lines: Vec::new(),
    };
    stand.store_claim(OWN, &claim, false);
    let call = get(&format!("{PATH}/pde-9"), &stand.own_token());
    let eob = body(&handle(&stand.state, &Everybody, call).await);
    let drug = &eob["item"][0]["productOrService"]["coding"][0]["display"];
    assert_eq!(drug, "SOMETHING", "{eob}");
    assert_eq!(eob["careTeam"][0]["provider"]["display"], "SOMEBODY");
}

#[tokio::test]
async fn answers_the_persons_claims_in_the_order_of_their_ids() {
    let stand = loaded().await;
    check_search(&stand, "", 3, &["carrier--9", "carrier-10", "pde-9"]).await;
    check_search(&stand, "_count=1&startIndex=1", 3, &["carrier-10"]).await;
    check_search(&stand, "_count=0", 3, &[]).await;
    check_search(&stand, "type=pde", 1, &["pde-9"]).await;
    check_search(&stand, "type=hospice", 0, &[]).await;
    check_search(
        &stand,
        "_tag=NationalClaimsHistory&type=pde,carrier",
        2,
        &["carrier--9", "carrier-10"],
    )
    .await;
    check_search(&stand, "_id=carrier-10", 1, &["carrier-10"]).await;
    check_search(&stand, "_lastUpdated=gt2024-05-06", 0, &[]).await;
    check_search(
        &stand,
        &format!("patient=Patient/{OWN}&type=pde"),
        1,
        &["pde-9"],
    )
    .await;
}

#[tokio::test]
async fn answers_in_the_fhir_of_the_version() {
    let stand = loaded().await;
    let part_b = format!("Coverage/part-b-{OWN}");
    for (version, coverage) in [
        ("v1", "/insurance/coverage/reference"),
        ("v2", "/insurance/0/coverage/reference"),
    ] {
        let path = format!("/{version}/fhir/ExplanationOfBenefit");
        let (status, claim) = answer_to(&stand, &format!("{path}/carrier-10")).await;
        assert_eq!(status, 200, "{version}");
        assert_eq!(claim.pointer(coverage), Some(&json!(part_b)), "{version}");
        let (_, bundle) = answer_to(&stand, &format!("{path}?_id=carrier-10")).await;
        assert_eq!(bundle["entry"][0]["resource"], claim, "{version}");
        let url = format!("{BASE}{path}/carrier-10");
        assert_eq!(bundle["entry"][0]["fullUrl"], url, "{version}");
    }
}

#[tokio::test]
async fn links_pages_on_the_public_url() {
    let stand = loaded().await;
    let (_, bundle) = answer_to(
        &stand,
        &format!("{PATH}/?_count=2&_count=2&x=y&type=carrier,pde"),
    )
    .await;
    let next = bundle["link"]
        .as_array()
        .unwrap()
        .iter()
        .find(|link| link["relation"] == "next");
    let next = next.unwrap()["url"].as_str().unwrap();
    assert_eq!(
        next,
        format!("{BASE}{PATH}?type=carrier%2Cpde&startIndex=2&_count=2")
    );
    let query = next.split_once('?').unwrap().1;
    check_search(&stand, query, 3, &["pde-9"]).await;
    assert_eq!(
        bundle["entry"][0]["fullUrl"],
        format!("{BASE}{PATH}/carrier--9")
    );
}

#[tokio::test]
async fn an_application_of_prescriptions_sees_drug_claims_only_from_the_next_request_on() {
    let stand = loaded().await;
    stand.load_claim(OWN, Pde, "8", true);
    stand.consent_to_substance_use(OWN);
    let every = ["carrier-10", "carrier--9", "pde-8", "inpatient-9", "pde-9"];
    let (_, bundle) = answer_to(&stand, PATH).await;
    let mut found = ids(&bundle);
    found.sort_unstable();
    let mut expected = every;
    expected.sort_unstable();
    assert_eq!(found, expected);
    let prescriptions = |usual| Application {
        part_d_eob_only: true,
        ..usual
    };
    stand.change_application(prescriptions).await;
    check_search(&stand, "", 2, &["pde-8", "pde-9"]).await;
    check_search(&stand, "type=carrier", 0, &[]).await;
    check_search(&stand, "type=carrier,pde", 2, &["pde-8", "pde-9"]).await;
    for id in every {
        let (status, _) = answer_to(&stand, &format!("{PATH}/{id}")).await;
        let expected = if id.starts_with("pde") { 200 } else { 404 };
        assert_eq!(status, expected, "{id}");
    }
    stand.change_application(|usual| usual).await;
    assert_eq!(
        answer_to(&stand, &format!("{PATH}/carrier-10")).await.0,
        200
    );
}

#[tokio::test]
async fn withholds_sensitive_claims_unless_the_person_consented_to_show_them() {
    let stand = loaded().await;
    let read = format!("{PATH}/inpatient-9");
    assert_eq!(answer_to(&stand, &read).await.0, 404);
    check_search(&stand, "_id=inpatient-9", 0, &[]).await;
    stand.consent_to_substance_use(OWN);
    assert_eq!(answer_to(&stand, &read).await.0, 200);
    check_search(&stand, "_id=inpatient-9", 1, &["inpatient-9"]).await;
    check_search(&stand, "_count=0", 4, &[]).await;
}

#[tokio::test]
async fn answers_nothing_of_anybody_else() {
    let stand = loaded().await;
    for (path, status) in [
        (format!("{PATH}/carrier-11"), 404),
        (format!("{PATH}?patient={OTHER}"), 403),
        (format!("{PATH}?patient=Patient/{OTHER}"), 403),
        (format!("{PATH}?_id=carrier-11"), 200),
        (format!("{PATH}?patient={OWN}&patient={OTHER}"), 403),
    ] {
        let (answered, body) = answer_to(&stand, &path).await;
        assert_eq!(answered, status, "{path}");
        assert_eq!(ids(&body), [""; 0], "{path}");
        assert!(!body.to_string().contains(OTHER), "{path}");
    }
}

#[tokio::test]
async fn a_claim_that_is_not_its_partitions_is_never_answered() {
    let stand = loaded().await;
    stand.load_claim_as(OWN, OTHER, Carrier, "12", false);
    for path in [format!("{PATH}/carrier-12"), PATH.to_owned()] {
        let (status, body) = answer_to(&stand, &path).await;
        assert_eq!(
            (status, &body["issue"][0]["code"]),
            (500, &json!("exception")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn says_what_is_wrong_with_a_request() {
    let stand = loaded().await;
    for (path, status, code) in [
        ("/v2/fhir/ExplanationOfBenefit?startIndex=3", 400, "value"),
        ("/v2/fhir/ExplanationOfBenefit?_count=51", 400, "value"),
        ("/v2/fhir/ExplanationOfBenefit?type=x", 400, "value"),
        (
            "/v2/fhir/ExplanationOfBenefit?_format=xml",
            406,
            "not-supported",
        ),
        ("/v2/fhir/ExplanationOfBenefit/carrier", 400, "value"),
        ("/v2/fhir/ExplanationOfBenefit/carrier-x", 400, "value"),
        ("/v2/fhir/ExplanationOfBenefit/dental-1", 404, "not-found"),
        (
            "/v2/fhir/ExplanationOfBenefit/carrier-999",
            404,
            "not-found",
        ),
        (
            "/v2/fhir/ExplanationOfBenefit/carrier-999/x",
            404,
            "not-found",
        ),
        ("/v1/fhir/ExplanationOfBenefit?type=x", 400, "value"),
        ("/v1/fhir/ExplanationOfBenefit/dental-1", 404, "not-found"),
        (
            "/v3/fhir/ExplanationOfBenefit/carrier-10",
            404,
            "not-supported",
        ),
    ] {
        let (answered, outcome) = answer_to(&stand, path).await;
        assert_eq!(
            (answered, outcome["issue"][0]["code"].as_str()),
            (status, Some(code)),
            "{path}"
        );
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{path}");
    }
}

#[tokio::test]
async fn checks_token_and_scope_before_it_reads() {
    const READ: &str = "/v2/fhir/ExplanationOfBenefit/carrier-10";
    let stand = loaded().await;
    let eob = "patient/ExplanationOfBenefit";
    let others = "patient/Patient.rs patient/Coverage.rs profile openid launch/patient".to_owned();
    for (scope, read, search) in [
        (format!("{eob}.read"), 200, 200),
        (format!("{eob}.rs"), 200, 200),
        (format!("{eob}.r"), 200, 403),
        (format!("{eob}.s"), 403, 200),
        (others, 403, 403),
        (String::new(), 403, 403),
    ] {
        for (path, expected) in [(READ, read), (PATH, search)] {
            let reads = stand.tables.reads();
            let response =
                handle(&stand.state, &BuiltIn, get(path, &stand.token(OWN, &scope))).await;
            assert_eq!(response.status.as_u16(), expected, "{scope} {path}");
            assert_eq!(
                stand.tables.reads() > reads,
                expected == 200,
                "{scope} {path}"
            );
        }
    }
    let reads = stand.tables.reads();
    for headers in [
        json!({}),
        json!({"authorization": "Basic x"}),
        json!({"authorization": "Bearer x.y.z"}),
    ] {
        let response = handle(&stand.state, &BuiltIn, request("GET", PATH, &headers)).await;
        assert_eq!(response.status.as_u16(), 401, "{headers}");
        let challenge = response.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer "), "{headers}");
    }
    assert_eq!(stand.tables.reads(), reads);
}

#[tokio::test]
async fn a_withdrawn_consent_is_effective_on_the_next_request() {
    let stand = loaded().await;
    assert_eq!(answer_to(&stand, PATH).await.0, 200);
    stand.tables.remove("grants", "patient", OWN);
    let (status, outcome) = answer_to(&stand, PATH).await;
    assert_eq!((status, ids(&outcome).len()), (401, 0));
}

#[tokio::test]
async fn writes_one_audit_record_per_answer_or_does_not_answer() {
    let stand = loaded().await;
    answer_to(&stand, PATH).await;
    answer_to(&stand, &format!("{PATH}/carrier-10")).await;
    let records = stand.tables.items("audit");
    let seen: Vec<_> = records
        .iter()
        .map(|record| {
            [
                &record["pk"]["S"],
                &record["action"]["S"],
                &record["detail"]["S"],
            ]
        })
        .collect();
    let detail = "v2 ExplanationOfBenefit";
    assert_eq!(seen, [[OWN, "search", detail], [OWN, "read", detail]]);

    stand.tables.fail("audit", "ResourceNotFoundException");
    let (status, outcome) = answer_to(&stand, PATH).await;
    assert_eq!((status, ids(&outcome).len()), (503, 0));
}

#[tokio::test]
async fn asks_to_come_back_when_a_table_is_throttled_or_down() {
    for table in ["claims", "grants", "audit"] {
        for code in ["ThrottlingException", "InternalServerError"] {
            let stand = loaded().await;
            stand.tables.fail(table, code);
            let response = handle(&stand.state, &BuiltIn, get(PATH, &stand.own_token())).await;
            assert_eq!(response.status.as_u16(), 503, "{table} {code}");
            assert!(response.header("retry-after").is_some(), "{table} {code}");
        }
    }
}

#[tokio::test]
async fn serves_get_only() {
    let stand = loaded().await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "HEAD"] {
        let response = handle(&stand.state, &BuiltIn, request(method, PATH, &json!({}))).await;
        assert_eq!(response.status.as_u16(), 405, "{method}");
        assert_eq!(response.header("allow"), Some("GET, OPTIONS"), "{method}");
    }
    let search = format!("{PATH}/_search");
    for method in ["GET", "PUT", "DELETE"] {
        let response = handle(&stand.state, &BuiltIn, request(method, &search, &json!({}))).await;
        assert_eq!(response.status.as_u16(), 405, "{method}");
        assert_eq!(response.header("allow"), Some("POST, OPTIONS"), "{method}");
    }
    let response = handle(
        &stand.state,
        &BuiltIn,
        request("OPTIONS", &search, &json!({})),
    )
    .await;
    assert_eq!(response.header("allow"), Some("POST, OPTIONS"));
    let response = handle(&stand.state, &BuiltIn, request("OPTIONS", PATH, &json!({}))).await;
    assert_eq!(response.status.as_u16(), 204);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn answers_the_events_of_both_gateways() {
    const REPEATED: &str = include_str!("../../../events/eob_search_repeated_parameters_v1.json");
    const POSTED: &str = include_str!("../../../events/eob_search_post_v1.json");
    const WITHOUT_TOKEN: &str = include_str!("../../../events/eob_without_token_v2.json");
    let stand = loaded().await;
    let response = handle(
        &stand.state,
        &BuiltIn,
        event_call(REPEATED, &stand.own_token()),
    )
    .await;
    assert_eq!(response.status.as_u16(), 200);
    assert_eq!(ids(&body(&response)), ["carrier--9", "carrier-10"]);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let response = handle(
        &stand.state,
        &BuiltIn,
        event_call(POSTED, &stand.own_token()),
    )
    .await;
    let bundle = body(&response);
    assert_eq!(
        (&bundle["total"], ids(&bundle)),
        (&json!(2), vec!["carrier--9"])
    );
    let response = handle(&stand.state, &BuiltIn, event_call(WITHOUT_TOKEN, "")).await;
    assert_eq!(response.status.as_u16(), 401);
}

#[tokio::test]
async fn answers_of_a_claim_type_either_in_searches_and_reads_or_in_neither() {
    let stand = Stand::new().await;
    for claim_type in [Carrier, Inpatient, Outpatient, Pde] {
        stand.load_claim(OWN, claim_type, "1", false);
        let id = format!("{}-1", claim_type.name());
        let (status, _) = answer_to(&stand, &format!("{PATH}/{id}")).await;
        let (_, bundle) = answer_to(&stand, &format!("{PATH}?_id={id}")).await;
        assert_eq!(status == 200, bundle["total"] == 1, "{id}");
    }
}

/// Lambda stops at 6 MB with the escaping of the body, so a page is cut before.
#[tokio::test]
async fn no_answer_is_larger_than_4_mb_and_no_claim_gets_lost() {
    const REPLY_BYTES_MAX: usize = 4_000_000;
    let stand = Stand::new().await;
    let mut expected = Vec::new();
    for id in 1000..1050 {
        let id = id.to_string();
        stand.store_claim(OWN, &wide_claim(&id), false);
        expected.push(format!("inpatient-{id}"));
    }
    let mut seen = Vec::new();
    let mut pages = 0;
    let mut next = Some(format!("{PATH}?_count=50"));
    while let Some(url) = next {
        let call = get(url.trim_start_matches(BASE), &stand.own_token());
        let record = Record::new(Ids::default());
        let response = record
            .of(Box::pin(handle(&stand.state, &BuiltIn, call)))
            .await;
        assert!(
            response.body.len() <= REPLY_BYTES_MAX,
            "{}",
            response.body.len()
        );
        let bundle = body(&response);
        let page = ids(&bundle);
        // What is counted is what was answered, not what was asked for.
        assert_eq!(record.get(Metric::PageSize), Some(page.len() as u64));
        seen.extend(page.into_iter().map(str::to_owned));
        let links = bundle["link"].as_array().unwrap();
        let link = links.iter().find(|link| link["relation"] == "next");
        next = link.map(|link| link["url"].as_str().unwrap().to_owned());
        pages += 1;
    }
    assert_eq!(seen, expected);
    assert!(pages > 1, "the claims are too small to show anything");
}

/// A claim with a value in every column and many lines: fifty of them are more than an answer may hold.
fn wide_claim(id: &str) -> Claim<'_> {
    const LINES: usize = 60;
    fn fill(row: &mut Row) {
        for column in row.columns() {
            let text = match column.kind() {
                Kind::Date => "20200229",
                _ => "1",
            };
            row.set(*column, RifValue::parse(column.kind(), text).unwrap());
        }
    }
    let mut header = Row::new(Inpatient.layout(), RowPart::Header);
    fill(&mut header);
    header.set(Column::BENE_ID, Some(RifValue::Text(OWN)));
    header.set(Column::CLM_ID, Some(RifValue::Text(id)));
    let mut line = Row::new(Inpatient.layout(), RowPart::Line);
    fill(&mut line);
    Claim {
        claim_type: Inpatient,
        header,
        lines: vec![line; LINES],
    }
}

#[tokio::test]
async fn answers_every_type_in_v1_under_its_older_path_too() {
    let stand = Stand::new().await;
    for claim_type in ClaimType::ALL {
        stand.load_claim(OWN, claim_type, "1", false);
    }
    for base in ["/v1/fhir", "/v1/protected/bluebutton/fhir/v1"] {
        let (_, bundle) = answer_to(&stand, &format!("{base}/ExplanationOfBenefit")).await;
        let entries = bundle["entry"].as_array().unwrap();
        assert_eq!(entries.len(), ClaimType::ALL.len(), "{base}");
        for entry in entries {
            let eob = &entry["resource"];
            assert_eq!(eob["meta"].get("profile"), None);
            let url = entry["fullUrl"].as_str().unwrap();
            let path = url.strip_prefix(BASE).unwrap();
            assert!(path.starts_with("/v1/fhir/"), "{path}");
            let (status, read) = answer_to(&stand, path).await;
            assert_eq!((status, &read), (200, eob), "{path}");
        }
    }
}

#[tokio::test]
async fn outcomes_are_written_as_their_version_writes_them() {
    let stand = loaded().await;
    for (version, system) in [
        ("v1", "http://hl7.org/fhir/operation-outcome"),
        (
            "v2",
            "http://terminology.hl7.org/CodeSystem/operation-outcome",
        ),
    ] {
        let path = format!("/{version}/fhir/ExplanationOfBenefit?_count=-1");
        let (status, outcome) = answer_to(&stand, &path).await;
        let coding = &outcome["issue"][0]["details"]["coding"][0];
        assert_eq!((status, coding["system"].as_str()), (400, Some(system)));
    }
}

#[tokio::test]
async fn searches_by_post_as_by_get() {
    let stand = loaded().await;
    let search = |query: &str, form: &str| {
        let call = post(&format!("{PATH}/_search{query}"), &stand.own_token(), form);
        handle(&stand.state, &BuiltIn, call)
    };
    for (query, form, expected) in [
        ("", "", vec!["carrier--9", "carrier-10", "pde-9"]),
        ("", "type=pde", vec!["pde-9"]),
        ("?type=carrier", "_count=1&startIndex=1", vec!["carrier-10"]),
        ("?type=pde", "type=carrier", vec![]),
        ("?_count=1", "_count=1", vec!["carrier--9"]),
    ] {
        let response = search(query, form).await;
        assert_eq!(response.status.as_u16(), 200, "{query} {form}");
        assert_eq!(ids(&body(&response)), expected, "{query} {form}");
    }
    let first = body(&search("", "type=carrier&_count=1").await);
    let links = first["link"].as_array().unwrap();
    let next = links.iter().find(|link| link["relation"] == "next");
    let next = next.unwrap()["url"].as_str().unwrap();
    let (_, second) = answer_to(&stand, next.strip_prefix(BASE).unwrap()).await;
    assert_eq!(ids(&second), ["carrier-10"]);
    for (query, form, status) in [
        ("?_count=1", "_count=2", 400),
        ("", "_format=xml", 406),
        ("", &*format!("patient={OTHER}"), 403),
        ("", &"a=1&".repeat(5_000), 413),
    ] {
        let answered = search(query, form).await.status.as_u16();
        assert_eq!(answered, status, "{query}");
    }
    let authorization = format!("Bearer {}", stand.own_token());
    let headers = json!({"authorization": authorization, "content-type": "application/json"});
    let call = Call {
        body: b"{}".to_vec(),
        ..request("POST", &format!("{PATH}/_search"), &headers)
    };
    assert_eq!(
        handle(&stand.state, &BuiltIn, call).await.status.as_u16(),
        415
    );
}

#[tokio::test]
async fn answers_in_the_spelling_of_json_that_is_asked_for() {
    let stand = loaded().await;
    let authorization = format!("Bearer {}", stand.own_token());
    for (accept, format, expected) in [
        ("*/*", "", "application/fhir+json"),
        ("application/json, text/plain, */*", "", "application/json"),
        ("application/xml", "?_format=json", "application/fhir+json"),
        ("*/*", "?_format=application/json", "application/json"),
    ] {
        let headers = json!({"authorization": authorization, "accept": accept});
        let response = handle(
            &stand.state,
            &BuiltIn,
            request("GET", &format!("{PATH}{format}"), &headers),
        );
        let response = response.await;
        assert_eq!(response.header("content-type"), Some(expected), "{accept}");
    }
}

#[tokio::test]
async fn says_when_the_persons_data_was_last_loaded() {
    let stand = loaded().await;
    let loaded = LOADED.replace('Z', "+00:00");
    for (query, expected) in [
        ("", Some(loaded.as_str())),
        ("?_count=0", Some(loaded.as_str())),
        ("?type=hospice", Some(loaded.as_str())),
        ("/carrier-10", Some(loaded.as_str())),
        ("/carrier-11", None),
    ] {
        let call = get(&format!("{PATH}{query}"), &stand.own_token());
        let response = handle(&stand.state, &BuiltIn, call).await;
        assert_eq!(response.header("x-data-last-loaded"), expected, "{query}");
    }
}

#[tokio::test]
async fn a_withheld_claim_is_unknown_even_to_a_caller_who_has_it() {
    let stand = loaded().await;
    let read = format!("{PATH}/inpatient-9");
    let headers = json!({
        "authorization": format!("Bearer {}", stand.own_token()), "if-none-match": "*",
    });
    let status = async || {
        let response = handle(&stand.state, &BuiltIn, request("GET", &read, &headers)).await;
        response.status.as_u16()
    };
    assert_eq!(status().await, 404);
    stand.consent_to_substance_use(OWN);
    assert_eq!(status().await, 304);
}
