//! The grant type `refresh_token` (RFC 6749 section 6): rotation that survives lost answers and notices theft.

use bluebutton::{
    audit::{Action, Event},
    http::Response,
    identity::BeneId,
    metrics::{self, Metric},
    oauth::{
        DataAccess, Grant, IssuedAccess, REFRESH_RETRY_SECONDS, RefreshToken, Scopes,
        hmac_base64url,
    },
    secret::Secret,
    store::Transaction,
};

use crate::{
    Request, State,
    error::TokenError,
    response::{self, Issued},
};

/// Exchanges a refresh token for an access token and the refresh token's successor.
pub(crate) async fn exchange(state: &State, request: &Request<'_>) -> Result<Response, TokenError> {
    let secret = request
        .form
        .one("refresh_token")?
        .ok_or(TokenError::RefreshTokenMissing)?;
    let (token, grant) = living(state, request, secret).await?;
    if token.used_at.is_some() {
        return again(state, request, (secret, &token, grant)).await;
    }
    let scopes = narrowed(request, token.scopes)?;
    let access = IssuedAccess::new(scopes, request.now);
    // Signed first: a refresh token is not used up when there is no token to give for it.
    let signed = response::sign(state, request, &grant, &access).await?;

    let new_secret = successor(state, secret);
    let new = RefreshToken {
        generation: token.generation + 1,
        access: access.clone(),
        used_at: None,
        ends_at: grant.expires_at,
        ..token.clone()
    };
    let (old, next) = ((secret, &token), (&new_secret, &new));
    let scopes = access.scopes.to_string();
    let event = request.event(&grant.patient, (Action::TokenRefreshed, &scopes));
    match state.authorization.rotate(old, next, &event).await? {
        Transaction::Done => {
            let issued = Issued {
                token: signed,
                access,
                refresh_token: Some(new_secret),
                grant,
            };
            Ok(response::tokens(request, &issued))
        }
        Transaction::Refused => {
            // Another request was faster, or the grant has changed since it was read.
            let (token, grant) = living(state, request, secret).await?;
            again(state, request, (secret, &token, grant)).await
        }
    }
}

/// The token and its grant, if the client is the token's, the family lives and the grant has not ended.
async fn living(
    state: &State,
    request: &Request<'_>,
    secret: &str,
) -> Result<(RefreshToken, Grant), TokenError> {
    let token = state.authorization.refresh_tokens.get(secret).await?;
    let token = token.ok_or(TokenError::RefreshTokenUnknown)?;
    if token.client_id != request.application.client_id {
        return Err(TokenError::RefreshTokenOfAnotherClient);
    }
    if request.application.data_access == DataAccess::OneTime {
        return Err(TokenError::RefreshNotAllowed);
    }
    let grant = state
        .authorization
        .grants
        .get(&token.patient, &token.client_id)
        .await?;
    let grant = grant.ok_or(TokenError::GrantMissing)?;
    if grant.is_expired(request.now) {
        return Err(TokenError::GrantExpired);
    }
    match grant.grant_id == token.grant_id {
        true => Ok((token, grant)),
        false => Err(TokenError::InvalidGrant),
    }
}

/// A used token comes again. Its answer may have been lost: then, for a minute and while the successor is unused, the
/// same successor is given again. Anything else is taken for theft and ends the family.
async fn again(
    state: &State,
    request: &Request<'_>,
    (secret, token, grant): (&str, &RefreshToken, Grant),
) -> Result<Response, TokenError> {
    let new_secret = successor(state, secret);
    let new = state
        .authorization
        .refresh_tokens
        .get(new_secret.expose())
        .await?;
    let unused = new.filter(|new| new.used_at.is_none());
    let used_at = token.used_at.ok_or(TokenError::InvalidGrant)?;
    let age = request.now.as_second() - used_at.as_second();
    let Some(new) = unused.filter(|_| age <= REFRESH_RETRY_SECONDS) else {
        let family = (&token.patient, token.client_id.as_str());
        end_family(state, request, family, &token.grant_id).await?;
        return Err(TokenError::InvalidGrant);
    };
    let access = new.access;
    let token = response::sign(state, request, &grant, &access).await?;
    let scopes = access.scopes.to_string();
    let event = request.event(&grant.patient, (Action::TokenRefreshed, &scopes));
    state.authorization.audit.record(&event).await?;
    let issued = Issued {
        token,
        access,
        refresh_token: Some(new_secret),
        grant,
    };
    Ok(response::tokens(request, &issued))
}

/// Ends all tokens of a family: the grant gets another id, the consent itself stays. The pair is the family's own and
/// need not be the client's that asks.
pub(crate) async fn end_family(
    state: &State,
    request: &Request<'_>,
    pair: (&BeneId, &str),
    grant_id: &str,
) -> Result<(), TokenError> {
    metrics::count(Metric::TokenReuse);
    let action = (Action::TokenRevoked, "family");
    let event = Event::new(request.call, request.now, pair, action);
    // Refused when the tokens are dead already.
    state.authorization.end_tokens(grant_id, &event).await?;
    Ok(())
}

/// The scopes of the new access token: the same, or fewer if the request says so (RFC 6749 section 6).
fn narrowed(request: &Request<'_>, scopes: Scopes) -> Result<Scopes, TokenError> {
    let Some(asked) = request.form.one("scope")? else {
        return Ok(scopes);
    };
    Scopes::parse(asked)
        .filter(|asked| !asked.is_empty() && asked.is_permitted_by(scopes))
        .ok_or(TokenError::InvalidScope)
}

/// The one successor that a refresh token can have: derived, so that a retry finds the same.
fn successor(state: &State, secret: &str) -> Secret {
    hmac_base64url(&state.token_secret, &["refresh token", secret])
}
