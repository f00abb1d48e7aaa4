//! Authorization against a local AWS: from the request through sign-in and consent to the code, and the ways out.
//!
//! The tests need the environment of a sandbox (`AWS_ENDPOINT_URL` and the tables) and are skipped without it.

use authorize::{State, handle};
use aws_sdk_dynamodb::{Client as DynamoDb, types::AttributeValue};
use bluebutton::{
    config,
    http::{ApiVersion, Call, HeaderMap, HeaderValue, Method, Response, header},
    identity::{BeneId, sandbox},
    oauth::{APPROVAL_SECONDS, Application, Grant, RedirectUri, Scopes},
    store::{ApplicationsTable, AuthorizationTables, ClaimsTable, ItemKey, StoredItem},
};
use jiff::{Timestamp, ToSpan};
use std::{collections::HashMap, env};
use url::Url;

const BASE_URL: &str = "http://localhost:8000";
const REDIRECT_URI: &str = "http://localhost:3001/api/bluebutton/callback/";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const STATE: &str = "a state=& of its own+ä";

/// One test's own application and beneficiary, so that tests share nothing.
struct Sandbox {
    state: State,
    applications: ApplicationsTable,
    tables: AuthorizationTables,
    application: Application,
    patient: BeneId,
}

/// One browser: its cookies.
#[derive(Default, Clone)]
struct Browser(Vec<(String, String)>);

impl Sandbox {
    async fn new() -> Option<Self> {
        if env::var("AWS_ENDPOINT_URL").is_err() || env::var("GRANTS_TABLE").is_err() {
            eprintln!("skipped: AWS_ENDPOINT_URL and the names of a sandbox's tables are not set");
            return None;
        }
        let aws = config::aws(env!("CARGO_PKG_NAME")).await;
        let table = |name| config::variable(name).expect("a sandbox");
        let applications = ApplicationsTable::new(DynamoDb::new(&aws), table("APPLICATIONS_TABLE"));
        let (application, _) = Application::register(
            "<App> & \"Co\"",
            vec![RedirectUri::parse(REDIRECT_URI).expect("a URI")],
        );
        applications.put(&application).await.expect("a table");
        let number = uuid::Uuid::new_v4().as_u128() % 1_000_000_000_000_000;
        let patient = BeneId::parse(&format!("-9{number}")).expect("an id");
        // That the person is there is all that a sign-in asks.
        let person = StoredItem {
            bytes: vec![1],
            last_updated: Timestamp::now(),
            mbi_hash: None,
        };
        let claims = ClaimsTable::new(DynamoDb::new(&aws), table("CLAIMS_TABLE"));
        claims
            .insert(&patient, &ItemKey::Person, person)
            .await
            .expect("a table");
        Some(Self {
            state: State::from_environment(&aws).await.expect("a sandbox"),
            applications,
            tables: AuthorizationTables::from_environment(&aws).expect("a sandbox"),
            application,
            patient,
        })
    }

