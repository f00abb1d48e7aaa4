//! The grants of a person who is signed in to a partner's portal: listed and removed by user name. Blue Button's
//! `/vN/o/tokens/`, with which Medicare.gov shows people their connected apps.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bluebutton::{
    audit::{Action, Event},
    http::{Call, Method, Parameters, Response, StatusCode, header},
    identity::BeneId,
    oauth::{Application, Grant, client::ClientError, hmac_base64url, sha256_hex},
    secret::Secret,
    store::{StoreError, Transaction},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Arrival, CallerError, State, caller};

/// The methods of the list and of one grant.
const LIST_METHODS: &str = "GET, OPTIONS";
const GRANT_METHODS: &str = "GET, DELETE, OPTIONS";

/// The longest user name that is looked up.
const USERNAME_BYTES_MAX: usize = 256;

/// Why a portal gets no answer. Blue Button says it in one member, `detail`.
enum Refusal {
    /// No application that authenticates itself.
    NoApplication,
    /// The application is switched off.
    Inactive { name: String },
    /// The application is no portal of a partner's.
    NotPermitted,
    /// The portal does not say who is signed in.
    NoUser,
    /// No such user, or no such grant of theirs.
    NotFound,
    /// The path has other methods; these.
    Method(&'static str),
    /// The address sends more than it may.
    TooManyRequests,
    /// A table does not answer.
    Unavailable,
}

/// A grant and the application that has it.
struct Connection {
    grant: Grant,
    application: Application,
}

/// What follows `/o/tokens`: nothing for the list, or the text in the place of a grant's id.
pub(crate) fn grant_id(rest: &str) -> Option<Option<&str>> {
    match rest.strip_prefix('/') {
        Some(id) if !id.contains('/') => Some(Some(id)),
        None if rest.is_empty() => Some(None),
        _ => None,
    }
}

/// Answers a call of the list or of one grant.
pub(crate) async fn handle(
    state: &State,
    call: &Call,
    grant_id: Option<&str>,
    arrival: &Arrival,
) -> Response {
    let methods = match grant_id {
        Some(_) => GRANT_METHODS,
        None => LIST_METHODS,
    };
    let answer = match (&call.method, grant_id) {
        (&Method::OPTIONS, _) => {
            let response = Response::empty(StatusCode::NO_CONTENT);
            Ok(response.with_header(header::ALLOW, methods))
        }
        (&Method::GET, None) => list(state, call, arrival).await,
        (&Method::GET, Some(id)) => show(state, call, id, arrival).await,
        (&Method::DELETE, Some(id)) => remove(state, call, id, arrival).await,
        _ => Err(Refusal::Method(methods)),
    };
    answer.unwrap_or_else(|refusal| refusal.render(&call.method))
}

async fn list(state: &State, call: &Call, arrival: &Arrival) -> Result<Response, Refusal> {
    let (portal, person) = authorized(state, call, arrival).await?;
    let connections = connections(state, &person, arrival.now).await?;
    let body: Vec<_> = connections.iter().map(|one| one.json(state)).collect();
    record(state, call, arrival.now, (&person, &portal)).await?;
    Ok(Response::json(StatusCode::OK, &Value::from(body)))
}

async fn show(
    state: &State,
    call: &Call,
    id: &str,
    arrival: &Arrival,
) -> Result<Response, Refusal> {
    let (portal, person) = authorized(state, call, arrival).await?;
    let connection = connection(state, &person, id, arrival.now).await?;
    record(state, call, arrival.now, (&person, &portal)).await?;
    Ok(Response::json(StatusCode::OK, &connection.json(state)))
}

/// Removes a grant, with which the application's tokens die.
async fn remove(
    state: &State,
    call: &Call,
    id: &str,
    arrival: &Arrival,
) -> Result<Response, Refusal> {
    let (_, person) = authorized(state, call, arrival).await?;
    let grant = connection(state, &person, id, arrival.now).await?.grant;
    let about = (&person, grant.client_id.as_str());
    let event = Event::new(
        call,
        arrival.now,
        about,
        (Action::GrantRevoked, "partner's portal"),
    );
    match state
        .authorization
        .remove_grant(&grant.grant_id, &event)
        .await?
    {
        Transaction::Done => Ok(Response::empty(StatusCode::NO_CONTENT)),
        // Another request was faster.
        Transaction::Refused => Err(Refusal::NotFound),
    }
}

/// The portal that calls, and the person who is signed in to it.
async fn authorized(
    state: &State,
    call: &Call,
    arrival: &Arrival,
) -> Result<(Application, BeneId), Refusal> {
    let no_form = Parameters::default();
    let portal = caller(state, call, &no_form, arrival).await?;
    if !portal.token_management {
        return Err(Refusal::NotPermitted);
    }
    let username = username(call).ok_or(Refusal::NoUser)?;
    let key = username_key(&state.token_secret, &username);
    let person = state.authorization.transient.person(&key).await?;
    Ok((portal, person.ok_or(Refusal::NotFound)?))
}

/// The user name of `X-Authentication: SLS base64(user name)`.
fn username(call: &Call) -> Option<String> {
    let (scheme, encoded) = call.header("x-authentication")?.split_once(' ')?;
    let bytes = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let username = String::from_utf8(bytes).ok()?;
    let length = 1..=USERNAME_BYTES_MAX;
    let well_formed = scheme.eq_ignore_ascii_case("sls") && length.contains(&username.len());
    well_formed.then_some(username)
}

/// What a user name is looked up by: it cannot be computed without the key, so that the table tells nobody's name.
pub(crate) fn username_key(token_secret: &Secret, username: &str) -> Secret {
    hmac_base64url(token_secret, &["username", username])
}

/// The grant of that id with its application: the others' applications are not read.
async fn connection(
    state: &State,
    person: &BeneId,
    id: &str,
    now: Timestamp,
) -> Result<Connection, Refusal> {
    let living = living_grants(state, person, now).await?;
    let mut living = living.into_iter();
    let grant = living.find(|grant| connection_id(state, grant).to_string() == id);
    let connection = with_application(state, grant.ok_or(Refusal::NotFound)?).await?;
    connection.ok_or(Refusal::NotFound)
}

/// The person's grants that have not ended, each with its application.
async fn connections(
    state: &State,
    person: &BeneId,
    now: Timestamp,
) -> Result<Vec<Connection>, StoreError> {
    let mut connections = Vec::new();
    for grant in living_grants(state, person, now).await? {
        connections.extend(with_application(state, grant).await?);
    }
    Ok(connections)
}

async fn living_grants(
    state: &State,
    person: &BeneId,
    now: Timestamp,
) -> Result<Vec<Grant>, StoreError> {
    let mut found = state.authorization.grants.of_patient(person).await?;
    found.retain(|grant| !grant.is_expired(now));
    Ok(found)
}

async fn with_application(state: &State, grant: Grant) -> Result<Option<Connection>, StoreError> {
    let application = state.applications.get(&grant.client_id).await?;
    Ok(application.map(|application| Connection { grant, application }))
}

/// The same for as long as the application and the person are the same.
fn connection_id(state: &State, grant: &Grant) -> u64 {
    let pair = ["grant", grant.patient.as_str(), &grant.client_id];
    number(&state.token_secret, &pair)
}

async fn record(
    state: &State,
    call: &Call,
    now: Timestamp,
    (person, portal): (&BeneId, &Application),
) -> Result<(), StoreError> {
    let about = (person, portal.client_id.as_str());
    let event = Event::new(call, now, about, (Action::GrantsListed, ""));
    state.authorization.audit.record(&event).await
}

impl Connection {
    fn json(&self, state: &State) -> Value {
        let application = &self.application;
        let text = |text: &Option<String>| Value::from(text.clone().unwrap_or_default());
        json!({
            "id": connection_id(state, &self.grant),
            "user": number(&state.token_secret, &["user", self.grant.patient.as_str()]),
            "application": {
                "id": number(&state.token_secret, &["application", &application.client_id]),
                "name": application.name,
                "logo_uri": text(&application.logo_uri),
                "tos_uri": text(&application.tos_uri),
                "policy_uri": text(&application.policy_uri),
                "contacts": text(&application.support_email),
            },
        })
    }
}

/// A number that stands for something: Blue Button's answers have integers there, and our keys are texts. Every reader
/// of JSON holds 52 bits exactly, and nobody has so many grants that two get the same.
fn number(token_secret: &Secret, what: &[&str]) -> u64 {
    const HEX_DIGITS: usize = 13;
    let digest = sha256_hex(hmac_base64url(token_secret, what).expose());
    u64::from_str_radix(&digest[..HEX_DIGITS], 16).expect("hex digits")
}

impl Refusal {
    fn render(self, method: &Method) -> Response {
        let (status, detail) = match &self {
            Self::NoApplication => (StatusCode::UNAUTHORIZED, "No such application".to_owned()),
            Self::Inactive { name } => (
                StatusCode::FORBIDDEN,
                format!("This application, {name}, is temporarily inactive."),
            ),
            Self::NotPermitted => (
                StatusCode::FORBIDDEN,
                "You do not have permission to perform this action.".to_owned(),
            ),
            Self::NoUser => (
                StatusCode::UNAUTHORIZED,
                "Authentication credentials were not provided.".to_owned(),
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found.".to_owned()),
            Self::Method(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                format!("Method \"{method}\" not allowed."),
            ),
            Self::TooManyRequests => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests.".to_owned(),
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Service temporarily unavailable, try again later.".to_owned(),
            ),
        };
        let response = Response::json(status, &json!({"detail": detail}));
        match self {
            Self::NoApplication | Self::NoUser => {
                response.with_header(header::WWW_AUTHENTICATE, r#"Basic realm="api""#)
            }
            Self::Method(methods) => response.with_header(header::ALLOW, methods),
            Self::Unavailable => response.with_header(header::RETRY_AFTER, "1"),
            _ => response,
        }
    }
}

impl From<CallerError> for Refusal {
    fn from(error: CallerError) -> Self {
        match error {
            CallerError::TooManyRequests => Self::TooManyRequests,
            CallerError::Client(ClientError::Store(error)) => error.into(),
            CallerError::Client(ClientError::Inactive { name }) => Self::Inactive { name },
            CallerError::Client(_) => Self::NoApplication,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(cause = %error, "a table does not answer");
        Self::Unavailable
    }
}
