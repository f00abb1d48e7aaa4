//! The path of every app: sign in, consent, exchange the code, read; and what is refused on the way.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::client::{AuthorizationRequest, Browser, Consent, Person, Sandbox, parameter};

#[test]
fn an_app_reads_the_sample_persons_patient_coverage_and_claims() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let jane = Person::jane();
    // The second application: the README's walk has the first.
    let tokens = sandbox.exchange(&sandbox.application(1), &jane, None, Consent::connect());
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert!(
        tokens.get("expires_at").is_none(),
        "CMS's SDKs cannot read a numeric expires_at"
    );
    let access_token = tokens["access_token"].as_str().unwrap();

    let patient = sandbox
        .get(&format!("/v2/fhir/Patient/{}", jane.patient), access_token)
        .json();
    assert_eq!(patient["name"][0]["family"], "Doe");
    assert_eq!(
        patient["name"][0]["given"],
        serde_json::json!(["Jane", "X"])
    );

    let coverage = sandbox.get("/v2/fhir/Coverage", access_token).json();
    assert_eq!(coverage["total"], 4);

    let claims = all_pages(
        &sandbox,
        "/v2/fhir/ExplanationOfBenefit?_count=7",
        access_token,
    );
    let of_type = |prefix: &str| -> Vec<&Value> {
        claims
            .iter()
            .filter(|claim| claim["id"].as_str().unwrap().starts_with(prefix))
            .collect()
    };
    let lines = |claims: &[&Value]| -> usize {
        claims
            .iter()
            .map(|claim| claim["item"].as_array().unwrap().len())
            .sum()
    };
    assert_eq!(
        (of_type("carrier").len(), lines(&of_type("carrier"))),
        (25, 110)
    );
    assert_eq!(
        (of_type("inpatient").len(), lines(&of_type("inpatient"))),
        (2, 25)
    );
    assert_eq!((of_type("pde").len(), lines(&of_type("pde"))), (5, 5));
    assert_eq!(claims.len(), 32);
    assert!(
        claims
            .iter()
            .all(|claim| claim["patient"]["reference"] == format!("Patient/{}", jane.patient))
    );

    let read = sandbox.get(
        &format!(
            "/v2/fhir/ExplanationOfBenefit/{}",
            claims[0]["id"].as_str().unwrap()
        ),
        access_token,
    );
    assert_eq!(
        read.json(),
        claims[0],
        "a read and a search give the same resource"
    );
}

#[test]
fn userinfo_names_the_person() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let person = Person::synthetic(2);
    let tokens = sandbox.tokens(&person, None);
    for path in [
        "/v1/connect/userinfo",
        "/v2/connect/userinfo",
        "/v2/connect/userinfo/",
        "/v3/connect/userinfo",
        "/connect/userinfo",
    ] {
        let userinfo = sandbox
            .get(path, tokens["access_token"].as_str().unwrap())
            .json();
        assert_eq!(userinfo["sub"], person.patient.as_str(), "{path}");
        assert_eq!(userinfo["patient"], person.patient.as_str());
        assert_eq!(userinfo["email"], "BBUser00002@example.com");
        assert!(
            ["iat", "name", "given_name", "family_name"]
                .iter()
                .all(|member| userinfo[member].is_string()),
            "{userinfo}"
        );
    }
}

#[test]
fn every_ready_sign_in_works_and_the_patient_id_works_as_a_user_name() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    // The README's walk and other tests have these people with other applications.
    let application = sandbox.application_named("Research app");
    for index in 0..2 {
        let person = sandbox.sign_in(index);
        let by_id = Person::with_patient_id(&person.patient);
        for person in [person, by_id] {
            let tokens = sandbox.exchange(&application, &person, None, Consent::connect());
            let token = tokens["access_token"].as_str().unwrap();
            assert_eq!(sandbox.get("/v2/fhir/Coverage", token).status, 200);
        }
    }
}

