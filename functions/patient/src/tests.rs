use bluebutton::rif::ClaimType::Carrier;
use serde_json::Value;

use super::*;
use stand::{BASE, LOADED, OTHER, OWN, Stand, body, event_call, get, ids, request};

async fn loaded() -> Stand {
    let stand = Stand::new().await;
    stand.load_person(OWN);
    stand.load_person(OTHER);
    stand.load_claim(OWN, Carrier, "1", false);
    stand
}

async fn answer_to(stand: &Stand, path_and_query: &str) -> (u16, Value) {
    let call = get(path_and_query, &stand.own_token());
    let response = handle(&stand.state, call).await;
    (response.status.as_u16(), body(&response))
}

#[tokio::test]
async fn answers_the_tokens_own_person() {
    let stand = loaded().await;
    let (status, patient) = answer_to(&stand, &format!("/v2/fhir/Patient/{OWN}/")).await;
    assert_eq!((status, patient["id"].as_str()), (200, Some(OWN)));
    assert_eq!(
        patient["meta"]["lastUpdated"],
        LOADED.replace('Z', "+00:00")
    );
    for query in ["", &format!("?_id={OWN}&_count=10"), "?hello=1"] {
        let (status, bundle) = answer_to(&stand, &format!("/v2/fhir/Patient{query}")).await;
        assert_eq!((status, &bundle["total"]), (200, &1.into()), "{query}");
        assert_eq!(ids(&bundle), [OWN], "{query}");
        assert_eq!(
            bundle["entry"][0]["fullUrl"],
            format!("{BASE}/v2/fhir/Patient/{OWN}")
        );
    }
    let (status, bundle) = answer_to(&stand, "/v2/fhir/Patient?_lastUpdated=gt2030").await;
    assert_eq!((status, &bundle["total"]), (200, &0.into()));
}

#[tokio::test]
async fn answers_in_the_fhir_of_the_version() {
    let stand = loaded().await;
    for (version, has_profile) in [("v1", false), ("v2", true)] {
        let (status, patient) = answer_to(&stand, &format!("/{version}/fhir/Patient/{OWN}")).await;
        assert_eq!(status, 200, "{version}");
        assert_eq!(patient["meta"].get("profile").is_some(), has_profile);
    }
}

#[tokio::test]
async fn answers_nobody_else() {
    let stand = loaded().await;
    stand.load_person_as("7", OTHER);
    for (path, status) in [
        (format!("/v2/fhir/Patient/{OTHER}"), 404),
        ("/v2/fhir/Patient/1".to_owned(), 404),
        ("/v2/fhir/Patient/x".to_owned(), 400),
        ("/v2/fhir/Patient//".to_owned(), 400),
        (format!("/v2/fhir/Patient?_id={OTHER}"), 403),
        ("/v2/fhir/Patient?_id=x".to_owned(), 400),
        ("/v2/fhir/Patient?identifier=a|b".to_owned(), 400),
    ] {
        let (answered, body) = answer_to(&stand, &path).await;
        assert_eq!(answered, status, "{path}: {body}");
        assert!(!body.to_string().contains(OTHER), "{path}");
    }
}

#[tokio::test]
async fn a_row_that_is_not_its_partitions_is_never_answered() {
    let stand = Stand::new().await;
    stand.load_person_as(OWN, OTHER);
    for path in [
        format!("/v2/fhir/Patient/{OWN}"),
        "/v2/fhir/Patient".to_owned(),
    ] {
        let (status, body) = answer_to(&stand, &path).await;
        assert_eq!(status, 500, "{path}");
        assert!(!body.to_string().contains(OTHER), "{path}");
    }
}

#[tokio::test]
async fn a_person_who_is_not_loaded_is_an_empty_search() {
    let stand = Stand::new().await;
    let (status, bundle) = answer_to(&stand, "/v2/fhir/Patient").await;
    assert_eq!((status, &bundle["total"]), (200, &0.into()));
    assert_eq!(bundle.get("entry"), None);
    assert_eq!(
        answer_to(&stand, &format!("/v2/fhir/Patient/{OWN}"))
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn needs_the_scope_of_patients() {
    let stand = loaded().await;
    let scope = "patient/Coverage.rs patient/ExplanationOfBenefit.rs profile";
    let response = handle(
        &stand.state,
        get("/v2/fhir/Patient", &stand.token(OWN, scope)),
    )
    .await;
    assert_eq!(response.status.as_u16(), 403);
}

#[tokio::test]
async fn refuses_unknown_parameters_when_asked_to_be_strict() {
    let stand = loaded().await;
    let headers = serde_json::json!({
        "authorization": format!("Bearer {}", stand.own_token()), "prefer": "handling=strict",
    });
    let response = handle(
        &stand.state,
        request("GET", "/v2/fhir/Patient?hello=1", &headers),
    )
    .await;
    assert_eq!(response.status.as_u16(), 400);
    assert!(body(&response).to_string().contains("hello"));
}

#[tokio::test]
async fn answers_the_event_of_the_gateway() {
    const SEARCH: &str = include_str!("../../../events/patient_search.json");
    let stand = loaded().await;
    let response = handle(&stand.state, event_call(SEARCH, &stand.own_token())).await;
    assert_eq!(ids(&body(&response)), [OWN]);
}
