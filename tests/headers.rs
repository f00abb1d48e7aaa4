//! What every answer carries, whatever is asked: each route of the API's definition with each method, with and without
//! a token, with and without a form.

use std::thread;

use ureq::Agent;
use ureq::http::Request;

use crate::architecture::read;
use crate::client::{Answer, Sandbox};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const THREADS: usize = 4;
const FORM: &str = "application/x-www-form-urlencoded";
/// The largest form that is read.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// A request of the crawl.
#[derive(Clone)]
struct Call {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
}

impl Call {
    fn new(method: &'static str, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn form(path: &str, content_type: &'static str, body: &[u8]) -> Self {
        let call = Self::new("POST", path).with("Content-Type", content_type);
        Self {
            body: body.to_vec(),
            ..call
        }
    }

    fn send(&self, sandbox: &Sandbox) -> Answer {
        let url = format!("{}{}", sandbox.base_url, self.path);
        let mut request = Request::builder().method(self.method).uri(url);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let agent: Agent = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .build()
            .into();
        let request = request.body(self.body.clone()).expect("a request");
        Answer::read(agent.run(request).expect("the API answers"))
    }
}

/// Every path of the API's definition, with something in the place of ids, and one that is no route.
fn paths() -> Vec<String> {
    let definition = read("infra/routes.yaml");
    let keys = definition
        .lines()
        .filter_map(|line| line.strip_prefix("  /")?.strip_suffix(':'));
    let filled = keys.map(|path| {
        let mut filled = format!("/{path}");
        while let (Some(start), Some(end)) = (filled.find('{'), filled.find('}')) {
            filled.replace_range(start..=end, "0b8c1d52-9f5e-4d3b-8a51-6c1f2f1d7a10");
        }
        filled
    });
    filled.chain(["/no/such/path".to_owned()]).collect()
}

/// Whether a browser's script of any origin may read what is there.
fn is_for_scripts(path: &str) -> bool {
    let of_people = ["/login", "/callback", "/portal", "/testclient"];
    let of_servers = ["/o/authorize", "/o/tokens"];
    !of_people.iter().any(|page| path.starts_with(page))
        && !of_servers.iter().any(|part| path.contains(part))
}

#[test]
fn every_answer_of_every_route_has_its_headers() {
    let Some(sandbox) = &Sandbox::running() else {
        return;
    };
    let mut calls = Vec::new();
    for path in paths() {
        calls.extend(METHODS.map(|method| Call::new(method, &path)));
        calls.push(Call::new("GET", &path).with("Authorization", "Bearer x.y.z"));
        calls.push(Call::new(
            "GET",
            &format!("{path}?_count=x&client_id=x&lang=es"),
        ));
        calls.push(Call::form(
            &path,
            FORM,
            b"grant_type=refresh_token&client_id=x",
        ));
        calls.push(Call::form(&path, "application/json", b"{}"));
    }
    assert!(calls.len() > 900, "{}", calls.len());
    thread::scope(|scope| {
        for part in calls.chunks(calls.len().div_ceil(THREADS)) {
            scope.spawn(move || {
                part.iter()
                    .for_each(|call| check(call, &call.send(sandbox)))
            });
        }
    });
}

