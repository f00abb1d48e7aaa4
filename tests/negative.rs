//! What is refused, and how: tables of requests that each differ from a good one in a single way.
//!
//! A line of a table is `source | changes | expected`. The source is where the rule stands. Changes are apart by
//! blanks, their values form-encoded: `name=value` replaces a parameter, `+name=value` adds one, `-name` takes one
//! away;
//! `@name=value` and `-@name` do so with a header; `!METHOD`, `/path` and `~body` replace those. Braces stand for values
//! of the run. Expected are a status and what the answer says: `error=` of RFC 6749 (in the redirect for 302),
//! `outcome=` the code of an OperationOutcome, `message` and `detail` Blue Button's own bodies, `page` a page and
//! `text` a line. Nothing but a redirect has a Location, and every answer has its request id.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::client::{
    Answer, Application, AuthorizationRequest, Browser, Consent, Person, Sandbox, parameter,
};

const AUTHORIZE: &str = include_str!("negative/authorize.txt");
const TOKEN: &str = include_str!("negative/token.txt");
const RESOURCES: &str = include_str!("negative/resources.txt");

/// How many cases there are at least: a table that is not read finds nothing.
const CASES_MIN: usize = 300;

/// A code ends a minute after it was given. Before it does so by itself, it has to show that no case used it up.
const CODE_AGE_SECONDS_MAX: u64 = 20;

#[test]
fn refuses_every_request_of_the_tables_as_the_tables_say() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let mut run = Run::prepare(&sandbox);
    for table in [AUTHORIZE, TOKEN, RESOURCES] {
        run.table(table);
    }
    assert!(run.cases >= CASES_MIN, "only {} cases", run.cases);
    assert!(run.wrong.is_empty(), "{}", run.wrong.join("\n"));
    run.check_that_nothing_was_used_up();
}

/// The values that tables name, and what was found.
struct Run<'a> {
    sandbox: &'a Sandbox,
    values: BTreeMap<&'static str, String>,
    application: Application,
    codes: [HeldCode<'a>; 2],
    cases: usize,
    wrong: Vec<String>,
}

/// A code that cases try to use up.
struct HeldCode<'a> {
    sandbox: &'a Sandbox,
    name: &'static str,
    application: Application,
    person: Person,
    request: AuthorizationRequest,
    code: String,
    given: Instant,
}

