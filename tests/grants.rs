//! What a consent gives to each kind of application, and how it is taken back, over HTTP.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::client::{AuthorizationRequest, Browser, Consent, Person, Sandbox, parameter};

/// The status of each path for an access token.
fn check_access(sandbox: &Sandbox, tokens: &Value, expected: &[(&str, u16)]) {
    let access_token = tokens["access_token"].as_str().unwrap();
    for (path, status) in expected {
        let answer = sandbox.get(path, access_token);
        assert_eq!(answer.status, *status, "{path}: {}", answer.body);
    }
}

/// The answer to a refresh with the client's id and, where there is one, its secret.
fn refresh(sandbox: &Sandbox, client: &[(&str, &str)], tokens: &Value) -> (u16, Value) {
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let grant = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
    ];
    let answer = sandbox.token(&[&grant, client].concat());
    (answer.status, answer.json())
}

const EVERYTHING: [(&str, u16); 4] = [
    ("/v2/fhir/Patient", 200),
    ("/v2/connect/userinfo", 200),
    ("/v2/fhir/Coverage", 200),
    ("/v1/fhir/ExplanationOfBenefit", 200),
];

const NOTHING: [(&str, u16); 4] = [
    ("/v2/fhir/Patient", 401),
    ("/v2/connect/userinfo", 401),
    ("/v2/fhir/Coverage", 401),
    ("/v1/fhir/ExplanationOfBenefit", 401),
];

const NOT_WHO: [(&str, u16); 5] = [
    ("/v2/fhir/Patient", 403),
    ("/v1/fhir/Patient", 403),
    ("/v2/connect/userinfo", 403),
    ("/v2/fhir/Coverage", 200),
    ("/v2/fhir/ExplanationOfBenefit", 200),
];

/// For a token that never had more than that: the scope is looked at before the grant.
const NO_MORE: [(&str, u16); 3] = [
    ("/v2/fhir/Patient", 403),
    ("/v2/fhir/Coverage", 401),
    ("/v1/fhir/ExplanationOfBenefit", 401),
];

#[test]
fn withholding_personal_information_closes_patient_and_userinfo_and_ends_earlier_tokens() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let (person, application) = (Person::synthetic(45), sandbox.application(0));
    let client = [
        ("client_id", application.client_id.as_str()),
        ("client_secret", &application.client_secret),
    ];
    let withheld = || Consent {
        share_demographic_scopes: false,
        ..Consent::connect()
    };
    let open = sandbox.tokens(&person, None);
    check_access(&sandbox, &open, &EVERYTHING);

    // A refusal leaves what was there before.
    let refused = Consent {
        allow: false,
        ..Consent::connect()
    };
    let request = AuthorizationRequest::new();
    let callback = sandbox.callback(&person, &application, &request, None, refused);
    assert_eq!(
        parameter(&callback, "error").as_deref(),
        Some("access_denied")
    );
    assert_eq!(parameter(&callback, "code"), None);
    check_access(&sandbox, &open, &EVERYTHING);

    let narrow = sandbox.tokens_after(&person, None, withheld());
    let scope = "patient/Coverage.rs patient/ExplanationOfBenefit.rs";
    assert_eq!(narrow["scope"], scope);
    check_access(&sandbox, &open, &NOTHING);
    let (status, dead) = refresh(&sandbox, &client, &open);
    assert_eq!((status, &dead["error"]), (400, &json!("invalid_grant")));
    check_access(&sandbox, &narrow, &NOT_WHO);

    // Neither a refresh nor a wider scope brings back what was withheld.
    let (status, refreshed) = refresh(&sandbox, &client, &narrow);
    assert_eq!((status, &refreshed["scope"]), (200, &json!(scope)));
    check_access(&sandbox, &refreshed, &NOT_WHO);
    let wider = [&client[..], &[("scope", "profile")]].concat();
    let (status, refused) = refresh(&sandbox, &wider, &refreshed);
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_scope")));
    check_access(&sandbox, &refreshed, &NOT_WHO);

    // Nothing is left when only that was asked for: a refusal, and the application has nothing any more.
    let (scope, request) = (
        Some("patient/Patient.rs profile"),
        AuthorizationRequest::new(),
    );
    let callback = sandbox.callback(&person, &application, &request, scope, withheld());
    assert_eq!(
        parameter(&callback, "error").as_deref(),
        Some("access_denied")
    );
    check_access(&sandbox, &refreshed, &NO_MORE);
}

