//! Userinfo: who the token's beneficiary is (OpenID Connect Core section 5.3, with Blue Button's members).

use bluebutton::{
    audit::{Action, Event},
    config::Stage,
    exchange::State,
    http::{Call, Method, Response, StatusCode, header},
    oauth::access::{Access, AccessError, VerifiedToken},
    rate_limit,
    rif::{Column, Row},
    store::StoredBeneficiary,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Answers a call. In the sandbox people have made-up e-mail addresses.
pub async fn handle(stage: Stage, state: &State, call: Call) -> Response {
    let response = match (call.path.as_str(), &call.method) {
        ("/connect/userinfo", &Method::GET) => userinfo(stage, state, &call).await,
        ("/connect/userinfo", &Method::OPTIONS) => Response::empty(StatusCode::NO_CONTENT),
        ("/connect/userinfo", method) => {
            let text = format!("Method \"{method}\" not allowed.");
            detail(StatusCode::METHOD_NOT_ALLOWED, &text).with_header(header::ALLOW, "GET, OPTIONS")
        }
        _ => detail(StatusCode::NOT_FOUND, "Not found."),
    };
    response.with_cors("GET, OPTIONS")
}

async fn userinfo(stage: Stage, state: &State, call: &Call) -> Response {
    let now = Timestamp::now();
    let token = match verify(state, call, now).await {
        Ok(token) => token,
        Err(error) => return refuse(&error),
    };
    let counted = state.limits.count_token(&token, now);
    let (allowance, answer) = tokio::join!(counted, read(state, call, (&token, now)));
    let answer = answer.and_then(|(access, person)| claims(stage, &token, &access, &person));
    let response = match (allowance, answer) {
        (Some(allowance), _) if allowance.is_exceeded() => {
            detail(StatusCode::TOO_MANY_REQUESTS, "Request was throttled.")
        }
        (_, Ok(body)) => Response::json(StatusCode::OK, &body),
        (_, Err(error)) => refuse(&error),
    };
    rate_limit::add_headers(allowance, response)
}

fn refuse(error: &AccessError) -> Response {
    tracing::info!(reason = %error, "no access");
    error.add_headers(detail(error.status(), &error.detail()))
}

/// What can be checked without reading a table: the token, then its scope.
async fn verify(state: &State, call: &Call, now: Timestamp) -> Result<VerifiedToken, AccessError> {
    let token = state.verifier.verify(call, now).await?;
    match token.scopes.has_profile() {
        true => Ok(token),
        false => Err(AccessError::InsufficientScope),
    }
}

/// Reads while the token is confirmed and the record is written.
async fn read(
    state: &State,
    call: &Call,
    (token, now): (&VerifiedToken, Timestamp),
) -> Result<(Access, StoredBeneficiary), AccessError> {
    let about = (&token.patient, token.client_id.as_str());
    let event = Event::new(call, now, about, (Action::Userinfo, ""));
    let (access, person, recorded) = tokio::join!(
        state.verifier.confirm(token, now),
        state.claims.beneficiary(&token.patient),
        state.audit.record(&event),
    );
    let access = access?;
    recorded?;
    Ok((access, person?.ok_or(AccessError::GrantMissing)?))
}

fn claims(
    stage: Stage,
    token: &VerifiedToken,
    access: &Access,
    person: &StoredBeneficiary,
) -> Result<Value, AccessError> {
    let beneficiary = person.beneficiary()?;
    if !beneficiary.belongs_to(token.patient.as_str()) {
        tracing::error!("a stored row is not its partition's");
        return Err(AccessError::Unavailable);
    }
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

fn detail(status: StatusCode, text: &str) -> Response {
    Response::json(status, &json!({ "detail": text }))
}
