use aws_config::SdkConfig;
use bluebutton::config::Stage;
use bluebutton::oauth::keys::KeySet;
use jiff::ToSpan;
use serde_json::Value;
use stand::{CONFIGURATION, Stand, key_pair, public_key};
use std::time::{Duration, Instant};

use super::*;

const BASE: &str = "https://api.example";

fn call(event: &str) -> Call {
    let event = serde_json::from_str(event).unwrap();
    Call::new(&event, "", Some(BASE))
}

fn request(method: &str, path: &str, headers: &Value) -> Call {
    let event = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": headers, "isBase64Encoded": false,
        "requestContext": {"http": {"method": method, "path": path}, "timeEpoch": 0}
    });
    call(&event.to_string())
}

fn state(aws: &SdkConfig, stage: Stage) -> State {
    let table = |variable: &str| Ok(variable.trim_end_matches("_TABLE").to_lowercase());
    State {
        keys: Keys::new(aws.clone(), None, KeySet::default(), Timestamp::now()),
        health: Health::of(aws, stage, table).expect("a table for each"),
    }
}

async fn answer(call: Call) -> (Response, Value) {
    let aws = Stand::new().await.aws;
    let response = handle(&state(&aws, Stage::Sandbox), call).await;
    let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    (response, body)
}

/// Status, and the value at a pointer of the body.
async fn check(method: &str, path: &str, status: u16, pointer: &str, expected: Value) {
    let (response, body) = answer(request(method, path, &json!({}))).await;
    assert_eq!(response.status.as_u16(), status, "{method} {path}");
    assert_eq!(body.pointer(pointer), Some(&expected), "{method} {path}");
}

#[tokio::test]
async fn serves_its_documents() {
    const ISSUER: &str = "/issuer";
    const TOKEN: &str = "/token_endpoint";
    const SAYS_ISSUER: &str = "/authorization_response_iss_parameter_supported";
    let v2_token = json!("https://api.example/v2/o/token");
    let v3_token = json!("https://api.example/v3/o/token");
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration-v2",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/",
        "/v1/connect/.well-known/openid-configuration",
        "/v2/connect/.well-known/openid-configuration/",
    ] {
        check("GET", path, 200, ISSUER, json!(BASE)).await;
        check("GET", path, 200, TOKEN, v2_token.clone()).await;
        check("GET", path, 200, SAYS_ISSUER, json!(true)).await;
    }
    for path in ["/v1", "/v2"] {
        let path = format!("{path}/fhir/.well-known/smart-configuration");
        check("GET", &path, 200, TOKEN, v2_token.clone()).await;
        check(
            "GET",
            &path,
            200,
            "/code_challenge_methods_supported/0",
            json!("S256"),
        )
        .await;
    }
    for path in [
        "/.well-known/openid-configuration-v3",
        "/v3/connect/.well-known/openid-configuration",
        "/v3/fhir/.well-known/smart-configuration",
    ] {
        check("GET", path, 200, TOKEN, v3_token.clone()).await;
    }
    check("GET", "/.well-known/jwks.json", 200, "/keys", json!([])).await;
    check("GET", "/health/", 200, "/message", json!("all's well")).await;
    check(
        "GET",
        "/",
        200,
        "/fhir",
        json!("https://api.example/v2/fhir"),
    )
    .await;
    let resources = "/rest/0/resource/0/type";
    for path in [
        "/v1/fhir/metadata",
        "/v1/protected/bluebutton/fhir/v1/metadata/",
        "/v2/fhir/metadata",
    ] {
        check("GET", path, 200, resources, json!("Patient")).await;
    }
    for (version, fhir) in [("v1", "3.0.2"), ("v2", "4.0.1"), ("v3", "4.0.1")] {
        let path = format!("/{version}/fhir/metadata");
        check("GET", &path, 200, "/fhirVersion", json!(fhir)).await;
        let url = format!("{BASE}/{version}/fhir");
        check("GET", &path, 200, "/implementation/url", json!(url)).await;
    }
}

