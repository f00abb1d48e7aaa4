//! A person and an application of a trial's own, so that trials share nothing.

use std::sync::{Arc, LazyLock};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as DynamoDb;
use bluebutton::{
    config,
    identity::{BeneId, sandbox},
    oauth::{Application, RedirectUri},
    secret::Secret,
    store::{ApplicationsTable, AuthorizationTables},
};
use jiff::Timestamp;
use stand::consent::{CHALLENGE, Consent, VERIFIER};
use stand::{hidden, local};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::instance::{Answer, Instance, Request, form_encoded};

pub(crate) const REDIRECT_URI: &str = "http://localhost:3001/api/bluebutton/callback/";

/// Trials take turns: one that measures patience does not run beside one that keeps the local AWS busy.
static TURN: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);

/// The running sandbox's tables, reached without detours.
pub(crate) struct Sandbox {
    _turn: OwnedMutexGuard<()>,
    pub(crate) aws: SdkConfig,
    applications: ApplicationsTable,
    pub(crate) tables: AuthorizationTables,
}

/// One of the sandbox's people, and an application that nobody else uses.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) application: Application,
    secret: Secret,
    pub(crate) patient: BeneId,
}

/// The tokens of a successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// A browser on its way through the pages: where it is and its cookie.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) page: String,
    cookie: Option<String>,
}

impl Sandbox {
    /// The sandbox that the environment names; `None`, and a line that says so, where none runs.
    pub(crate) async fn running() -> Option<Self> {
        let aws = local::aws(env!("CARGO_PKG_NAME"), &["GRANTS_TABLE"]).await?;
        let table = config::variable("APPLICATIONS_TABLE").expect("a sandbox");
        Some(Self {
            _turn: Arc::clone(&TURN).lock_owned().await,
            applications: ApplicationsTable::new(DynamoDb::new(&aws), table),
            tables: AuthorizationTables::from_environment(&aws).expect("a sandbox"),
            aws,
        })
    }

    /// The synthetic person of that number with a new application.
    pub(crate) async fn pair(&self, number: u64) -> Pair {
        self.pair_of(person(number).as_str()).await
    }

    /// That person with a new application.
    pub(crate) async fn pair_of(&self, patient: &str) -> Pair {
        let redirect_uri = RedirectUri::parse(REDIRECT_URI).expect("a URI");
        let (application, secret) = Application::register("Trial", vec![redirect_uri]);
        self.applications.put(&application).await.expect("a table");
        Pair {
            application,
            secret,
            patient: BeneId::parse(patient).expect("an id"),
        }
    }

    /// That person with an application that somebody else has registered.
    pub(crate) async fn pair_of_client(&self, number: u64, client_id: &str, secret: &str) -> Pair {
        let application = self.applications.get(client_id).await.expect("a table");
        Pair {
            application: application.expect("it is registered"),
            secret: Secret::new(secret.to_owned()),
            patient: person(number),
        }
    }

    /// The grant's id, which changes whenever its tokens are revoked.
    pub(crate) async fn grant_id(&self, pair: &Pair) -> Option<String> {
        let client_id = &pair.application.client_id;
        let grant = self.tables.grants.get(&pair.patient, client_id).await;
        grant.expect("a table").map(|grant| grant.grant_id)
    }

    /// A new consent of the pair, as the consent page writes it, and its code.
    pub(crate) async fn consent(&self, pair: &Pair) -> String {
        self.consent_at(pair, Timestamp::now()).await
    }

    /// The same at another time.
    pub(crate) async fn consent_at(&self, pair: &Pair, now: Timestamp) -> String {
        let consent = Consent::new(&pair.application, &pair.patient, now);
        consent.give(&self.tables).await.expose().to_owned()
    }

    /// The first tokens of a new consent.
    pub(crate) async fn tokens(&self, pair: &Pair, instance: &Instance) -> Tokens {
        let code = self.consent(pair).await;
        let answer = instance.answer(&pair.redemption(&code)).await;
        Tokens::of(&answer).unwrap_or_else(|| panic!("{answer:?}"))
    }
}

fn person(number: u64) -> BeneId {
    BeneId::parse(&format!("-{}", 20_140_000_000_001 + number)).expect("an id")
}

impl Pair {
    /// The application with another person.
    pub(crate) fn with(&self, patient: BeneId) -> Self {
        Self {
            patient,
            ..self.clone()
        }
    }

