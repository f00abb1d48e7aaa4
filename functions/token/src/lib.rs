//! Tokens: codes and refresh tokens become access tokens; tokens and grants are revoked and looked into.

mod code;
mod error;
mod inspection;
mod refresh;
mod response;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as DynamoDb;
use bluebutton::{
    audit::{Action, Event},
    config::{ConfigError, Configuration, Stage, secret, variable},
    http::{Call, Method, Parameters, Response, StatusCode},
    identity::BeneId,
    oauth::{Application, access::Verifier, client, token::Signer},
    rate_limit::{self, Allowance, RateLimits},
    secret::Secret,
    store::{ApplicationsTable, AuthorizationTables},
};
use jiff::Timestamp;
use std::sync::OnceLock;

use error::TokenError;

/// What the function holds: its stores, the right to sign and the key of refresh tokens.
pub struct State {
    stage: Stage,
    applications: ApplicationsTable,
    /// The tables that tokens are issued from and that they die by.
    pub authorization: AuthorizationTables,
    verifier: Verifier,
    signer: Signer,
    token_secret: Secret,
    limits: RateLimits,
}

/// A call of an authenticated client.
struct Request<'a> {
    call: &'a Call,
    form: &'a Parameters,
    application: &'a Application,
    now: Timestamp,
}

impl<'a> Request<'a> {
    /// What this client does to a beneficiary's tokens or grant.
    fn event(&'a self, patient: &'a BeneId, action: (Action, &'a str)) -> Event<'a> {
        let about = (patient, self.application.client_id.as_str());
        Event::new(self.call, self.now, about, action)
    }
}

impl State {
    /// The stores and keys that the environment names.
    ///
    /// # Errors
    /// When the environment is incomplete or a key cannot be read.
    pub async fn from_environment(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let configuration = Configuration::read(aws).await?;
        let applications = variable("APPLICATIONS_TABLE")?;
        let verifier = Verifier::from_environment(aws).await?;
        Ok(Self {
            stage: configuration.stage,
            applications: ApplicationsTable::new(DynamoDb::new(aws), applications),
            authorization: AuthorizationTables::from_environment(aws)?,
            signer: Signer::new(aws, verifier.keys()),
            verifier,
            token_secret: secret(aws, "TOKEN_SECRET").await?,
            limits: RateLimits::from_environment(aws)?,
        })
    }
}

/// Answers a call.
pub async fn handle(state: &State, call: Call) -> Response {
    let allowance = OnceLock::new();
    let answer = match call.method {
        Method::OPTIONS => Ok(Response::empty(StatusCode::NO_CONTENT)),
        _ => answer(state, &call, &allowance).await,
    };
    let response = answer.unwrap_or_else(|error| error.render(&call));
    rate_limit::add_headers(allowance.get().copied(), response).with_cors("POST, OPTIONS")
}

/// The answer, and in `counted` what the caller's address has left once that is known.
async fn answer(
    state: &State,
    call: &Call,
    counted: &OnceLock<Allowance>,
) -> Result<Response, TokenError> {
    let path = call.version.and(call.path.strip_prefix("/o/"));
    let path = path.ok_or(TokenError::NotFound)?;
    if call.method != Method::POST {
        return Err(TokenError::MethodNotAllowed);
    }
    let form = &call.form().await?;
    let grant_type = form.one("grant_type")?;
    if path == "token" && !matches!(grant_type, Some("authorization_code" | "refresh_token")) {
        return Err(TokenError::GrantTypeUnsupported);
    }
    let now = Timestamp::now();
    // Both before a code or refresh token is used up, which a request too many must not do.
    let (allowance, application) = tokio::join!(
        state.limits.count_address(call, now),
        client::authenticate(call, form, &state.applications),
    );
    if let Some(allowance) = allowance {
        let _ = counted.set(allowance);
        if allowance.is_exceeded() {
            return Err(TokenError::TooManyRequests);
        }
    }
    let application = &application?;
    let request = Request {
        call,
        form,
        application,
        now,
    };
    let expire = path.strip_prefix("expire_authenticated_user/");
    match (path, grant_type) {
        ("token", Some("refresh_token")) => refresh::exchange(state, &request).await,
        ("token", _) => code::exchange(state, &request).await,
        ("revoke_token", _) => inspection::revoke_token(state, &request).await,
        ("revoke", _) => inspection::revoke_grant(state, &request).await,
        ("introspect", _) => inspection::introspect(state, &request).await,
        _ => match expire {
            Some(patient) => inspection::expire(state, &request, patient).await,
            None => Err(TokenError::NotFound),
        },
    }
}
