//! What a new version has to be able to do before anybody meets it.
//!
//! In the sandbox a synthetic person signs in and consents, and the application reads. Where people sign in at an
//! identity provider there is no way around it, for the check as for anybody: it goes as far as the provider's door,
//! and reads with a refresh token if the operator keeps one of a person made for that.

use bluebutton::oauth::{authorize::AuthorizationQuery, pkce::CodeChallenge, random_token};
use bluebutton::secret::Secret;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::CallError;
use crate::browser::{Browser, hidden, target};
use crate::functions::{Answer, Call, Function, Functions, MADE_UP_HOST, Unanswered};

/// What needs an access token, and what is there for everybody who has one.
const RESOURCES: [(Function, &str); 4] = [
    (Function::Userinfo, "/v2/connect/userinfo"),
    (Function::Patient, "/v2/fhir/Patient"),
    (Function::Coverage, "/v2/fhir/Coverage"),
    (Function::Eob, "/v2/fhir/ExplanationOfBenefit"),
];

/// What everybody may read, with a name that it has to hold.
const DOCUMENTS: [(&str, &str); 4] = [
    ("/health", "message"),
    ("/.well-known/jwks.json", "keys"),
    (
        "/v2/connect/.well-known/openid-configuration",
        "token_endpoint",
    ),
    ("/v2/fhir/metadata", "resourceType"),
];

const AUTHORIZE: &str = "/v2/o/authorize/";
const TOKEN: &str = "/v2/o/token/";

/// A client id of the right form that no application has.
const STRANGER: &str = "strangerstrangerstrangerstrangerstranger";

/// The redirects from authorize to a page, or to the provider's.
const REDIRECTS_MAX: usize = 4;

/// With what a function says that something was not there for it, whatever it has done before.
const UNAVAILABLE: u16 = 503;

/// Whether there is a sign-in of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Synthetic people with passwords.
    Sandbox,
    /// People of an identity provider.
    Other,
}

/// An application, and who signs in to it.
#[derive(Clone, Debug)]
pub struct Account {
    client_id: String,
    client_secret: Secret,
    redirect_uri: String,
    /// User names and passwords of synthetic people: several, because checks run beside each other.
    sign_ins: Vec<(String, Secret)>,
    refresh_token: Option<Secret>,
}

/// What was asked, and what is wrong with what came. Holds no value of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{asked}: {wrong}")]
pub struct Failure {
    /// Method and route.
    pub asked: String,
    /// What should have come.
    pub wrong: String,
}

impl Stage {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "sandbox" => Self::Sandbox,
            _ => Self::Other,
        }
    }

    pub(crate) fn is_sandbox(self) -> bool {
        self == Self::Sandbox
    }
}

/// Goes through all that can be gone through; `keep` is given the account when it has another refresh token. It is kept
/// before anything else is asked: the check may end at any moment, and the one before is used up.
pub async fn walk(
    functions: &impl Functions,
    stage: Stage,
    account: Option<&Account>,
    keep: impl AsyncFn(&Account) -> Result<(), CallError>,
) -> Result<(), Failure> {
    read_documents(functions).await?;
    knock_without_a_token(functions).await?;
    let Some(account) = account else {
        return refuse_a_stranger(functions).await;
    };
    refuse_a_wrong_code(functions, account).await?;
    let token = match (stage, &account.refresh_token) {
        (Stage::Sandbox, _) => sign_in(functions, account).await?,
        (Stage::Other, None) => return go_to_the_provider(functions, account).await,
        (Stage::Other, Some(refresh_token)) => {
            go_to_the_provider(functions, account).await?;
            let answer = refresh(functions, account, refresh_token).await?;
            let kept = keep(&account.clone().renewed(&answer)?).await;
            kept.map_err(|error| failure("POST", TOKEN, error.to_string()))?;
            access_token(&answer)?
        }
    };
    read_resources(functions, &token).await
}

async fn read_documents(functions: &impl Functions) -> Result<(), Failure> {
    for (path, name) in DOCUMENTS {
        let call = Call::get(Function::Discovery, path);
        let answer = expect(functions, &call, path, 200).await?;
        let value = &answer.json()[name];
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        require(!is_empty, &call, path, format!("its answer has no {name}"))?;
    }
    Ok(())
}