    /// The exchange of a code.
    pub(crate) fn redemption(&self, code: &str) -> Request {
        self.post(
            "token",
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", VERIFIER),
            ],
        )
    }

    /// The exchange of a refresh token.
    pub(crate) fn refreshment(&self, refresh_token: &str) -> Request {
        let grant_type = ("grant_type", "refresh_token");
        self.post("token", &[grant_type, ("refresh_token", refresh_token)])
    }

    /// A request of the application under `/v2/o/`.
    pub(crate) fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Request {
        let credentials = [
            ("client_id", self.application.client_id.as_str()),
            ("client_secret", self.secret.expose()),
        ];
        let form = form.iter().copied().chain(credentials);
        Request::post(format!("/v2/o/{endpoint}/"), form)
    }

    /// The authorization request that sends a browser to the sign-in page.
    pub(crate) fn authorization(&self) -> Request {
        let query = [
            ("client_id", self.application.client_id.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("state", "0123456789abcdef"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Request::get(format!("/v2/o/authorize/?{}", form_encoded(&query)))
    }

    /// The person's answer on the sign-in page.
    pub(crate) fn sign_in(&self, browser: &Browser, page: &Answer) -> Request {
        let username = sandbox::user_name_of(&self.patient);
        let password = sandbox::password_of(&username);
        sign_in(browser, page, &username, &password)
    }

    /// The person's answer on the consent page.
    pub(crate) fn decision(browser: &Browser, page: &Answer, allow: Decision) -> Request {
        let mut form = vec![
            ("csrf_token", hidden(&page.body, "csrf_token")),
            ("share_demographic_scopes", "True".to_owned()),
        ];
        if allow == Decision::Connect {
            form.push(("allow", "Connect".to_owned()));
        }
        browser.with_cookie(Request::post(browser.page.as_str(), form))
    }

    /// Whether an access token gives access to this person now.
    pub(crate) async fn has_access(&self, instance: &Instance, access_token: &str) -> bool {
        let request = Request::get("/v2/connect/userinfo").bearer(access_token);
        let answer = instance.answer(&request).await;
        match answer.status {
            200 => {
                assert_eq!(answer.text("patient"), self.patient.as_str());
                true
            }
            401 => false,
            _ => panic!("{answer:?}"),
        }
    }
}

/// What somebody types on the sign-in page.
pub(crate) fn sign_in(browser: &Browser, page: &Answer, username: &str, password: &str) -> Request {
    let form = [
        ("approval", hidden(&page.body, "approval")),
        ("csrf_token", hidden(&page.body, "csrf_token")),
        ("password", password.to_owned()),
        ("username", username.to_owned()),
    ];
    browser.with_cookie(Request::post("/login", form))
}

impl Pair {
    /// The access token opens, and the refresh token gives the next that opens.
    pub(crate) async fn works(&self, instance: &Instance, tokens: &Tokens) {
        assert!(self.has_access(instance, &tokens.access).await);
        let answer = instance.answer(&self.refreshment(&tokens.refresh)).await;
        let next = Tokens::of(&answer).unwrap_or_else(|| panic!("{answer:?}"));
        assert!(self.has_access(instance, &next.access).await);
    }

    /// A browser at the consent page.
    pub(crate) async fn signed_in(&self, instance: &Instance) -> Browser {
        self.signed_in_by(instance, &self.authorization()).await
    }

    /// The same by an authorization request of somebody else's writing.
    pub(crate) async fn signed_in_by(&self, instance: &Instance, request: &Request) -> Browser {
        let mut browser = Browser::default();
        browser.follow(&instance.answer(request).await);
        let page = instance.answer(&browser.look()).await;
        let answer = instance.answer(&self.sign_in(&browser, &page)).await;
        browser.follow(&answer);
        browser
    }
}

/// The buttons of the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Connect,
    Cancel,
}

impl Tokens {
    /// The tokens of an answer, if it has them.
    pub(crate) fn of(answer: &Answer) -> Option<Self> {
        (answer.status == 200).then(|| Self {
            access: answer.text("access_token"),
            refresh: answer.text("refresh_token"),
        })
    }
}

impl Browser {
    /// Where the answer sends it, with the cookie that the answer gives.
    pub(crate) fn follow(&mut self, answer: &Answer) {
        let page = answer
            .location
            .clone()
            .unwrap_or_else(|| panic!("{answer:?}"));
        self.page = page;
        if answer.cookie.is_some() {
            self.cookie.clone_from(&answer.cookie);
        }
    }

    /// A look at the page where it is.
    pub(crate) fn look(&self) -> Request {
        self.with_cookie(Request::get(self.page.as_str()))
    }

    fn with_cookie(&self, request: Request) -> Request {
        request.with("cookie", self.cookie.clone().unwrap_or_default())
    }

    /// The code that the application gets.
    pub(crate) fn code(&self) -> Option<String> {
        let url = url::Url::parse(&self.page).ok()?;
        let mut pairs = url.query_pairs();
        pairs.find_map(|(name, value)| (name == "code").then(|| value.into_owned()))
    }
}
