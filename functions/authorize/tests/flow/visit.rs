//! A visit of a browser to the function's pages, on a sandbox's tables.

use authorize::{State, handle};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::{Client as DynamoDb, types::AttributeValue};
use bluebutton::{
    config::{self, Limits, Stage},
    http::{Call, Method, Response, header},
    identity::{BeneId, sandbox},
    oauth::{Application, Grant, RedirectUri},
    store::{ApplicationsTable, AuthorizationTables, ClaimsTable, ItemKey, StoredItem},
};
use jiff::Timestamp;
use serde_json::json;
pub(crate) use stand::hidden;
use stand::{
    local::{self, UNHURRIED},
    proxy::Proxy,
};
use std::collections::HashMap;
use url::Url;

pub(crate) const BASE_URL: &str = "http://localhost:8000";
pub(crate) const REDIRECT_URI: &str = "http://localhost:3001/api/bluebutton/callback/";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const STATE: &str = "a state=& of its own+ä";

/// One test's own application and beneficiary, so that tests share nothing.
pub(crate) struct Sandbox {
    pub(crate) state: State,
    pub(crate) applications: ApplicationsTable,
    pub(crate) tables: AuthorizationTables,
    pub(crate) application: Application,
    pub(crate) patient: BeneId,
    pub(crate) base_url: &'static str,
}

/// One browser.
#[derive(Default, Clone)]
pub(crate) struct Browser {
    pub(crate) cookies: Vec<(String, String)>,
    /// Where its requests come from, as the gateway sees it.
    pub(crate) address: &'static str,
    /// What it says besides.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Sandbox {
    pub(crate) async fn new() -> Option<Self> {
        Self::with(Limits::default()).await
    }

    /// A function whose calls go through a proxy.
    pub(crate) async fn behind_a_proxy() -> Option<(Self, Proxy)> {
        let sandbox = Self::new().await?;
        let proxy = Proxy::before(&local::unhurried(env!("CARGO_PKG_NAME")).await);
        let aws = proxy.aws(UNHURRIED).await;
        let state = state(&aws, Limits::default()).await;
        Some((Self { state, ..sandbox }, proxy))
    }

