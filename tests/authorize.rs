//! The authorization endpoint over HTTP: what is refused, in which words, and where the browser is sent.

use serde_json::{Value, json};
use url::Url;

use crate::client::{Answer, AuthorizationRequest, Browser, Sandbox, parameter};
use crate::redirect_mutations::mutations;

type Change<'a> = (&'a str, &'a str);

/// An application's good request, to be changed.
struct Request {
    sandbox: Sandbox,
    pairs: Vec<(String, String)>,
    redirect_uri: String,
    state: String,
}

impl Request {
    fn of(application: &str) -> Option<Self> {
        let sandbox = Sandbox::running()?;
        let application = sandbox.application_named(application);
        let request = AuthorizationRequest::new();
        let url = sandbox.authorize_url(2, &application, &request, None);
        Some(Self {
            sandbox,
            pairs: url.query_pairs().into_owned().collect(),
            redirect_uri: application.redirect_uri,
            state: request.state,
        })
    }

    /// The request with changes: a value replaces, a pair of brackets removes, a leading `+` adds.
    fn with(&self, changes: &[Change]) -> Vec<(String, String)> {
        let mut pairs = self.pairs.clone();
        for (name, value) in changes {
            let added = name.strip_prefix('+');
            if added.is_none() {
                pairs.retain(|(known, _)| known != name);
            }
            if *value != "[]" {
                pairs.push((added.unwrap_or(name).to_owned(), (*value).to_owned()));
            }
        }
        pairs
    }

    fn get(&self, path: &str, changes: &[Change]) -> Answer {
        let mut url = Url::parse(&format!("{}{path}", self.sandbox.base_url)).unwrap();
        url.query_pairs_mut().extend_pairs(self.with(changes));
        Browser::new().get(url.as_str())
    }

    fn post(&self, path: &str, changes: &[Change]) -> Answer {
        let pairs = self.with(changes);
        let form: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Browser::new().post(&format!("{}{path}", self.sandbox.base_url), &form)
    }

    fn both(&self, path: &str, changes: &[Change]) -> [Answer; 2] {
        [self.get(path, changes), self.post(path, changes)]
    }
}

fn is_sign_in(answer: &Answer) -> bool {
    let location = answer.headers.get("location");
    answer.status == 302 && location.is_some_and(|target| target.contains("/login?approval="))
}

#[test]
fn every_version_and_spelling_takes_a_request_by_get_and_by_post() {
    let Some(request) = Request::of("Sandbox app") else {
        return;
    };
    for version in ["v1", "v2", "v3"] {
        for slash in ["", "/"] {
            let path = format!("/{version}/o/authorize{slash}");
            for answer in request.both(&path, &[("scope", "patient/Coverage.rs")]) {
                assert!(is_sign_in(&answer), "{path}: {}", answer.body);
            }
        }
    }
    let base = &request.sandbox.base_url;
    let challenge = &request.with(&[])[4].1;
    for accepted in [
        &[("code_challenge", format!("{challenge}=").as_str())] as &[Change],
        &[("aud", base)],
        &[("aud", &format!("{base}/v2/fhir"))],
        &[("aud", &format!("{base}/v1/fhir/"))],
        &[("lang", "es")],
        &[("ui_locales", "fr es")],
        &[("response_mode", "query")],
        &[("prompt", "login")],
        &[("prompt", "consent select_account")],
        &[("nonce", "n"), ("launch", "x"), ("max_age", "0")],
        &[("scope", "")],
        &[("state", "0123456789abcde+")],
    ] {
        for answer in request.both("/v2/o/authorize", accepted) {
            assert!(is_sign_in(&answer), "{accepted:?}: {}", answer.body);
        }
    }
}