#[tokio::test]
async fn says_of_everything_else_what_it_is() {
    const CODE: &str = "/issue/0/code";
    check("GET", "/nothing", 404, "/detail", json!("Not found.")).await;
    check("POST", "/v2/o/nothing", 404, "/detail", json!("Not found.")).await;
    check("GET", "/v2/fhir/Claim", 404, CODE, json!("not-found")).await;
    check("GET", "/v3/fhir/Claim", 404, CODE, json!("not-supported")).await;
    check(
        "GET",
        "/docs",
        404,
        "/detail",
        json!("Not implemented yet."),
    )
    .await;
    check(
        "GET",
        "/v2/o/applications/3",
        404,
        "/detail",
        json!("Not implemented yet."),
    )
    .await;
    let beside = "/.well-known/oauth-authorization-server/x";
    check("GET", beside, 404, "/detail", json!("Not found.")).await;
    check("GET", "/docsx", 404, "/detail", json!("Not found.")).await;
    check(
        "POST",
        "/v2/fhir/metadata",
        405,
        CODE,
        json!("not-supported"),
    )
    .await;
    check(
        "PUT",
        "/health",
        405,
        "/detail",
        json!("Method \"PUT\" not allowed."),
    )
    .await;
}

#[tokio::test]
async fn serves_the_statement_as_json_only() {
    const FHIR: &str = "application/fhir+json";
    for (accept, status, content_type) in [
        (FHIR, 200, FHIR),
        ("*/*", 200, FHIR),
        ("application/json", 200, "application/json"),
        ("application/fhir+xml", 406, FHIR),
    ] {
        let call = request("GET", "/v2/fhir/metadata", &json!({"accept": accept}));
        let (response, _) = answer(call).await;
        assert_eq!(response.status.as_u16(), status, "{accept}");
        assert_eq!(response.header("content-type"), Some(content_type));
    }
}

#[tokio::test]
async fn lets_browsers_read_its_answers() {
    let (response, _) = answer(request("OPTIONS", "/v2/fhir/metadata", &json!({}))).await;
    assert_eq!(response.status, StatusCode::NO_CONTENT);
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        response.header("access-control-allow-methods"),
        Some("GET, OPTIONS")
    );
}

#[tokio::test]
async fn answers_the_events_of_both_gateways() {
    for (event, status) in [
        (
            include_str!("../../../events/discovery_metadata_v2.json"),
            200,
        ),
        (
            include_str!("../../../events/discovery_smart_configuration_v1.json"),
            200,
        ),
        (
            include_str!("../../../events/discovery_unknown_path_v1.json"),
            404,
        ),
    ] {
        let (response, _) = answer(call(event)).await;
        assert_eq!(response.status.as_u16(), status, "{event}");
    }
}

#[test]
fn metadata_of_an_issuer_with_a_path_lie_before_the_path() {
    let check = |issuer: &str, path: &str, expected: bool| {
        let path = format!("/.well-known/oauth-authorization-server{path}");
        assert_eq!(is_oauth_metadata(&path, issuer), expected, "{path}");
    };
    check(BASE, "", true);
    check(BASE, "/prod", false);
    check("https://api.example/prod", "", true);
    check("https://api.example/prod", "/prod", true);
    check("https://api.example/prod", "/dev", false);
    check("https://api.example/prod", "x", false);
    check("https://api.example/a/b", "/a/b", true);
}

/// What a client discovers must not name an endpoint that nothing answers.
#[test]
fn documents_agree_with_each_other() {
    let openid = documents::openid(BASE, ApiVersion::V2);
    let smart = documents::smart(BASE, ApiVersion::V2);
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "scopes_supported",
    ] {
        assert_eq!(openid[endpoint], smart[endpoint], "{endpoint}");
    }
}