fn check(call: &Call, answer: &Answer) {
    let what = format!(
        "{} {} {:?}: {}",
        call.method, call.path, call.headers, answer.status
    );
    let header = |name: &str| {
        answer
            .headers
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    };
    // Also of what is not built: whatever says 5xx rings an alarm.
    assert!(answer.status < 500, "{what}");
    assert!(!header("x-request-id").is_empty(), "{what}");
    assert_eq!(header("cache-control"), "no-store", "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    // Of the sandbox, which is plain http.
    assert_eq!(header("strict-transport-security"), "", "{what}");
    if header("content-type").starts_with("text/html") {
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{what}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{what}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
        assert_eq!(header("x-frame-options"), "DENY", "{what}");
    }
    if !header("set-cookie").is_empty() {
        let cookie = header("set-cookie");
        assert!(
            cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"),
            "{what}"
        );
    }
    let origin = if is_for_scripts(&call.path) { "*" } else { "" };
    assert_eq!(header("access-control-allow-origin"), origin, "{what}");
    assert_eq!(header("access-control-allow-credentials"), "", "{what}");
    if answer.status == 401 {
        assert!(!answer.body.contains("x.y.z"), "{what}");
    }
}

#[test]
fn scripts_of_any_origin_may_ask_where_smart_apps_need_it_and_read_the_headers_that_they_need() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    for (path, method) in [
        ("/v2/fhir/Patient", "GET"),
        ("/v1/fhir/Coverage", "GET"),
        ("/v2/fhir/ExplanationOfBenefit/_search", "POST"),
        ("/v2/connect/userinfo", "GET"),
        ("/v2/o/token/", "POST"),
        ("/v2/o/revoke_token/", "POST"),
        ("/v2/o/introspect/", "POST"),
        ("/v2/fhir/.well-known/smart-configuration", "GET"),
        ("/v2/fhir/metadata", "GET"),
        ("/.well-known/openid-configuration", "GET"),
        ("/.well-known/jwks.json", "GET"),
    ] {
        let preflight = Call::new("OPTIONS", path)
            .with("Origin", "https://app.example")
            .with("Access-Control-Request-Method", method)
            .with(
                "Access-Control-Request-Headers",
                "authorization,content-type,x-bluebutton-sdk",
            )
            .send(&sandbox);
        let list = |name: &str| {
            preflight
                .headers
                .get(name)
                .cloned()
                .unwrap_or_default()
                .to_lowercase()
        };
        let has = |name: &str, item: &str| list(name).split(',').any(|found| found.trim() == item);
        assert!(preflight.status < 300, "{path}: {}", preflight.status);
        assert!(
            has("access-control-allow-methods", &method.to_lowercase()),
            "{path}"
        );
        for sent in [
            "authorization",
            "content-type",
            "x-bluebutton-app",
            "x-bluebutton-app-version",
            "x-bluebutton-sdk",
            "x-bluebutton-sdk-version",
        ] {
            assert!(has("access-control-allow-headers", sent), "{path}: {sent}");
        }
        for read in [
            "etag",
            "retry-after",
            "www-authenticate",
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-request-id",
        ] {
            assert!(has("access-control-expose-headers", read), "{path}: {read}");
        }
        assert!(!has("access-control-expose-headers", "location"), "{path}");
    }
}

#[test]
fn forms_that_are_too_large_unreadable_or_of_another_type_are_refused() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let fill = |bytes: usize| [b"a=".as_slice(), &vec![b'x'; bytes - 2]].concat();
    for path in [
        "/v2/o/token/",
        "/v1/o/revoke_token/",
        "/v2/o/revoke/",
        "/v3/o/introspect/",
        "/v2/o/authorize/",
        "/login",
    ] {
        for (status, content_type, body) in [
            (413, FORM, fill(FORM_BYTES_MAX + 1)),
            (413, FORM, fill(20 * FORM_BYTES_MAX)),
            (413, FORM, b"a=1&".repeat(101)),
            (
                415,
                "application/json",
                b"{\"grant_type\":\"refresh_token\"}".to_vec(),
            ),
            (415, "text/plain", b"a=1".to_vec()),
            (400, FORM, b"a=%ff%fe".to_vec()),
            (400, FORM, b"client_id=\xff\xfe".to_vec()),
            (400, "multipart/form-data", b"a=1".to_vec()),
            (400, "multipart/form-data; boundary=b", b"--c\r\n".to_vec()),
        ] {
            let answer = Call::form(path, content_type, &body).send(&sandbox);
            let what = format!(
                "{path} {content_type} {} bytes: {}",
                body.len(),
                answer.body
            );
            // Bytes that are no text do not arrive as they were sent: something else is refused, for another reason.
            match sandbox.is_behind_a_rest_api() && str::from_utf8(&body).is_err() {
                true => assert!((400..500).contains(&answer.status), "{what}"),
                false => assert_eq!(answer.status, status, "{what}"),
            }
            assert!(answer.headers.contains_key("x-request-id"), "{what}");
        }
    }
}