async fn knock_without_a_token(functions: &impl Functions) -> Result<(), Failure> {
    for (function, path) in RESOURCES {
        expect(functions, &Call::get(function, path), path, 401).await?;
    }
    Ok(())
}

/// Without an application to come from: both endpoints have to answer, and to refuse.
async fn refuse_a_stranger(functions: &impl Functions) -> Result<(), Failure> {
    let stranger = Account {
        client_id: STRANGER.to_owned(),
        client_secret: random_token(),
        redirect_uri: format!("https://{MADE_UP_HOST}/"),
        sign_ins: Vec::new(),
        refresh_token: None,
    };
    let (code, verifier) = (random_token(), random_token());
    let authorize = Call::get(Function::Authorize, stranger.authorize(verifier.expose()));
    expect(functions, &authorize, AUTHORIZE, 400).await?;
    let token = stranger.exchange(code.expose(), verifier.expose());
    // 401 is for those who come with a header (RFC 6749 section 5.2).
    let answer = expect(functions, &token, TOKEN, 400).await?;
    let is_refused = answer.json()["error"] == "invalid_client";
    require(is_refused, &token, TOKEN, "a stranger is no invalid_client")
}

async fn refuse_a_wrong_code(functions: &impl Functions, account: &Account) -> Result<(), Failure> {
    let (code, verifier) = (random_token(), random_token());
    let call = account.exchange(code.expose(), verifier.expose());
    let answer = expect(functions, &call, TOKEN, 400).await?;
    let is_refused = answer.json()["error"] == "invalid_grant";
    require(is_refused, &call, TOKEN, "a wrong code is no invalid_grant")
}

/// Sign-in, consent and exchange: an access token.
async fn sign_in(functions: &impl Functions, account: &Account) -> Result<Secret, Failure> {
    let browser = Browser::default();
    let verifier = random_token();
    let page = follow(functions, &browser, account.authorize(verifier.expose())).await?;
    let form = account.sign_in_form(&page)?;
    let consent = post(functions, &browser, &page.target, &form, "/login").await?;
    let page = open(functions, &browser, &consent, "/v2/o/authorize/{approval}/").await?;
    let form = [
        ("csrf_token", page.hidden("csrf_token")?),
        ("share_demographic_scopes", "True"),
        ("allow", "Connect"),
    ];
    let back = post(functions, &browser, &page.target, &form, &page.route).await?;
    let code = Url::parse(&back).ok().and_then(|url| {
        let pairs = url.query_pairs();
        let code = pairs.into_owned().find(|(name, _)| name == "code");
        code.map(|(_, code)| code)
    });
    let code = code.ok_or_else(|| failure("POST", &page.route, "the consent led to no code"))?;
    let call = account.exchange(&code, verifier.expose());
    let answer = expect(functions, &call, TOKEN, 200).await?;
    access_token(&answer)
}

/// Follows authorize to where a person would be sent to sign in.
async fn go_to_the_provider(functions: &impl Functions, account: &Account) -> Result<(), Failure> {
    let browser = Browser::default();
    let verifier = random_token();
    let mut place = account.authorize(verifier.expose());
    for _ in 0..REDIRECTS_MAX {
        let answer = answered("GET", AUTHORIZE, browser.open(functions, &place).await)?;
        let location = answer.header("location");
        let location =
            location.ok_or_else(|| failure("GET", AUTHORIZE, "it leads to no provider"))?;
        if is_elsewhere(functions.host(), location) {
            return Ok(());
        }
        place = target(functions.base_path(), location);
    }
    Err(failure("GET", AUTHORIZE, "it leads round in circles"))
}

/// Whether a place is the provider's: of none of our hosts, and a request of OpenID Connect.
fn is_elsewhere(own_host: &str, location: &str) -> bool {
    Url::parse(location).is_ok_and(|url| {
        let is_request = url
            .query_pairs()
            .any(|(name, value)| name == "response_type" && value == "code");
        let is_own = |host| [own_host, MADE_UP_HOST].contains(&host);
        is_request && url.host_str().is_some_and(|host| !is_own(host))
    })
}