/// The statements list what the gateway routes to the resources' functions, no more and no less.
#[tokio::test]
async fn statements_say_what_the_routes_serve() {
    const ROUTES: &str = include_str!("../../../infra/routes.yaml");
    let paths: Vec<&str> = ROUTES
        .lines()
        .filter_map(|line| line.strip_prefix("  /")?.strip_suffix(':'))
        .collect();
    for version in ["v1", "v2"] {
        let metadata = format!("/{version}/fhir/metadata");
        let (_, statement) = answer(request("GET", &metadata, &json!({}))).await;
        let mut stated = vec![format!("{version}/fhir/metadata")];
        let resources = statement["rest"][0]["resource"].as_array().unwrap();
        for resource in resources {
            let of_type = format!("{version}/fhir/{}", resource["type"].as_str().unwrap());
            for interaction in resource["interaction"].as_array().unwrap() {
                match interaction["code"].as_str().unwrap() {
                    "read" => stated.push(format!("{of_type}/{{id}}")),
                    "search-type" => {
                        stated.push(of_type.clone());
                        stated.push(format!("{of_type}/_search"));
                    }
                    other => panic!("{other} has no route"),
                }
            }
        }
        stated.sort();
        let prefix = format!("{version}/fhir/");
        let mut routed: Vec<&str> = paths
            .iter()
            .copied()
            .filter(|path| path.starts_with(&prefix) && !path.contains(".well-known"))
            .collect();
        routed.sort_unstable();
        assert_eq!(stated, routed);

        let security = &statement["rest"][0]["security"]["extension"][0]["extension"];
        for endpoint in security.as_array().unwrap() {
            let url = endpoint["valueUri"].as_str().unwrap();
            let path = url.strip_prefix("https://api.example/").unwrap();
            assert!(paths.contains(&path), "{url} is no route");
        }
    }
}

#[tokio::test]
async fn publishes_the_keys_that_the_configuration_names_now() {
    let stand = Stand::new().await;
    for arn in ["a", "b", "c"] {
        stand.tables.put_key(arn, public_key(&key_pair()));
    }
    let configure = |signing_keys: Value| {
        let configuration = json!({"stage": "sandbox", "signing_keys": signing_keys});
        stand.tables.configure(Some(configuration));
    };
    configure(json!({"current": "a", "next": "b"}));
    // As after that many seconds, for the time is read inside.
    let aged = async |seconds: i64| {
        let read_at = Timestamp::now() - seconds.seconds();
        let keys = Keys::named(&stand.aws, CONFIGURATION, read_at).await;
        State {
            keys: keys.expect("a configuration"),
            ..state(&stand.aws, Stage::Sandbox)
        }
    };
    let published = async |state: &State| {
        let call = request("GET", "/.well-known/jwks.json", &json!({}));
        let response = handle(state, call).await;
        assert_eq!(response.status, StatusCode::OK);
        let cached = response.header("cache-control");
        assert_eq!(cached, Some("public, max-age=3600"));
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        body["keys"].as_array().unwrap().len()
    };
    let (fresh, old, oldest) = (aged(0).await, aged(61).await, aged(7200).await);
    configure(json!({"current": "b", "next": "c", "previous": "a"}));
    assert_eq!(published(&fresh).await, 2, "nothing is read again so soon");
    assert_eq!(published(&old).await, 3, "a rotation needs no restart");
    stand.tables.configure(None);
    assert_eq!(
        published(&oldest).await,
        2,
        "an outage takes nothing away from what is known"
    );
}

#[tokio::test]
async fn publishes_no_set_without_the_key_that_signs() {
    let stand = Stand::new().await;
    stand.tables.put_key("b", public_key(&key_pair()));
    let configuration = json!({"signing_keys": {"current": "a", "next": "b"}});
    stand.tables.configure(Some(configuration));
    let aged = async |seconds: i64| {
        let read_at = Timestamp::now() - seconds.seconds();
        let keys = Keys::named(&stand.aws, CONFIGURATION, read_at).await;
        State {
            keys: keys.expect("a configuration"),
            ..state(&stand.aws, Stage::Sandbox)
        }
    };
    let answer = async |state: &State| {
        let call = request("GET", "/.well-known/jwks.json", &json!({}));
        handle(state, call).await
    };
    let (fresh, old) = (aged(0).await, aged(31).await);
    let response = answer(&fresh).await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    stand.tables.put_key("a", public_key(&key_pair()));
    assert_eq!(answer(&old).await.status, StatusCode::OK);
}

const WELL: &str = "all's well";

