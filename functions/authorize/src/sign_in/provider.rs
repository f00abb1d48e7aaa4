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
use url::Url;

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

    /// Signs in whom the records know by exactly one number. Either way the browser first passes the provider's
    /// sign-out.
    async fn finish(
        &self,
        sign_in: &SignIn<'_>,
        signed_in: &SignedIn,
    ) -> Result<Response, Refusal> {
        let patient = match self.patient(sign_in, signed_in).await? {
            Ok(patient) => patient,
            Err(why) => {
                let state = why.after_sign_out(sign_in.id);
                let out = self.sign_out(sign_in, signed_in, &state).await;
                return Ok(out.map_or_else(
                    || why.page(sign_in),
                    |out| to_location(StatusCode::SEE_OTHER, out.as_str()),
                ));
            }
        };
        let out = self.sign_out(sign_in, signed_in, sign_in.id).await;
        let next = out.map_or_else(|| sign_in.consent_path(), String::from);
        let username = signed_in.subject.expose().to_owned();
        sign_in.finish(&Person { patient, username }, &next).await
    }

    /// The one loaded person whom the numbers stand for.
    async fn patient(
        &self,
        sign_in: &SignIn<'_>,
        signed_in: &SignedIn,
    ) -> Result<Result<BeneId, Unmatched>, Refusal> {
        let numbers = match &signed_in.numbers {
            Ok(numbers) => numbers,
            // An account without a number may be somebody's own, and five in five minutes hardly are: a provider that
            // sends numbers no more signs nobody in, and nothing else would tell.
            Err(none) => {
                metrics::count(Metric::ProviderErrors);
                let request_id = &sign_in.call.request_id;
                tracing::warn!(request_id, cause = %none, "nobody signed in");
                return Ok(Err(Unmatched::NoNumber));
            }
        };
        match self.matcher.find(numbers).await? {
            Match::One(patient) if sign_in.state.claims.exists(&patient).await? => Ok(Ok(patient)),
            Match::One(_) | Match::Nobody => Ok(Err(Unmatched::Nobody)),
            Match::Several => Ok(Err(Unmatched::Several)),
        }
    }

    /// The provider's sign-out, which leads back to `/login` with that state; none where the provider has none.
    async fn sign_out(
        &self,
        sign_in: &SignIn<'_>,
        signed_in: &SignedIn,
        state: &str,
    ) -> Option<Url> {
        let back = format!("{}/login", sign_in.call.base_url);
        let back = (back.as_str(), state);
        self.provider.sign_out(signed_in, back, sign_in.now).await
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
#[derive(Clone, Copy)]
pub(super) enum Unmatched {
    /// The account has no Medicare number.
    NoNumber,
    /// Nobody in our records has that number.
    Nobody,
    /// More than one person has it.
    Several,
}

impl Unmatched {
    const ALL: [Self; 3] = [Self::NoNumber, Self::Nobody, Self::Several];

    /// The state with which the browser comes back from the provider's sign-out. It tells a page to show and nothing
    /// that anybody relies on, so that it may as well be somebody else's.
    fn after_sign_out(self, approval: &str) -> String {
        format!("{approval}.{}", self.as_str())
    }

    /// The approval and the reason that such a state names; another state is the approval's id alone.
    pub(super) fn split(state: &str) -> (&str, Option<Self>) {
        let Some((approval, reason)) = state.split_once('.') else {
            return (state, None);
        };
        let known = Self::ALL.into_iter().find(|known| known.as_str() == reason);
        (approval, known)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::NoNumber => "no-number",
            Self::Nobody => "nobody",
            Self::Several => "several",
        }
    }

    /// The page for a person whose records are not there, or not theirs alone.
    pub(super) fn page(self, sign_in: &SignIn<'_>) -> Response {
        let texts = Texts::of(sign_in.approval.language);
        let (status, text) = match self {
            Self::NoNumber => (StatusCode::NOT_FOUND, &texts.no_number),
            Self::Nobody => (StatusCode::NOT_FOUND, &texts.no_records),
            Self::Several => (StatusCode::CONFLICT, &texts.several_records),
        };
        pages::message(sign_in.call, sign_in.approval.language, status, text)
    }
}

/// The page for an answer that signs nobody in.
fn refused(sign_in: &SignIn<'_>, error: ProviderError) -> Response {
    tracing::warn!(cause = %error, "nobody signed in");
    // A person who cancels is no fault of the provider.
    if let ProviderError::Unavailable(_) | ProviderError::Refused(_) = error {
        metrics::count(Metric::ProviderErrors);
    }
    let texts = Texts::of(sign_in.approval.language);
    let (status, text) = match error {
        ProviderError::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, &texts.provider_unavailable)
        }
        ProviderError::Refused(_) | ProviderError::Cancelled => {
            (StatusCode::FORBIDDEN, &texts.not_confirmed)
        }
    };
    pages::message(sign_in.call, sign_in.approval.language, status, text)
}
