use bluebutton::rif::ClaimType::Carrier;
use serde_json::Value;

use super::*;
use stand::{
    BASE, LOADED, MBI, MBI_HASH, OTHER, OWN, Stand, body, check_names_nobody_else, event_call, get,
    ids, post, request,
};

const MBI_HASH_SYSTEM: &str = "https://bluebutton.cms.gov/resources/identifier/mbi-hash";
const US_MBI: &str = "http://hl7.org/fhir/sid/us-mbi";
/// The hash of another number that stands for the person.
const HICN_HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

async fn loaded() -> Stand {
    let stand = Stand::new().await;
    stand.load_person(OWN);
    stand.load_person(OTHER);
    stand.load_claim(OWN, Carrier, "1", false);
    stand
}

async fn answer_to(stand: &Stand, path_and_query: &str) -> (u16, Value) {
    answer_to_call(stand, get(path_and_query, &stand.own_token())).await
}

async fn answer_to_call(stand: &Stand, call: Call) -> (u16, Value) {
    let response = handle(&stand.state, &stand.identity, call).await;
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
        ("/v2/fhir/Patient/_search".to_owned(), 405),
    ] {
        let call = get(&path, &stand.own_token());
        let response = handle(&stand.state, &stand.identity, call).await;
        check_names_nobody_else(&path, &response, status);
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
        let call = get(&path, &stand.own_token());
        let response = handle(&stand.state, &stand.identity, call).await;
        check_names_nobody_else(&path, &response, 500);
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
        &stand.identity,
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
        &stand.identity,
        request("GET", "/v2/fhir/Patient?hello=1", &headers),
    )
    .await;
    assert_eq!(response.status.as_u16(), 400);
    assert!(body(&response).to_string().contains("hello"));
}

#[tokio::test]
async fn answers_the_event_of_the_gateway() {
    const SEARCH: &str = include_str!("../../../events/patient_search_v1.json");
    let stand = loaded().await;
    let response = handle(
        &stand.state,
        &stand.identity,
        event_call(SEARCH, &stand.own_token()),
    )
    .await;
    assert_eq!(ids(&body(&response)), [OWN]);
}

#[tokio::test]
async fn answers_v1_in_stu3_under_its_older_path_too() {
    let stand = loaded().await;
    for base in ["/v1/fhir", "/v1/protected/bluebutton/fhir/v1"] {
        let (status, patient) = answer_to(&stand, &format!("{base}/Patient/{OWN}")).await;
        assert_eq!((status, patient["id"].as_str()), (200, Some(OWN)), "{base}");
        assert_eq!(patient["meta"].get("profile"), None);
        let hash = &patient["identifier"][1];
        assert_eq!(hash["system"], MBI_HASH_SYSTEM);
        assert_eq!(hash["value"], MBI_HASH);
        assert!(!patient.to_string().contains(MBI), "{base}");
        let (_, bundle) = answer_to(&stand, &format!("{base}/Patient?_id={OWN}")).await;
        let url = format!("{BASE}/v1/fhir/Patient");
        assert_eq!(bundle["entry"][0]["fullUrl"], format!("{url}/{OWN}"));
        let link = bundle["link"][0]["url"].as_str().unwrap();
        assert!(link.starts_with(&format!("{url}?")), "{link}");
    }
}

