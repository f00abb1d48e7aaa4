//! The keys that access tokens are signed and verified with: what the configuration names, read from KMS, and read
//! again often enough for a rotation to reach functions that are already running.

use aws_config::SdkConfig;
use aws_sdk_kms::Client as Kms;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::digest::sha256_base64url;
use crate::config::{self, ConfigError, Configuration, SigningKeys, Stage, variable};
use crate::metrics::{self, Metric};

/// The configuration is read again when what is known of it is this old.
pub const CONFIGURATION_SECONDS: i64 = 60;

/// It is read at most this often, whatever key ids are asked for, so that a flood of forged tokens costs nothing.
const READ_SECONDS_MIN: i64 = 30;

/// While the configuration cannot be read, tokens are signed with what was known for this long. A key is published
/// for at least [`super::token::ACCESS_TOKEN_SECONDS`] and ten minutes after it was replaced (infra/docs/keys.md).
const SIGNING_STALE_SECONDS_MAX: i64 = 9 * 60;

/// While the configuration cannot be read, tokens are verified with what was known for this long.
const VERIFYING_STALE_SECONDS_MAX: i64 = 3600;

/// A public P-256 key.
#[derive(Clone)]
pub struct PublicKey {
    /// The RFC 7638 thumbprint, which names the key in tokens.
    pub kid: String,
    x: String,
    y: String,
}

/// The current, next and previous keys, as read from KMS.
#[derive(Clone, Default)]
pub struct KeySet(Vec<SigningKey>);

/// A key of KMS.
#[derive(Clone)]
struct SigningKey {
    arn: String,
    public: PublicKey,
}

/// A key set that follows the configuration.
pub struct Keys {
    aws: SdkConfig,
    /// As it was when the function started: a stack never changes its stage.
    stage: Stage,
    /// The name of the secret that names the keys.
    configuration: Option<String>,
    known: Mutex<Known>,
    /// Held by the one caller who reads.
    reading: tokio::sync::Mutex<()>,
}

struct Known {
    keys: KeySet,
    /// The ARN of the key that signs.
    current: String,
    read_at: Timestamp,
    tried_at: Timestamp,
    /// Whether the last attempt read the configuration and every key that it names.
    complete: bool,
}

/// The configuration or KMS cannot be read, and what is known is too old or does not answer the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing keys cannot be read")]
pub struct KeysUnavailable;

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
    /// Reads the keys from KMS, but for those that are known: the halves of a key never change. Also says whether all
    /// could be read.
    async fn read(aws: &SdkConfig, keys: &SigningKeys, known: &Self) -> (Self, bool) {
        let kms = config::kms(aws);
        let current = Some(&keys.current).filter(|arn| !arn.is_empty());
        let (current, next, previous) = tokio::join!(
            known.find_or_read(&kms, current),
            known.find_or_read(&kms, keys.next.as_ref()),
            known.find_or_read(&kms, keys.previous.as_ref()),
        );
        let (mut set, mut complete) = (Vec::new(), true);
        for key in [current, next, previous].into_iter().flatten() {
            match key {
                Ok(key) => set.push(key),
                Err(_) => complete = false,
            }
        }
        (Self(set), complete)
    }

    /// The key of that ARN: the one that is known, else as KMS gives it.
    async fn find_or_read(
        &self,
        kms: &Kms,
        arn: Option<&String>,
    ) -> Option<Result<SigningKey, ConfigError>> {
        let arn = arn?;
        if let Some(known) = self.0.iter().find(|key| key.arn == *arn) {
            return Some(Ok(known.clone()));
        }
        let public = public_key(kms, arn).await;
        Some(public.map(|public| SigningKey {
            arn: arn.clone(),
            public,
        }))
    }

    /// A set of those keys.
    #[must_use]
    pub fn new(keys: Vec<PublicKey>) -> Self {
        let key = |public| SigningKey {
            arn: String::new(),
            public,
        };
        Self(keys.into_iter().map(key).collect())
    }

    /// The set as a JWK set (RFC 7517 section 5).
    #[must_use]
    pub fn to_jwks(&self) -> Value {
        json!({"keys": self.0.iter().map(|key| key.public.to_jwk()).collect::<Vec<_>>()})
    }

    fn find(&self, kid: &str) -> Option<&PublicKey> {
        let keys = self.0.iter().map(|key| &key.public);
        keys.into_iter().find(|key| key.kid == kid)
    }
}

/// The public half of a KMS key.
///
/// # Errors
/// When the key cannot be read or is not a P-256 key.
pub async fn public_key(kms: &Kms, arn: &str) -> Result<PublicKey, ConfigError> {
    let answer = kms.get_public_key().key_id(arn).send().await;
    if answer.is_err() {
        metrics::count(Metric::KeyErrors);
    }
    answer
        .ok()
        .and_then(|answer| PublicKey::from_spki(answer.public_key()?.as_ref()))
        .ok_or(ConfigError::UnreadableKey)
}

