//! Revocation (RFC 7009), introspection (RFC 7662) and Blue Button's removal of grants.

use bluebutton::{
    audit::{Action, Event},
    http::{Response, StatusCode},
    identity::BeneId,
    oauth::{Grant, RefreshToken, access::VerifiedToken},
};
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
            state
                .authorization
                .transient
                .revoke(&token.jti, token.expires_at)
                .await?;
            record(
                state,
                request,
                (&token.patient, (Action::TokenRevoked, "access token")),
            )
            .await?;
        }
        Known::Refresh(token) => {
            end_family(
                state,
                request,
                (&token.patient, &token.client_id, &token.grant_id),
            )
            .await?;
        }
    }
    Ok(Response::empty(StatusCode::OK))
}

/// Removes the grant of a token's beneficiary for this application, with all its tokens.
pub(crate) async fn revoke_grant(
    state: &State,
    request: &Request<'_>,
) -> Result<Response, TokenError> {
    let known = known(state, request).await?;
    if let Some(known) = known.filter(|known| known.client_id() == request.application.client_id) {
        // A token from before a newer consent has no power over it.
        if grant(state, &known).await?.is_some() {
            remove_grant(state, request, known.patient()).await?;
        }
    }
    Ok(Response::empty(StatusCode::OK))
}

/// Says whether a token of this application is active, and what it may do.
pub(crate) async fn introspect(
    state: &State,
    request: &Request<'_>,
) -> Result<Response, TokenError> {
    let known = known(state, request).await?;
    let mine = known.filter(|known| known.client_id() == request.application.client_id);
    let body = match mine {
        Some(known) => active(state, request, known).await?,
        None => None,
    };
    let body = body.unwrap_or_else(|| json!({"active": false}));
    Ok(Response::json(StatusCode::OK, &body))
}

/// Removes the grant of a patient for this application: in the sandbox, for developers who test what happens then.
pub(crate) async fn expire(
    state: &State,
    request: &Request<'_>,
    patient: &str,
) -> Result<Response, TokenError> {
    if !state.stage.is_sandbox() {
        return Err(TokenError::NotFound);
    }
    let unknown = "Data Access Grant was Not Found.";
    let Some(patient) = BeneId::parse(patient) else {
        return Ok(Response::text(StatusCode::NOT_FOUND, unknown));
    };
    let client_id = &request.application.client_id;
    if state
        .authorization
        .grants
        .get(&patient, client_id)
        .await?
        .is_none()
    {
        return Ok(Response::text(StatusCode::NOT_FOUND, unknown));
    }
    remove_grant(state, request, &patient).await?;
    Ok(Response::text(StatusCode::OK, "success"))
}

/// The token of the form, if this server issued it. What the hint says does not matter: both kinds are told apart.
async fn known(state: &State, request: &Request<'_>) -> Result<Option<Known>, TokenError> {
    let token = request.form.one("token")?.ok_or(TokenError::TokenMissing)?;
    let (issuer, now) = (&request.call.base_url, request.now);
    if let Ok(verified) = state.verifier.verify_token(token, issuer, now).await {
        return Ok(Some(Known::Access(verified)));
    }
    let refresh = state.authorization.refresh_tokens.get(token).await?;
    Ok(refresh.map(Known::Refresh))
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
        Known::Refresh(token) => (
            living && token.used_at.is_none(),
            token.scopes,
            token.expires_at,
        ),
    };
    let mut body = json!({
        "active": true,
        "scope": scope.to_string(),
        "client_id": known.client_id(),
        "patient": known.patient().as_str(),
        "iss": request.call.base_url,
    });
    if let Some(end) = exp {
        body["exp"] = end.as_second().into();
    }
    Ok(living.then_some(body))
}

async fn remove_grant(
    state: &State,
    request: &Request<'_>,
    patient: &BeneId,
) -> Result<(), TokenError> {
    let client_id = &request.application.client_id;
    state
        .authorization
        .grants
        .delete(patient, client_id)
        .await?;
    record(state, request, (patient, (Action::GrantRevoked, ""))).await
}

async fn record(
    state: &State,
    request: &Request<'_>,
    (patient, action): (&BeneId, (Action, &str)),
) -> Result<(), TokenError> {
    let about = (patient, request.application.client_id.as_str());
    let event = Event::new(request.call, request.now, about, action);
    Ok(state.audit.record(&event).await?)
}