    fn request(&self) -> Vec<(String, String)> {
        [
            ("client_id", self.application.client_id.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("state", STATE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    async fn get(&self, browser: &mut Browser, target: &str) -> Response {
        self.send(browser, Method::GET, target, &[]).await
    }

    async fn post(&self, browser: &mut Browser, target: &str, form: &[(&str, &str)]) -> Response {
        self.send(browser, Method::POST, target, form).await
    }

    async fn send(
        &self,
        browser: &mut Browser,
        method: Method,
        target: &str,
        form: &[(&str, &str)],
    ) -> Response {
        let url = Url::parse(BASE_URL)
            .and_then(|base| base.join(target))
            .expect("a path");
        let (version, path) = match url.path().strip_prefix("/v2") {
            Some(path) => (Some(ApiVersion::V2), path),
            None => (None, url.path()),
        };
        let mut headers = HeaderMap::new();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form_type);
        if let Ok(cookies) = HeaderValue::from_str(&browser.header()) {
            headers.insert(header::COOKIE, cookies);
        }
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let response = handle(
            &self.state,
            Call {
                method,
                version,
                path: path.trim_end_matches('/').to_owned(),
                query: url.query_pairs().into_owned().collect(),
                headers,
                body: body.into_bytes(),
                request_id: "test".into(),
                base_url: BASE_URL.into(),
                source_ip: None,
            },
        )
        .await;
        browser.take(&response);
        response
    }

    /// The address of the sign-in page.
    async fn begin(&self, browser: &mut Browser) -> String {
        self.begin_with(browser, &[]).await
    }

    async fn begin_with(&self, browser: &mut Browser, more: &[(&str, &str)]) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.request())
            .extend_pairs(more)
            .finish();
        let response = self
            .get(browser, &format!("/v2/o/authorize/?{query}"))
            .await;
        assert_eq!(response.status, 302, "{}", text(&response));
        location(&response)
    }

    /// The address of the consent page.
    async fn sign_in(&self, browser: &mut Browser, page: &str) -> String {
        let html = text(&self.get(browser, page).await);
        let username = sandbox::user_name_of(&self.patient);
        let response = self
            .try_sign_in(browser, &html, &username, &sandbox::password_of(&username))
            .await;
        assert_eq!(response.status, 303, "{}", text(&response));
        location(&response)
    }

    async fn try_sign_in(
        &self,
        browser: &mut Browser,
        html: &str,
        username: &str,
        password: &str,
    ) -> Response {
        let (approval, csrf_token) = (hidden(html, "approval"), hidden(html, "csrf_token"));
        let form = [
            ("approval", approval.as_str()),
            ("csrf_token", &csrf_token),
            ("username", username),
            ("password", password),
        ];
        self.post(browser, "/login", &form).await
    }

    /// What the application gets told after that decision.
    async fn decide(&self, choices: &[(&str, &str)]) -> Url {
        self.decide_on(&[], choices).await
    }

    /// What the application gets told after that decision on a request with more parameters.
    async fn decide_on(&self, more: &[(&str, &str)], choices: &[(&str, &str)]) -> Url {
        let mut browser = Browser::default();
        let sign_in = self.begin_with(&mut browser, more).await;
        let consent = self.sign_in(&mut browser, &sign_in).await;
        let html = text(&self.get(&mut browser, &consent).await);
        let csrf_token = hidden(&html, "csrf_token");
        let form = [&[("csrf_token", csrf_token.as_str())], choices].concat();
        let response = self.post(&mut browser, &consent, &form).await;
        assert_eq!(response.status, 303, "{}", text(&response));
        assert!(browser.0.is_empty(), "the session ends with the decision");
        Url::parse(&location(&response)).expect("a URL")
    }

    /// The actions in the person's audit records.
    async fn recorded(&self) -> Vec<String> {
        let table = config::variable("AUDIT_TABLE").expect("a sandbox");
        let client = DynamoDb::new(&config::aws(env!("CARGO_PKG_NAME")).await);
        let query = client
            .query()
            .table_name(table)
            .key_condition_expression("pk = :patient")
            .expression_attribute_values(
                ":patient",
                AttributeValue::S(self.patient.as_str().to_owned()),
            );
        let found = query.send().await.expect("a table").items;
        let action = |item: &HashMap<String, AttributeValue>| {
            item["action"].as_s().expect("an action").to_owned()
        };
        found.iter().flatten().map(action).collect()
    }

    async fn grant(&self) -> Option<Grant> {
        let client_id = &self.application.client_id;
        self.tables
            .grants
            .get(&self.patient, client_id)
            .await
            .expect("a table")
    }
}

impl Browser {
    fn header(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn take(&mut self, response: &Response) {
        for cookie in response.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            let pair = cookie
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a pair");
            self.0.retain(|(known, _)| known != name);
            if !cookie.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body.clone()).expect("UTF-8")
}

fn location(response: &Response) -> String {
    response.header("location").expect("a location").to_owned()
}

fn hidden(html: &str, name: &str) -> String {
    let marker = format!(r#"name="{name}" value=""#);
    let rest = html
        .split_once(&marker)
        .unwrap_or_else(|| panic!("no field {name} in {html}"))
        .1;
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn answer(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn goes_from_the_request_to_a_code() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let back = sandbox
        .decide(&[("share_demographic_scopes", "True"), ("allow", "Connect")])
        .await;
    assert!(back.as_str().starts_with(REDIRECT_URI));
    assert_eq!(answer(&back, "state").as_deref(), Some(STATE));
    assert_eq!(answer(&back, "iss").as_deref(), Some(BASE_URL));
    let code = answer(&back, "code").expect("a code");
    let code = sandbox
        .tables
        .transient
        .code(&code)
        .await
        .expect("a table")
        .expect("the code");
    let grant = sandbox.grant().await.expect("a grant");
    assert_eq!(code.grant_id, grant.grant_id);
    assert_eq!(code.patient, sandbox.patient);
    assert_eq!(grant.scopes, Scopes::defaults());
    assert_eq!(grant.username.as_deref(), Some(sandbox.patient.as_str()));
    assert!(!grant.substance_use);
}

#[tokio::test]
async fn grants_what_the_beneficiary_chose_and_nothing_by_default() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let check = async |choices: &[(&str, &str)], personal: bool, substance_use: bool| {
        let choices = [&[("allow", "Connect")], choices].concat();
        let back = sandbox.decide(&choices).await;
        assert!(answer(&back, "code").is_some(), "{choices:?}");
        let grant = sandbox.grant().await.expect("a grant");
        let scopes = Scopes::defaults();
        let expected = if personal {
            scopes
        } else {
            scopes.without_demographics()
        };
        assert_eq!(grant.scopes, expected, "{choices:?}");
        assert_eq!(grant.substance_use, substance_use, "{choices:?}");
    };
    let (no, yes) = ("False", "True");
    let personal = "share_demographic_scopes";
    let substance = "share_samhsa_data";
    check(&[], false, false).await;
    check(&[(personal, no)], false, false).await;
    check(&[(personal, no), (personal, yes)], true, false).await;
    check(&[(personal, "true")], false, false).await;
    check(&[(substance, no)], false, false).await;
    check(
        &[(personal, yes), (substance, no), (substance, yes)],
        true,
        true,
    )
    .await;
}

#[tokio::test]
async fn a_refusal_tells_the_application_and_leaves_earlier_consent_alone() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let back = sandbox.decide(&[]).await;
    assert_eq!(answer(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(answer(&back, "state").as_deref(), Some(STATE));
    assert!(answer(&back, "code").is_none());
    assert!(sandbox.grant().await.is_none());
    sandbox.decide(&[("allow", "Connect")]).await;
    let before = sandbox.grant().await.expect("a grant");
    sandbox
        .decide(&[("share_demographic_scopes", "True")])
        .await;
    assert!(sandbox.grant().await == Some(before.clone()));
    sandbox.decide(&[("allow", "Connect")]).await;
    assert_ne!(
        sandbox.grant().await.expect("a grant").grant_id,
        before.grant_id
    );
}

#[tokio::test]
async fn withholding_all_that_is_asked_for_refuses_and_ends_earlier_consent() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let (scope, allow) = (
        ("scope", "patient/Patient.rs profile"),
        ("allow", "Connect"),
    );
    for has_earlier in [true, false] {
        if has_earlier {
            sandbox.decide(&[allow]).await;
        }
        assert_eq!(sandbox.grant().await.is_some(), has_earlier);
        let back = sandbox.decide_on(&[scope], &[allow]).await;
        assert_eq!(answer(&back, "error").as_deref(), Some("access_denied"));
        assert!(answer(&back, "code").is_none());
        assert!(sandbox.grant().await.is_none());
    }
    let mut recorded = sandbox.recorded().await;
    recorded.retain(|action| action != "signed-in");
    // Records of one request have the same time and no order among them.
    recorded.sort();
    let expected = ["consented", "grant-revoked", "refused", "refused"];
    assert_eq!(recorded, expected);
}

#[tokio::test]
async fn shows_pages_with_the_ids_that_browser_tests_use_and_safe_headers() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let mut browser = Browser::default();
    let sign_in = sandbox.begin(&mut browser).await;
    let page = sandbox.get(&mut browser, &sign_in).await;
    let consent = sandbox.sign_in(&mut browser.clone(), &sign_in).await;
    let check = |response: &Response, form_action: &str, expected: &[&str]| {
        let html = text(response);
        assert_eq!(response.status, 200);
        for part in expected {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(html.contains("&#60;App&#62; &#38; &#34;Co&#34;"), "{html}");
        let policy = response
            .header("content-security-policy")
            .expect("a policy");
        assert!(policy.contains(form_action), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
    };
    let ids = [
        r#"id="username-textbox" name="username""#,
        r#"id="password-textbox" name="password""#,
        r#"id="login-button""#,
    ];
    check(&page, "form-action 'self';", &ids);
    let mut browser = Browser::default();
    let sign_in = sandbox.begin(&mut browser).await;
    let own_consent = sandbox.sign_in(&mut browser, &sign_in).await;
    let page = sandbox.get(&mut browser, &own_consent).await;
    let ids = [
        r#"id="authorizationForm""#,
        r#"id="connect_app""#,
        r#"id="radio_1" name="share_demographic_scopes" value="True" checked"#,
        r#"id="permission_expire_info""#,
        r#"id="permission_end_date""#,
        r#"id="deny""#,
        r#"id="approve" name="allow""#,
    ];
    check(&page, "form-action 'self' http://localhost:3001;", &ids);
    // Another browser's consent page is nobody else's.
    let foreign = sandbox.get(&mut browser, &consent).await;
    assert_eq!(foreign.status, 400);
}

#[tokio::test]
async fn each_step_belongs_to_one_browser_and_happens_once() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let (mut browser, mut thief) = (Browser::default(), Browser::default());
    let sign_in = sandbox.begin(&mut browser).await;
    assert_eq!(sandbox.get(&mut thief, &sign_in).await.status, 400);
    let html = text(&sandbox.get(&mut browser, &sign_in).await);
    let username = sandbox::user_name_of(&sandbox.patient);
    let password = sandbox::password_of(&username);
    let stolen = sandbox
        .try_sign_in(&mut thief, &html, &username, &password)
        .await;
    assert_eq!(stolen.status, 400);
    let forged = html.replace(&hidden(&html, "csrf_token"), "forged");
    let refused = sandbox
        .try_sign_in(&mut browser, &forged, &username, &password)
        .await;
    assert_eq!(refused.status, 403);

    let before = browser.clone();
    let consent = sandbox.sign_in(&mut browser, &sign_in).await;
    assert_ne!(
        browser.header(),
        before.header(),
        "a new session after sign-in"
    );
    assert_eq!(sandbox.get(&mut before.clone(), &consent).await.status, 400);
    let html = text(&sandbox.get(&mut browser, &consent).await);
    let csrf_token = hidden(&html, "csrf_token");
    let allow = |token: &str| {
        [
            ("csrf_token".to_owned(), token.to_owned()),
            ("allow".to_owned(), "x".to_owned()),
        ]
    };
    let post = async |browser: &mut Browser, token: &str| {
        let form = allow(token);
        let form = form
            .each_ref()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        sandbox.post(browser, &consent, &form).await.status
    };
    assert_eq!(post(&mut browser, "forged").await, 403);
    assert_eq!(post(&mut thief, &csrf_token).await, 400);
    assert!(sandbox.grant().await.is_none());
    let mut again = browser.clone();
    assert_eq!(post(&mut browser, &csrf_token).await, 303);
    assert_eq!(post(&mut again, &csrf_token).await, 400);
}

#[tokio::test]
async fn a_request_waits_ten_minutes_for_its_beneficiary_and_not_a_second_longer() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let begun = Timestamp::now();
    let sign_in = sandbox.begin(&mut Browser::default()).await;
    let (_, id) = sign_in.split_once("approval=").expect("an approval");
    let check = async |seconds: i64, expected: bool| {
        let transient = &sandbox.tables.transient;
        let found = transient.approval(id, begun + seconds.seconds()).await;
        let found = found.expect("a table").is_some();
        assert_eq!(found, expected, "after {seconds} s");
    };
    check(0, true).await;
    check(APPROVAL_SECONDS - 1, true).await;
    // The request began within the second after the one that was noted.
    check(APPROVAL_SECONDS + 1, false).await;
    assert_eq!(APPROVAL_SECONDS, 600);
}

#[tokio::test]
async fn locks_a_user_name_after_five_failures_and_answers_the_same_for_unknown_names() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let mut browser = Browser::default();
    let sign_in = sandbox.begin(&mut browser).await;
    let html = text(&sandbox.get(&mut browser, &sign_in).await);
    let username = sandbox::user_name_of(&sandbox.patient);
    let unknown = format!("{username}0");
    let attempt = async |username: &str, password: &str| {
        let mut browser = browser.clone();
        let response = sandbox
            .try_sign_in(&mut browser, &html, username, password)
            .await;
        // What was typed is shown again, and the nonce in front of it differs from page to page.
        let html = text(&response);
        let shown = html
            .split_once("<main")
            .map(|(_, main)| main.replace(username, ""));
        (response.status.as_u16(), shown.expect("a page"))
    };
    let wrong = attempt(&username, "wrong").await;
    assert_eq!(wrong.0, 403);
    assert_eq!(
        attempt(&unknown, &sandbox::password_of(&unknown)).await,
        wrong
    );
    assert_eq!(attempt("", "").await, wrong);
    assert_eq!(attempt(&"x".repeat(5000), "x").await, wrong);
    for _ in 0..4 {
        assert_eq!(attempt(&username, "wrong").await, wrong);
    }
    assert_eq!(
        attempt(&username, &sandbox::password_of(&username)).await,
        wrong
    );
}

#[tokio::test]
async fn answers_bad_requests_itself_and_sends_the_browser_nowhere() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let inactive = Application {
        active: false,
        ..Application::register(
            "Off",
            vec![RedirectUri::parse(REDIRECT_URI).expect("a URI")],
        )
        .0
    };
    sandbox.applications.put(&inactive).await.expect("a table");
    let check = async |method: Method, changes: &[(&str, &str)], status: u16, expected: &str| {
        let mut pairs = sandbox.request();
        for (name, value) in changes {
            pairs.retain(|(known, _)| known != name);
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
        let form: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&pairs)
            .finish();
        let mut browser = Browser::default();
        let response = match method {
            Method::GET => {
                sandbox
                    .get(&mut browser, &format!("/v2/o/authorize?{query}"))
                    .await
            }
            _ => sandbox.post(&mut browser, "/v2/o/authorize/", &form).await,
        };
        assert_eq!(response.status, status, "{changes:?}");
        assert!(response.header("location").is_none(), "{changes:?}");
        assert!(browser.0.is_empty());
        assert!(
            text(&response).contains(expected),
            "{expected} in {}",
            text(&response)
        );
    };
    let (get, post) = (Method::GET, Method::POST);
    for method in [get.clone(), post.clone()] {
        let unknown = "x".repeat(40);
        check(method.clone(), &[("client_id", "")], 401, "invalid_client").await;
        check(
            method.clone(),
            &[("client_id", &unknown)],
            400,
            "Application does not exist",
        )
        .await;
        check(
            method.clone(),
            &[("client_id", &inactive.client_id)],
            403,
            "inactive",
        )
        .await;
        check(
            method.clone(),
            &[("client_secret", "x")],
            400,
            "Illegal query parameter [client_secret] detected",
        )
        .await;
        check(
            method.clone(),
            &[("redirect_uri", "https://evil.example/")],
            400,
            "redirect_uri",
        )
        .await;
        check(
            method.clone(),
            &[("state", "short")],
            400,
            "minimum of 16 characters",
        )
        .await;
        check(
            method.clone(),
            &[("code_challenge_method", "plain")],
            400,
            "must be S256",
        )
        .await;
        check(
            method.clone(),
            &[("code_challenge", "")],
            400,
            "Missing Required Parameter(s): code_challenge",
        )
        .await;
        check(method, &[("scope", "everything")], 400, "Invalid scopes.").await;
    }
    let no_state = sandbox
        .post(
            &mut Browser::default(),
            "/v2/o/authorize/",
            &[("client_id", "x")],
        )
        .await;
    assert_eq!(no_state.status, 401);
    assert!(text(&no_state).contains("State required in POST body."));
    let mut browser = Browser::default();
    for (target, status) in [
        ("/v2/o/authorize/not-a-uuid/", 404),
        ("/v2/o/authorize/00000000-0000-4000-8000-000000000000/", 400),
        ("/login", 400),
        ("/login?approval=x", 400),
        ("/callback", 404),
        ("/v2/o/else", 404),
    ] {
        assert_eq!(
            sandbox.get(&mut browser, target).await.status,
            status,
            "{target}"
        );
    }
}