#[test]
fn another_persons_data_reads_as_unknown() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let access_token = sandbox.access_token(&Person::synthetic(3));
    let other = Person::synthetic(4);
    let other_token = sandbox.access_token(&other);
    let other = other.patient;
    let others_claim = sandbox
        .get("/v2/fhir/ExplanationOfBenefit?_count=1", &other_token)
        .json();
    let others_claim = others_claim["entry"][0]["resource"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (path, status) in [
        (format!("/v2/fhir/Patient/{other}"), 404),
        (format!("/v2/fhir/Coverage/part-a-{other}"), 404),
        (format!("/v2/fhir/ExplanationOfBenefit/{others_claim}"), 404),
        (format!("/v2/fhir/Patient?_id={other}"), 403),
        (format!("/v2/fhir/Coverage?beneficiary={other}"), 403),
        (
            format!("/v2/fhir/ExplanationOfBenefit?patient={other}"),
            403,
        ),
        (
            format!("/v2/fhir/ExplanationOfBenefit?patient=Patient/{other}"),
            403,
        ),
    ] {
        let answer = sandbox.get(&path, &access_token);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    }
}

#[test]
fn a_scope_that_was_not_granted_is_refused() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let person = Person::synthetic(5);
    let token = |scope: &str| -> String {
        let tokens = sandbox.tokens(&person, Some(scope));
        assert_eq!(
            words(&tokens["scope"]),
            scope.split(' ').map(str::to_owned).collect()
        );
        tokens["access_token"].as_str().unwrap().to_owned()
    };
    let claim = sandbox
        .get(
            "/v2/fhir/ExplanationOfBenefit?_count=1",
            &sandbox.access_token(&person),
        )
        .json();
    let claim = format!(
        "/v2/fhir/ExplanationOfBenefit/{}",
        claim["entry"][0]["resource"]["id"].as_str().unwrap()
    );
    let patient = format!("/v2/fhir/Patient/{}", person.patient);
    for (scope, allowed, refused) in [
        (
            "patient/Patient.read",
            vec![patient.as_str(), "/v2/fhir/Patient"],
            vec!["/v2/fhir/Coverage", "/v2/connect/userinfo"],
        ),
        (
            "patient/ExplanationOfBenefit.r",
            vec![claim.as_str()],
            vec!["/v2/fhir/ExplanationOfBenefit", patient.as_str()],
        ),
        (
            "patient/ExplanationOfBenefit.s",
            vec!["/v2/fhir/ExplanationOfBenefit"],
            vec![claim.as_str()],
        ),
        (
            "patient/Coverage.rs profile",
            vec!["/v2/fhir/Coverage", "/v2/connect/userinfo"],
            vec![claim.as_str()],
        ),
    ] {
        let access_token = token(scope);
        for path in allowed {
            assert_eq!(
                sandbox.get(path, &access_token).status,
                200,
                "{scope} allows {path}"
            );
        }
        for path in refused {
            assert_eq!(
                sandbox.get(path, &access_token).status,
                403,
                "{scope} does not allow {path}"
            );
        }
    }
}

#[test]
fn a_person_who_withholds_personal_information_keeps_it() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let person = Person::synthetic(6);
    let earlier = sandbox.access_token(&person);
    let tokens = sandbox.tokens_after(
        &person,
        None,
        Consent {
            share_demographic_scopes: false,
            ..Consent::connect()
        },
    );
    assert!(
        !tokens["scope"].as_str().unwrap().contains("Patient.")
            && !words(&tokens["scope"]).contains("profile")
    );
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        sandbox
            .get("/v2/fhir/ExplanationOfBenefit?_count=1", access_token)
            .status,
        200
    );
    assert_eq!(
        sandbox
            .get(
                &format!("/v2/fhir/Patient/{}", person.patient),
                access_token
            )
            .status,
        403
    );
    assert_eq!(
        sandbox.get("/v2/connect/userinfo", access_token).status,
        403
    );
    assert_eq!(
        sandbox.get("/v2/fhir/Coverage", &earlier).status,
        401,
        "earlier tokens of the pair are dead"
    );
}

