//! Userinfo: who the token's beneficiary is (OpenID Connect Core section 5.3, with Blue Button's members).

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as DynamoDb;
use bluebutton::{
    audit::{Action, AuditTable, Event},
    config::{ConfigError, Configuration, Stage, variable},
    http::{Call, Method, Response, StatusCode, header},
    identity::BeneId,
    oauth::access::{Access, AccessError, VerifiedToken, Verifier},
    rif::{Column, Row},
    store::{ClaimsTable, StoredBeneficiary},
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What the function holds: its stores and nothing more.
pub struct State {
    stage: Stage,
    verifier: Verifier,
    claims: ClaimsTable,
    audit: AuditTable,
}

impl State {
    /// The stores that the environment names.
    ///
    /// # Errors
    /// When the environment is incomplete or a key cannot be read.
    pub async fn from_environment(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let client = DynamoDb::new(aws);
        Ok(Self {
            stage: Configuration::read(aws).await?.stage,
            verifier: Verifier::from_environment(aws).await?,
            claims: ClaimsTable::new(client.clone(), variable("CLAIMS_TABLE")?),
            audit: AuditTable::new(client, variable("AUDIT_TABLE")?),
        })
    }
}

/// Answers a call.
pub async fn handle(state: &State, call: Call) -> Response {
    let response = match (call.path.as_str(), &call.method) {
        ("/connect/userinfo", &Method::GET) => userinfo(state, &call, Timestamp::now()).await,
        ("/connect/userinfo", &Method::OPTIONS) => Response::empty(StatusCode::NO_CONTENT),
        ("/connect/userinfo", method) => {
            let text = format!("Method \"{method}\" not allowed.");
            detail(StatusCode::METHOD_NOT_ALLOWED, &text).with_header(header::ALLOW, "GET, OPTIONS")
        }
        _ => detail(StatusCode::NOT_FOUND, "Not found."),
    };
    response.with_cors("GET, OPTIONS")
}

async fn userinfo(state: &State, call: &Call, now: Timestamp) -> Response {
    let answer = read(state, call, now).await;
    match answer {
        Ok(body) => Response::json(StatusCode::OK, &body),
        Err(error) => {
            tracing::info!(reason = %error, "no access");
            error.add_headers(detail(error.status(), error.detail()))
        }
    }
}

/// Verifies, checks the scope, and only then reads; the token is confirmed and the record written beside the read.
async fn read(state: &State, call: &Call, now: Timestamp) -> Result<Value, AccessError> {
    let token = state.verifier.verify(call, now).await?;
    if !token.scopes.has_profile() {
        return Err(AccessError::InsufficientScope);
    }
    let about = (&token.patient, token.client_id.as_str());
    let event = Event::new(call, now, about, (Action::Userinfo, ""));
    let (access, person, recorded) = tokio::join!(
        state.verifier.confirm(&token, now),
        state.claims.beneficiary(&token.patient),
        state.audit.record(&event),
    );
    let access = access?;
    recorded?;
    claims(state.stage, &token, &access, person?.as_ref())
}

fn claims(
    stage: Stage,
    token: &VerifiedToken,
    access: &Access,
    person: Option<&StoredBeneficiary>,
) -> Result<Value, AccessError> {
    let person = person.ok_or(AccessError::GrantMissing)?;
    let beneficiary = person.beneficiary()?;
    check_owner(&beneficiary.row, &token.patient)?;
    let name = Name::of(&beneficiary.row);
    let patient = token.patient.as_str();
    Ok(json!({
        "sub": patient,
        "name": name.full(),
        "given_name": name.given,
        "family_name": name.family,
        "email": email(stage, access),
        // Blue Button sends the time at which the account was made, as text; here the consent is what was made.
        "iat": access.approved_at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
        "patient": patient,
    }))
}

struct Name {
    given: String,
    family: String,
}

impl Name {
    fn of(row: &Row<'_>) -> Self {
        let text = |column| row.text(column).unwrap_or_default().trim().to_owned();
        Self {
            given: text(Column::BENE_GVN_NAME),
            family: text(Column::BENE_SRNM_NAME),
        }
    }

    fn full(&self) -> String {
        format!("{} {}", self.given, self.family).trim().to_owned()
    }
}

/// The sandbox knows no e-mail addresses and makes one up; elsewhere the member is there and empty.
fn email(stage: Stage, access: &Access) -> String {
    match &access.username {
        Some(username) if stage.is_sandbox() => format!("{username}@example.com"),
        _ => String::new(),
    }
}

/// Whatever the table held: a row that is not the token's is not shown.
fn check_owner(row: &Row<'_>, patient: &BeneId) -> Result<(), AccessError> {
    let owner = row.get(Column::BENE_ID).map(|value| value.to_string());
    if owner.as_deref() == Some(patient.as_str()) {
        return Ok(());
    }
    tracing::error!("a stored row is not its partition's");
    Err(AccessError::Unavailable)
}

fn detail(status: StatusCode, text: &str) -> Response {
    Response::json(status, &json!({ "detail": text }))
}
