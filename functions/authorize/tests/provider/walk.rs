//! A person's way: from the application over our pages to the provider and back, in one browser.

use authorize::{State, handle};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client as DynamoDb;
use bluebutton::{
    config::{self, Limits, Stage},
    http::{Call, Response, header},
    identity::{BeneId, MedicareNumberHasher, provider::Settings},
    oauth::{Application, Approval, Grant, RedirectUri},
    secret::Secret,
    store::{
        ApplicationsTable, AuthorizationTables, ClaimsTable, IdentityTable, ItemKey, StoredItem,
    },
};
use jiff::Timestamp;
use serde_json::{Value, json};
use stand::local::{self, UNHURRIED};
use std::borrow::Borrow;
use std::env;
use ureq::Agent;
use url::Url;

use crate::site::{CLIENT_ID, CLIENT_SECRET, Site};

pub(crate) const BASE_URL: &str = "http://localhost:8000";
pub(crate) const REDIRECT_URI: &str = "http://localhost:3001/api/bluebutton/callback/";
pub(crate) const APP_STATE: &str = "a state of its own";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const STEPS_MAX: usize = 15;

/// The tables of a running sandbox, with an application and people of the test's own.
pub(crate) struct Records {
    pub(crate) tables: AuthorizationTables,
    claims: ClaimsTable,
    identities: IdentityTable,
    hasher: MedicareNumberHasher,
    pub(crate) application: Application,
    pub(crate) secret: Secret,
}

/// One browser: our cookies, and an agent that keeps the provider's.
pub(crate) struct Browser {
    cookies: Vec<(String, String)>,
    agent: Agent,
    /// The language that the application asks for.
    language: &'static str,
}

/// What a person does on the provider's sign-in page.
#[derive(Clone, Copy)]
pub(crate) enum AtProvider<'a> {
    SignIn(&'a str),
    Cancel,
}

/// The function's own calls are recorded where `cargo xtask test` does that: no test over HTTP has a provider.
async fn recorded() -> SdkConfig {
    let usual = local::unhurried(env!("CARGO_PKG_NAME")).await;
    let (Ok(url), Some(name)) = (env::var("BLUEBUTTON_RECORDER"), usual.app_name()) else {
        return usual;
    };
    // An endpoint that is set later gives way to that of the environment.
    let loader = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url);
    let loader = loader.timeout_config(UNHURRIED.timeouts());
    loader.app_name(name.clone()).load().await
}

impl Records {
    /// Nothing where no sandbox runs.
    pub(crate) async fn of_sandbox() -> Option<Self> {
        let aws = local::aws(env!("CARGO_PKG_NAME"), &["IDENTITY_TABLE"]).await?;
        let table = |name| config::variable(name).expect("a sandbox");
        let client = || DynamoDb::new(&aws);
        let redirect_uri = RedirectUri::parse(REDIRECT_URI).expect("a URI");
        let (application, secret) = Application::register("App", vec![redirect_uri]);
        let applications = ApplicationsTable::new(client(), table("APPLICATIONS_TABLE"));
        applications.put(&application).await.expect("a table");
        let hasher = MedicareNumberHasher::read(&aws, Stage::Sandbox).await;
        Some(Self {
            tables: AuthorizationTables::from_environment(&aws).expect("a sandbox"),
            claims: ClaimsTable::new(client(), table("CLAIMS_TABLE")),
            identities: IdentityTable::new(client(), table("IDENTITY_TABLE")),
            hasher: hasher.expect("a secret"),
            application,
            secret,
        })
    }

    /// The function's state with that provider.
    pub(crate) async fn state(&self, site: &Site) -> State {
        let settings = json!({
            "issuer": site.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "scopes": "openid medicare",
            "mbi_claim": "mbi", "hicn_claim": "hicn",
        });
        let settings = Settings::parse(&settings.to_string(), Stage::Sandbox).expect("settings");
        let aws = recorded().await;
        let state = State::new(&aws, Stage::Sandbox, settings, Limits::default()).await;
        state.expect("a sandbox")
    }

