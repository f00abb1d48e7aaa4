use bluebutton::rif::ClaimType::Carrier;
use serde_json::Value;

use super::*;
use stand::{
    BASE, OTHER, OWN, Stand, body, check_names_nobody_else, event_call, get, ids, post, request,
};

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
async fn answers_the_four_parts() {
    let stand = loaded().await;
    let all: Vec<String> = ["a", "b", "c", "d"]
        .map(|part| format!("part-{part}-{OWN}"))
        .to_vec();
    for query in [
        "",
        &format!("?beneficiary=Patient/{OWN}"),
        &format!("?patient={OWN}"),
    ] {
        let (status, bundle) = answer_to(&stand, &format!("/v2/fhir/Coverage{query}")).await;
        assert_eq!((status, &bundle["total"]), (200, &4.into()), "{query}");
        assert_eq!(ids(&bundle), all, "{query}");
    }
    let (_, bundle) = answer_to(&stand, "/v2/fhir/Coverage?_count=3&startIndex=3").await;
    assert_eq!(ids(&bundle), [&all[3]]);
    for id in &all {
        let (status, coverage) = answer_to(&stand, &format!("/v2/fhir/Coverage/{id}")).await;
        assert_eq!((status, coverage["id"].as_str()), (200, Some(id.as_str())));
    }
}

#[tokio::test]
async fn answers_in_the_fhir_of_the_version() {
    let stand = loaded().await;
    for (version, plan) in [("v1", "/grouping/subPlan"), ("v2", "/class/1/value")] {
        let path = format!("/{version}/fhir/Coverage/part-b-{OWN}");
        let (status, coverage) = answer_to(&stand, &path).await;
        assert_eq!(status, 200, "{version}");
        assert_eq!(coverage.pointer(plan), Some(&"Part B".into()), "{version}");
    }
}

#[tokio::test]
async fn answers_nobody_elses() {
    let stand = loaded().await;
    for (path, status) in [
        (format!("/v2/fhir/Coverage/part-a-{OTHER}"), 404),
        (format!("/v2/fhir/Coverage/part-e-{OWN}"), 404),
        (format!("/v2/fhir/Coverage/part-d___-{OWN}"), 400),
        (format!("/v2/fhir/Coverage?beneficiary={OTHER}"), 403),
        (format!("/v2/fhir/Coverage?patient=Patient/{OTHER}"), 403),
        ("/v2/fhir/Coverage?startIndex=4".to_owned(), 400),
    ] {
        let response = handle(&stand.state, get(&path, &stand.own_token())).await;
        check_names_nobody_else(&path, &response, status);
    }
}

#[tokio::test]
async fn a_row_that_is_not_its_partitions_is_never_answered() {
    let stand = Stand::new().await;
    stand.load_person_as(OWN, OTHER);
    for path in [
        format!("/v2/fhir/Coverage/part-a-{OWN}"),
        "/v2/fhir/Coverage".to_owned(),
    ] {
        let response = handle(&stand.state, get(&path, &stand.own_token())).await;
        check_names_nobody_else(&path, &response, 500);
    }
}

#[tokio::test]
async fn needs_a_token() {
    let stand = loaded().await;
    let call = request("GET", "/v2/fhir/Coverage", &serde_json::json!({}));
    assert_eq!(handle(&stand.state, call).await.status.as_u16(), 401);
}

#[tokio::test]
async fn answers_the_event_of_the_gateway() {
    const READ: &str = include_str!("../../../events/coverage_read_v2.json");
    let stand = loaded().await;
    let response = handle(&stand.state, event_call(READ, &stand.own_token())).await;
    assert_eq!(body(&response)["id"], format!("part-a-{OWN}"));
}

#[test]
fn reads_ids() {
    let check = |text: &str, expected: Result<(Option<Part>, &str), u16>| {
        let read = CoverageId::parse(text);
        let read = read.as_ref().map(|id| (id.part, id.beneficiary.as_str()));
        assert_eq!(read.map_err(Refusal::status), expected, "{text}");
    };
    check("part-a-567834", Ok((Some(Part::A), "567834")));
    check(
        "part-d--20140000008325",
        Ok((Some(Part::D), "-20140000008325")),
    );
    check("part-e-1", Ok((None, "1")));
    for malformed in [
        "",
        "part-a",
        "part-a-",
        "part--1",
        "part-ab-1",
        "part-a-x",
        "part-d___--1",
        "PART-a-1",
        "a-1",
        "part-é-1",
    ] {
        check(malformed, Err(400));
    }
}

#[tokio::test]
async fn answers_v1_in_stu3() {
    let stand = loaded().await;
    let (_, bundle) = answer_to(&stand, "/v1/fhir/Coverage").await;
    for (entry, plan) in ["Part A", "Part B", "Part C", "Part D"].iter().enumerate() {
        let coverage = &bundle["entry"][entry]["resource"];
        assert_eq!(coverage["grouping"]["subPlan"], *plan);
        assert_eq!(coverage.get("class"), None);
        let url = bundle["entry"][entry]["fullUrl"].as_str().unwrap();
        let path = url.strip_prefix(BASE).unwrap();
        let (status, read) = answer_to(&stand, path).await;
        assert_eq!((status, &read), (200, coverage), "{path}");
    }
}

#[tokio::test]
async fn searches_by_post() {
    let stand = loaded().await;
    for (form, status, total) in [
        ("", 200, Some(4)),
        (&*format!("beneficiary={OWN}&_count=1"), 200, Some(4)),
        (&format!("patient=Patient/{OTHER}"), 403, None),
    ] {
        let call = post("/v2/fhir/Coverage/_search/", &stand.own_token(), form);
        let response = handle(&stand.state, call).await;
        assert_eq!(response.status.as_u16(), status, "{form}");
        assert_eq!(body(&response)["total"].as_u64(), total, "{form}");
    }
}

#[tokio::test]
async fn a_coverage_that_the_caller_has_is_not_answered_again() {
    let stand = loaded().await;
    let status = async |letter: char, tag: &str| {
        let path = format!("/v2/fhir/Coverage/part-{letter}-{OWN}");
        let headers = serde_json::json!({
            "authorization": format!("Bearer {}", stand.own_token()), "if-none-match": tag,
        });
        let response = handle(&stand.state, request("GET", &path, &headers)).await;
        let tag = response.header("etag").map(str::to_owned);
        (response.status.as_u16(), tag.unwrap_or_default())
    };
    let (first, tag) = status('a', "").await;
    assert_eq!(first, 200);
    assert_eq!(status('a', &tag).await, (304, tag.clone()));
    assert_eq!(status('b', &tag).await.0, 200);
}
