//! The first step: a valid request becomes an approval that this browser alone can go on with.

use bluebutton::{
    http::{ApiVersion, Call, Language, Method, Parameters, Response, StatusCode},
    oauth::{
        APPROVAL_SECONDS, Approval,
        authorize::{AuthorizeError, AuthorizeRequest, to_location},
    },
};
use jiff::{Timestamp, ToSpan};

use crate::{Refusal, State, session::Session, sign_in::sign_in_path};

/// Checks the request, keeps it and sends the browser to the sign-in page.
pub(crate) async fn begin(
    state: &State,
    call: &Call,
    version: ApiVersion,
    now: Timestamp,
) -> Result<Response, Refusal> {
    let parameters = parameters(call).await?;
    let client_id = AuthorizeRequest::client_id(&parameters)?;
    let application = state.applications.get(client_id).await?;
    let application = application.ok_or(AuthorizeError::ClientUnknown)?;
    let request = AuthorizeRequest::parse(&parameters, &application, version, &call.base_url)?;

    let id = uuid::Uuid::new_v4().to_string();
    let session = Session::new();
    let approval = Approval {
        client_id: application.client_id,
        redirect_uri: request.redirect_uri,
        scopes: request.scopes,
        state: request.state,
        challenge: request.challenge,
        version,
        language: Language::of(call, wanted_language(&parameters)),
        session_hash: session.hash(),
        person: None,
        expires_at: now + APPROVAL_SECONDS.seconds(),
    };
    let transient = &state.authorization.transient;
    transient.put_approval(&id, &approval).await?;
    let sign_in = sign_in_path(call, &id, &approval);
    Ok(session.give(call, &id, to_location(StatusCode::FOUND, &sign_in)))
}

/// The parameters of the query, and of the body when posted (SMART calls that `authorize-post`).
async fn parameters(call: &Call) -> Result<Parameters, Refusal> {
    let mut pairs = call.query.clone();
    if call.method == Method::POST {
        let form = call.form().await?;
        if !form.contains("state") {
            return Err(AuthorizeError::StateMissingInBody.into());
        }
        pairs.extend_from_slice(form.pairs());
    }
    Ok(Parameters::new(pairs))
}

/// Blue Button's `lang`, else the first language of OpenID Connect's `ui_locales` that the pages speak.
fn wanted_language(parameters: &Parameters) -> Option<&str> {
    let locales = parameters.last("ui_locales").unwrap_or_default();
    let mut locales = locales.split(' ');
    let lang = parameters.last("lang");
    lang.filter(|lang| Language::parse(lang).is_some())
        .or_else(|| locales.find(|locale| Language::parse(locale).is_some()))
}