/// A request before its changes, as a section of a table names it: `[kind METHOD /path]`.
struct Request {
    method: String,
    path: String,
    parameters: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl<'a> HeldCode<'a> {
    fn new(
        sandbox: &'a Sandbox,
        name: &'static str,
        application: &Application,
        person: Person,
    ) -> Self {
        let request = AuthorizationRequest::new();
        Self {
            sandbox,
            name,
            application: application.clone(),
            code: code_of(sandbox, application, &person, &request),
            given: Instant::now(),
            person,
            request,
        }
    }

    fn is_old(&self) -> bool {
        self.given.elapsed() >= Duration::from_secs(CODE_AGE_SECONDS_MAX)
    }

    /// Nobody used it up by asking wrongly: it still stands for its tokens.
    fn check_that_it_is_unused(&self) {
        let answer = self.sandbox.token(&[
            ("grant_type", "authorization_code"),
            ("code", &self.code),
            ("redirect_uri", &self.application.redirect_uri),
            ("code_verifier", &self.request.code_verifier),
            ("client_id", &self.application.client_id),
            ("client_secret", &self.application.client_secret),
        ]);
        assert_eq!(answer.status, 200, "{}: {}", self.name, answer.body);
    }

    /// Another of the same person, for the same verifier.
    fn renew(&mut self) {
        self.code = code_of(self.sandbox, &self.application, &self.person, &self.request);
        self.given = Instant::now();
    }
}

impl<'a> Run<'a> {
    fn prepare(sandbox: &'a Sandbox) -> Self {
        let application = sandbox.application(0);
        let other = sandbox.application(1);
        let inactive = sandbox.application_named("Inactive app");
        let (person, stranger) = (Person::synthetic(91), Person::synthetic(93));
        let everything = sandbox.exchange(&application, &person, None, Consent::connect());
        let token = |name: &str| everything[name].as_str().expect("a token").to_owned();
        let codes = [
            HeldCode::new(sandbox, "code", &application, Person::synthetic(92)),
            HeldCode::new(sandbox, "other_code", &other, Person::synthetic(91)),
        ];
        let [request, others] = codes.each_ref().map(|held| &held.request);
        let coverage_only = sandbox.tokens(&Person::synthetic(94), Some("patient/Coverage.rs"));
        let access_token = token("access_token");
        let basic = |id: &str, secret: &str| STANDARD.encode(format!("{id}:{secret}"));
        let values = BTreeMap::from([
            ("base_url", sandbox.base_url.clone()),
            ("client_id", application.client_id.clone()),
            ("client_secret", application.client_secret.clone()),
            ("redirect_uri", application.redirect_uri.clone()),
            ("other_client_id", other.client_id.clone()),
            ("other_client_secret", other.client_secret.clone()),
            ("inactive_client_id", inactive.client_id.clone()),
            ("inactive_client_secret", inactive.client_secret.clone()),
            (
                "basic",
                basic(&application.client_id, &application.client_secret),
            ),
            ("basic_wrong", basic(&application.client_id, "wrong")),
            (
                "basic_unknown",
                basic("unknown", &application.client_secret),
            ),
            ("code_verifier", request.code_verifier.clone()),
            ("CODE_VERIFIER", swap_case(&request.code_verifier)),
            ("code_challenge", request.code_challenge.clone()),
            ("other_verifier", others.code_verifier.clone()),
            ("refresh_token", token("refresh_token")),
            ("without_signature", without_signature(&access_token)),
            (
                "alg_none",
                with_header(&access_token, &json!({"alg": "none"})),
            ),
            (
                "alg_hs256",
                with_header(&access_token, &json!({"alg": "HS256"})),
            ),
            (
                "other_subject",
                with_claim(&access_token, &json!({"patient": stranger.patient})),
            ),
            ("access_token", access_token),
            (
                "revoked",
                revoked(sandbox, &application, &Person::synthetic(95)),
            ),
            (
                "coverage_only",
                coverage_only["access_token"]
                    .as_str()
                    .expect("a token")
                    .to_owned(),
            ),
            ("patient", person.patient.clone()),
            ("other_patient", stranger.patient.clone()),
            ("other_claim", claim_of(sandbox, &stranger)),
            ("uuid", uuid::Uuid::new_v4().to_string()),
            ("UUID", uuid::Uuid::new_v4().to_string().to_uppercase()),
            ("long", "x".repeat(5000)),
            ("17KB", "x".repeat(17 * 1024)),
            ("129", "x".repeat(129)),
        ]);
        let mut run = Self {
            sandbox,
            values,
            application,
            codes,
            cases: 0,
            wrong: Vec::new(),
        };
        run.name_codes();
        run
    }

    fn name_codes(&mut self) {
        let codes = self.codes.iter();
        self.values
            .extend(codes.map(|held| (held.name, held.code.clone())));
    }

    /// Redeems codes that would soon end by themselves, and goes on with others.
    fn renew_codes(&mut self) {
        for held in self.codes.iter_mut().filter(|held| held.is_old()) {
            held.check_that_it_is_unused();
            held.renew();
        }
        self.name_codes();
    }

    fn table(&mut self, table: &str) {
        let mut section = None;
        let lines = table.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(head) = line.strip_prefix('[') {
                section = Some(head.trim_end_matches(']'));
                continue;
            }
            self.renew_codes();
            let request = self.section(section.expect("a table begins with a section"));
            self.check(line, request);
        }
    }

