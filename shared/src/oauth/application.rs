//! Applications: the clients of RFC 6749.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{
    RedirectUri, Scopes, random_alphanumerics, redirect_uri::is_at_another_port, sha256_hex,
};
use crate::secret::Secret;

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

/// Whether an application can keep a secret (RFC 6749 section 2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientType {
    /// It authenticates with its secret.
    #[default]
    Confidential,
    /// It has no secret; PKCE alone ties a code to it.
    Public,
}

/// A registered application. Its secrets are known as SHA-256 only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// 40 alphanumerics.
    pub client_id: String,
    /// Whether it has a secret.
    pub client_type: ClientType,
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
    /// Whether it gets prescription drug claims (Part D) and no others.
    pub part_d_eob_only: bool,
    /// How long a consent lasts.
    pub data_access: DataAccess,
    /// An inactive application is refused everywhere.
    pub active: bool,
    /// What it is for, in its makers' words, for the consent page.
    pub description: Option<String>,
    /// Its privacy policy, for the consent page.
    pub policy_uri: Option<String>,
    /// Its terms of service, for the consent page.
    pub tos_uri: Option<String>,
}

impl Application {
    /// How many characters a client id has.
    pub const CLIENT_ID_CHARS: usize = 40;

    /// How many characters a client secret has: more than 256 random bits.
    const SECRET_CHARS: usize = 64;

    /// Whether an application may have that client id.
    #[must_use]
    pub fn is_client_id(text: &str) -> bool {
        text.len() == Self::CLIENT_ID_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }

    /// A new application that may ask for everything, and its secret, which is known only now.
    #[must_use]
    pub fn register(name: &str, redirect_uris: Vec<RedirectUri>) -> (Self, Secret) {
        let secret = random_alphanumerics(Self::SECRET_CHARS);
        let application = Self {
            client_id: random_alphanumerics(Self::CLIENT_ID_CHARS)
                .expose()
                .to_owned(),
            client_type: ClientType::Confidential,
            name: name.to_owned(),
            secret_hashes: vec![sha256_hex(secret.expose())],
            redirect_uris: redirect_uris
                .into_iter()
                .map(RedirectUri::into_string)
                .collect(),
            scopes: Scopes::all(),
            require_demographic_scopes: true,
            part_d_eob_only: false,
            data_access: DataAccess::ThirteenMonth,
            active: true,
            description: None,
            policy_uri: None,
            tos_uri: None,
        };
        (application, secret)
    }

    /// Whether the secret is one of the application's. Takes the same time for every wrong secret.
    #[must_use]
    pub fn has_secret(&self, secret: &str) -> bool {
        let hash = sha256_hex(secret);
        self.secret_hashes.iter().fold(false, |found, known| {
            found | bool::from(known.as_bytes().ct_eq(hash.as_bytes()))
        })
    }

    /// Whether the URI is registered, byte for byte (security BCP, RFC 9700 section 2.1). Of a native application's
    /// loopback URI the port may differ; an application with a secret runs on a server and has no use for that.
    #[must_use]
    pub fn has_redirect_uri(&self, uri: &str) -> bool {
        let is_native = self.client_type == ClientType::Public;
        self.redirect_uris.iter().any(|registered| {
            registered == uri || (is_native && is_at_another_port(registered, uri))
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registered_application_has_its_secret_and_no_other() {
        let (application, secret) = Application::register("App", vec![]);
        let (other, _) = Application::register("App", vec![]);
        assert_eq!(application.client_id.len(), Application::CLIENT_ID_CHARS);
        assert_ne!(application.client_id, other.client_id);
        let rotating = Application {
            secret_hashes: [application.secret_hashes.clone(), vec![sha256_hex("new")]].concat(),
            ..application.clone()
        };
        let check = |application: &Application, secret: &str, expected: bool| {
            assert_eq!(application.has_secret(secret), expected);
        };
        check(&application, secret.expose(), true);
        check(&application, "new", false);
        check(&application, "", false);
        check(&application, &secret.expose()[1..], false);
        check(&application, &application.secret_hashes[0], false);
        check(&other, secret.expose(), false);
        check(&rotating, secret.expose(), true);
        check(&rotating, "new", true);
    }

    #[test]
    fn a_grant_lasts_as_long_as_the_access_type_says() {
        let check = |access: DataAccess, now: &str, expected: Option<&str>| {
            let now: Timestamp = now.parse().expect("a timestamp");
            let end = access.grant_expiry(now, 3660).map(|end| end.to_string());
            assert_eq!(end.as_deref(), expected, "{access:?} {now}");
        };
        let now = "2026-11-21T23:41:50Z";
        check(DataAccess::ThirteenMonth, now, Some("2027-12-21T23:41:50Z"));
        check(
            DataAccess::ThirteenMonth,
            "2027-01-31T00:00:00Z",
            Some("2028-02-29T00:00:00Z"),
        );
        check(DataAccess::OneTime, now, Some("2026-11-22T00:42:50Z"));
        check(DataAccess::ResearchStudy, now, None);
    }
}