    pub(crate) async fn with(limits: Limits) -> Option<Self> {
        let aws = local::aws(env!("CARGO_PKG_NAME"), &["GRANTS_TABLE"]).await?;
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
            state: state(&aws, limits).await,
            applications,
            tables: AuthorizationTables::from_environment(&aws).expect("a sandbox"),
            application,
            patient,
            base_url: BASE_URL,
        })
    }

    pub(crate) fn request(&self) -> Vec<(String, String)> {
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

    pub(crate) async fn get(&self, browser: &mut Browser, target: &str) -> Response {
        self.send(browser, Method::GET, target, &[]).await
    }

    pub(crate) async fn post(
        &self,
        browser: &mut Browser,
        target: &str,
        form: &[(&str, &str)],
    ) -> Response {
        self.send(browser, Method::POST, target, form).await
    }

    pub(crate) async fn send(
        &self,
        browser: &mut Browser,
        method: Method,
        target: &str,
        form: &[(&str, &str)],
    ) -> Response {
        let response = handle(&self.state, self.call(browser, method, target, form)).await;
        browser.take(&response);
        response
    }

    /// The event of the gateway's REST API. The browser is sent below the stage, which the gateway takes off again.
    fn call(&self, browser: &Browser, method: Method, target: &str, form: &[(&str, &str)]) -> Call {
        let base = Url::parse(self.base_url).expect("a URL");
        let url = base.join(target).expect("a path");
        let path = url.path().strip_prefix(base.path().trim_end_matches('/'));
        let mut query: HashMap<_, Vec<_>> = HashMap::new();
        for (name, value) in url.query_pairs() {
            query.entry(name).or_default().push(value);
        }
        let mut headers = vec![
            (
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            ),
            ("cookie", browser.header()),
        ];
        headers.extend(browser.headers.iter().cloned());
        let headers: HashMap<_, _> = headers
            .into_iter()
            .map(|(name, value)| (name, [value]))
            .collect();
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let event = json!({
            "path": path, "httpMethod": method.as_str(), "body": body, "isBase64Encoded": false,
            "multiValueHeaders": headers, "multiValueQueryStringParameters": query,
            "requestContext": {"identity": {"sourceIp": browser.address}},
        });
        Call::new(&event, "test", Some(self.base_url))
    }

    /// The address of the sign-in page.
    pub(crate) async fn begin(&self, browser: &mut Browser) -> String {
        self.begin_with(browser, &[]).await
    }

    pub(crate) async fn begin_with(&self, browser: &mut Browser, more: &[(&str, &str)]) -> String {
        location(&self.begun_with(browser, more).await)
    }

    /// The answer that sends the browser to the sign-in page.
    pub(crate) async fn begun(&self, browser: &mut Browser) -> Response {
        self.begun_with(browser, &[]).await
    }

    async fn begun_with(&self, browser: &mut Browser, more: &[(&str, &str)]) -> Response {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.request())
            .extend_pairs(more)
            .finish();
        let stage = Url::parse(self.base_url).expect("a URL");
        let stage = stage.path().trim_end_matches('/');
        let target = format!("{stage}/v2/o/authorize/?{query}");
        let response = self.get(browser, &target).await;
        assert_eq!(response.status, 302, "{}", text(&response));
        response
    }

    /// The address of the consent page.
    pub(crate) async fn sign_in(&self, browser: &mut Browser, page: &str) -> String {
        let html = text(&self.get(browser, page).await);
        let username = sandbox::user_name_of(&self.patient);
        let response = self
            .try_sign_in(browser, &html, &username, &sandbox::password_of(&username))
            .await;
        assert_eq!(response.status, 303, "{}", text(&response));
        location(&response)
    }

    pub(crate) async fn try_sign_in(
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
        let stage = Url::parse(self.base_url).expect("a URL");
        let target = format!("{}/login", stage.path().trim_end_matches('/'));
        self.post(browser, &target, &form).await
    }

    /// What the application gets told after that decision.
    pub(crate) async fn decide(&self, choices: &[(&str, &str)]) -> Url {
        self.decide_on(&[], choices).await
    }

    /// What the application gets told after that decision on a request with more parameters.
    pub(crate) async fn decide_on(&self, more: &[(&str, &str)], choices: &[(&str, &str)]) -> Url {
        let mut browser = Browser::default();
        let sign_in = self.begin_with(&mut browser, more).await;
        let consent = self.sign_in(&mut browser, &sign_in).await;
        let html = text(&self.get(&mut browser, &consent).await);
        let csrf_token = hidden(&html, "csrf_token");
        let form = [&[("csrf_token", csrf_token.as_str())], choices].concat();
        let response = self.post(&mut browser, &consent, &form).await;
        assert_eq!(response.status, 303, "{}", text(&response));
        assert!(
            browser.cookies.is_empty(),
            "the session ends with the decision"
        );
        Url::parse(&location(&response)).expect("a URL")
    }

    /// The actions in the person's audit records.
    pub(crate) async fn recorded(&self) -> Vec<String> {
        let table = config::variable("AUDIT_TABLE").expect("a sandbox");
        let client = DynamoDb::new(&local::unhurried(env!("CARGO_PKG_NAME")).await);
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

    pub(crate) async fn grant(&self) -> Option<Grant> {
        let client_id = &self.application.client_id;
        self.tables
            .grants
            .get(&self.patient, client_id)
            .await
            .expect("a table")
    }
}

/// The function's state on those services, with the sandbox's own sign-in.
async fn state(aws: &SdkConfig, limits: Limits) -> State {
    let state = State::new(aws, Stage::Sandbox, None, limits).await;
    state.expect("a sandbox")
}

impl Browser {
    pub(crate) fn header(&self) -> String {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn take(&mut self, response: &Response) {
        for cookie in response.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            let pair = cookie
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a pair");
            self.cookies.retain(|(known, _)| known != name);
            if !cookie.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

pub(crate) fn text(response: &Response) -> String {
    String::from_utf8(response.body.clone()).expect("UTF-8")
}

pub(crate) fn location(response: &Response) -> String {
    response.header("location").expect("a location").to_owned()
}

pub(crate) fn answer(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}
