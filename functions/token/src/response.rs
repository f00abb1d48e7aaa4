//! The answer with tokens (RFC 6749 section 5.1, with Blue Button's `patient` and `access_grant_expiration`).

use bluebutton::{
    http::{Response, StatusCode, header},
    oauth::{
        DataAccess, Grant, IssuedAccess, hmac_base64url,
        token::{Claims, SigningFailed},
    },
    secret::Secret,
};
use jiff::Timestamp;
use serde_json::json;

use crate::{Request, State};

/// What a client gets.
pub(crate) struct Issued {
    pub(crate) token: Secret,
    pub(crate) access: IssuedAccess,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) grant: Grant,
}

/// Signs the access token.
pub(crate) async fn sign(
    state: &State,
    request: &Request<'_>,
    grant: &Grant,
    access: &IssuedAccess,
) -> Result<Secret, SigningFailed> {
    let issuer = &request.call.base_url;
    let patient = grant.patient.as_str();
    // Opaque and different for each application, so that two of them cannot compare what they know.
    let subject = hmac_base64url(&state.token_secret, &["subject", &grant.client_id, patient]);
    let claims = Claims {
        iss: issuer.clone(),
        aud: issuer.clone(),
        sub: subject.expose().to_owned(),
        patient: patient.to_owned(),
        client_id: grant.client_id.clone(),
        scope: access.scopes.to_string(),
        grant: grant.grant_id.clone(),
        jti: access.jti.clone(),
        iat: access.issued_at.as_second(),
        exp: access.expires_at().as_second(),
        nbf: None,
    };
    state.signer.sign(&claims, request.now).await
}

/// The answer. There is no `expires_at`: CMS's SDKs would read a number there as something else.
pub(crate) fn tokens(request: &Request<'_>, issued: &Issued) -> Response {
    let expires_at = issued.access.expires_at();
    let mut body = json!({
        "access_token": issued.token.expose(),
        "expires_in": (expires_at.as_second() - request.now.as_second()).max(0),
        "token_type": "Bearer",
        "scope": issued.access.scopes.to_string(),
        "patient": issued.grant.patient.as_str(),
        "access_grant_expiration": grant_expiration(request, issued, expires_at),
    });
    if let Some(refresh_token) = &issued.refresh_token {
        body["refresh_token"] = refresh_token.expose().into();
    }
    Response::json(StatusCode::OK, &body).with_header(header::PRAGMA, "no-cache")
}

fn grant_expiration(request: &Request<'_>, issued: &Issued, expires_at: Timestamp) -> String {
    let end = match request.application.data_access {
        DataAccess::OneTime => Some(expires_at),
        DataAccess::ThirteenMonth | DataAccess::ResearchStudy => issued.grant.expires_at,
    };
    let text = |end: Timestamp| end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    end.map(text).unwrap_or_default()
}