#[test]
fn a_person_who_cancels_sends_the_app_away_and_keeps_earlier_tokens() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let person = Person::synthetic(7);
    let earlier = sandbox.access_token(&person);
    let request = AuthorizationRequest::new();
    let cancel = Consent {
        allow: false,
        ..Consent::connect()
    };
    let callback = sandbox.callback(&person, &sandbox.application(0), &request, None, cancel);
    assert_eq!(
        parameter(&callback, "error").as_deref(),
        Some("access_denied")
    );
    assert_eq!(
        parameter(&callback, "state").as_deref(),
        Some(request.state.as_str())
    );
    assert_eq!(parameter(&callback, "code"), None);
    assert_eq!(sandbox.get("/v2/fhir/Coverage", &earlier).status, 200);
}

#[test]
fn a_code_works_once_for_its_app_with_its_verifier() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let application = sandbox.application(0);
    let other_application = sandbox.application(1);
    let request = AuthorizationRequest::new();
    let callback = sandbox.callback(
        &Person::synthetic(8),
        &application,
        &request,
        None,
        Consent::connect(),
    );
    let code = parameter(&callback, "code").unwrap();
    let redeem = |client_id: &str, client_secret: &str, redirect_uri: &str, code_verifier: &str| {
        sandbox.token(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", code_verifier),
            ("client_id", client_id),
            ("client_secret", client_secret),
        ])
    };
    let wrong_verifier = "a".repeat(43);
    let (id, secret, redirect_uri) = (
        &application.client_id,
        &application.client_secret,
        &application.redirect_uri,
    );
    for (why, answer, status, error) in [
        (
            "a wrong secret",
            redeem(id, "wrong", redirect_uri, &request.code_verifier),
            401,
            "invalid_client",
        ),
        (
            "another app",
            redeem(
                &other_application.client_id,
                &other_application.client_secret,
                redirect_uri,
                &request.code_verifier,
            ),
            400,
            "invalid_grant",
        ),
        (
            "a wrong verifier",
            redeem(id, secret, redirect_uri, &wrong_verifier),
            400,
            "invalid_grant",
        ),
    ] {
        assert_eq!(answer.status, status, "{why}: {}", answer.body);
        assert_eq!(answer.json()["error"], error, "{why}");
    }
    let first = redeem(id, secret, redirect_uri, &request.code_verifier);
    assert_eq!(first.status, 200, "{}", first.body);
    let second = redeem(id, secret, redirect_uri, &request.code_verifier);
    assert_eq!(
        (
            second.status,
            second.json()["error"].as_str().unwrap().to_owned()
        ),
        (400, "invalid_grant".to_owned())
    );
}

#[test]
fn a_refresh_token_is_rotated_and_its_second_use_ends_the_family() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let application = sandbox.application(0);
    let tokens = sandbox.tokens(&Person::synthetic(9), None);
    let refresh = |refresh_token: &Value| {
        sandbox.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.as_str().unwrap()),
            ("client_id", &application.client_id),
            ("client_secret", &application.client_secret),
        ])
    };
    let second = refresh(&tokens["refresh_token"]).json();
    assert_ne!(second["refresh_token"], tokens["refresh_token"]);
    assert_eq!(second["scope"], tokens["scope"]);
    assert_eq!(
        sandbox
            .get(
                "/v2/fhir/Coverage",
                second["access_token"].as_str().unwrap()
            )
            .status,
        200
    );
    let third = refresh(&second["refresh_token"]).json();
    let reused = refresh(&tokens["refresh_token"]);
    assert_eq!(
        (
            reused.status,
            reused.json()["error"].as_str().unwrap().to_owned()
        ),
        (400, "invalid_grant".to_owned())
    );
    assert_ne!(
        refresh(&third["refresh_token"]).status,
        200,
        "the whole family is revoked"
    );
}