impl Keys {
    /// Reads the keys that the deployment's configuration names.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub async fn read(aws: &SdkConfig, now: Timestamp) -> Result<Self, ConfigError> {
        match variable("CONFIGURATION_SECRET") {
            Ok(configuration) => Self::named(aws, &configuration, now).await,
            Err(_) => Ok(Self::new(aws.clone(), None, KeySet::default(), now)),
        }
    }

    /// Reads the keys that the configuration in that secret names.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub async fn named(
        aws: &SdkConfig,
        configuration: &str,
        now: Timestamp,
    ) -> Result<Self, ConfigError> {
        let name = Some(configuration.to_owned());
        let read = Configuration::named(aws, configuration).await?;
        let keys = Self {
            stage: read.stage,
            ..Self::new(aws.clone(), name, KeySet::default(), now)
        };
        keys.take(&read.signing_keys, now).await;
        Ok(keys)
    }

    /// The stage that the configuration names; prod for keys that have none.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Reads the key that signs now, whatever is known of it, to see whether it can be read.
    ///
    /// # Errors
    /// When it cannot, or the configuration that names it cannot.
    pub async fn check(aws: &SdkConfig) -> Result<(), ConfigError> {
        let read = Configuration::read(aws).await?;
        let kms = config::kms(aws);
        let key = public_key(&kms, &read.signing_keys.current).await;
        key.map(drop)
    }

    /// Keys that were read at that time, of the configuration in that secret; without one they never change.
    #[must_use]
    pub fn new(
        aws: SdkConfig,
        configuration: Option<String>,
        keys: KeySet,
        read_at: Timestamp,
    ) -> Self {
        let known = Known {
            keys,
            current: String::new(),
            read_at,
            tried_at: read_at,
            complete: true,
        };
        Self {
            aws,
            stage: Stage::default(),
            configuration,
            known: Mutex::new(known),
            reading: tokio::sync::Mutex::new(()),
        }
    }

    /// The keys to publish.
    ///
    /// # Errors
    /// When the key that signs could not be read yet: whoever got a set without it would keep that for an hour.
    pub async fn published(&self, now: Timestamp) -> Result<KeySet, KeysUnavailable> {
        self.refresh(now, |_| false).await;
        let known = self.lock();
        let has_current = known.keys.0.iter().any(|key| key.arn == known.current);
        match known.complete || has_current {
            true => Ok(known.keys.clone()),
            false => Err(KeysUnavailable),
        }
    }

    /// The key of that id, if there is one.
    ///
    /// # Errors
    /// When it may be that there is one which cannot be read now.
    pub(super) async fn find(
        &self,
        kid: &str,
        now: Timestamp,
    ) -> Result<Option<PublicKey>, KeysUnavailable> {
        self.refresh(now, |keys| keys.find(kid).is_none()).await;
        let known = self.lock();
        match known.keys.find(kid) {
            Some(key) if !self.is_older(&known, VERIFYING_STALE_SECONDS_MAX, now) => {
                Ok(Some(key.clone()))
            }
            None if known.complete => Ok(None),
            _ => Err(KeysUnavailable),
        }
    }

    /// ARN and id of the key that signs.
    ///
    /// # Errors
    /// When the configuration cannot be read and may have named another key meanwhile.
    pub(super) async fn current(
        &self,
        now: Timestamp,
    ) -> Result<(String, String), KeysUnavailable> {
        self.refresh(now, |_| false).await;
        let known = self.lock();
        let mut keys = known.keys.0.iter();
        let current = keys.find(|key| key.arn == known.current);
        current
            .filter(|_| !self.is_older(&known, SIGNING_STALE_SECONDS_MAX, now))
            .map(|key| (key.arn.clone(), key.public.kid.clone()))
            .ok_or(KeysUnavailable)
    }

    /// Reads again when it is time, or when the caller is missing something and it may be.
    async fn refresh(&self, now: Timestamp, missing: impl Fn(&KeySet) -> bool) {
        let Some(configuration) = &self.configuration else {
            return;
        };
        let is_due = || {
            let known = self.lock();
            seconds(known.tried_at, now) >= READ_SECONDS_MIN
                && (seconds(known.read_at, now) >= CONFIGURATION_SECONDS
                    || !known.complete
                    || missing(&known.keys))
        };
        if !is_due() {
            return;
        }
        let _reading = match self.reading.try_lock() {
            Ok(reading) => reading,
            // Somebody else reads. Only who cannot go on without the answer waits for it.
            Err(_) if !missing(&self.lock().keys) => return,
            Err(_) => self.reading.lock().await,
        };
        if !is_due() {
            return;
        }
        match Configuration::named(&self.aws, configuration).await {
            Ok(read) => self.take(&read.signing_keys, now).await,
            // What was known stays.
            Err(error) => {
                tracing::error!(cause = %error, "the signing keys are not read again");
                let mut known = self.lock();
                (known.tried_at, known.complete) = (now, false);
            }
        }
    }

    /// Takes over what the configuration says.
    async fn take(&self, keys: &SigningKeys, now: Timestamp) {
        let before = self.lock().keys.clone();
        let (read, complete) = KeySet::read(&self.aws, keys, &before).await;
        if !complete {
            tracing::error!("a signing key that the configuration names cannot be read");
        }
        *self.lock() = Known {
            keys: read,
            current: keys.current.clone(),
            read_at: now,
            tried_at: now,
            complete,
        };
    }

    /// Keys that nothing could be read about for longer than that.
    fn is_older(&self, known: &Known, seconds_max: i64, now: Timestamp) -> bool {
        self.configuration.is_some() && seconds(known.read_at, now) > seconds_max
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds(since: Timestamp, now: Timestamp) -> i64 {
    now.as_second() - since.as_second()
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