#[tokio::test]
async fn two_apps_may_ask_in_two_tabs_of_one_browser() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let mut browser = Browser::default();
    let first = sandbox.begin(&mut browser).await;
    let second = sandbox
        .begin_with(&mut browser, &[("scope", "profile")])
        .await;
    let second = sandbox.sign_in(&mut browser, &second).await;
    let first = sandbox.sign_in(&mut browser, &first).await;
    assert_eq!(sandbox.get(&mut browser, &first).await.status, 200);
    assert_eq!(sandbox.get(&mut browser, &second).await.status, 200);
}

#[tokio::test]
async fn one_person_may_sign_in_many_times_at_once() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let sign_in = async || {
        let mut browser = Browser::default();
        let page = sandbox.begin(&mut browser).await;
        sandbox.sign_in(&mut browser, &page).await
    };
    let rounds = (0..8).map(|_| sign_in());
    futures_util::future::join_all(rounds).await;
}

#[tokio::test]
async fn pages_stay_in_the_language_that_was_chosen() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let mut browser = Browser::default();
    let check = async |browser: &mut Browser, target: &str, language: &str| {
        let html = text(&sandbox.get(browser, target).await);
        let expected = format!("<html lang=\"{language}\">");
        assert!(html.contains(&expected), "{target}: {html}");
    };
    let sign_in = sandbox.begin_with(&mut browser, &[("lang", "es")]).await;
    let plain = sign_in
        .strip_suffix("&lang=es")
        .expect("the language is kept");
    check(&mut browser, &sign_in, "es").await;
    check(&mut browser, plain, "es").await;
    check(&mut browser, &format!("{plain}&lang=en"), "en").await;
    check(&mut browser, plain, "en").await;
    check(&mut browser, &sign_in, "es").await;
    let consent = sandbox.sign_in(&mut browser, &sign_in).await;
    let plain = consent
        .strip_suffix("?lang=es")
        .expect("the language is kept");
    check(&mut browser, plain, "es").await;
    check(&mut browser, &format!("{plain}?lang=en"), "en").await;
    check(&mut browser, plain, "en").await;
    check(&mut browser, &format!("{plain}?lang=xx"), "en").await;
    for (target, language) in [
        ("/login?approval=x&lang=es", "es"),
        ("/v2/o/authorize?lang=es", "es"),
        ("/v2/o/authorize?lang=en", "en"),
        ("/v2/o/authorize", "en"),
    ] {
        check(&mut Browser::default(), target, language).await;
    }
}