#[test]
fn authorize_refuses_what_it_must_and_never_redirects_to_an_unregistered_address() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let application = sandbox.application(0);
    let url = sandbox.authorize_url(2, &application, &AuthorizationRequest::new(), None);
    let with = |name: &str, value: Option<&str>| {
        let mut changed = url.clone();
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(key, _)| key != name)
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        changed.query_pairs_mut().clear().extend_pairs(pairs);
        if let Some(value) = value {
            changed.query_pairs_mut().append_pair(name, value);
        }
        changed
    };
    for (changed, status) in [
        (
            with("redirect_uri", Some("https://attacker.example/callback")),
            400,
        ),
        (
            with(
                "redirect_uri",
                Some(&format!("{}x", application.redirect_uri)),
            ),
            400,
        ),
        (with("client_id", Some(&"x".repeat(40))), 400),
        (with("client_id", None), 401),
        (with("code_challenge", None), 400),
        (with("code_challenge_method", Some("plain")), 400),
        (with("state", None), 400),
        (with("state", Some("short")), 400),
        (with("client_secret", Some("secret")), 400),
    ] {
        let answer = Browser::new().get(changed.as_str());
        assert_eq!(answer.status, status, "{changed}: {}", answer.body);
        assert!(!answer.headers.contains_key("location"), "{changed}");
    }
}

#[test]
fn no_token_and_dead_tokens_are_refused_with_a_challenge() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let person = Person::synthetic(10);
    let patient = format!("{}/v2/fhir/Patient/{}", sandbox.base_url, person.patient);
    let good = sandbox.access_token(&person);
    let mut forged = good.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    for header in [
        None,
        Some("Bearer nonsense".to_owned()),
        Some(format!("Bearer {forged}")),
        Some("Basic Og==".to_owned()),
    ] {
        let headers: Vec<(&str, &str)> = header
            .iter()
            .map(|value| ("Authorization", value.as_str()))
            .collect();
        let answer = Browser::new().get_with(&patient, &headers);
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert!(
            answer.headers.contains_key("www-authenticate")
                || answer
                    .headers
                    .contains_key("x-amzn-remapped-www-authenticate")
        );
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    }
    assert_eq!(
        Browser::new()
            .get(&format!("{patient}?access_token={good}"))
            .status,
        400
    );
}

#[test]
fn searches_refuse_bad_parameters_and_serve_the_edges() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let person = Person::synthetic(11);
    let access_token = sandbox.access_token(&person);
    let total = sandbox
        .get("/v2/fhir/ExplanationOfBenefit?_count=0", &access_token)
        .json()["total"]
        .as_u64()
        .unwrap();
    let patient = &person.patient;
    let (last, beyond) = (total - 1, total);
    for (path, status) in [
        ("ExplanationOfBenefit?_count=0", 200),
        ("ExplanationOfBenefit?_count=50", 200),
        ("ExplanationOfBenefit?_count=5&_count=5", 200),
        ("ExplanationOfBenefit?count=5", 200),
        ("ExplanationOfBenefit?_count=51", 400),
        ("ExplanationOfBenefit?_count=-1", 400),
        ("ExplanationOfBenefit?_count=ten", 400),
        (&format!("ExplanationOfBenefit?startIndex={last}"), 200),
        (&format!("ExplanationOfBenefit?startIndex={beyond}"), 400),
        ("ExplanationOfBenefit?startIndex=-1", 400),
        ("ExplanationOfBenefit?type=carrier", 200),
        ("ExplanationOfBenefit?type=nonsense", 400),
        ("ExplanationOfBenefit?service-date=gt2000-01-01", 200),
        ("ExplanationOfBenefit?service-date=2000-01-01x", 400),
        ("ExplanationOfBenefit?_lastUpdated=gt2020-01-01", 200),
        ("ExplanationOfBenefit?_lastUpdated=ne2020-01-01", 400),
        (&format!("ExplanationOfBenefit?patient={patient}"), 200),
        (
            &format!("ExplanationOfBenefit?patient=Patient/{patient}"),
            200,
        ),
        ("ExplanationOfBenefit?unknown=1", 200),
        ("ExplanationOfBenefit/", 200),
        ("Patient/", 200),
        ("Coverage/", 200),
        ("ExplanationOfBenefit/nonsense", 400),
        ("ExplanationOfBenefit/carrier-1", 404),
        ("ExplanationOfBenefit/nonsense-1", 404),
        ("Patient/not-a-number", 400),
        (&format!("Coverage/part-d___-{patient}"), 400),
        (&format!("Coverage/part-x-{patient}"), 404),
        ("Claim", 404),
    ] {
        let answer = sandbox.get(&format!("/v2/fhir/{path}"), &access_token);
        assert_eq!(
            answer.status,
            status,
            "{path}: {}",
            answer.body.chars().take(300).collect::<String>()
        );
        assert!(answer.headers.contains_key("x-request-id"), "{path}");
        let kind = answer.json()["resourceType"].as_str().unwrap().to_owned();
        assert_eq!(kind == "OperationOutcome", status != 200, "{path}");
    }
}