#[test]
fn a_public_application_comes_by_with_pkce_and_its_client_id_alone() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let (person, application) = (
        Person::synthetic(46),
        sandbox.application_named("Public app"),
    );
    let request = AuthorizationRequest::new();
    let callback = sandbox.callback(&person, &application, &request, None, Consent::connect());
    let code = parameter(&callback, "code").expect("the redirect carries a code");
    let exchange = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", &application.redirect_uri),
        ("code_verifier", &request.code_verifier),
        ("client_id", &application.client_id),
    ];
    let with_secret = [&exchange[..], &[("client_secret", "x")]].concat();
    assert_eq!(sandbox.token(&with_secret).status, 401);
    let answer = sandbox.token(&exchange);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let tokens = answer.json();
    check_access(&sandbox, &tokens, &EVERYTHING);
    let client = ("client_id", application.client_id.as_str());
    let (status, refreshed) = refresh(&sandbox, &[client], &tokens);
    assert_eq!(status, 200, "{refreshed}");
    check_access(&sandbox, &tokens, &NOTHING);
    check_access(&sandbox, &refreshed, &EVERYTHING);
    let form = [
        ("token", refreshed["access_token"].as_str().unwrap()),
        client,
    ];
    let revoke = format!("{}/v2/o/revoke_token", sandbox.base_url);
    assert_eq!(Browser::new().post(&revoke, &form).status, 200);
    check_access(&sandbox, &refreshed, &NOTHING);
}

#[test]
fn an_application_for_prescriptions_reads_drug_claims_and_no_others() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let person = Person::synthetic(48);
    let tokens_of = |name: &str| {
        let application = sandbox.application_named(name);
        sandbox.exchange(&application, &person, None, Consent::connect())
    };
    let (usual, limited) = (tokens_of("Research app"), tokens_of("Prescriptions app"));
    let search = |tokens: &Value, path: &str| {
        let access_token = tokens["access_token"].as_str().unwrap();
        let answer = sandbox.get(path, access_token);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    };
    for version in ["v1", "v2"] {
        let path = format!("/{version}/fhir/ExplanationOfBenefit");
        let drugs = search(&usual, &format!("{path}?type=pde"))["total"].clone();
        assert_ne!(search(&usual, &path)["total"], drugs);
        let bundle = search(&limited, &path);
        assert_eq!(bundle["total"], drugs, "{version}");
        let entries = bundle["entry"].as_array().unwrap();
        assert!(entries.iter().all(|entry| {
            let id = entry["resource"]["id"].as_str().unwrap();
            id.starts_with("pde-")
        }));
        let carrier = search(&usual, &format!("{path}?type=carrier&_count=1"));
        let id = carrier["entry"][0]["resource"]["id"].as_str().unwrap();
        let read = format!("{path}/{id}");
        check_access(&sandbox, &usual, &[(&read, 200)]);
        check_access(&sandbox, &limited, &[(&read, 404)]);
    }
    check_access(&sandbox, &limited, &EVERYTHING);
}

#[test]
fn a_partners_portal_shows_a_person_what_is_connected_and_disconnects_it() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let (person, portal) = (
        Person::synthetic(47),
        sandbox.application_named("Partner portal"),
    );
    let tokens = sandbox.tokens(&person, None);
    let once = sandbox.application_named("One-time app");
    let once = sandbox.exchange(&once, &person, None, Consent::connect());
    assert_eq!(once.get("refresh_token"), None);
    let credentials = format!("{}:{}", portal.client_id, portal.client_secret);
    let basic = format!("Basic {}", BASE64_STANDARD.encode(credentials));
    let user = format!("SLS {}", BASE64_STANDARD.encode(&person.username));
    let headers = [
        ("Authorization", basic.as_str()),
        ("X-Authentication", &user),
    ];
    let browser = Browser::new();
    let list = || {
        let url = format!("{}/v2/o/tokens/", sandbox.base_url);
        browser.get_with(&url, &headers).json()
    };
    let before = list();
    let names = |list: &Value| -> Vec<String> {
        let grants = list.as_array().unwrap().iter();
        let name = |grant: &Value| grant["application"]["name"].as_str().unwrap().to_owned();
        let mut names: Vec<_> = grants.map(name).collect();
        names.sort();
        names
    };
    assert_eq!(names(&before), ["One-time app", "Sandbox app"]);
    let grants = before.as_array().unwrap();
    let connected = grants
        .iter()
        .find(|grant| grant["application"]["name"] == "Sandbox app");
    let url = format!(
        "{}/v2/o/tokens/{}/",
        sandbox.base_url,
        connected.unwrap()["id"]
    );
    assert_eq!(browser.delete_with(&url, &headers).status, 204);
    assert_eq!(browser.delete_with(&url, &headers).status, 404);
    check_access(&sandbox, &tokens, &NOTHING);
    check_access(&sandbox, &once, &EVERYTHING);
    assert_eq!(names(&list()), ["One-time app"]);
}
