//! Paths that hardly anybody takes, so that every right that a function holds is one that the suite has used.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::client::{Browser, Consent, Person, Sandbox};

const MBI_HASH_SYSTEM: &str = "https://bluebutton.cms.gov/resources/identifier/mbi-hash";

#[test]
fn a_person_is_found_by_the_hash_of_their_medicare_number_and_forgotten_on_a_developers_demand() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let (person, application) = (
        Person::synthetic(99),
        sandbox.application_named("Another sandbox app"),
    );
    let tokens = sandbox.exchange(&application, &person, None, Consent::connect());
    let access_token = tokens["access_token"].as_str().unwrap();
    let path = format!("/v1/fhir/Patient/{}", person.patient);
    let patient = sandbox.get(&path, access_token).json();
    let identifiers = patient["identifier"].as_array().unwrap();
    let hash = identifiers
        .iter()
        .find(|one| one["system"] == MBI_HASH_SYSTEM);
    let hash = hash.unwrap()["value"].as_str().unwrap();
    let search = format!("/v2/fhir/Patient?identifier={MBI_HASH_SYSTEM}%7C{hash}");
    let found = sandbox.get(&search, access_token).json();
    assert_eq!(found["entry"][0]["resource"]["id"], json!(person.patient));

    let credentials = format!("{}:{}", application.client_id, application.client_secret);
    let basic = format!("Basic {}", BASE64_STANDARD.encode(credentials));
    let expire = |patient: &str| {
        let url = format!(
            "{}/v2/o/expire_authenticated_user/{patient}/",
            sandbox.base_url
        );
        let headers = [("Authorization".to_owned(), basic.clone())];
        let answer = Browser::new().send("POST", &url, &headers, "");
        (answer.status, answer.body)
    };
    assert_eq!(expire(&person.patient), (200, "success".to_owned()));
    assert_eq!(sandbox.get(&path, access_token).status, 401);
    let (status, text) = expire(&person.patient);
    assert_eq!((status, text.contains("Grant")), (404, true), "{text}");
    let (status, text) = expire("-1");
    assert_eq!((status, text.contains("Patient")), (404, true), "{text}");
}