/// Status, and what is said.
async fn health(state: &State, path: &str) -> (u16, String) {
    let response = handle(state, request("GET", path, &json!({}))).await;
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    let said = body["message"].as_str().or(body["detail"].as_str());
    let is_refused = response.status == StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(response.header("retry-after").is_some(), is_refused);
    (
        response.status.as_u16(),
        said.unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn health_is_said_at_blue_buttons_addresses_in_its_words() {
    for (path, status, said) in [
        ("/health", 200, WELL),
        ("/health/", 200, WELL),
        ("/health/db", 200, WELL),
        ("/health/bfd", 200, WELL),
        ("/health/bfd/", 200, WELL),
        ("/health/bfd_v2", 200, WELL),
        ("/health/sls", 200, WELL),
        ("/health/other", 404, "Not found."),
        ("/health/db/x", 404, "Not found."),
        ("/v2/health", 404, "Not found."),
    ] {
        let stand = Stand::new().await;
        let state = state(&stand.aws, Stage::Sandbox);
        let answer = health(&state, path).await;
        assert_eq!(answer, (status, said.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn health_names_the_check_that_fails_and_nothing_else_fails_with_it() {
    const WELL: Option<&str> = None;
    const THROTTLED: &str = "the table is throttled";
    const MISSING: &str = "the table refuses the request: ResourceNotFoundException";
    let check = async |table: &'static str,
                       code: &'static str,
                       [db, bfd, sls]: [Option<&str>; 3]| {
        let stand = Stand::new().await;
        stand.tables.fail(table, code);
        let state = state(&stand.aws, Stage::Sandbox);
        for (path, expected) in [
            ("/health", db),
            ("/health/db", db),
            ("/health/bfd", bfd),
            ("/health/bfd_v2", bfd),
            ("/health/sls", sls),
        ] {
            let answer = health(&state, path).await;
            let expected = expected.map_or((200, "all's well".to_owned()), |reason| {
                let detail = format!(
                    "Service temporarily unavailable, try again later. There is an issue with the - {table}_table - \
                     service check. Reason: {reason}"
                );
                (503, detail)
            });
            assert_eq!(answer, expected, "{path} without {table}");
        }
    };
    for table in [
        "applications",
        "grants",
        "transient",
        "refresh_tokens",
        "audit",
    ] {
        let told = [Some(THROTTLED), WELL, WELL];
        check(table, "ThrottlingException", told).await;
    }
    for table in ["claims", "identity"] {
        let told = [WELL, Some(MISSING), WELL];
        check(table, "ResourceNotFoundException", told).await;
    }
    let told = [WELL, WELL, Some(THROTTLED)];
    check("sign_in_failures", "ThrottlingException", told).await;
}

/// Neither the key nor a provider is there, and the key is looked for first.
#[tokio::test]
async fn health_of_everything_includes_the_key_that_signs_and_the_provider() {
    let stand = Stand::new().await;
    for (stage, path, missing) in [
        (Stage::Sandbox, "/health/external", "signing_key"),
        (Stage::Sandbox, "/health/external_v2", "signing_key"),
        (Stage::Prod, "/health/sls", "identity_provider"),
        (Stage::Dev, "/health/sls", "identity_provider"),
    ] {
        let (status, said) = health(&state(&stand.aws, stage), path).await;
        let named = format!("There is an issue with the - {missing} - service check.");
        assert!(status == 503 && said.contains(&named), "{path}: {said}");
    }
}

#[tokio::test]
async fn asking_for_health_again_and_again_asks_each_dependency_once() {
    /// For how long a finding is known, and how often a busy machine may take longer for all the questions.
    const REMEMBERED: Duration = Duration::from_secs(5);
    const ROUNDS_MAX: usize = 10;
    let stand = Stand::new().await;
    for _ in 0..ROUNDS_MAX {
        let (state, started) = (state(&stand.aws, Stage::Sandbox), Instant::now());
        let before = stand.tables.calls().len();
        for _ in 0..20 {
            let both = (health(&state, "/health"), health(&state, "/health/bfd"));
            let (db, bfd) = tokio::join!(both.0, both.1);
            assert_eq!((db.0, bfd.0), (200, 200));
        }
        let calls = stand.tables.calls().len() - before;
        if started.elapsed() < REMEMBERED {
            assert_eq!(calls, 7);
            return;
        }
    }
    panic!("no round was quick enough");
}
