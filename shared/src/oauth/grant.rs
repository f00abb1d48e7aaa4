//! Grants: what a beneficiary allowed an application.

use jiff::Timestamp;
use std::fmt;

use super::Scopes;
use crate::identity::BeneId;

/// A beneficiary's consent for one application. There is one per pair; a new approval replaces it.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// The beneficiary.
    pub patient: BeneId,
    /// The application.
    pub client_id: String,
    /// Random, new at every approval: tokens that carry another one are dead.
    pub grant_id: String,
    /// What was consented to.
    pub scopes: Scopes,
    /// Whether claims about alcohol and substance use were included (42 CFR Part 2).
    pub substance_use: bool,
    /// The name that the beneficiary signed in with, where there is one.
    pub username: Option<String>,
    /// When the consent was given.
    pub approved_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

impl Grant {
    /// A new random grant id.
    #[must_use]
    pub fn new_id() -> String {
        uuid::Uuid::new_v4().to_string()
    }

    /// Whether the consent has ended.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
