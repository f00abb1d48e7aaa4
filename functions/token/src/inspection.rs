//! Revocation (RFC 7009), introspection (RFC 7662) and Blue Button's removal of grants.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bluebutton::{
    audit::Action,
    http::{Response, StatusCode, header},
    identity::BeneId,
    oauth::{
        ClientType, DataAccess, Grant, RefreshToken,
        access::{AccessError, VerifiedToken},
        client::ClientError,
    },
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Request, State, error::TokenError, refresh::end_family};

/// A token that this server issued.
enum Known {
    Access(VerifiedToken),
    Refresh(RefreshToken),
}

impl Known {
    fn client_id(&self) -> &str {
        match self {
            Self::Access(token) => &token.client_id,
            Self::Refresh(token) => &token.client_id,
        }
    }

    fn patient(&self) -> &BeneId {
        match self {
            Self::Access(token) => &token.patient,
            Self::Refresh(token) => &token.patient,
        }
    }

    fn grant_id(&self) -> &str {
        match self {
            Self::Access(token) => &token.grant,
            Self::Refresh(token) => &token.grant_id,
        }
    }
}

/// Revokes a token: an access token alone, a refresh token with its family. Unknown tokens are no error.
pub(crate) async fn revoke_token(
    state: &State,
    request: &Request<'_>,
) -> Result<Response, TokenError> {
    let Some(known) = known(state, request).await? else {
        return Ok(Response::empty(StatusCode::OK));
    };
    if known.client_id() != request.application.client_id {
        return Err(TokenError::TokenOfAnotherClient);
    }
    match &known {
        Known::Access(token) => {
            let event = request.event(&token.patient, (Action::TokenRevoked, "access token"));
            let access = (token.jti.as_str(), token.expires_at);
            state.authorization.revoke_access(access, &event).await?;
        }
        Known::Refresh(token) => {
            let family = (&token.patient, token.client_id.as_str());
            end_family(state, request, family, &token.grant_id).await?;
        }
    }
    Ok(Response::empty(StatusCode::OK))
}

/// Removes the grant of a token's beneficiary for this application, with all its tokens. An access token that has ended
/// still says which grant is meant: an application that disconnects may have no younger one.
pub(crate) async fn revoke_grant(
    state: &State,
    request: &Request<'_>,
) -> Result<Response, TokenError> {
    let known = known_or_ended(state, request).await?;
    if let Some(known) = known.filter(|known| known.client_id() == request.application.client_id) {
        // A token from before a newer consent has no power over it.
        remove_grant(state, request, known.patient(), known.grant_id()).await?;
    }
    Ok(Response::empty(StatusCode::OK))
}

/// Says whether a token of this application is active, and what it may do. A public application proves to nobody who it
/// is, and is told nothing (RFC 7662 section 2.1).
pub(crate) async fn introspect(
    state: &State,
    request: &Request<'_>,
) -> Result<Response, TokenError> {
    if request.application.client_type == ClientType::Public {
        return Err(ClientError::Unauthenticated.into());
    }
    let known = known(state, request).await?;
    let mine = known.filter(|known| known.client_id() == request.application.client_id);
    let body = match mine {
        Some(known) => active(state, request, known).await?,
        None => None,
    };
    let body = body.unwrap_or_else(|| json!({"active": false}));
    Ok(Response::json(StatusCode::OK, &body).with_header(header::PRAGMA, "no-cache"))
}

/// Removes the grant of a patient for this application: in the sandbox, for developers who test what happens then.
pub(crate) async fn expire(
    state: &State,
    request: &Request<'_>,
    patient: &str,
) -> Result<Response, TokenError> {
    const NO_PATIENT: &str = "Patient was Not Found. Please check the id number and try again.";
    const NO_GRANT: &str = "Data Access Grant was Not Found.";
    let not_found = |text| Ok(Response::text(StatusCode::NOT_FOUND, text));
    let patient = BeneId::parse(patient).ok_or(TokenError::NotFound)?;
    let client_id = &request.application.client_id;
    let grant = state.authorization.grants.get(&patient, client_id).await?;
    if let Some(grant) = grant {
        remove_grant(state, request, &patient, &grant.grant_id).await?;
        return Ok(Response::text(StatusCode::OK, "success"));
    }
    match state.claims.exists(&patient).await? {
        true => not_found(NO_GRANT),
        false => not_found(NO_PATIENT),
    }
}

