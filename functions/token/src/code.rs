//! The grant type `authorization_code` (RFC 6749 section 4.1.3 with PKCE).

use bluebutton::{
    audit::Action,
    http::Response,
    oauth::{CODE_RETRY_SECONDS, Code, DataAccess, IssuedAccess, RefreshToken, random_token},
    store::Transaction,
};

use crate::{
    Request, State,
    error::TokenError,
    management::username_key,
    refresh::end_family,
    response::{self, Issued},
};

/// Exchanges a code for tokens, once.
pub(crate) async fn exchange(state: &State, request: &Request<'_>) -> Result<Response, TokenError> {
    let secret = request.form.one("code")?.ok_or(TokenError::CodeMissing)?;
    let verifier = request.form.one("code_verifier")?;
    let verifier = verifier.ok_or(TokenError::VerifierMissing)?;
    let redirect_uri = request.form.one("redirect_uri")?;
    let code = state.authorization.transient.code(secret).await?;
    let code = code.ok_or(TokenError::InvalidGrant)?;
    let fits = code.client_id == request.application.client_id
        && is_redirect_uri_of(redirect_uri, &code, request)
        && code.challenge.fits(verifier);
    if let Some(used_at) = code.used_at {
        let age = request.now.as_second() - used_at.as_second();
        // The answer may have been lost on its way; the first tokens work.
        if !fits || age > CODE_RETRY_SECONDS {
            let family = (&code.patient, code.client_id.as_str());
            end_family(state, request, family, &code.grant_id).await?;
        }
        return Err(TokenError::InvalidGrant);
    }
    match fits && code.expires_at > request.now {
        true => redeem(state, request, (secret, &code)).await,
        false => Err(TokenError::InvalidGrant),
    }
}

async fn redeem(
    state: &State,
    request: &Request<'_>,
    (secret, code): (&str, &Code),
) -> Result<Response, TokenError> {
    let grant = state
        .authorization
        .grants
        .get(&code.patient, &code.client_id)
        .await?;
    let grant =
        grant.filter(|grant| grant.grant_id == code.grant_id && !grant.is_expired(request.now));
    let grant = grant.ok_or(TokenError::InvalidGrant)?;
    let access = IssuedAccess::new(code.scopes, request.now);
    // Signed first: a code is not used up when there is no token to give for it.
    let token = response::sign(state, request, &grant, &access).await?;

    let refresh = (request.application.data_access != DataAccess::OneTime).then(|| {
        let first = RefreshToken {
            client_id: code.client_id.clone(),
            patient: code.patient.clone(),
            grant_id: code.grant_id.clone(),
            generation: 1,
            scopes: code.scopes,
            access: access.clone(),
            used_at: None,
            ends_at: grant.expires_at,
        };
        (random_token(), first)
    });
    let first = refresh.as_ref().map(|(secret, token)| (secret, token));
    let scopes = code.scopes.to_string();
    let event = request.event(&code.patient, (Action::TokenIssued, &scopes));
    let username = grant.username.as_deref();
    let username = username.map(|name| username_key(&state.token_secret, name));
    let done = state
        .authorization
        .redeem((secret, code), first, username.as_ref(), &event)
        .await?;
    if done == Transaction::Refused {
        return Err(TokenError::InvalidGrant);
    }
    let refresh_token = refresh.map(|(secret, _)| secret);
    Ok(response::tokens(
        request,
        &Issued {
            token,
            access,
            refresh_token,
            grant,
        },
    ))
}

/// RFC 6749 section 4.1.3: the same URI as in the request. One left out stands for the application's first.
fn is_redirect_uri_of(redirect_uri: Option<&str>, code: &Code, request: &Request<'_>) -> bool {
    let first = request
        .application
        .redirect_uris
        .first()
        .map(String::as_str);
    redirect_uri.or(first) == Some(code.redirect_uri.as_str())
}
