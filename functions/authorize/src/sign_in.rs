//! The second step: who is the beneficiary. In the sandbox by user name and password; elsewhere not built yet.

use bluebutton::{
    audit::{Action, Event},
    http::{Call, Language, Response, StatusCode},
    identity::{BeneId, sandbox},
    oauth::{
        Application, Approval, Person,
        authorize::{AuthorizeError, to_location},
    },
    secret::Secret,
    store::{SignIn, Transaction},
};
use jiff::Timestamp;

use crate::{
    Refusal, State, in_language,
    pages::{self, Attempt},
    path,
    session::{Session, Step},
};

/// The longest user name that is looked at.
const USERNAME_BYTES_MAX: usize = 100;

/// Shows the sign-in page.
pub(crate) async fn show(state: &State, call: &Call, now: Timestamp) -> Result<Response, Refusal> {
    sandbox_only(state)?;
    let query = call.query_parameters();
    let id = query.last("approval").ok_or(Refusal::Expired)?;
    let (approval, session) = open_approval(state, call, id, now).await?;
    if approval.person.is_some() {
        return Ok(to_location(
            StatusCode::SEE_OTHER,
            &consent_path(call, id, &approval),
        ));
    }
    let application = application(state, &approval).await?;
    Ok(page(
        call,
        (id, &approval, &session),
        &application,
        Attempt::First,
    ))
}

/// Signs the beneficiary in, under a new session, and sends the browser to the consent page.
pub(crate) async fn try_in(
    state: &State,
    call: &Call,
    now: Timestamp,
) -> Result<Response, Refusal> {
    sandbox_only(state)?;
    let form = call.form().await?;
    let id = form.last("approval").ok_or(Refusal::Forged)?;
    let (approval, session) = open_approval(state, call, id, now).await?;
    let csrf_token = Secret::new(form.last("csrf_token").unwrap_or_default());
    if csrf_token != session.csrf_token(id, Step::SignIn) {
        return Err(Refusal::Forged);
    }
    let application = application(state, &approval).await?;
    let username = form.last("username").unwrap_or_default().trim();
    let password = Secret::new(form.last("password").unwrap_or_default());
    let counted = SignIn {
        username,
        address: call.source_ip.as_deref(),
        now,
    };
    let Some(patient) = patient(state, counted, &password).await? else {
        let is_short = username.len() <= USERNAME_BYTES_MAX;
        let attempt = Attempt::Failed(if is_short { username } else { "" });
        return Ok(page(call, (id, &approval, &session), &application, attempt));
    };

    let person = Person {
        patient,
        username: username.to_owned(),
    };
    let new_session = Session::new();
    let (old, new) = (session.hash(), new_session.hash());
    let about = (&person.patient, approval.client_id.as_str());
    let event = Event::new(call, now, about, (Action::SignedIn, ""));
    let tables = &state.authorization;
    let signed_in = tables.sign_in(id, [&old, &new], &person, &event).await?;
    if signed_in == Transaction::Refused {
        return Err(Refusal::Expired);
    }
    let consent = to_location(StatusCode::SEE_OTHER, &consent_path(call, id, &approval));
    Ok(new_session.give(call, id, consent))
}

/// The beneficiary of a user name and password, if they are right, loaded, and not locked.
async fn patient(
    state: &State,
    counted: SignIn<'_>,
    password: &Secret,
) -> Result<Option<BeneId>, Refusal> {
    let username = counted.username;
    if username.is_empty() || username.len() > USERNAME_BYTES_MAX {
        return Ok(None);
    }
    if !state.failures.begin(counted).await? {
        return Ok(None);
    }
    let Some(patient) = sandbox::patient_of(username, password) else {
        return Ok(None);
    };
    if !state.claims.exists(&patient).await? {
        return Ok(None);
    }
    state.failures.clear(counted).await?;
    Ok(Some(patient))
}

/// The approval that has not ended and that this browser began. Its pages change to the language that the address asks
/// for, and stay in it.
pub(crate) async fn open_approval(
    state: &State,
    call: &Call,
    id: &str,
    now: Timestamp,
) -> Result<(Approval, Session), Refusal> {
    let session = Session::of(call, id).ok_or(Refusal::Expired)?;
    let approval = state.authorization.transient.approval(id, now).await?;
    let mut approval = approval.ok_or(Refusal::Expired)?;
    let mine = Secret::new(approval.session_hash.as_str()) == Secret::new(session.hash());
    if !mine {
        return Err(Refusal::Expired);
    }
    let query = call.query_parameters();
    let asked = query.last("lang").and_then(Language::parse);
    if let Some(language) = asked.filter(|language| *language != approval.language) {
        let transient = &state.authorization.transient;
        let session_hash = &approval.session_hash;
        if !transient.set_language(id, session_hash, language).await? {
            return Err(Refusal::Expired);
        }
        approval.language = language;
    }
    Ok((approval, session))
}

/// The application of an approval, which may have been switched off meanwhile.
pub(crate) async fn application(
    state: &State,
    approval: &Approval,
) -> Result<Application, Refusal> {
    let application = state.applications.get(&approval.client_id).await?;
    let application = application.ok_or(AuthorizeError::ClientUnknown)?;
    match application.active {
        true => Ok(application),
        false => Err(AuthorizeError::ClientInactive.into()),
    }
}

/// Passwords by rule are the sandbox's; the identity provider of other stages is not built yet.
fn sandbox_only(state: &State) -> Result<(), Refusal> {
    match state.stage.is_sandbox() {
        true => Ok(()),
        false => Err(Refusal::NotBuilt),
    }
}

fn page(
    call: &Call,
    (id, approval, session): (&str, &Approval, &Session),
    application: &Application,
    attempt: Attempt<'_>,
) -> Response {
    let csrf_token = session.csrf_token(id, Step::SignIn);
    let language = approval.language;
    let action = in_language(call, language, path(call, "/login"));
    pages::sign_in(application, (&action, id, language), &csrf_token, attempt)
}

/// The address of the sign-in page of an approval.
pub(crate) fn sign_in_path(call: &Call, id: &str, approval: &Approval) -> String {
    let address = path(call, &format!("/login?approval={id}"));
    in_language(call, approval.language, address)
}

fn consent_path(call: &Call, id: &str, approval: &Approval) -> String {
    let version = approval.version.as_str();
    let address = path(call, &format!("/{version}/o/authorize/{id}/"));
    in_language(call, approval.language, address)
}