/// The token of the form, if this server issued it. What the hint says does not matter: both kinds are told apart.
async fn known(state: &State, request: &Request<'_>) -> Result<Option<Known>, TokenError> {
    let token = request.form.one("token")?.ok_or(TokenError::TokenMissing)?;
    known_at(state, request, token, request.now).await
}

/// The same, where an access token that has ended is as good as a living one.
async fn known_or_ended(state: &State, request: &Request<'_>) -> Result<Option<Known>, TokenError> {
    let token = request.form.one("token")?.ok_or(TokenError::TokenMissing)?;
    let lived_until = claimed_end(token).unwrap_or(request.now);
    known_at(state, request, token, request.now.min(lived_until)).await
}

async fn known_at(
    state: &State,
    request: &Request<'_>,
    token: &str,
    time: Timestamp,
) -> Result<Option<Known>, TokenError> {
    let issuer = &request.call.base_url;
    match state.verifier.verify_token(token, issuer, time).await {
        Ok(verified) => return Ok(Some(Known::Access(verified))),
        // It may be ours: to say that it is unknown would let a token live that its holder believes revoked.
        Err(AccessError::Unavailable) => return Err(TokenError::Unavailable),
        Err(_) => {}
    }
    let refresh = state.authorization.refresh_tokens.get(token).await?;
    Ok(refresh.map(Known::Refresh))
}

/// The end that a token gives itself, which holds only if its signature does.
fn claimed_end(token: &str) -> Option<Timestamp> {
    let claims = token.split('.').nth(1)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims["exp"].as_i64()?).ok()
}

/// The grant that the token belongs to, if it is still the pair's.
async fn grant(state: &State, known: &Known) -> Result<Option<Grant>, TokenError> {
    let grant = state
        .authorization
        .grants
        .get(known.patient(), known.client_id())
        .await?;
    Ok(grant.filter(|grant| grant.grant_id == known.grant_id()))
}

async fn active(
    state: &State,
    request: &Request<'_>,
    known: Known,
) -> Result<Option<Value>, TokenError> {
    let grant = grant(state, &known).await?;
    let living = grant.is_some_and(|grant| !grant.is_expired(request.now));
    let (living, scope, exp) = match &known {
        Known::Access(token) => {
            let revoked = state.authorization.transient.is_revoked(&token.jti).await?;
            (living && !revoked, token.scopes, Some(token.expires_at))
        }
        Known::Refresh(token) => {
            let may_refresh = request.application.data_access != DataAccess::OneTime;
            let usable = may_refresh && token.used_at.is_none();
            (living && usable, token.scopes, token.ends_at)
        }
    };
    let mut body = json!({
        "active": true,
        "scope": scope.to_string(),
        "client_id": known.client_id(),
        "patient": known.patient().as_str(),
        "iss": request.call.base_url,
    });
    if let Known::Access(token) = &known {
        body["token_type"] = "Bearer".into();
        body["jti"] = token.jti.as_str().into();
    }
    if let Some(end) = exp {
        body["exp"] = end.as_second().into();
    }
    Ok(living.then_some(body))
}

/// Removes a grant of this application. Nothing to do if it is gone or replaced.
async fn remove_grant(
    state: &State,
    request: &Request<'_>,
    patient: &BeneId,
    grant_id: &str,
) -> Result<(), TokenError> {
    let event = request.event(patient, (Action::GrantRevoked, ""));
    state.authorization.remove_grant(grant_id, &event).await?;
    Ok(())
}