    fn section(&self, head: &str) -> Request {
        let words: Vec<&str> = head.split(' ').collect();
        let [kind, method, path] = words[..] else {
            panic!("{head} is no section");
        };
        let value = |name: &str| self.values[name].clone();
        let client = [
            ("client_id", value("client_id")),
            ("client_secret", value("client_secret")),
        ];
        let parameters = match kind {
            "authorize" => vec![
                ("response_type", "code".to_owned()),
                ("client_id", value("client_id")),
                ("redirect_uri", value("redirect_uri")),
                ("state", "a state of 16 characters".to_owned()),
                ("code_challenge", value("code_challenge")),
                ("code_challenge_method", "S256".to_owned()),
            ],
            "token" => [
                ("grant_type", "authorization_code".to_owned()),
                ("code", value("code")),
                ("redirect_uri", value("redirect_uri")),
                ("code_verifier", value("code_verifier")),
            ]
            .into_iter()
            .chain(client)
            .collect(),
            "refresh" => [
                ("grant_type", "refresh_token".to_owned()),
                ("refresh_token", value("refresh_token")),
            ]
            .into_iter()
            .chain(client)
            .collect(),
            "read" => Vec::new(),
            _ => panic!("{kind} is no kind of requests"),
        };
        let authorization = format!("Bearer {}", self.values["access_token"]);
        let header = match kind {
            "read" => ("authorization", authorization),
            _ => (
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            ),
        };
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            parameters: parameters.into_iter().map(owned).collect(),
            headers: vec![owned(header)],
            body: None,
        }
    }

    fn check(&mut self, line: &str, mut request: Request) {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_source, changes, expected] = columns[..] else {
            panic!("{line} is no case");
        };
        for change in changes.split_ascii_whitespace() {
            request.change(change, &self.values);
        }
        let answer = request.send(&self.values["base_url"]);
        self.cases += 1;
        if let Err(found) = self.is_as_expected(expected, &answer) {
            self.wrong.push(format!("{line}\n    {found}"));
        }
    }

    fn is_as_expected(&self, expected: &str, answer: &Answer) -> Result<(), String> {
        let (status, what) = expected.split_once(' ').unwrap_or((expected, ""));
        let (kind, value) = what.split_once('=').unwrap_or((what, ""));
        let header = |name: &str| answer.headers.get(name).map_or("", String::as_str);
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let found = match (kind, status) {
            ("error", "302") => self.error_in(header("location")),
            ("error", _) => body["error"].as_str().unwrap_or_default().to_owned(),
            ("outcome", _) => body["issue"][0]["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            _ => value.to_owned(),
        };
        let holds = match kind {
            "message" | "detail" => body[kind].is_string(),
            "page" => header("content-type").starts_with("text/html"),
            "text" => header("content-type").starts_with("text/plain"),
            _ => found == value,
        };
        let has_location = !header("location").is_empty();
        let is_answered = !header("x-request-id").is_empty();
        let is_quiet = !answer.body.contains(&self.values["client_secret"])
            && !answer.body.contains(&self.values["refresh_token"]);
        match answer.status.to_string() == status
            && holds
            && has_location == (status == "302")
            && is_answered
            && is_quiet
        {
            true => Ok(()),
            false => Err(format!(
                "{} {found:?} {} {}",
                answer.status,
                header("location"),
                answer.body.chars().take(200).collect::<String>()
            )),
        }
    }

    /// The error of a redirect to the registered URI that carries the state and says who answers (RFC 9207).
    fn error_in(&self, location: &str) -> String {
        let Some(url) = location
            .starts_with(&self.application.redirect_uri)
            .then(|| Url::parse(location).ok())
            .flatten()
        else {
            return "no redirect to the application".to_owned();
        };
        let is_complete = parameter(&url, "state").as_deref() == Some("a state of 16 characters")
            && parameter(&url, "iss").as_deref() == Some(&self.values["base_url"])
            && parameter(&url, "code").is_none();
        match is_complete {
            true => parameter(&url, "error").unwrap_or_default(),
            false => format!("incomplete: {location}"),
        }
    }

    /// After all of that the codes still stand for their tokens, and the tokens still live: nobody can take them away
    /// by asking wrongly.
    fn check_that_nothing_was_used_up(&self) {
        for held in &self.codes {
            held.check_that_it_is_unused();
        }
        let patient = format!("/v2/fhir/Patient/{}", self.values["patient"]);
        let read = self.sandbox.get(&patient, &self.values["access_token"]);
        assert_eq!(read.status, 200, "{}", read.body);
        let good = self.section("refresh POST /v2/o/token/");
        let answer = good.send(&self.values["base_url"]);
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

impl Request {
    fn change(&mut self, change: &str, values: &BTreeMap<&'static str, String>) {
        let (name, value) = change.split_once('=').unwrap_or((change, ""));
        let value = filled(value, values);
        if let Some(name) = name.strip_prefix("-@") {
            self.headers.retain(|(known, _)| known != name);
        } else if let Some(name) = name.strip_prefix('@') {
            self.headers.retain(|(known, _)| known != name);
            self.headers.push((name.to_owned(), value));
        } else if let Some(name) = name.strip_prefix('-') {
            self.parameters.retain(|(known, _)| known != name);
        } else if let Some(name) = name.strip_prefix('+') {
            self.parameters.push((name.to_owned(), value));
        } else if let Some(method) = change.strip_prefix('!') {
            method.clone_into(&mut self.method);
        } else if change.starts_with('/') {
            self.path = filled(change, values);
        } else if let Some(body) = change.strip_prefix('~') {
            self.body = Some(filled(body, values));
        } else {
            self.parameters.retain(|(known, _)| known != name);
            self.parameters.push((name.to_owned(), value));
        }
    }

    fn send(&self, base_url: &str) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.parameters)
            .finish();
        let in_query = matches!(self.method.as_str(), "GET" | "DELETE");
        let query = if in_query && !form.is_empty() {
            format!("?{form}")
        } else {
            String::new()
        };
        let body = match (&self.body, in_query) {
            (Some(body), _) => body.clone(),
            (None, true) => String::new(),
            (None, false) => form,
        };
        let url = format!("{base_url}{}{query}", self.path);
        Browser::new().send(&self.method, &url, &self.headers, &body)
    }
}

