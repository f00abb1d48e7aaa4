//! Discovery over HTTP: every document in every spelling, and every endpoint that they name.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::client::{Browser, Person, Sandbox};

/// Nobody else's person.
const PERSON: u64 = 35;

fn get(sandbox: &Sandbox, path: &str) -> Value {
    let answer = Browser::new().get(&format!("{}{path}", sandbox.base_url));
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    assert!(answer.headers["content-type"].contains("json"), "{path}");
    assert_eq!(answer.headers["access-control-allow-origin"], "*", "{path}");
    answer.json()
}

/// The documents of the endpoints of `v2` and of `v3`, by path.
fn documents(sandbox: &Sandbox) -> Vec<(String, &'static str, Value)> {
    let mut paths = vec![
        ("/.well-known/openid-configuration".to_owned(), "v2"),
        ("/.well-known/openid-configuration-v2".to_owned(), "v2"),
        ("/.well-known/openid-configuration-v3".to_owned(), "v3"),
        ("/.well-known/oauth-authorization-server".to_owned(), "v2"),
    ];
    // The first version's tokens come from the second's endpoints, as CMS's documents say.
    for (version, endpoints) in [("v1", "v2"), ("v2", "v2"), ("v3", "v3")] {
        for path in [
            "connect/.well-known/openid-configuration",
            "fhir/.well-known/smart-configuration",
        ] {
            paths.push((format!("/{version}/{path}"), endpoints));
        }
    }
    let spellings = paths.into_iter().flat_map(|(path, endpoints)| {
        let slash = format!("{path}/");
        [(path, endpoints), (slash, endpoints)]
    });
    spellings
        .map(|(path, endpoints)| {
            let document = get(sandbox, &path);
            (path, endpoints, document)
        })
        .collect()
}

#[test]
fn every_endpoint_that_a_document_names_is_there() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let mut called = BTreeSet::new();
    for (path, version, document) in documents(&sandbox) {
        for (name, value) in document.as_object().unwrap() {
            if !(name.ends_with("_endpoint") || name.ends_with("_uri")) {
                continue;
            }
            let url = value.as_str().unwrap();
            let in_version = url.starts_with(&format!("{}/{version}/", sandbox.base_url));
            assert!(in_version || name == "jwks_uri", "{path}: {name} is {url}");
            called.insert((name.clone(), url.to_owned()));
        }
    }
    for (name, url) in &called {
        let (get, post) = (
            Browser::new().get(url),
            Browser::new().post(url, &[("x", "y")]),
        );
        // Each refuses a call without anything in its own way.
        let (answer, status) = match name.as_str() {
            "authorization_endpoint" => (get, 401),
            "userinfo_endpoint" => (get, 401),
            "fhir_metadata_uri" | "jwks_uri" => (get, 200),
            "token_endpoint" => (post, 400),
            "revocation_endpoint" | "introspection_endpoint" => (post, 401),
            other => panic!("no test calls {other}"),
        };
        assert_eq!(answer.status, status, "{name} {url}: {}", answer.body);
    }
    assert_eq!(called.len(), 2 * 6 + 1, "{called:?}");
}

#[test]
fn documents_of_one_version_say_the_same() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let documents = documents(&sandbox);
    for (path, version, document) in &documents {
        let (_, _, first) = documents.iter().find(|(_, of, _)| of == version).unwrap();
        for (name, value) in document.as_object().unwrap() {
            // SMART does not count the use of a refresh token as a grant type.
            if let Some(other) = first.get(name).filter(|_| name != "grant_types_supported") {
                assert_eq!(value, other, "{path}: {name}");
            }
        }
        if let Some(issuer) = document.get("issuer") {
            assert_eq!(*issuer, sandbox.base_url, "{path}");
            assert_eq!(
                document["ui_locales_supported"],
                serde_json::json!(["en", "es"])
            );
        }
        let statement = get(&sandbox, &format!("/{version}/fhir/metadata"));
        let stated = &statement["rest"][0]["security"]["extension"][0]["extension"];
        for (url, name) in [
            ("token", "token_endpoint"),
            ("authorize", "authorization_endpoint"),
            ("revoke", "revocation_endpoint"),
        ] {
            let mut stated = stated.as_array().unwrap().iter();
            let stated = stated.find(|endpoint| endpoint["url"] == url).unwrap();
            let plain = |value: &Value| value.as_str().unwrap().trim_end_matches('/').to_owned();
            assert_eq!(plain(&stated["valueUri"]), plain(&document[name]), "{path}");
        }
    }
}

#[test]
fn the_published_keys_hold_what_signs_and_may_be_kept_for_an_hour() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let url = format!("{}/.well-known/jwks.json", sandbox.base_url);
    let answer = Browser::new().get(&url);
    assert_eq!(answer.headers["cache-control"], "public, max-age=3600");
    let answer = answer.json();
    let keys = answer["keys"].as_array().unwrap();
    let ids: BTreeSet<_> = keys
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect();
    assert!(
        keys.len() >= 2 && ids.len() == keys.len(),
        "current and next: {ids:?}"
    );
    for key in keys {
        for (name, expected) in [
            ("kty", "EC"),
            ("crv", "P-256"),
            ("alg", "ES256"),
            ("use", "sig"),
        ] {
            assert_eq!(key[name], expected);
        }
        assert!(key.get("d").is_none());
    }
    let token = sandbox.access_token(&Person::synthetic(PERSON));
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
    assert!(ids.contains(kid.as_str()));
}
