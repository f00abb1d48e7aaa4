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
    secret::Secret,
    store::{ApplicationsTable, AuthorizationTables},
};
use jiff::Timestamp;

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
        Ok(Self {
            stage: configuration.stage,
            applications: ApplicationsTable::new(DynamoDb::new(aws), applications),
            authorization: AuthorizationTables::from_environment(aws)?,
            verifier: Verifier::from_environment(aws).await?,
            signer: Signer::new(aws, &configuration.signing_keys.current).await?,
            token_secret: secret(aws, "TOKEN_SECRET").await?,
        })
    }
}

/// Answers a call.
pub async fn handle(state: &State, call: Call) -> Response {
    let answer = match call.method {
        Method::OPTIONS => Ok(Response::empty(StatusCode::NO_CONTENT)),
        _ => answer(state, &call).await,
    };
    answer
        .unwrap_or_else(|error| error.render(&call))
        .with_cors("POST, OPTIONS")
}

async fn answer(state: &State, call: &Call) -> Result<Response, TokenError> {
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
    let application = &client::authenticate(call, form, &state.applications).await?;
    let request = Request {
        call,
        form,
        application,
        now: Timestamp::now(),
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
