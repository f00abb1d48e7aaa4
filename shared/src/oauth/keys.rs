//! The keys that access tokens are verified with: the public halves of the KMS signing keys, as a JWK set.

use aws_config::SdkConfig;
use aws_sdk_kms::Client as Kms;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::digest::sha256_base64url;
use crate::config::{ConfigError, Configuration, SigningKeys};

/// Keys are read again for an unknown key id at most this often, so that a flood of forged tokens costs nothing.
const REFRESH_SECONDS_MIN: i64 = 30;

/// A public P-256 key.
#[derive(Clone)]
pub struct PublicKey {
    /// The RFC 7638 thumbprint, which names the key in tokens.
    pub kid: String,
    x: String,
    y: String,
}

/// The current, next and previous public keys, read from KMS.
#[derive(Clone)]
pub struct KeySet(Vec<PublicKey>);

/// A key set that reads itself again when a token names a key that it does not know.
pub struct Keys {
    aws: SdkConfig,
    known: Mutex<Known>,
}

struct Known {
    keys: KeySet,
    read_at: Timestamp,
}

impl PublicKey {
    /// The key of a DER SubjectPublicKeyInfo, as KMS gives it.
    #[must_use]
    pub fn from_spki(der: &[u8]) -> Option<Self> {
        /// SEQUENCE, AlgorithmIdentifier{id-ecPublicKey, prime256v1}, BIT STRING, uncompressed point (RFC 5480).
        const P256_PREFIX: [u8; 27] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
        ];
        let point = der.strip_prefix(&P256_PREFIX)?;
        let (x, y) = point.split_at_checked(32).filter(|(_, y)| y.len() == 32)?;
        let (x, y) = (BASE64URL.encode(x), BASE64URL.encode(y));
        // RFC 7638 section 3: the required members in lexicographic order, without white space.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = sha256_base64url(members.as_bytes());
        Some(Self { kid, x, y })
    }

    /// The key as a JWK (RFC 7517).
    #[must_use]
    pub fn to_jwk(&self) -> Value {
        json!({
            "kty": "EC", "crv": "P-256", "x": self.x, "y": self.y,
            "use": "sig", "alg": "ES256", "kid": self.kid,
        })
    }

    pub(super) fn decoding_key(&self) -> Option<DecodingKey> {
        DecodingKey::from_ec_components(&self.x, &self.y).ok()
    }
}

impl KeySet {
    /// Reads the public keys from KMS.
    ///
    /// # Errors
    /// When a key cannot be read or is not a P-256 key.
    pub async fn read(aws: &SdkConfig, keys: &SigningKeys) -> Result<Self, ConfigError> {
        let kms = Kms::new(aws);
        let current = Some(&keys.current).filter(|arn| !arn.is_empty());
        let arns = current.into_iter().chain(&keys.next).chain(&keys.previous);
        let mut set = Vec::new();
        for arn in arns {
            set.push(public_key(&kms, arn).await?);
        }
        Ok(Self(set))
    }

    /// A set of those keys.
    #[must_use]
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self(keys)
    }

    /// The set as a JWK set (RFC 7517 section 5).
    #[must_use]
    pub fn to_jwks(&self) -> Value {
        json!({"keys": self.0.iter().map(PublicKey::to_jwk).collect::<Vec<_>>()})
    }

    pub(super) fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.kid == kid)
    }
}

/// The public half of a KMS key.
///
/// # Errors
/// When the key cannot be read or is not a P-256 key.
pub async fn public_key(kms: &Kms, arn: &str) -> Result<PublicKey, ConfigError> {
    let answer = kms.get_public_key().key_id(arn).send().await;
    answer
        .ok()
        .and_then(|answer| PublicKey::from_spki(answer.public_key()?.as_ref()))
        .ok_or(ConfigError::UnreadableKey)
}

impl Keys {
    /// Reads the keys that the configuration names.
    ///
    /// # Errors
    /// When the configuration or a key cannot be read.
    pub async fn read(aws: &SdkConfig, now: Timestamp) -> Result<Self, ConfigError> {
        let configuration = Configuration::read(aws).await?;
        let keys = KeySet::read(aws, &configuration.signing_keys).await?;
        let known = Mutex::new(Known { keys, read_at: now });
        let aws = aws.clone();
        Ok(Self { aws, known })
    }

    /// Keys that were read already.
    #[must_use]
    pub fn new(aws: SdkConfig, keys: KeySet, now: Timestamp) -> Self {
        let known = Mutex::new(Known { keys, read_at: now });
        Self { aws, known }
    }

    /// The keys as last read.
    #[must_use]
    pub fn key_set(&self) -> KeySet {
        self.lock().keys.clone()
    }

    /// The key of that id; an unknown one makes the set read itself again, at most every 30 seconds.
    pub(super) async fn find(&self, kid: &str, now: Timestamp) -> Option<PublicKey> {
        let known = self.lock().keys.find(kid).cloned();
        if known.is_some() || !self.may_refresh(now) {
            return known;
        }
        // What cannot be read now leaves the known keys in place.
        let configuration = Configuration::read(&self.aws).await.ok()?;
        let keys = KeySet::read(&self.aws, &configuration.signing_keys)
            .await
            .ok()?;
        let found = keys.find(kid).cloned();
        self.lock().keys = keys;
        found
    }

    /// Whether the set may be read again now; if so, the next time is half a minute from now.
    fn may_refresh(&self, now: Timestamp) -> bool {
        let mut known = self.lock();
        let due = now.as_second() - known.read_at.as_second() >= REFRESH_SECONDS_MIN;
        if due {
            known.read_at = now;
        }
        due
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::{
        encoding::AsDer,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
    };

    #[test]
    fn reads_the_public_key_that_kms_gives_and_nothing_else() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let public_key = pair.public_key();
        let der = AsDer::as_der(public_key).expect("DER");
        let key = PublicKey::from_spki(der.as_ref()).expect("a P-256 key");
        assert_eq!(key.to_jwk()["crv"], "P-256");
        assert!(key.decoding_key().is_some());
        for broken in [&der.as_ref()[1..], &der.as_ref()[..90], b""] {
            assert!(PublicKey::from_spki(broken).is_none());
        }
    }

    #[test]
    fn names_a_key_by_its_thumbprint() {
        // The computation of RFC 7638 section 3 on the P-256 key of RFC 7517 appendix A.1.
        let point = [
            "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        ]
        .map(|text| BASE64URL.decode(text).expect("base64url"));
        let mut der = vec![
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
        ];
        der.extend(point.concat());
        let key = PublicKey::from_spki(&der).expect("a P-256 key");
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.to_jwk()).expect("a JWK");
        let thumbprint = jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256);
        assert_eq!(Some(key.kid), thumbprint.ok());
    }
}
