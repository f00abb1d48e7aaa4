//! Authorization: a request becomes an approval, a beneficiary signs in and decides, the application gets a code.

mod consent;
mod pages;
mod request;
mod session;
mod sign_in;
mod texts;

use aws_config::SdkConfig;
use bluebutton::{
    config::{ConfigError, Configuration, Limits, Stage, dynamodb, variable},
    http::{Call, Language, Method, Response, StatusCode, header},
    identity::provider::Settings,
    oauth::{
        Approval,
        authorize::{AuthorizeError, Shown, redirect_target, to_location},
    },
    rate_limit::{self, RateLimits},
    store::{ApplicationsTable, AuthorizationTables, ClaimsTable, StoreError},
};
use jiff::Timestamp;
use serde_json::json;
use texts::Texts;

use self::sign_in::IdentitySource;

/// The calls of tables that a request waits for at the same time: the address's counter, and what it asks for.
const CALLS_AT_ONCE: usize = 2;

/// What the function holds: its stores and nothing more.
pub struct State {
    identity_source: IdentitySource,
    applications: ApplicationsTable,
    authorization: AuthorizationTables,
    claims: ClaimsTable,
    limits: RateLimits,
}

impl State {
    /// The stores that the environment names.
    ///
    /// # Errors
    /// When the environment is incomplete, or names no identity provider outside the sandbox.
    pub async fn from_environment(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let stage = Configuration::read(aws).await?.stage;
        let provider = Settings::read(aws, stage).await?;
        Self::new(aws, stage, provider, Limits::from_environment()?).await
    }

    /// The same with that identity provider, or with the sandbox's own sign-in, and with those limits.
    ///
    /// # Errors
    /// When the environment is incomplete.
    pub async fn new(
        aws: &SdkConfig,
        stage: Stage,
        provider: Option<Settings>,
        limits: Limits,
    ) -> Result<Self, ConfigError> {
        let client = || dynamodb(aws);
        let applications = ApplicationsTable::new(client(), variable("APPLICATIONS_TABLE")?);
        let (identity_source, ()) = tokio::join!(
            IdentitySource::new(aws, stage, provider, limits),
            applications.warm(CALLS_AT_ONCE)
        );
        Ok(Self {
            identity_source: identity_source?,
            applications,
            authorization: AuthorizationTables::from_environment(aws)?,
            claims: ClaimsTable::new(client(), variable("CLAIMS_TABLE")?),
            limits: RateLimits::of(aws, limits)?,
        })
    }
}

/// Why a call ends without what it asked for.
enum Refusal {
    /// By the rules of authorization requests.
    Request(AuthorizeError),
    /// The approval has ended, was used, or is another browser's.
    Expired,
    /// The form did not come from our page in this browser.
    Forged,
    /// There is no such page.
    NotFound,
    /// The path has other methods; these.
    Method(&'static str),
    /// The body is not a form of ours.
    Form(StatusCode),
    /// The address sends more than it may.
    TooManyRequests,
    /// A table does not answer.
    Unavailable,
}

/// Answers a call while it is counted by its address. What is posted is counted first, so that a request too many has
/// no effect; a person who has typed a password does not notice.
pub async fn handle(state: &State, call: Call) -> Response {
    let (call, now) = (&call, Timestamp::now());
    let counted = state.limits.count_address(call, now);
    let (allowance, answer) = match call.method {
        Method::POST => match counted.await {
            Some(allowance) if allowance.is_exceeded() => {
                (Some(allowance), Err(Refusal::TooManyRequests))
            }
            allowance => (allowance, route(state, call, now).await),
        },
        _ => tokio::join!(counted, route(state, call, now)),
    };
    let answer = match allowance {
        Some(allowance) if allowance.is_exceeded() => Err(Refusal::TooManyRequests),
        _ => answer,
    };
    let response = match answer {
        Ok(response) => response,
        Err(refusal) => {
            let code = refusal.code();
            let page = refusal.render(call, language(call).await);
            page.with_error_code(code)
        }
    };
    rate_limit::add_headers(allowance, response)
}

async fn route(state: &State, call: &Call, now: Timestamp) -> Result<Response, Refusal> {
    let approval = call.path.strip_prefix("/o/authorize/");
    match (call.version, call.path.as_str(), &call.method) {
        (Some(version), "/o/authorize", &Method::GET | &Method::POST) => {
            request::begin(state, call, version, now).await
        }
        (None, "/login", &Method::GET) => sign_in::show(state, call, now).await,
        (None, "/login", &Method::POST) => sign_in::submit(state, call, now).await,
        (None, "/callback", &Method::GET) => sign_in::callback(state, call, now).await,
        (None, "/callback", _) => Err(Refusal::Method("GET")),
        (Some(_), "/o/authorize", _) | (None, "/login", _) => Err(Refusal::Method("GET, POST")),
        (Some(_), _, method) => match (approval.filter(|id| is_uuid(id)), method) {
            (Some(id), &Method::GET) => consent::show(state, call, id, now).await,
            (Some(id), &Method::POST) => consent::decide(state, call, id, now).await,
            (Some(_), _) => Err(Refusal::Method("GET, POST")),
            (None, _) => Err(Refusal::NotFound),
        },
        _ => Err(Refusal::NotFound),
    }
}

impl Refusal {
    /// The code that the log knows the refusal by: that of the protocol where it has one.
    fn code(&self) -> &'static str {
        match self {
            Self::Request(error) => error.code(),
            Self::Expired => "expired",
            Self::Forged => "forged",
            Self::NotFound => "not-found",
            Self::Method(_) => "method-not-allowed",
            Self::Form(_) => "invalid_request",
            Self::TooManyRequests => "throttled",
            Self::Unavailable => "temporarily_unavailable",
        }
    }

