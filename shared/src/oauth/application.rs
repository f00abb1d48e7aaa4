//! Applications: the clients of RFC 6749.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{Scopes, sha256_hex};

/// How long a beneficiary's consent lets an application come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DataAccess {
    /// One access token and no refresh token.
    OneTime,
    /// Thirteen months from each consent.
    #[default]
    ThirteenMonth,
    /// Until revoked.
    ResearchStudy,
}

/// A registered application. Its secrets are known as SHA-256 only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// 40 alphanumerics.
    pub client_id: String,
    /// What the consent page calls it.
    pub name: String,
    /// SHA-256 of each valid secret, as hex: one, or two while a secret is being changed.
    pub secret_hashes: Vec<String>,
    /// The redirect URIs, compared byte for byte.
    pub redirect_uris: Vec<String>,
    /// The scopes it may ask for.
    pub scopes: Scopes,
    /// Whether it needs to know who the beneficiary is.
    pub require_demographic_scopes: bool,
    /// How long a consent lasts.
    pub data_access: DataAccess,
    /// An inactive application is refused everywhere.
    pub active: bool,
    /// Its privacy policy, for the consent page.
    pub policy_uri: Option<String>,
    /// Its terms of service, for the consent page.
    pub tos_uri: Option<String>,
}

impl Application {
    /// How many characters a client id has.
    pub const CLIENT_ID_CHARS: usize = 40;

    /// Whether the secret is one of the application's. Takes the same time for every wrong secret.
    #[must_use]
    pub fn has_secret(&self, secret: &str) -> bool {
        let hash = sha256_hex(secret);
        self.secret_hashes.iter().fold(false, |found, known| {
            found | bool::from(known.as_bytes().ct_eq(hash.as_bytes()))
        })
    }

    /// Whether the URI is registered, byte for byte (security BCP, RFC 9700 section 2.1).
    #[must_use]
    pub fn has_redirect_uri(&self, uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|registered| registered == uri)
    }

    /// The scopes a request gets at most: what it asked for, as far as the application may ask for it.
    #[must_use]
    pub fn requestable(&self, asked: Scopes) -> Scopes {
        let permitted = asked.permitted_by(self.scopes).condensed();
        match self.require_demographic_scopes {
            true => permitted,
            false => permitted.without_demographics(),
        }
    }
}

impl DataAccess {
    /// When a consent given now ends; research consents do not end, one-time consents end with their one access token.
    #[must_use]
    pub fn grant_expiry(self, now: Timestamp, access_token_seconds: i64) -> Option<Timestamp> {
        match self {
            Self::OneTime => Some(now + access_token_seconds.seconds()),
            Self::ThirteenMonth => {
                let end = now.to_zoned(TimeZone::UTC).checked_add(13.months());
                Some(end.expect("the year is far below 9999").timestamp())
            }
            Self::ResearchStudy => None,
        }
    }
}