#[test]
fn discovery_tells_a_client_where_everything_is() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let get = |path: &str| {
        let answer = Browser::new().get(&format!("{}{path}", sandbox.base_url));
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    };
    let configuration = get("/.well-known/openid-configuration");
    assert_eq!(configuration["issuer"], sandbox.base_url);
    assert_eq!(
        get("/v2/connect/.well-known/openid-configuration"),
        configuration
    );
    let smart = get("/v2/fhir/.well-known/smart-configuration");
    assert_eq!(
        smart["code_challenge_methods_supported"],
        serde_json::json!(["S256"])
    );
    assert_eq!(
        get("/v2/fhir/metadata")["resourceType"],
        "CapabilityStatement"
    );
    assert!(
        !get("/.well-known/jwks.json")["keys"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(get("/health")["message"], "all's well");
    let unknown = Browser::new().get(&format!("{}/no/such/path", sandbox.base_url));
    assert_eq!(unknown.status, 404);
    assert!(unknown.headers.contains_key("x-request-id"));
}

#[test]
fn an_independent_library_verifies_the_access_token_with_the_published_keys() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let person = Person::synthetic(12);
    let access_token = sandbox.access_token(&person);
    let keys = Browser::new()
        .get(&format!("{}/.well-known/jwks.json", sandbox.base_url))
        .json();
    let header = jsonwebtoken::decode_header(&access_token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == *header.kid.as_ref().unwrap())
        .unwrap();
    let key: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.clone()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_issuer(&[&sandbox.base_url]);
    validation.validate_aud = false;
    let decoding_key = jsonwebtoken::DecodingKey::from_jwk(&key).unwrap();
    let claims = jsonwebtoken::decode::<Value>(&access_token, &decoding_key, &validation)
        .unwrap()
        .claims;
    assert_eq!(claims["patient"], person.patient.as_str());
    assert_ne!(claims["sub"], person.patient.as_str(), "sub is opaque");
}

/// Follows the `next` links until they end and gives all resources, none twice.
pub(crate) fn all_pages(sandbox: &Sandbox, path: &str, access_token: &str) -> Vec<Value> {
    let mut resources = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let bundle = sandbox.get(&path, access_token).json();
        assert_eq!(bundle["resourceType"], "Bundle", "{bundle}");
        resources.extend(
            bundle["entry"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|entry| entry["resource"].clone()),
        );
        next = bundle["link"]
            .as_array()
            .unwrap()
            .iter()
            .find(|link| link["relation"] == "next")
            .map(|link| {
                link["url"]
                    .as_str()
                    .unwrap()
                    .strip_prefix(&sandbox.base_url)
                    .expect("links are ours")
                    .to_owned()
            });
    }
    let ids: BTreeSet<&str> = resources
        .iter()
        .map(|resource| resource["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), resources.len(), "no resource comes twice");
    resources
}

fn words(scope: &Value) -> BTreeSet<String> {
    scope
        .as_str()
        .unwrap()
        .split(' ')
        .map(str::to_owned)
        .collect()
}