#[tokio::test]
async fn finds_the_person_by_a_hash_and_nobody_else() {
    let stand = loaded().await;
    let (others, nobodys) = ("1".repeat(64), "0".repeat(64));
    stand.load_identity(MBI_HASH, OWN);
    stand.load_identity(HICN_HASH, OWN);
    stand.load_identity(HICN_HASH, OTHER);
    stand.load_identity(&others, OTHER);
    for (system, hash) in [
        (MBI_HASH_SYSTEM, MBI_HASH),
        (MBI_HASH_SYSTEM, &*MBI_HASH.to_uppercase()),
        (
            "https://bluebutton.cms.gov/resources/identifier/hicn-hash",
            HICN_HASH,
        ),
        (
            "http://bluebutton.cms.hhs.gov/identifier%23hicnHash",
            HICN_HASH,
        ),
    ] {
        let query = format!("/v2/fhir/Patient?identifier={system}%7C{hash}");
        let (status, bundle) = answer_to(&stand, &query).await;
        assert_eq!((status, ids(&bundle)), (200, vec![OWN]), "{system}");
        let link = bundle["link"][0]["url"].as_str().unwrap();
        assert!(link.contains(hash), "{link}");
        let either = format!("{query},{system}%7C{nobodys}");
        assert_eq!(answer_to(&stand, &either).await.0, 200);
        for hash in [&others, &nobodys] {
            let both = format!("{query}&identifier={system}%7C{hash}");
            let (status, outcome) = answer_to(&stand, &both).await;
            assert_eq!((status, ids(&outcome).len()), (403, 0), "{system}");
        }
    }
    for value in [
        format!("{MBI_HASH_SYSTEM}%7C"),
        format!("{MBI_HASH_SYSTEM}%7C{}", &MBI_HASH[1..]),
        format!("a%7C{MBI_HASH}"),
        MBI_HASH.to_owned(),
        format!("{US_MBI}%7C{MBI}"),
        vec![format!("{MBI_HASH_SYSTEM}%7C{MBI_HASH}"); 11].join(","),
    ] {
        let path = format!("/v2/fhir/Patient?identifier={value}");
        let (status, outcome) = answer_to(&stand, &path).await;
        assert_eq!(status, 400, "{value}");
        assert!(!outcome.to_string().contains(MBI), "{value}");
    }
}

#[tokio::test]
async fn takes_a_medicare_number_in_a_body_and_keeps_it_out_of_the_links() {
    let stand = loaded().await;
    let search = |form: String| {
        let call = post("/v2/fhir/Patient/_search", &stand.own_token(), &form);
        answer_to_call(&stand, call)
    };
    let (status, bundle) = search(format!("identifier={US_MBI}|{MBI}&_count=5")).await;
    assert_eq!((status, ids(&bundle)), (200, vec![OWN]));
    let links = bundle["link"].to_string();
    assert!(
        !links.contains(MBI) && !links.contains("_search"),
        "{links}"
    );
    assert_eq!(search(format!("identifier={US_MBI}|1")).await.0, 403);
    assert_eq!(search(String::new()).await.0, 200);
    assert_eq!(search(format!("_id={OTHER}")).await.0, 403);
    let call = post(
        &format!("/v2/fhir/Patient/_search?identifier={US_MBI}%7C{MBI}"),
        &stand.own_token(),
        "",
    );
    assert_eq!(answer_to_call(&stand, call).await.0, 400);
}

#[tokio::test]
async fn a_person_whom_the_caller_has_is_not_answered_again() {
    let stand = loaded().await;
    let read = async |path: &str, name: &str, value: &str| {
        let headers = serde_json::json!({
            "authorization": format!("Bearer {}", stand.own_token()), name: value,
        });
        handle(
            &stand.state,
            &stand.identity,
            request("GET", path, &headers),
        )
        .await
    };
    let own = format!("/v2/fhir/Patient/{OWN}");
    let first = read(&own, "accept", "*/*").await;
    let tag = first.header("etag").unwrap();
    let time = first.header("last-modified").unwrap();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(time, "Mon, 06 May 2024 07:08:09 GMT");
    let records = stand.tables.items("audit").len();
    let check = async |path: &str, (name, value): (&str, &str), status: u16| {
        let response = read(path, name, value).await;
        assert_eq!(response.status.as_u16(), status, "{path} {name}: {value}");
        assert_eq!(response.body.is_empty(), status == 304);
        response
    };
    for condition in [("if-none-match", tag), ("if-modified-since", time)] {
        let known = check(&own, condition, 304).await;
        assert_eq!(known.header("etag"), Some(tag));
        let loaded = LOADED.replace('Z', "+00:00");
        assert_eq!(known.header("x-data-last-loaded"), Some(loaded.as_str()));
        check(&format!("/v2/fhir/Patient/{OTHER}"), condition, 404).await;
        check("/v2/fhir/Patient", condition, 200).await;
    }
    check(
        &format!("/v1/fhir/Patient/{OWN}"),
        ("if-none-match", tag),
        200,
    )
    .await;
    check(&own, ("if-none-match", "\"other\""), 200).await;
    // Each of them, a 304 as well, is an answer with personal data.
    assert_eq!(stand.tables.items("audit").len(), records + 8);
}
