//! What lives between a request and its tokens: approvals, codes, refresh tokens.

use jiff::{Timestamp, ToSpan};

use super::{Scopes, pkce::CodeChallenge};
use crate::{
    http::{ApiVersion, Language},
    identity::BeneId,
    store::HeldApproval,
};

/// How long a beneficiary may take to sign in and decide.
pub const APPROVAL_SECONDS: i64 = 600;

/// How long a code may be redeemed (RFC 6749 section 4.1.2 asks for at most 10 minutes).
pub const CODE_SECONDS: i64 = 60;

/// How long a second redemption by the right client counts as a lost answer rather than as theft.
pub const CODE_RETRY_SECONDS: i64 = 10;

/// How long a second use of a refresh token counts as a lost answer, while its successor is unused.
pub const REFRESH_RETRY_SECONDS: i64 = 60;

/// An authorization request on its way through sign-in and consent. Bound to one browser, used once.
#[derive(Clone, PartialEq, Eq)]
pub struct Approval {
    /// The application.
    pub client_id: String,
    /// Where the answer goes: a registered URI of the application.
    pub redirect_uri: String,
    /// What the application gets at most.
    pub scopes: Scopes,
    /// The application's own text, returned as it came.
    pub state: String,
    /// What the code verifier must fit.
    pub challenge: CodeChallenge,
    /// The version of the path that the request came by.
    pub version: ApiVersion,
    /// The language of the pages.
    pub language: Language,
    /// SHA-256 of the session cookie of the browser that began it; another one after sign-in.
    pub session_hash: String,
    /// Who signed in.
    pub person: Option<Person>,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Approval {
    /// The approval of that id as the browser holds it that began it.
    #[must_use]
    pub fn held<'a>(&'a self, id: &'a str, now: Timestamp) -> HeldApproval<'a> {
        HeldApproval {
            id,
            session_hash: &self.session_hash,
            now,
        }
    }
}

/// A beneficiary who signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The beneficiary.
    pub patient: BeneId,
    /// The name that they signed in with.
    pub username: String,
}

/// An authorization code, known by its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// The application that it was issued to.
    pub client_id: String,
    /// The redirect URI that it was sent to.
    pub redirect_uri: String,
    /// What the code verifier must fit.
    pub challenge: CodeChallenge,
    /// The beneficiary.
    pub patient: BeneId,
    /// The grant that the approval made.
    pub grant_id: String,
    /// What was consented to.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was redeemed, if it was.
    pub used_at: Option<Timestamp>,
}

/// A refresh token, known by its hash. A grant's tokens are one family; each rotation is one generation.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The application that it was issued to.
    pub client_id: String,
    /// The beneficiary.
    pub patient: BeneId,
    /// The family: tokens whose grant id is no longer the grant's are dead.
    pub grant_id: String,
    /// 1 for the token that came with the code.
    pub generation: i64,
    /// What its access tokens may have at most.
    pub scopes: Scopes,
    /// The access token that was issued with it.
    pub access: IssuedAccess,
    /// When it was rotated, if it was.
    pub used_at: Option<Timestamp>,
    /// When it ends: with its grant.
    pub ends_at: Option<Timestamp>,
}

/// What tells an access token from others: enough to issue the same one again when its answer was lost.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedAccess {
    /// The token's id.
    pub jti: String,
    /// Its scopes.
    pub scopes: Scopes,
    /// When it was issued.
    pub issued_at: Timestamp,
}

impl IssuedAccess {
    /// A new access token's identity.
    #[must_use]
    pub fn new(scopes: Scopes, now: Timestamp) -> Self {
        let jti = uuid::Uuid::new_v4().to_string();
        // Tokens and tables know seconds only.
        let issued_at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        Self {
            jti,
            scopes,
            issued_at,
        }
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.issued_at + super::token::ACCESS_TOKEN_SECONDS.seconds()
    }
}
