//! Audit records: one for each answer that carries personal data and each consent, grant and token event.

use jiff::Timestamp;

use crate::{http::Call, identity::BeneId};

pub use crate::store::{AuditRecord, AuditTable};

/// What happened to a beneficiary's data or consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A resource was read by its id.
    Read,
    /// Resources were searched.
    Search,
    /// Userinfo was read.
    Userinfo,
    /// The beneficiary signed in.
    SignedIn,
    /// The beneficiary consented; earlier tokens of the application died.
    Consented,
    /// The beneficiary refused.
    Refused,
    /// A code was exchanged for tokens.
    TokenIssued,
    /// A refresh token was exchanged for tokens.
    TokenRefreshed,
    /// A token, or a family of tokens, was revoked.
    TokenRevoked,
    /// The grant was removed.
    GrantRevoked,
    /// A partner's portal read which applications have a grant.
    GrantsListed,
}

/// One record. `detail` holds nothing personal: the resource type, the scopes, the reason.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    /// When.
    pub at: Timestamp,
    /// Whose data or consent.
    pub patient: &'a BeneId,
    /// Which application.
    pub client_id: &'a str,
    /// What happened.
    pub action: Action,
    /// What exactly: `v2 ExplanationOfBenefit`, the scopes consented to.
    pub detail: &'a str,
    /// The request, as in the log and the answer.
    pub request_id: &'a str,
}

impl<'a> Event<'a> {
    /// A record of what a call did.
    #[must_use]
    pub fn new(
        call: &'a Call,
        at: Timestamp,
        (patient, client_id): (&'a BeneId, &'a str),
        (action, detail): (Action, &'a str),
    ) -> Self {
        Self {
            at,
            patient,
            client_id,
            action,
            detail,
            request_id: &call.request_id,
        }
    }
}

impl Action {
    /// The action as it stands in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Userinfo => "userinfo",
            Self::SignedIn => "signed-in",
            Self::Consented => "consented",
            Self::Refused => "refused",
            Self::TokenIssued => "token-issued",
            Self::TokenRefreshed => "token-refreshed",
            Self::TokenRevoked => "token-revoked",
            Self::GrantRevoked => "grant-revoked",
            Self::GrantsListed => "grants-listed",
        }
    }
}