#[tokio::test]
async fn someone_else_may_sign_in_instead() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let mut browser = Browser::default();
    let sign_in = sandbox.begin(&mut browser).await;
    let consent = sandbox.sign_in(&mut browser, &sign_in).await;
    let page = text(&sandbox.get(&mut browser, &consent).await);
    let csrf_token = hidden(&page, "csrf_token");
    let switch = [("switch_account", "forged")];
    let forged = sandbox.post(&mut browser, &consent, &switch).await;
    assert_eq!(forged.status, 403);
    let switch = [("switch_account", csrf_token.as_str())];
    let response = sandbox.post(&mut browser, &consent, &switch).await;
    assert_eq!(response.status, 303);
    assert_eq!(location(&response), sign_in);
    let without_person = sandbox.get(&mut browser, &consent).await;
    assert_eq!(location(&without_person), sign_in);
    let allow = [("csrf_token", csrf_token.as_str()), ("allow", "Connect")];
    let early = sandbox.post(&mut browser, &consent, &allow).await;
    assert_eq!(early.status, 400);
    assert!(sandbox.grant().await.is_none());
    let again = sandbox.sign_in(&mut browser, &sign_in).await;
    assert_eq!(again, consent);
    assert_eq!(sandbox.get(&mut browser, &consent).await.status, 200);
}

