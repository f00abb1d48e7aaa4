//! Sign-in at any OpenID Connect provider: authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0,
//! RFC 7636, RFC 9207, RFC 9700), a verified id_token, and sign-out after use.

mod address;
mod http;
mod id_token;
mod metadata;
mod settings;

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{Timestamp, ToSpan};
use lambda_http::http::StatusCode;
use serde_json::Value;
use url::Url;

use self::{
    http::{Credentials, Http},
    id_token::{Expected, IdToken, ProviderKeys},
    metadata::{ClientAuthentication, Metadata},
};
use super::{MedicareNumber, MedicareNumbers};
use crate::{
    config::ConfigError,
    http::{Language, Parameters},
    oauth::{authorize::AuthorizationQuery, hmac_base64url, pkce::CodeChallenge, random_token},
    secret::Secret,
};

pub use settings::{Claim, Settings};

/// How long the provider's documents are believed.
const DOCUMENTS_MINUTES: i64 = 60;

/// A provider, with what it published.
pub struct Provider {
    settings: Settings,
    http: Http,
    metadata: Published<Metadata>,
    keys: Published<ProviderKeys>,
}

/// Why nobody signed in. Says what was wrong and never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The provider does not answer, or not as a provider does.
    #[error("the identity provider is unavailable: {0}")]
    Unavailable(&'static str),
    /// What came back is not a true answer to what we asked.
    #[error("the identity provider's answer is refused: {0}")]
    Refused(&'static str),
    /// The person cancelled.
    #[error("the person cancelled at the identity provider")]
    Cancelled,
}

/// Who signed in has no Medicare number at the provider, or one that cannot be a Medicare number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the identity provider gives no Medicare number: {0}")]
pub struct NoNumber(&'static str);

/// One visit to the provider: what binds its answer to the browser that was sent there.
///
/// The nonce and the code verifier are derived from the browser's session cookie, so that nobody who has read our
/// tables, and no other browser, can finish what this one began.
pub struct Visit {
    state: String,
    nonce: Secret,
    verifier: Secret,
    redirect_uri: String,
}

/// Who signed in.
pub struct SignedIn {
    /// The provider's name for the person.
    pub subject: Secret,
    /// The person's Medicare numbers.
    pub numbers: Result<MedicareNumbers, NoNumber>,
    access_token: Secret,
}

/// A document that is read again when it is old.
struct Published<T>(Mutex<Option<(Arc<T>, Timestamp)>>);

impl Visit {
    /// A visit for an approval. Its state begins with the approval's id, by which the answer finds its way back.
    #[must_use]
    pub fn new(approval: &str, session: &Secret, redirect_uri: String) -> Self {
        let state = format!("{approval}.{}", random_token().expose());
        Self::of_state(state, session, redirect_uri)
    }

    /// The visit that an answer's state belongs to, if that browser began it.
    #[must_use]
    pub fn of_state(state: String, session: &Secret, redirect_uri: String) -> Self {
        let derived = |what| hmac_base64url(session, &["identity-provider", what, &state]);
        Self {
            nonce: derived("nonce"),
            verifier: derived("code verifier"),
            state,
            redirect_uri,
        }
    }

    /// The approval that a state begins with.
    #[must_use]
    pub fn approval(state: &str) -> Option<&str> {
        state.split_once('.').map(|(approval, _)| approval)
    }

    /// The state, which is good for one answer.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }
}

impl Provider {
    /// The provider of those settings. It is called when the first person signs in.
    ///
    /// # Errors
    /// When the system's trusted certificates cannot be read.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            http: Http::new(settings.reach)?,
            settings,
            metadata: Published::new(),
            keys: Published::new(),
        })
    }

    /// Reads what the provider publishes about itself, whatever is known of it, to see whether it answers.
    ///
    /// # Errors
    /// When it does not, or not as a provider does.
    pub async fn check(&self) -> Result<(), ProviderError> {
        let read = Metadata::read(&self.http, &self.settings);
        read.await.map(drop)
    }

    /// Where the browser goes to sign in.
    ///
    /// # Errors
    /// When the provider's configuration cannot be read.
    pub async fn authorization_url(
        &self,
        visit: &Visit,
        language: Language,
        now: Timestamp,
    ) -> Result<Url, ProviderError> {
        let metadata = self.metadata(now).await?;
        let mut url = metadata.authorization.url().clone();
        let asked = AuthorizationQuery {
            client_id: &self.settings.client_id,
            redirect_uri: &visit.redirect_uri,
            state: &visit.state,
            challenge: &CodeChallenge::of(visit.verifier.expose()),
        };
        url.query_pairs_mut()
            .extend_pairs(asked.pairs())
            .extend_pairs([
                ("scope", self.settings.scopes.as_str()),
                ("nonce", visit.nonce.expose()),
                // Whoever sits at this browser signs in; nobody goes on as the person before.
                ("prompt", "login"),
                ("ui_locales", language.as_str()),
            ]);
        Ok(url)
    }

    /// Who signed in, by the answer that the browser brings back.
    ///
    /// # Errors
    /// When the answer is not a true one to this visit, or when the provider does not answer.
    pub async fn signed_in(
        &self,
        visit: &Visit,
        answer: &Parameters,
        now: Timestamp,
    ) -> Result<SignedIn, ProviderError> {
        let metadata = self.metadata(now).await?;
        let code = self.code(&metadata, answer)?;
        let tokens = self.exchange(&metadata, visit, code).await?;
        let id_token = self.verified(&metadata, visit, &tokens, now).await?;
        let numbers = self.numbers(&metadata, &id_token, &tokens.access).await?;
        Ok(SignedIn {
            subject: id_token.subject,
            numbers,
            access_token: tokens.access,
        })
    }

    /// Ends what the provider still holds of the sign-in, so that the next person at this browser does not inherit it:
    /// gives the page that ends its session and then leads back (OpenID Connect RP-Initiated Logout 1.0), or, where it
    /// has none, revokes the access token (RFC 7009).
    ///
    /// The page is not given the id_token: it would stand in the browser's history with all that it says of the person.
    pub async fn sign_out(
        &self,
        signed_in: &SignedIn,
        (back, state): (&str, &str),
        now: Timestamp,
    ) -> Option<Url> {
        let metadata = self.metadata(now).await.ok()?;
        if let Some(end_session) = &metadata.end_session {
            let mut url = end_session.url().clone();
            url.query_pairs_mut().extend_pairs([
                ("client_id", self.settings.client_id.as_str()),
                ("post_logout_redirect_uri", back),
                ("state", state),
            ]);
            return Some(url);
        }
        let revocation = metadata.revocation.as_ref()?;
        let token = ("token", signed_in.access_token.expose());
        let (credentials, form) = self.authenticated(&metadata, &[token]);
        let revoked = self.http.post(revocation, credentials, &form).await;
        if !revoked.is_ok_and(|answer| answer.status == StatusCode::OK) {
            // The token ends by itself, and is nowhere any more.
            tracing::warn!("the identity provider does not revoke an access token");
        }
        None
    }

    /// The code of a callback, once it is clear that the provider sent it.
    fn code<'a>(
        &self,
        metadata: &Metadata,
        answer: &'a Parameters,
    ) -> Result<&'a str, ProviderError> {
        let one = |name| {
            answer
                .one(name)
                .map_err(|_| ProviderError::Refused("a parameter sent twice"))
        };
        match one("iss")? {
            Some(issuer) if issuer != self.settings.issuer => {
                return Err(ProviderError::Refused("callback's issuer"));
            }
            None if metadata.names_itself => {
                return Err(ProviderError::Refused("callback without issuer"));
            }
            _ => {}
        }
        match (one("error")?, one("code")?) {
            (Some("access_denied"), _) => Err(ProviderError::Cancelled),
            (Some(_), _) => Err(ProviderError::Unavailable("it answers with an error")),
            (None, Some(code)) => Ok(code),
            (None, None) => Err(ProviderError::Refused("callback without code")),
        }
    }

    /// The tokens for a code (Core section 3.1.3).
    async fn exchange(
        &self,
        metadata: &Metadata,
        visit: &Visit,
        code: &str,
    ) -> Result<Tokens, ProviderError> {
        let (credentials, form) = self.authenticated(
            metadata,
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", &visit.redirect_uri),
                ("code_verifier", visit.verifier.expose()),
            ],
        );
        let answer = self.http.post(&metadata.token, credentials, &form).await?;
        if answer.status == StatusCode::BAD_REQUEST && answer.body["error"] == "invalid_grant" {
            return Err(ProviderError::Refused("code"));
        }
        Tokens::of(&answer.success("it gives no tokens")?)
            .ok_or(ProviderError::Unavailable("its tokens are incomplete"))
    }

    async fn verified(
        &self,
        metadata: &Metadata,
        visit: &Visit,
        tokens: &Tokens,
        now: Timestamp,
    ) -> Result<IdToken, ProviderError> {
        let mut keys = self.keys(metadata, now).await?;
        if !keys.know(&tokens.id)? {
            // Keys change now and then; a token of a new key is the first to tell.
            self.keys.forget();
            keys = self.keys(metadata, now).await?;
        }
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &visit.nonce,
            access_token: &tokens.access,
            now,
        };
        IdToken::verify(&tokens.id, &keys, &expected)
    }

    /// The Medicare numbers: of the id_token if the MBI is there, else of the userinfo endpoint.
    async fn numbers(
        &self,
        metadata: &Metadata,
        id_token: &IdToken,
        access_token: &Secret,
    ) -> Result<Result<MedicareNumbers, NoNumber>, ProviderError> {
        let in_token = match self.numbers_in(&id_token.claims) {
            Ok(in_token) => in_token,
            Err(none) => return Ok(Err(none)),
        };
        let Some(endpoint) = metadata
            .userinfo
            .as_ref()
            .filter(|_| in_token.mbi.is_none())
        else {
            return Ok(some_number(in_token));
        };
        let answer = self
            .http
            .get(endpoint, Credentials::Bearer(access_token))
            .await?;
        let userinfo = answer.success("it gives no userinfo")?;
        // Core section 5.3.2: otherwise the access token was swapped for another person's.
        if userinfo["sub"].as_str().map(Secret::new).as_ref() != Some(&id_token.subject) {
            return Err(ProviderError::Refused("userinfo of another subject"));
        }
        let in_userinfo = self.numbers_in(&userinfo);
        Ok(in_userinfo.and_then(|in_userinfo| {
            some_number(MedicareNumbers {
                mbi: in_userinfo.mbi,
                hicn: in_token.hicn.or(in_userinfo.hicn),
            })
        }))
    }

    /// The numbers in an object's claims. A claim that holds something else spoils the sign-in: then it is not known
    /// what the provider means by it.
    fn numbers_in(&self, claims: &Value) -> Result<MedicareNumbers, NoNumber> {
        let number = |claim: Option<&Claim>, parse: fn(&str) -> Option<MedicareNumber>| {
            let value = claim.and_then(|claim| claim.of(claims));
            let parsed =
                |value: &Value| value.as_str().and_then(parse).ok_or(NoNumber("malformed"));
            value.map(parsed).transpose()
        };
        Ok(MedicareNumbers {
            mbi: number(Some(&self.settings.mbi_claim), MedicareNumber::mbi)?,
            hicn: number(self.settings.hicn_claim.as_ref(), MedicareNumber::hicn)?,
        })
    }

    /// A form with our name and secret where the provider wants them.
    fn authenticated<'a>(
        &'a self,
        metadata: &Metadata,
        form: &[(&'a str, &'a str)],
    ) -> (Credentials<'a>, Vec<(&'a str, &'a str)>) {
        let (name, secret) = (
            self.settings.client_id.as_str(),
            &self.settings.client_secret,
        );
        match metadata.client_authentication {
            ClientAuthentication::Basic => (Credentials::Basic { name, secret }, form.to_vec()),
            ClientAuthentication::Post => {
                let own = [("client_id", name), ("client_secret", secret.expose())];
                (Credentials::None, [form, &own].concat())
            }
        }
    }

    async fn metadata(&self, now: Timestamp) -> Result<Arc<Metadata>, ProviderError> {
        match self.metadata.known(now) {
            Some(known) => Ok(known),
            None => Ok(self
                .metadata
                .keep(Metadata::read(&self.http, &self.settings).await?, now)),
        }
    }

    async fn keys(
        &self,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Arc<ProviderKeys>, ProviderError> {
        if let Some(known) = self.keys.known(now) {
            return Ok(known);
        }
        let answer = self.http.get(&metadata.jwks, Credentials::None).await?;
        let keys = ProviderKeys::parse(&answer.success("it publishes no keys")?);
        let keys = keys.ok_or(ProviderError::Unavailable("its keys cannot be read"))?;
        Ok(self.keys.keep(keys, now))
    }
}

/// The answer of the token endpoint.
struct Tokens {
    id: Secret,
    access: Secret,
}

impl Tokens {
    fn of(answer: &Value) -> Option<Self> {
        let text = |name: &str| answer[name].as_str().map(Secret::new);
        let bearer = answer["token_type"]
            .as_str()?
            .eq_ignore_ascii_case("Bearer");
        Some(Self {
            id: text("id_token")?,
            access: text("access_token").filter(|_| bearer)?,
        })
    }
}

fn some_number(numbers: MedicareNumbers) -> Result<MedicareNumbers, NoNumber> {
    match numbers == MedicareNumbers::default() {
        true => Err(NoNumber("missing")),
        false => Ok(numbers),
    }
}

impl<T> Published<T> {
    fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn known(&self, now: Timestamp) -> Option<Arc<T>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (document, read_at) = kept.as_ref()?;
        (now < *read_at + DOCUMENTS_MINUTES.minutes()).then(|| Arc::clone(document))
    }

    fn keep(&self, document: T, now: Timestamp) -> Arc<T> {
        let document = Arc::new(document);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&document), now));
        document
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
