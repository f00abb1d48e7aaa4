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

/// A client secret, known as SHA-256 only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSecret {
    /// The SHA-256 as lower hex.
    pub hash: String,
    /// When it stops working: while a secret is being changed the old one has an end.
    pub ends_at: Option<Timestamp>,
}

/// What an application is for, in its makers' words. It stands in the middle of the consent page, which a person has to
/// get to the end of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

/// A description that nobody would read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a description has at most {} characters, and this one has {chars}",
    Description::CHARS_MAX
)]
pub struct DescriptionTooLong {
    chars: usize,
}

impl Description {
    /// The most characters of a description.
    pub const CHARS_MAX: usize = 1000;

    /// A description in those words.
    ///
    /// # Errors
    /// When they are too many.
    pub fn parse(text: &str) -> Result<Self, DescriptionTooLong> {
        match text.chars().count() {
            0..=Self::CHARS_MAX => Ok(Self(text.to_owned())),
            chars => Err(DescriptionTooLong { chars }),
        }
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A registered application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// 40 alphanumerics.
    pub client_id: String,
    /// Whether it has a secret.
    pub client_type: ClientType,
    /// What the consent page calls it.
    pub name: String,
    /// One secret, or two while it is being changed; none of a public application.
    pub secrets: Vec<ClientSecret>,
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
    pub description: Option<Description>,
    /// Whether it may list and remove the grants of people who are signed in to it: a portal of a partner's.
    pub token_management: bool,
    /// Its logo, for a partner's portal.
    pub logo_uri: Option<String>,
    /// Where its makers help, an e-mail address, for a partner's portal.
    pub support_email: Option<String>,
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

    /// How long an old secret works beside its successor.
    const SECRET_OVERLAP_HOURS: i64 = 24;

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
            secrets: vec![ClientSecret::new(&secret)],
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
            token_management: false,
            logo_uri: None,
            support_email: None,
            policy_uri: None,
            tos_uri: None,
        };
        (application, secret)
    }

    /// Whether the client is authenticated by that secret, or, when it cannot keep one, without any.
    #[must_use]
    pub fn is_authenticated_by(&self, secret: Option<&str>, now: Timestamp) -> bool {
        match (self.client_type, secret) {
            (ClientType::Confidential, Some(secret)) => self.has_secret(secret, now),
            (ClientType::Public, None) => true,
            (ClientType::Confidential, None) | (ClientType::Public, Some(_)) => false,
        }
    }

    /// A new secret. The one in use works on for a day, in which the application's makers put the new one in place;
    /// older ones stop at once.
    #[must_use]
    pub fn renew_secret(&mut self, now: Timestamp) -> Secret {
        let secret = random_alphanumerics(Self::SECRET_CHARS);
        let old = self.secrets.iter().find(|old| old.ends_at.is_none());
        let old = old.map(|old| ClientSecret {
            ends_at: Some(now + Self::SECRET_OVERLAP_HOURS.hours()),
            ..old.clone()
        });
        self.secrets = [ClientSecret::new(&secret)]
            .into_iter()
            .chain(old)
            .collect();
        secret
    }

    /// Ends every secret but the newest at once: somebody else may have them.
    pub fn end_old_secrets(&mut self) {
        self.secrets.retain(|secret| secret.ends_at.is_none());
    }

    /// Whether the secret is one of the application's now. Takes the same time for every wrong secret.
    fn has_secret(&self, secret: &str, now: Timestamp) -> bool {
        let hash = sha256_hex(secret);
        self.secrets.iter().fold(false, |found, known| {
            let lives = known.ends_at.is_none_or(|end| end > now);
            found | (lives & bool::from(known.hash.as_bytes().ct_eq(hash.as_bytes())))
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

impl ClientSecret {
    fn new(secret: &Secret) -> Self {
        Self {
            hash: sha256_hex(secret.expose()),
            ends_at: None,
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
    fn a_description_is_short_enough_to_be_read() {
        let check = |text: &str, expected: Result<(), &str>| {
            let parsed = Description::parse(text).map(|description| {
                assert_eq!(description.as_str(), text);
            });
            let parsed = parsed.map_err(|error| error.to_string());
            assert_eq!(parsed, expected.map_err(str::to_owned));
        };
        let too_long = "a description has at most 1000 characters, and this one has 1001";
        check("", Ok(()));
        check(&"ñ".repeat(1000), Ok(()));
        check(&"ñ".repeat(1001), Err(too_long));
    }

    #[test]
    fn an_application_has_its_secret_and_while_it_is_changed_the_old_one_for_a_day() {
        let now: Timestamp = "2026-11-21T23:41:50Z".parse().expect("a timestamp");
        let (mut application, first) = Application::register("App", vec![]);
        let (other, _) = Application::register("App", vec![]);
        assert_eq!(application.client_id.len(), Application::CLIENT_ID_CHARS);
        assert_ne!(application.client_id, other.client_id);
        let check = |application: &Application, secret: &str, hours: i64, expected: bool| {
            let authenticated = application.is_authenticated_by(Some(secret), now + hours.hours());
            assert_eq!(authenticated, expected, "{hours} hours later");
        };
        check(&application, first.expose(), 0, true);
        check(&application, first.expose(), 100_000, true);
        check(&application, "", 0, false);
        check(&application, &first.expose()[1..], 0, false);
        check(&application, &application.secrets[0].hash, 0, false);
        check(&other, first.expose(), 0, false);

        let second = application.renew_secret(now);
        check(&application, second.expose(), 0, true);
        check(&application, first.expose(), 0, true);
        check(&application, first.expose(), 23, true);
        check(&application, first.expose(), 24, false);
        check(&application, second.expose(), 24, true);

        let third = application.renew_secret(now);
        assert_eq!(application.secrets.len(), 2);
        check(&application, third.expose(), 0, true);
        check(&application, second.expose(), 0, true);
        check(&application, first.expose(), 0, false);

        application.end_old_secrets();
        check(&application, third.expose(), 0, true);
        check(&application, second.expose(), 0, false);
    }

    #[test]
    fn only_a_public_application_goes_without_a_secret_and_it_goes_with_none() {
        let now = Timestamp::UNIX_EPOCH;
        let (confidential, secret) = Application::register("App", vec![]);
        let public = Application {
            client_type: ClientType::Public,
            ..confidential.clone()
        };
        let check = |application: &Application, secret: Option<&str>, expected: bool| {
            assert_eq!(application.is_authenticated_by(secret, now), expected);
        };
        let secret = Some(secret.expose());
        check(&confidential, secret, true);
        check(&confidential, None, false);
        check(&public, None, true);
        check(&public, secret, false);
        check(&public, Some(""), false);
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