/// What gets out of text, of attributes with each kind of quotes, of URLs, of the title, of the style, of comments.
const PAYLOADS: [&str; 30] = [
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</strong><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "'><svg onload=alert(1)>",
    "\" onfocus=\"alert(1)\" autofocus=\"",
    "' onfocus='alert(1)' autofocus='",
    "` onfocus=`alert(1)`",
    "\" style=\"position:fixed;inset:0\"",
    "<a href=\"javascript:alert(1)\">x</a>",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "//evil.example/<script>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<form action=https://evil.example><button>x",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<!-- ",
    "--><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "{{7*7}}{% include x %}<b>",
    "\u{202e}<ſcript>\u{fe64}\u{ff1c}x>",
];

#[tokio::test]
async fn nothing_that_others_wrote_gets_out_of_its_place() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let plain = structures(&pages_with(&sandbox, "plain").await);
    for payload in PAYLOADS {
        let pages = pages_with(&sandbox, payload).await;
        assert_eq!(structures(&pages), plain, "{payload}");
        let has_markup = payload.contains(['<', '"', '\'']);
        for page in pages.iter().filter(|_| has_markup) {
            assert!(!page.contains(payload), "{payload} in {page}");
        }
    }
}

/// Every page with that text wherever someone else's text comes from: the application, the request, the form.
async fn pages_with(sandbox: &Sandbox, text_of_others: &str) -> Vec<String> {
    let application = Application {
        name: text_of_others.into(),
        description: Some(text_of_others.into()),
        policy_uri: Some(format!("https://app.example/{text_of_others}")),
        tos_uri: Some(text_of_others.into()),
        ..sandbox.application.clone()
    };
    sandbox
        .applications
        .put(&application)
        .await
        .expect("a table");
    let mut browser = Browser::default();
    let more = [("lang", text_of_others), ("nonce", text_of_others)];
    let sign_in = sandbox.begin_with(&mut browser, &more).await;
    let first = text(&sandbox.get(&mut browser, &sign_in).await);
    let refused = sandbox
        .try_sign_in(&mut browser, &first, text_of_others, text_of_others)
        .await;
    assert_eq!(refused.status, 403);
    let consent = sandbox.sign_in(&mut browser, &sign_in).await;
    let consent = sandbox.get(&mut browser, &consent).await;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("approval", text_of_others)
        .append_pair(text_of_others, text_of_others)
        .append_pair("state", text_of_others)
        .append_pair("lang", text_of_others)
        .finish();
    let expired = sandbox.get(&mut browser, &format!("/login?{query}")).await;
    let query = query.replace("approval=", "client_id=");
    let unknown = sandbox
        .get(&mut browser, &format!("/v2/o/authorize?{query}"))
        .await;
    let responses = [refused, consent, expired, unknown];
    responses.iter().map(text).chain([first]).collect()
}

/// The tags of each page with the names of their attributes, in order.
fn structures(pages: &[String]) -> Vec<Vec<String>> {
    let structure = |page: &String| page.split('<').skip(1).map(tag).collect();
    pages.iter().map(structure).collect()
}

/// `a class href` of `a class="x" href="y">`: every second part between quotes is a value.
fn tag(text: &str) -> String {
    let names = text.split('"').step_by(2).collect::<String>();
    names.split('>').next().unwrap_or_default().to_owned()
}