/// An answer may be lost after the token was used up. Asked again within a minute, the token endpoint gives the same
/// successor, and there is no other way to it.
async fn refresh(
    functions: &impl Functions,
    account: &Account,
    refresh_token: &Secret,
) -> Result<Answer, Failure> {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose()),
        ("client_id", &account.client_id),
        ("client_secret", account.client_secret.expose()),
    ];
    let call = Call::post(Function::Token, TOKEN, &form);
    let answer = match functions.call(&call).await {
        Ok(answer) if answer.status != UNAVAILABLE => Ok(answer),
        _ => functions.call(&call).await,
    };
    expected(answer, &call, TOKEN, 200)
}

async fn read_resources(functions: &impl Functions, token: &Secret) -> Result<(), Failure> {
    for (function, path) in RESOURCES {
        let call =
            Call::get(function, path).header("authorization", format!("Bearer {}", token.expose()));
        let answer = expect(functions, &call, path, 200).await?;
        require(
            answer.json().is_object(),
            &call,
            path,
            "its answer is not JSON",
        )?;
    }
    Ok(())
}

/// A page of the sign-in.
struct Page {
    route: String,
    target: String,
    html: String,
}

impl Page {
    fn hidden(&self, name: &str) -> Result<&str, Failure> {
        let value = hidden(&self.html, name);
        value.ok_or_else(|| failure("GET", &self.route, format!("the page has no field {name}")))
    }
}

/// Opens the place and goes where it leads, until a page comes.
async fn follow(
    functions: &impl Functions,
    browser: &Browser,
    place: String,
) -> Result<Page, Failure> {
    let mut place = place;
    for _ in 0..REDIRECTS_MAX {
        let answer = answered("GET", AUTHORIZE, browser.open(functions, &place).await)?;
        match (answer.status, answer.header("location")) {
            (302 | 303, Some(location)) => place = target(functions.base_path(), location),
            (200, _) => {
                return Ok(Page {
                    route: place.split('?').next().unwrap_or_default().to_owned(),
                    target: place,
                    html: answer.body,
                });
            }
            (status, _) => {
                return Err(failure(
                    "GET",
                    AUTHORIZE,
                    format!("{status} instead of a page to sign in"),
                ));
            }
        }
    }
    Err(failure("GET", AUTHORIZE, "it leads round in circles"))
}

async fn open(
    functions: &impl Functions,
    browser: &Browser,
    place: &str,
    route: &str,
) -> Result<Page, Failure> {
    let target = target(functions.base_path(), place);
    let answer = answered("GET", route, browser.open(functions, &target).await)?;
    match answer.status {
        200 => Ok(Page {
            route: route.to_owned(),
            target,
            html: answer.body,
        }),
        status => Err(failure("GET", route, format!("{status} instead of 200"))),
    }
}

/// Sends a form, and gives where it leads.
async fn post(
    functions: &impl Functions,
    browser: &Browser,
    target: &str,
    form: &[(&str, &str)],
    route: &str,
) -> Result<String, Failure> {
    let answer = answered("POST", route, browser.submit(functions, target, form).await)?;
    match (answer.status, answer.header("location")) {
        (302 | 303, Some(location)) => Ok(location.to_owned()),
        (status, _) => Err(failure(
            "POST",
            route,
            format!("{status} instead of a redirect"),
        )),
    }
}

async fn expect(
    functions: &impl Functions,
    call: &Call,
    route: &str,
    status: u16,
) -> Result<Answer, Failure> {
    let answer = functions.call(call).await;
    expected(answer, call, route, status)
}

fn expected(
    answer: Result<Answer, Unanswered>,
    call: &Call,
    route: &str,
    status: u16,
) -> Result<Answer, Failure> {
    let answer = answered(call.method, route, answer)?;
    match answer.status == status {
        true => Ok(answer),
        false => Err(failure(
            call.method,
            route,
            format!("{} instead of {status}", answer.status),
        )),
    }
}

fn answered<T>(method: &str, route: &str, answer: Result<T, impl ToString>) -> Result<T, Failure> {
    answer.map_err(|error| failure(method, route, error.to_string()))
}

fn require(holds: bool, call: &Call, route: &str, wrong: impl Into<String>) -> Result<(), Failure> {
    match holds {
        true => Ok(()),
        false => Err(failure(call.method, route, wrong)),
    }
}