#[test]
fn refuses_two_hundred_redirect_uris_that_look_like_a_registered_one() {
    let Some(request) = Request::of("Sandbox app") else {
        return;
    };
    let registered = [
        request.redirect_uri.as_str(),
        request.redirect_uri.trim_end_matches('/'),
    ];
    let mutations = mutations(&registered);
    for uri in &mutations {
        for answer in request.both("/v2/o/authorize/", &[("redirect_uri", uri)]) {
            assert_eq!(answer.status, 400, "{uri:?}");
            assert!(!answer.headers.contains_key("location"), "{uri:?}");
            assert!(!answer.headers.contains_key("set-cookie"), "{uri:?}");
            assert!(answer.body.contains("redirect_uri"), "{uri:?}");
        }
    }
    eprintln!(
        "{} redirect URIs refused, by GET and by POST",
        mutations.len()
    );
}

#[test]
fn a_native_app_is_sent_to_the_port_that_it_listens_on_and_no_other_app_is() {
    let uris = [
        ("http://127.0.0.1/callback", true),
        ("http://127.0.0.1:49152/callback", true),
        ("http://[::1]:8123/callback", true),
        ("http://127.0.0.1:49152/callback/", false),
        ("http://127.0.0.1:0/callback", false),
        ("http://127.0.0.2:49152/callback", false),
        ("http://localhost:49152/callback", false),
        ("http://localhost:3002/api/bluebutton/callback/", false),
    ];
    for (application, is_native) in [("Public app", true), ("Sandbox app", false)] {
        let Some(request) = Request::of(application) else {
            return;
        };
        for (uri, expected) in uris {
            let answer = request.get("/v2/o/authorize", &[("redirect_uri", uri)]);
            let accepted = is_native && expected;
            assert_eq!(is_sign_in(&answer), accepted, "{application}: {uri}");
            assert_eq!(answer.status == 400, !accepted, "{application}: {uri}");
        }
    }
}

/// What Blue Button answers itself: status and body.
#[test]
fn refuses_a_request_in_the_words_of_blue_button() {
    let Some(request) = Request::of("Sandbox app") else {
        return;
    };
    let inactive = request.sandbox.application_named("Inactive app").client_id;
    let message = |status: u16, text: &str| json!({"status_code": status, "message": text});
    let error = |error: &str, text: &str| json!({"status_code": 400, "error": error, "error_description": text});
    let missing = |names: &str| message(400, &format!("Missing Required Parameter(s): {names}"));
    let s256 = error("invalid_request", "code_challenge_method must be S256");
    let sha256 = error(
        "invalid_request",
        "code_challenge must be a SHA-256 in base64url",
    );
    let twice = error("invalid_request", "a parameter was sent more than once");
    let short = message(
        400,
        "State parameter should have a minimum of 16 characters",
    );
    let page = |text: &str| Value::from(text);
    let v2 = "/v2/o/authorize";
    let check = |path: &str, changes: &[Change], status: u16, expected: &Value| {
        for answer in request.both(path, changes) {
            assert_eq!(answer.status, status, "{changes:?}: {}", answer.body);
            assert!(!answer.headers.contains_key("location"), "{changes:?}");
            match expected.as_str() {
                Some(text) => assert!(answer.body.contains(text), "{changes:?}: {}", answer.body),
                None => assert_eq!(answer.json(), *expected, "{changes:?}"),
            }
        }
    };
    check(v2, &[("client_id", "[]")], 401, &page("invalid_client"));
    check(v2, &[("client_id", "")], 401, &page("invalid_client"));
    let malformed = error("invalid_client", "Invalid client_id format");
    for id in ["x", "-", &"x".repeat(41), &"é".repeat(20), &"*".repeat(40)] {
        check(v2, &[("client_id", id)], 400, &malformed);
    }
    check(
        v2,
        &[("client_id", &"x".repeat(40))],
        400,
        &page("Application does not exist"),
    );
    check(v2, &[("client_id", &inactive)], 403, &page("inactive"));
    let illegal = page("Illegal query parameter [client_secret] detected");
    check(v2, &[("client_secret", "x")], 400, &illegal);
    check(v2, &[("client_secret", "")], 400, &illegal);
    for method in ["plain", "s256", "S512", "S256 "] {
        check(v2, &[("code_challenge_method", method)], 400, &s256);
    }
    check(
        v2,
        &[("code_challenge_method", "plain"), ("code_challenge", "[]")],
        400,
        &s256,
    );
    for challenge in ["x", &"x".repeat(42), &"x".repeat(44), &"+".repeat(43)] {
        check(v2, &[("code_challenge", challenge)], 400, &sha256);
    }
    check(
        v2,
        &[("code_challenge", "[]")],
        400,
        &missing("code_challenge"),
    );
    check(
        v2,
        &[("code_challenge_method", "[]")],
        400,
        &missing("code_challenge_method"),
    );
    check(v2, &[("state", "0123456789abcde")], 400, &short);
    check(
        "/v3/o/authorize",
        &[("scope", "[]")],
        400,
        &missing("scope"),
    );
    check("/v3/o/authorize", &[("scope", "")], 400, &missing("scope"));
    for scope in [
        "everything",
        "patient/*.read",
        "patient/AuditEvent.rs",
        "user/Patient.rs",
    ] {
        check(
            v2,
            &[("scope", scope)],
            400,
            &message(400, "Invalid scopes."),
        );
    }
    for name in [
        "state",
        "client_id",
        "redirect_uri",
        "scope",
        "code_challenge",
        "prompt",
    ] {
        check(v2, &[(name, "x"), (&format!("+{name}"), "y")], 400, &twice);
    }

    let answer = request.get(v2, &[("state", "[]"), ("code_challenge", "[]")]);
    assert_eq!(answer.json(), missing("code_challenge, state"));
    let answer = request.post(v2, &[("state", "[]")]);
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json(), message(401, "State required in POST body."));
}

