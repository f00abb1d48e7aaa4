//! The second step: who is the beneficiary. One of two identity sources says so: the sandbox's own form, or an OpenID
//! Connect provider. Either begins at `/login`; what both have in common stands here.

mod provider;
mod sandbox;

use aws_config::SdkConfig;
use bluebutton::{
    audit::{Action, Event},
    config::{ConfigError, Limits, Stage},
    http::{Call, Language, Response, StatusCode, header},
    identity::provider::Settings,
    oauth::{
        Application, Approval, Person,
        authorize::{AuthorizeError, to_location},
    },
    secret::Secret,
    store::{HeldApproval, Transaction},
};
use jiff::Timestamp;

use self::{
    provider::{ProviderSignIn, Unmatched},
    sandbox::SandboxSignIn,
};
use crate::{Refusal, State, in_language, pages, path, session::Session, texts::Texts};

/// Where people say who they are.
pub(crate) enum IdentitySource {
    /// By user name and password, by a published rule.
    Sandbox(SandboxSignIn),
    /// At an OpenID Connect provider.
    Provider(Box<ProviderSignIn>),
}

impl IdentitySource {
    /// The provider, if one is configured: it takes the place of the sandbox's own sign-in.
    pub(crate) async fn new(
        aws: &SdkConfig,
        stage: Stage,
        provider: Option<Settings>,
        limits: Limits,
    ) -> Result<Self, ConfigError> {
        match provider {
            Some(settings) => {
                let provider = ProviderSignIn::from_environment(aws, stage, settings).await?;
                Ok(Self::Provider(Box::new(provider)))
            }
            None if stage.is_sandbox() => Ok(Self::Sandbox(SandboxSignIn::new(aws, limits)?)),
            None => Err(ConfigError::MissingProvider("IDENTITY_PROVIDER_SECRET")),
        }
    }
}

impl IdentitySource {
    /// From a form of ours to the sign-in of somebody else. Browsers apply a page's `form-action` to every redirect
    /// that follows its form, and where a provider leads is not known: the way there is a page that goes on by itself.
    pub(crate) fn again(&self, call: &Call, (id, approval): (&str, &Approval)) -> Response {
        let sign_in = sign_in_path(call, id, approval);
        let language = approval.language;
        let texts = Texts::of(language);
        match self {
            Self::Sandbox(_) => to_location(StatusCode::SEE_OTHER, &sign_in),
            Self::Provider(_) => pages::message(call, language, StatusCode::OK, &texts.signed_out)
                .with_header(header::REFRESH, &format!("0; url={sign_in}")),
        }
    }

    /// The name to greet a person with: a provider's names for people are its own and mean nothing to them.
    pub(crate) fn shown_name<'a>(&self, person: &'a Person) -> Option<&'a str> {
        match self {
            Self::Sandbox(_) => Some(&person.username),
            Self::Provider(_) => None,
        }
    }
}

/// A sign-in under way: an approval that has not ended, in the browser that began it.
pub(crate) struct SignIn<'a> {
    state: &'a State,
    call: &'a Call,
    now: Timestamp,
    id: &'a str,
    approval: Approval,
    session: Session,
}

/// `GET /login`: shows the sandbox's form, or sends the browser to the provider.
pub(crate) async fn show(state: &State, call: &Call, now: Timestamp) -> Result<Response, Refusal> {
    let query = call.query_parameters();
    // A provider that ended its session sends the browser back with the approval's id in `state`, and with why nobody
    // signed in, if nobody did.
    let id = query.last("approval").or_else(|| query.last("state"));
    let (id, unmatched) = Unmatched::split(id.ok_or(Refusal::Expired)?);
    let sign_in = SignIn::open(state, call, id, now).await?;
    if sign_in.approval.person.is_some() {
        return Ok(to_location(StatusCode::SEE_OTHER, &sign_in.consent_path()));
    }
    if let Some(why) = unmatched {
        return Ok(why.page(&sign_in));
    }
    let application = application(state, &sign_in.approval).await?;
    match &state.identity_source {
        IdentitySource::Sandbox(_) => Ok(SandboxSignIn::show(&sign_in, &application)),
        IdentitySource::Provider(provider) => provider.begin(&sign_in).await,
    }
}

/// `POST /login`: the sandbox's form.
pub(crate) async fn submit(
    state: &State,
    call: &Call,
    now: Timestamp,
) -> Result<Response, Refusal> {
    match &state.identity_source {
        IdentitySource::Sandbox(sandbox) => sandbox.submit(state, call, now).await,
        IdentitySource::Provider(_) => Err(Refusal::Method("GET")),
    }
}

/// `GET /callback`: the browser comes back from the provider.
pub(crate) async fn callback(
    state: &State,
    call: &Call,
    now: Timestamp,
) -> Result<Response, Refusal> {
    match &state.identity_source {
        IdentitySource::Sandbox(_) => Err(Refusal::NotFound),
        IdentitySource::Provider(provider) => provider.end(state, call, now).await,
    }
}

impl<'a> SignIn<'a> {
    async fn open(
        state: &'a State,
        call: &'a Call,
        id: &'a str,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let (approval, session) = open_approval(state, call, id, now).await?;
        Ok(Self {
            state,
            call,
            now,
            id,
            approval,
            session,
        })
    }

    /// Notes who it is, gives the browser a new session and sends it on.
    async fn finish(&self, person: &Person, next: &str) -> Result<Response, Refusal> {
        let (held, new_session) = (self.held(), Session::new());
        let about = (&person.patient, self.approval.client_id.as_str());
        let event = Event::new(self.call, self.now, about, (Action::SignedIn, ""));
        let tables = &self.state.authorization;
        match tables
            .sign_in(held, &new_session.hash(), person, &event)
            .await?
        {
            Transaction::Done => {}
            Transaction::Refused => return Err(Refusal::Expired),
        }
        let onward = to_location(StatusCode::SEE_OTHER, next);
        Ok(new_session.give(self.call, self.id, onward))
    }

    /// The approval in this browser's hands.
    fn held(&self) -> HeldApproval<'_> {
        self.approval.held(self.id, self.now)
    }

    fn consent_path(&self) -> String {
        let (id, version) = (self.id, self.approval.version.as_str());
        let address = path(self.call, &format!("/{version}/o/authorize/{id}/"));
        in_language(self.call, self.approval.language, address)
    }
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
        let held = approval.held(id, now);
        if !transient.set_language(held, language).await? {
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

/// The address of the sign-in page of an approval.
pub(crate) fn sign_in_path(call: &Call, id: &str, approval: &Approval) -> String {
    let address = path(call, &format!("/login?approval={id}"));
    in_language(call, approval.language, address)
}