/// The value with what stands in braces, then form-decoded.
fn filled(text: &str, values: &BTreeMap<&'static str, String>) -> String {
    let mut text = text.to_owned();
    for (name, value) in values {
        let encoded: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        text = text.replace(&format!("{{{name}}}"), &encoded);
    }
    assert!(!text.contains('{') || text == "{}", "{text} names no value");
    let text = text.replace('&', "%26").replace('=', "%3D");
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

fn code_of(
    sandbox: &Sandbox,
    application: &Application,
    person: &Person,
    request: &AuthorizationRequest,
) -> String {
    let callback = sandbox.callback(person, application, request, None, Consent::connect());
    parameter(&callback, "code").expect("the redirect carries a code")
}

/// An access token that was good until it was revoked.
fn revoked(sandbox: &Sandbox, application: &Application, person: &Person) -> String {
    let token = sandbox.access_token(person);
    let url = format!("{}/v2/o/revoke_token/", sandbox.base_url);
    let form = [
        ("token", token.as_str()),
        ("client_id", &application.client_id),
        ("client_secret", &application.client_secret),
    ];
    assert_eq!(Browser::new().post(&url, &form).status, 200);
    token
}

/// The id of one of the person's claims.
fn claim_of(sandbox: &Sandbox, person: &Person) -> String {
    let token = sandbox.access_token(person);
    let claims = sandbox.get("/v2/fhir/ExplanationOfBenefit?_count=1", &token);
    let id = claims.json()["entry"][0]["resource"]["id"].clone();
    id.as_str().expect("a claim").to_owned()
}

fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().expect("a JWT has three parts")
}

fn without_signature(token: &str) -> String {
    let [header, claims, _] = parts(token);
    format!("{header}.{claims}.")
}

fn with_header(token: &str, change: &Value) -> String {
    let [header, claims, signature] = parts(token);
    format!("{}.{claims}.{signature}", changed(header, change))
}

fn with_claim(token: &str, change: &Value) -> String {
    let [header, claims, signature] = parts(token);
    format!("{header}.{}.{signature}", changed(claims, change))
}

/// A part of a JWT with members replaced.
fn changed(part: &str, change: &Value) -> String {
    let decoded = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let mut object: Value = serde_json::from_slice(&decoded).expect("JSON");
    for (name, value) in change.as_object().expect("an object") {
        object[name] = value.clone();
    }
    URL_SAFE_NO_PAD.encode(object.to_string())
}

fn swap_case(text: &str) -> String {
    let swapped = |c: char| match c.is_ascii_lowercase() {
        true => c.to_ascii_uppercase(),
        false => c.to_ascii_lowercase(),
    };
    text.chars().map(swapped).collect()
}
