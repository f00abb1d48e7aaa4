//! Tokens: codes and refresh tokens become access tokens; tokens and grants are revoked, looked into and listed.

mod code;
mod error;
mod inspection;
mod management;
mod refresh;
mod response;

use aws_config::SdkConfig;
use bluebutton::{
    audit::{Action, Event},
    config::{ConfigError, Stage, dynamodb, secret, variable},
    http::{Call, Method, Parameters, Response, StatusCode},
    identity::BeneId,
    oauth::{
        Application,
        access::Verifier,
        client::{self, ClientError},
        token::Signer,
    },
    rate_limit::{self, Allowance, RateLimits},
    secret::Secret,
    store::{ApplicationsTable, AuthorizationTables, ClaimsTable},
};
use jiff::Timestamp;
use std::sync::OnceLock;

use error::TokenError;

/// What the function holds: its stores, the right to sign and the key of refresh tokens.
pub struct State {
    stage: Stage,
    applications: ApplicationsTable,
    claims: ClaimsTable,
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
        let applications = variable("APPLICATIONS_TABLE")?;
        let (verifier, token_secret) =
            tokio::try_join!(Verifier::from_environment(aws), secret(aws, "TOKEN_SECRET"))?;
        Ok(Self {
            stage: verifier.keys().stage(),
            applications: ApplicationsTable::new(dynamodb(aws), applications),
            claims: ClaimsTable::new(dynamodb(aws), variable("CLAIMS_TABLE")?),
            authorization: AuthorizationTables::from_environment(aws)?,
            signer: Signer::new(aws, verifier.keys()),
            verifier,
            token_secret,
            limits: RateLimits::from_environment(aws)?,
        })
    }
}

/// What a POST with a client's authentication asks for.
enum Endpoint<'a> {
    Token,
    RevokeToken,
    RevokeGrant,
    Introspect,
    Expire(&'a str),
}

/// The grant types of the token endpoint.
enum GrantType {
    Code,
    RefreshToken,
}

/// The time of a call, and what its address may send yet, once that is known.
struct Arrival {
    now: Timestamp,
    counted: OnceLock<Allowance>,
}

/// Why a caller is not served.
enum CallerError {
    /// The address sends more than it may.
    TooManyRequests,
    Client(ClientError),
}

/// Answers a call.
pub async fn handle(state: &State, call: Call) -> Response {
    handle_at(state, call, Timestamp::now()).await
}

/// Answers a call that came at that time.
pub async fn handle_at(state: &State, call: Call, now: Timestamp) -> Response {
    let path = call.version.and(call.path.strip_prefix("/o/"));
    let managed = path.and_then(|path| path.strip_prefix("tokens"));
    let arrival = Arrival {
        now,
        counted: OnceLock::new(),
    };
    let response = match (managed.and_then(management::grant_id), &call.method) {
        (Some(grant_id), _) => management::handle(state, &call, grant_id, &arrival).await,
        (None, &Method::OPTIONS) => {
            Response::empty(StatusCode::NO_CONTENT).with_cors("POST, OPTIONS")
        }
        (None, _) => {
            let answer = answer(state, &call, path.unwrap_or_default(), &arrival).await;
            answer
                .unwrap_or_else(|error| error.render(&call))
                .with_cors("POST, OPTIONS")
        }
    };
    rate_limit::add_headers(arrival.counted.get().copied(), response)
}

async fn answer(
    state: &State,
    call: &Call,
    path: &str,
    arrival: &Arrival,
) -> Result<Response, TokenError> {
    let endpoint = Endpoint::of(path, state.stage).ok_or(TokenError::NotFound)?;
    if call.method != Method::POST {
        return Err(TokenError::MethodNotAllowed);
    }
    let form = &call.form().await?;
    let grant_type = match endpoint {
        // Before the client is looked up, which costs a read.
        Endpoint::Token => Some(GrantType::of(form)?),
        _ => None,
    };
    let application = caller(state, call, form, arrival).await;
    let application = &application.map_err(|error| endpoint.refusal(error))?;
    let request = Request {
        call,
        form,
        application,
        now: arrival.now,
    };
    match (endpoint, grant_type) {
        (Endpoint::Token, Some(GrantType::RefreshToken)) => {
            refresh::exchange(state, &request).await
        }
        (Endpoint::Token, _) => code::exchange(state, &request).await,
        (Endpoint::RevokeToken, _) => inspection::revoke_token(state, &request).await,
        (Endpoint::RevokeGrant, _) => inspection::revoke_grant(state, &request).await,
        (Endpoint::Introspect, _) => inspection::introspect(state, &request).await,
        (Endpoint::Expire(patient), _) => inspection::expire(state, &request, patient).await,
    }
}

/// The application that calls. Its address is counted beside, before a code or refresh token is used up, which a
/// request too many must not do.
async fn caller(
    state: &State,
    call: &Call,
    form: &Parameters,
    arrival: &Arrival,
) -> Result<Application, CallerError> {
    let (allowance, application) = tokio::join!(
        state.limits.count_address(call, arrival.now),
        client::authenticate(call, form, &state.applications, arrival.now),
    );
    if let Some(allowance) = allowance {
        let _ = arrival.counted.set(allowance);
        if allowance.is_exceeded() {
            return Err(CallerError::TooManyRequests);
        }
    }
    application.map_err(CallerError::Client)
}

impl<'a> Endpoint<'a> {
    /// The endpoint of a path below `/vN/o/`, as far as the stage has it.
    fn of(path: &'a str, stage: Stage) -> Option<Self> {
        match path {
            "token" => Some(Self::Token),
            "revoke_token" => Some(Self::RevokeToken),
            "revoke" => Some(Self::RevokeGrant),
            "introspect" => Some(Self::Introspect),
            _ => {
                let patient = path.strip_prefix("expire_authenticated_user/");
                patient.filter(|_| stage.is_sandbox()).map(Self::Expire)
            }
        }
    }

    /// What the endpoint answers to a caller that it does not serve.
    fn refusal(&self, error: CallerError) -> TokenError {
        use ClientError::{Inactive, Unauthenticated, UnknownInBody, UnknownInHeader};
        match (self, error) {
            (_, CallerError::TooManyRequests) => TokenError::TooManyRequests,
            (Self::RevokeToken, CallerError::Client(Inactive { .. })) => {
                TokenError::RevocationByInactive
            }
            (
                Self::Expire(_),
                CallerError::Client(Unauthenticated | UnknownInHeader | UnknownInBody),
            ) => TokenError::ExpirationByStranger,
            (_, CallerError::Client(error)) => error.into(),
        }
    }
}

impl GrantType {
    fn of(form: &Parameters) -> Result<Self, TokenError> {
        match form.one("grant_type")? {
            Some("authorization_code") => Ok(Self::Code),
            Some("refresh_token") => Ok(Self::RefreshToken),
            Some(_) | None => Err(TokenError::GrantTypeUnsupported),
        }
    }
}
