//! The id_token: the provider's signed word on who signed in (OpenID Connect Core 1.0 section 3.1.3.7).

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::ProviderError;
use crate::secret::Secret;

/// Signatures by a key that only the provider has. What needs no key, or one that we know, proves nothing.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
];

/// How far the provider's clock may be from ours.
const CLOCKS_SECONDS_MAX: i64 = 60;

/// The oldest id_token that is taken: it is issued for this sign-in, moments ago.
const AGE_SECONDS_MAX: i64 = 300;

/// The longest subject (Core section 2).
const SUBJECT_BYTES_MAX: usize = 255;

/// What an id_token has to fit.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a Secret,
    pub(super) access_token: &'a Secret,
    pub(super) now: Timestamp,
}

/// A verified id_token.
pub(super) struct IdToken {
    pub(super) subject: Secret,
    pub(super) claims: Value,
}

/// The provider's keys: those of its set that can be read.
#[derive(Clone, Debug, Default)]
pub(super) struct ProviderKeys(Vec<Jwk>);

#[derive(Deserialize)]
struct Registered {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nonce: Option<String>,
    at_hash: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl ProviderKeys {
    /// The keys of a JWK set; a key of a kind that is not known here does not spoil the others (RFC 7517 section 5).
    pub(super) fn parse(set: &Value) -> Option<Self> {
        let keys = set["keys"].as_array()?.iter();
        Some(Self(
            keys.filter_map(|key| serde_json::from_value(key.clone()).ok())
                .collect(),
        ))
    }

    /// The key that a header names; where it names none, the only one that fits.
    fn find(&self, header: &Header) -> Option<&Jwk> {
        let mut fitting = self.0.iter().filter(|key| fits(key, header.alg));
        match &header.kid {
            Some(kid) => fitting.find(|key| key.common.key_id.as_ref() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }

    /// Whether the key that a token names is among these.
    pub(super) fn know(&self, token: &Secret) -> Result<bool, ProviderError> {
        Ok(self.find(&header(token)?).is_some())
    }
}

impl IdToken {
    /// Verifies a token.
    pub(super) fn verify(
        token: &Secret,
        keys: &ProviderKeys,
        expected: &Expected<'_>,
    ) -> Result<Self, ProviderError> {
        let header = header(token)?;
        let key = keys
            .find(&header)
            .ok_or(ProviderError::Refused("no key of the provider's"))?;
        let key =
            DecodingKey::from_jwk(key).map_err(|_| ProviderError::Refused("an unusable key"))?;
        let mut signature_only = Validation::new(header.alg);
        signature_only.required_spec_claims.clear();
        signature_only.validate_exp = false;
        signature_only.validate_aud = false;
        let claims: Value = decode(token.expose(), &key, &signature_only)
            .map_err(|_| ProviderError::Refused("signature"))?
            .claims;
        let registered =
            Registered::deserialize(&claims).map_err(|_| ProviderError::Refused("claims"))?;
        registered.check(header.alg, expected)?;
        let subject = Secret::new(registered.sub);
        Ok(Self { subject, claims })
    }
}

impl Registered {
    fn check(&self, algorithm: Algorithm, expected: &Expected<'_>) -> Result<(), ProviderError> {
        let now = expected.now.as_second();
        let nonce = self.nonce.as_deref().map(Secret::new);
        let at_hash = self.at_hash.as_deref().map(Secret::new);
        let checks = [
            (self.iss == expected.issuer, "issuer"),
            (self.is_for(expected.client_id), "audience"),
            (self.exp > now - CLOCKS_SECONDS_MAX, "expired"),
            (self.iat <= now + CLOCKS_SECONDS_MAX, "issued in the future"),
            (self.iat > now - AGE_SECONDS_MAX, "issued too long ago"),
            (nonce.as_ref() == Some(expected.nonce), "nonce"),
            (
                at_hash.is_none_or(|hash| hash == half_hash(algorithm, expected.access_token)),
                "access token's hash",
            ),
            ((1..=SUBJECT_BYTES_MAX).contains(&self.sub.len()), "subject"),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(ProviderError::Refused(what)),
            None => Ok(()),
        }
    }

    /// Core section 3.1.3.7, steps 3 to 5: for us, and if for others too, then at our request.
    fn is_for(&self, client_id: &str) -> bool {
        let (named, several) = match &self.aud {
            Audience::One(one) => (one == client_id, false),
            Audience::Several(all) => (all.iter().any(|one| one == client_id), all.len() > 1),
        };
        let requested = match &self.azp {
            Some(azp) => azp == client_id,
            None => !several,
        };
        named && requested
    }
}

/// The header of a token that is signed as it must be.
fn header(token: &Secret) -> Result<Header, ProviderError> {
    // `none` and other words that are no algorithm fail here already.
    let header = decode_header(token.expose()).map_err(|_| ProviderError::Refused("header"))?;
    match ALGORITHMS.contains(&header.alg) {
        true => Ok(header),
        false => Err(ProviderError::Refused("algorithm")),
    }
}

/// Whether a key makes signatures of that algorithm: its own words on it count (RFC 7517 sections 4.2 and 4.4).
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => {
            key.curve == EllipticCurve::P256
        }
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES384) => {
            key.curve == EllipticCurve::P384
        }
        (AlgorithmParameters::RSA(_), Algorithm::ES256 | Algorithm::ES384) => false,
        (AlgorithmParameters::RSA(_), _) => true,
        _ => false,
    };
    let signs = !matches!(
        key.common.public_key_use,
        Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_))
    );
    let named = key.common.key_algorithm.as_ref();
    kind && signs && named.is_none_or(|named| named.to_string() == format!("{algorithm:?}"))
}

/// The left half of the access token's hash (Core section 3.1.3.6), with the signature's own hash function.
fn half_hash(algorithm: Algorithm, access_token: &Secret) -> Secret {
    let function = match algorithm {
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &SHA384,
        Algorithm::RS512 | Algorithm::PS512 => &SHA512,
        _ => &SHA256,
    };
    let hash = digest::digest(function, access_token.expose().as_bytes());
    Secret::new(BASE64URL.encode(&hash.as_ref()[..hash.as_ref().len() / 2]))
}