/// What the application is told at its redirect URI (RFC 6749 section 4.1.2.1), with its state and who says so (RFC
/// 9207).
#[test]
fn tells_the_application_what_is_not_to_be_had() {
    let Some(request) = Request::of("Sandbox app") else {
        return;
    };
    for (changes, error) in [
        (&[("response_type", "[]")] as &[Change], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (
            &[("response_type", "id_token")],
            "unsupported_response_type",
        ),
        (
            &[("response_type", "code token")],
            "unsupported_response_type",
        ),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("response_mode", "form_post")], "invalid_request"),
        (&[("request", "e30.e30.")], "request_not_supported"),
        (
            &[("request_uri", "https://app.example/r")],
            "request_uri_not_supported",
        ),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("prompt", "none")], "login_required"),
        (&[("prompt", "none login")], "invalid_request"),
        (
            &[("aud", "https://evil.example/v2/fhir")],
            "invalid_request",
        ),
        (&[("aud", "x")], "invalid_request"),
    ] {
        let state = ("state", "a state=& of its own+ä");
        for answer in request.both("/v2/o/authorize", &[changes, &[state]].concat()) {
            assert_eq!(answer.status, 302, "{changes:?}: {}", answer.body);
            let target = &answer.headers["location"];
            assert!(target.starts_with(&request.redirect_uri), "{target}");
            let target = Url::parse(target).unwrap();
            let sent = |name: &str| parameter(&target, name);
            assert_eq!(sent("error").as_deref(), Some(error), "{changes:?}");
            assert!(sent("error_description").is_some(), "{changes:?}");
            assert_eq!(sent("state").as_deref(), Some(state.1));
            assert_eq!(sent("iss"), Some(request.sandbox.base_url.clone()));
            assert_eq!(sent("code"), None);
        }
    }
    let nothing_left = Request::of("App without personal data").unwrap();
    let answer = nothing_left.get("/v2/o/authorize", &[("scope", "profile")]);
    let target = Url::parse(&answer.headers["location"]).unwrap();
    assert_eq!(
        parameter(&target, "error").as_deref(),
        Some("access_denied")
    );
    assert_eq!(parameter(&target, "state"), Some(nothing_left.state));
}
