//! Sign-in at an OpenID Connect provider: the browser goes there from `/login` and comes back to `/callback`.

use aws_config::SdkConfig;
use bluebutton::{
    config::{ConfigError, Stage, dynamodb, variable},
    http::{Call, Response, StatusCode},
    identity::{
        BeneId, Match, Matcher, MedicareNumberHasher,
        provider::{Provider, ProviderError, Settings, SignedIn, Visit},
    },
    metrics::{self, Metric},
    oauth::{Person, authorize::to_location},
    store::IdentityTable,
};
use jiff::Timestamp;

use super::SignIn;
use crate::{Refusal, State, back_to_application, pages, session::Session, texts::Texts};

/// Sign-in at a provider.
pub(crate) struct ProviderSignIn {
    provider: Provider,
    matcher: Matcher,
}

impl ProviderSignIn {
    pub(super) async fn from_environment(
        aws: &SdkConfig,
        stage: Stage,
        settings: Settings,
    ) -> Result<Self, ConfigError> {
        let identities = IdentityTable::new(dynamodb(aws), variable("IDENTITY_TABLE")?);
        let hasher = MedicareNumberHasher::read(aws, stage).await?;
        Ok(Self {
            provider: Provider::new(settings)?,
            matcher: Matcher::new(hasher, identities),
        })
    }

    /// Sends the browser to the provider.
    pub(super) async fn begin(&self, sign_in: &SignIn<'_>) -> Result<Response, Refusal> {
        let SignIn { call, id, now, .. } = *sign_in;
        let visit = Visit::new(id, sign_in.session.secret(), callback_uri(call));
        let language = sign_in.approval.language;
        let url = self.provider.authorization_url(&visit, language, now).await;
        let url = match url {
            Ok(url) => url,
            Err(error) => return Ok(refused(sign_in, error)),
        };
        let transient = &sign_in.state.authorization.transient;
        match transient.begin_visit(sign_in.held(), visit.state()).await? {
            true => Ok(to_location(StatusCode::SEE_OTHER, url.as_str())),
            false => Err(Refusal::Expired),
        }
    }

    /// Takes the browser's answer: once, and only from the browser that was sent.
    pub(super) async fn end(
        &self,
        state: &State,
        call: &Call,
        now: Timestamp,
    ) -> Result<Response, Refusal> {
        let answer = call.query_parameters();
        let visit_state = answer.one("state").ok().flatten().ok_or(Refusal::Expired)?;
        let id = Visit::approval(visit_state).ok_or(Refusal::Expired)?;
        let sign_in = SignIn::open(state, call, id, now).await?;
        let transient = &state.authorization.transient;
        if !transient.end_visit(sign_in.held(), visit_state).await? {
            return Err(Refusal::Expired);
        }
        let secret = sign_in.session.secret();
        let visit = Visit::of_state(visit_state.to_owned(), secret, callback_uri(call));
        match self.provider.signed_in(&visit, &answer, now).await {
            Ok(signed_in) => self.finish(&sign_in, &signed_in).await,
            Err(ProviderError::Cancelled) => cancelled(&sign_in).await,
            Err(error) => Ok(refused(&sign_in, error)),
        }
    }

    /// Signs in whom the records know by exactly one number, by way of the provider's sign-out.
    async fn finish(
        &self,
        sign_in: &SignIn<'_>,
        signed_in: &SignedIn,
    ) -> Result<Response, Refusal> {
        let out = self.sign_out(sign_in, signed_in).await;
        let patient = match self.patient(sign_in.state, signed_in).await? {
            Ok(patient) => patient,
            Err(why) => return Ok(unmatched(sign_in, why)),
        };
        let username = signed_in.subject.expose().to_owned();
        let person = Person { patient, username };
        sign_in.finish(&person, &out).await
    }

    /// The one loaded person whom the numbers stand for.
    async fn patient(
        &self,
        state: &State,
        signed_in: &SignedIn,
    ) -> Result<Result<BeneId, Unmatched>, Refusal> {
        match self.matcher.find(&signed_in.numbers).await? {
            Match::One(patient) if state.claims.exists(&patient).await? => Ok(Ok(patient)),
            Match::One(_) | Match::Nobody => Ok(Err(Unmatched::Nobody)),
            Match::Several => Ok(Err(Unmatched::Several)),
        }
    }

    /// Where the browser goes from here: to the provider's sign-out, which leads back, or straight to consent.
    async fn sign_out(&self, sign_in: &SignIn<'_>, signed_in: &SignedIn) -> String {
        let back = format!("{}/login", sign_in.call.base_url);
        let out = self
            .provider
            .sign_out(signed_in, (&back, sign_in.id), sign_in.now)
            .await;
        out.map_or_else(|| sign_in.consent_path(), String::from)
    }
}

/// Where the provider sends browsers back to; it is registered there.
fn callback_uri(call: &Call) -> String {
    format!("{}/callback", call.base_url)
}

/// The person did not want to sign in: the application is told, as when they refuse on our own page.
async fn cancelled(sign_in: &SignIn<'_>) -> Result<Response, Refusal> {
    let transient = &sign_in.state.authorization.transient;
    if !transient.end_approval(sign_in.held()).await? {
        return Err(Refusal::Expired);
    }
    let answer = [("error", "access_denied")];
    let response = back_to_application(sign_in.call, &sign_in.approval, &answer);
    Ok(Session::end(sign_in.call, sign_in.id, response))
}

/// Why nobody is signed in, though everybody did as they should.
enum Unmatched {
    /// Nobody in our records has that number.
    Nobody,
    /// More than one person has it.
    Several,
}

/// The page for an answer that signs nobody in.
fn refused(sign_in: &SignIn<'_>, error: ProviderError) -> Response {
    tracing::warn!(cause = %error, "nobody signed in");
    // A person who cancels, or has no Medicare number, is no fault of the provider.
    if let ProviderError::Unavailable(_) | ProviderError::Refused(_) = error {
        metrics::count(Metric::ProviderErrors);
    }
    let texts = Texts::of(sign_in.approval.language);
    let (status, text) = match error {
        ProviderError::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, &texts.provider_unavailable)
        }
        ProviderError::NoNumber(_) => (StatusCode::NOT_FOUND, &texts.no_number),
        ProviderError::Refused(_) | ProviderError::Cancelled => {
            (StatusCode::FORBIDDEN, &texts.not_confirmed)
        }
    };
    pages::message(sign_in.call, sign_in.approval.language, status, text)
}

/// The page for a person whose records are not there, or not theirs alone.
fn unmatched(sign_in: &SignIn<'_>, why: Unmatched) -> Response {
    let texts = Texts::of(sign_in.approval.language);
    let (status, text) = match why {
        Unmatched::Nobody => (StatusCode::NOT_FOUND, &texts.no_records),
        Unmatched::Several => (StatusCode::CONFLICT, &texts.several_records),
    };
    pages::message(sign_in.call, sign_in.approval.language, status, text)
}