    /// A new person whom those numbers stand for.
    pub(crate) async fn person(&self, numbers: &[&str]) -> BeneId {
        let patient = BeneId::parse(&format!("-9{}", digits(15))).expect("an id");
        let person = StoredItem {
            bytes: vec![1],
            last_updated: Timestamp::now(),
            mbi_hash: None,
        };
        self.claims
            .insert(&patient, &ItemKey::Person, person)
            .await
            .expect("a table");
        self.known_by(&patient, numbers).await;
        patient
    }

    /// Notes that those numbers stand for a person.
    pub(crate) async fn known_by(&self, patient: &BeneId, numbers: &[&str]) {
        for number in numbers {
            let hash = self.hasher.hash(number);
            self.identities.add(&hash, patient).await.expect("a table");
        }
    }

    pub(crate) async fn approval(&self, id: &str) -> Option<Approval> {
        self.tables
            .transient
            .approval(id, Timestamp::now())
            .await
            .expect("a table")
    }

    pub(crate) async fn grant(&self, patient: &BeneId) -> Option<Grant> {
        let client_id = &self.application.client_id;
        self.tables
            .grants
            .get(patient, client_id)
            .await
            .expect("a table")
    }

    /// Where the application sends the browser.
    pub(crate) fn authorize_url(&self) -> Url {
        let mut url = Url::parse(&format!("{BASE_URL}/v2/o/authorize/")).expect("a URL");
        url.query_pairs_mut().extend_pairs([
            ("client_id", self.application.client_id.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("state", APP_STATE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        url
    }
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self::in_language("en")
    }

    pub(crate) fn in_language(language: &'static str) -> Self {
        let agent = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        let cookies = Vec::new();
        Self {
            cookies,
            agent,
            language,
        }
    }

    /// From the application to `/login`: the approval's id and the answer there.
    pub(crate) async fn begin(&mut self, state: &State, records: &Records) -> (String, Response) {
        let mut authorize = records.authorize_url();
        authorize
            .query_pairs_mut()
            .append_pair("lang", self.language);
        let login = location(&self.get(state, &authorize).await);
        let id = parameter(&login, "approval").expect("an approval");
        (id, self.get(state, &login).await)
    }

    /// From the application to the provider and to the callback, which is not called yet.
    pub(crate) async fn visit(
        &mut self,
        state: &State,
        records: &Records,
        what: AtProvider<'_>,
    ) -> (String, Url) {
        let (id, sent) = self.begin(state, records).await;
        assert_eq!(sent.status, 303, "{}", text(&sent));
        (id, self.at_provider(location(&sent), what))
    }

    /// The provider's pages, until one leads to us.
    pub(crate) fn at_provider(&self, mut url: Url, what: AtProvider<'_>) -> Url {
        let mut form: Option<Vec<(&str, String)>> = None;
        for _ in 0..STEPS_MAX {
            let answer = match form.take() {
                None => self.agent.get(url.as_str()).call(),
                Some(fields) => {
                    let post = self.agent.post(url.as_str());
                    // As text, whose length is known: the proxy in between reads no chunks.
                    post.content_type("application/x-www-form-urlencoded")
                        .send(encoded(fields))
                }
            };
            let mut answer = answer.expect("the provider answers");
            if let Some(location) = answer.headers().get("location") {
                url = url.join(location.to_str().expect("text")).expect("a URL");
                if url.as_str().starts_with(BASE_URL) {
                    return url;
                }
                continue;
            }
            let page = answer.body_mut().read_to_string().expect("a page");
            assert_eq!(answer.status(), 200, "{url} {page}");
            let (action, fields) = match (
                page.contains("name=\"login\""),
                page.contains("op.logoutForm"),
                what,
            ) {
                (true, _, AtProvider::SignIn(name)) => (
                    between(&page, "action=\"", "\""),
                    vec![
                        ("prompt", "login".to_owned()),
                        ("login", name.to_owned()),
                        ("password", "x".to_owned()),
                    ],
                ),
                (true, _, AtProvider::Cancel) => {
                    url = url.join(&format!("{}/abort", url.path())).expect("a URL");
                    continue;
                }
                (false, true, _) => (
                    between(&page, "action=\"", "\""),
                    vec![
                        (
                            "xsrf",
                            between(&page, "name=\"xsrf\" value=\"", "\"").to_owned(),
                        ),
                        ("logout", "yes".to_owned()),
                    ],
                ),
                (false, false, _) => (
                    between(&page, "action=\"", "\""),
                    vec![("prompt", "consent".to_owned())],
                ),
            };
            url = url.join(action).expect("a URL");
            form = Some(fields);
        }
        panic!("no way back from the provider at {url}");
    }

    pub(crate) async fn get(&mut self, state: &State, url: &Url) -> Response {
        self.send(state, "GET", url, "").await
    }

    pub(crate) async fn post(
        &mut self,
        state: &State,
        url: &Url,
        form: &[(&str, &str)],
    ) -> Response {
        self.send(state, "POST", url, &encoded(form)).await
    }

    /// Calls the function as the gateway does.
    async fn send(&mut self, state: &State, method: &str, url: &Url, body: &str) -> Response {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let event = json!({
            "version": "2.0", "rawPath": url.path(), "rawQueryString": url.query().unwrap_or_default(),
            "headers": {
                "cookie": pairs.collect::<Vec<_>>().join("; "), "content-type": "application/x-www-form-urlencoded",
            },
            "body": body, "isBase64Encoded": false,
            "requestContext": {"http": {"method": method, "path": url.path()}, "timeEpoch": 0},
        });
        let response = handle(state, Call::new(&event, "", Some(BASE_URL))).await;
        for cookie in response.headers.get_all(header::SET_COOKIE) {
            let pair = cookie
                .to_str()
                .expect("text")
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a pair");
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        response
    }

    /// Whether the provider has a session of this browser: then it knows who comes, and otherwise asks. A visit of ours
    /// tells nothing, because it asks for credentials each time.
    pub(crate) async fn is_signed_in_at_provider(&self, state: &State, records: &Records) -> bool {
        let (_, sent) = Browser::new().begin(state, records).await;
        let url = location(&sent);
        let without = url
            .query_pairs()
            .into_owned()
            .filter(|(name, _)| name != "prompt")
            .chain([("prompt".to_owned(), "none".to_owned())]);
        let mut silent = url.clone();
        silent.query_pairs_mut().clear().extend_pairs(without);
        let answer = self.agent.get(silent.as_str()).call();
        let answer = answer.expect("the provider answers");
        let back = answer.headers()["location"].to_str().expect("text");
        let back = Url::parse(back).expect("a URL");
        parameter(&back, "error").as_deref() != Some("login_required")
    }

    pub(crate) fn http(&self) -> &Agent {
        &self.agent
    }
}

fn encoded<Name, Value, Pair>(form: impl IntoIterator<Item = Pair>) -> String
where
    Pair: Borrow<(Name, Value)>,
    Name: AsRef<str>,
    Value: AsRef<str>,
{
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish()
}

pub(crate) fn text(response: &Response) -> String {
    String::from_utf8(response.body.clone()).expect("UTF-8")
}

pub(crate) fn location(response: &Response) -> Url {
    let location = response
        .header("location")
        .unwrap_or_else(|| panic!("{}", text(response)));
    Url::parse(BASE_URL)
        .and_then(|base| base.join(location))
        .expect("a URL")
}

pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into_owned())
}

/// The text between two others.
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"))
        .1;
    rest.split(after).next().expect("a part")
}

/// Random digits, so that tests share no number.
pub(crate) fn digits(count: usize) -> String {
    let digits = (uuid::Uuid::new_v4().as_u128() % 10_u128.pow(20)).to_string();
    format!("{digits:0>20}")[..count].to_owned()
}

/// A Medicare number of nobody's, as synthetic people have them: any of sixty-four million, because tests of earlier
/// runs may have left theirs in the table.
pub(crate) fn mbi() -> String {
    const LETTERS: [&str; 8] = ["A", "C", "D", "E", "F", "G", "H", "K"];
    let letter = || LETTERS[usize::from(uuid::Uuid::new_v4().as_bytes()[0]) % LETTERS.len()];
    let random = digits(6);
    let [first, second] = [letter(), letter()];
    format!(
        "1S{}{first}{}A{second}{}",
        &random[..2],
        &random[2..4],
        &random[4..]
    )
}

/// The client as the provider knows it.
pub(crate) fn client(more: &Value) -> Value {
    let mut client = json!({
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "scope": "openid medicare",
        "redirect_uris": [format!("{BASE_URL}/callback")],
        "post_logout_redirect_uris": [format!("{BASE_URL}/login")],
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        client[name] = value.clone();
    }
    client
}