fn failure(method: &str, route: &str, wrong: impl Into<String>) -> Failure {
    Failure {
        asked: format!("{method} {route}"),
        wrong: wrong.into(),
    }
}

fn access_token(answer: &Answer) -> Result<Secret, Failure> {
    let token = answer.json()["access_token"].as_str().map(Secret::new);
    token.ok_or_else(|| failure("POST", TOKEN, "no access token came"))
}

/// The secret as the operator keeps it.
#[derive(Deserialize)]
struct StoredAccount {
    client_id: String,
    client_secret: String,
    redirect_uri: String,
    #[serde(default)]
    sign_ins: Vec<StoredSignIn>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct StoredSignIn {
    username: String,
    password: String,
}

impl Account {
    /// Reads the operator's secret, an object as infra/docs/deploy.md shows it; `{}` is none yet.
    ///
    /// # Errors
    /// When it is another text.
    pub fn from_json(text: &str) -> Result<Option<Self>, CallError> {
        let malformed = |_| CallError::Malformed("the secret of the check");
        let value: Value = serde_json::from_str(text).map_err(malformed)?;
        if value == json!({}) {
            return Ok(None);
        }
        let stored: StoredAccount = serde_json::from_value(value).map_err(malformed)?;
        let sign_ins = stored.sign_ins.into_iter();
        Ok(Some(Self {
            client_id: stored.client_id,
            client_secret: Secret::new(stored.client_secret),
            redirect_uri: stored.redirect_uri,
            sign_ins: sign_ins
                .map(|known| (known.username, Secret::new(known.password)))
                .collect(),
            refresh_token: stored.refresh_token.map(Secret::new),
        }))
    }

    /// What is stored again after a refresh.
    #[must_use]
    pub fn to_json(&self) -> String {
        let sign_ins: Vec<_> = self
            .sign_ins
            .iter()
            .map(|(username, password)| json!({ "username": username, "password": password.expose() }))
            .collect();
        json!({
            "client_id": self.client_id,
            "client_secret": self.client_secret.expose(),
            "redirect_uri": self.redirect_uri,
            "sign_ins": sign_ins,
            "refresh_token": self.refresh_token.as_ref().map(Secret::expose),
        })
        .to_string()
    }

    pub(crate) fn without_refresh_token(self) -> Self {
        Self {
            refresh_token: None,
            ..self
        }
    }

    /// The account after a refresh.
    fn renewed(self, answer: &Answer) -> Result<Self, Failure> {
        let next = answer.json()["refresh_token"].as_str().map(Secret::new);
        let next = next.ok_or_else(|| failure("POST", TOKEN, "no refresh token came back"))?;
        Ok(Self {
            refresh_token: Some(next),
            ..self
        })
    }

    fn authorize(&self, verifier: &str) -> String {
        let state = random_token();
        let asked = AuthorizationQuery {
            client_id: &self.client_id,
            redirect_uri: &self.redirect_uri,
            state: state.expose(),
            challenge: &CodeChallenge::of(verifier),
        };
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(asked.pairs());
        format!("{AUTHORIZE}?{}", query.finish())
    }

    fn exchange(&self, code: &str, verifier: &str) -> Call {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", verifier),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose()),
        ];
        Call::post(Function::Token, TOKEN, &form)
    }

    /// The form of the sign-in page, filled in for one of the people: by chance, since checks run beside each other.
    fn sign_in_form<'a>(&'a self, page: &'a Page) -> Result<[(&'static str, &'a str); 4], Failure> {
        let chance = random_token()
            .expose()
            .bytes()
            .map(usize::from)
            .sum::<usize>();
        let person = self
            .sign_ins
            .get(chance.checked_rem(self.sign_ins.len()).unwrap_or(0));
        let missing = || {
            failure(
                "POST",
                "/login",
                "the secret of the check names nobody who signs in",
            )
        };
        let (username, password) = person.ok_or_else(missing)?;
        Ok([
            ("approval", page.hidden("approval")?),
            ("csrf_token", page.hidden("csrf_token")?),
            ("username", username),
            ("password", password.expose()),
        ])
    }
}