    fn render(self, call: &Call, language: Language) -> Response {
        let texts = Texts::of(language);
        let page = |status, message| pages::message(call, language, status, message);
        match self {
            Self::Request(error) => match error.shown(&call.base_url) {
                Shown::Answer(response) => response,
                Shown::Page(status, notice) => page(status, texts.notice(notice)),
            },
            Self::Expired => page(StatusCode::BAD_REQUEST, &texts.expired),
            Self::Forged => page(StatusCode::FORBIDDEN, &texts.expired),
            Self::NotFound => status_message(StatusCode::NOT_FOUND, "Not found."),
            Self::Method(allowed) => {
                status_message(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.")
                    .with_header(header::ALLOW, allowed)
            }
            Self::Form(status) => status_message(status, "The body is not a form."),
            Self::TooManyRequests => page(StatusCode::TOO_MANY_REQUESTS, &texts.too_many),
            Self::Unavailable => page(StatusCode::SERVICE_UNAVAILABLE, &texts.unavailable)
                .with_header(header::RETRY_AFTER, "1"),
        }
    }
}

fn status_message(status: StatusCode, text: &str) -> Response {
    Response::json(
        status,
        &json!({"status_code": status.as_u16(), "message": text}),
    )
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|uuid| uuid.hyphenated().to_string() == text)
}

/// The language of a page that belongs to no approval: what the address or the posted form asks for, else the
/// browser's.
async fn language(call: &Call) -> Language {
    let (query, form) = (call.query_parameters(), call.form().await.ok());
    let posted = form.as_ref().and_then(|form| form.last("lang"));
    Language::of(call, query.last("lang").or(posted))
}

/// The address with the language of the pages, where the browser by itself would get another.
fn in_language(call: &Call, language: Language, address: String) -> String {
    let separator = if address.contains('?') { '&' } else { '?' };
    match Language::of(call, None) == language {
        true => address,
        false => format!("{address}{separator}lang={}", language.as_str()),
    }
}

/// Back to the application, with its state and who answers (RFC 9207).
fn back_to_application(call: &Call, approval: &Approval, answer: &[(&str, &str)]) -> Response {
    let state_and_issuer = [
        ("state", approval.state.as_str()),
        ("iss", call.base_url.as_str()),
    ];
    let parameters = [answer, &state_and_issuer].concat();
    let target = redirect_target(&approval.redirect_uri, &parameters);
    to_location(StatusCode::SEE_OTHER, &target)
}

/// A path of ours as browsers need it: under the stage, where the gateway has one in its URLs.
fn path(call: &Call, path: &str) -> String {
    let after_scheme = call.base_url.split_once("://").map_or("", |(_, rest)| rest);
    let prefix = after_scheme.find('/').map_or("", |at| &after_scheme[at..]);
    format!("{prefix}{path}")
}

impl From<AuthorizeError> for Refusal {
    fn from(error: AuthorizeError) -> Self {
        Self::Request(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(cause = %error, "a table does not answer");
        Self::Unavailable
    }
}

impl From<bluebutton::http::FormError> for Refusal {
    fn from(error: bluebutton::http::FormError) -> Self {
        Self::Form(error.status())
    }
}

#[cfg(test)]
mod reading_grade;
