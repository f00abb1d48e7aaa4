//! Access tokens: JWTs by RFC 9068, signed by KMS with ES256, verified locally.

use aws_config::SdkConfig;
use aws_lc_rs::digest;
use aws_sdk_kms::{
    Client as Kms,
    primitives::Blob,
    types::{MessageType, SigningAlgorithmSpec},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Validation};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::keys::{PublicKey, public_key};
use crate::{config::ConfigError, secret::Secret};

/// How long an access token lives.
pub const ACCESS_TOKEN_SECONDS: i64 = 3600;

/// How far the clocks of issuer and verifier may be apart.
pub const LEEWAY_SECONDS: i64 = 10;

/// The largest access token that is looked at.
pub const TOKEN_BYTES_MAX: usize = 4096;

/// The media type of RFC 9068 section 2.1.
const TOKEN_TYPE: &str = "at+jwt";

/// The claims of an access token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The public base URL.
    pub iss: String,
    /// The same: the resources are this server's own.
    pub aud: String,
    /// Opaque, different for each application.
    pub sub: String,
    /// The beneficiary id.
    pub patient: String,
    /// The application.
    pub client_id: String,
    /// The scopes, apart by spaces.
    pub scope: String,
    /// The grant id at the time of issue.
    pub grant: String,
    /// The token's own id.
    pub jti: String,
    /// Seconds of 1970.
    pub iat: i64,
    /// Seconds of 1970.
    pub exp: i64,
    /// Seconds of 1970; never issued, but heeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
}

/// Why a token could not be signed: KMS did not answer, or not with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token cannot be signed")]
pub struct SigningFailed;

/// Signs access tokens with the current KMS key.
pub struct Signer {
    kms: Kms,
    arn: String,
    kid: String,
}

impl Signer {
    /// A signer with that KMS key.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub async fn new(aws: &SdkConfig, arn: &str) -> Result<Self, ConfigError> {
        let kms = Kms::new(aws);
        let kid = public_key(&kms, arn).await?.kid;
        let arn = arn.to_owned();
        Ok(Self { kms, arn, kid })
    }

    /// The token of those claims.
    ///
    /// # Errors
    /// When KMS does not sign.
    pub async fn sign(&self, claims: &Claims) -> Result<Secret, SigningFailed> {
        let message = signing_input(&self.kid, claims);
        let hash = digest::digest(&digest::SHA256, message.as_bytes());
        let answer = self
            .kms
            .sign()
            .key_id(&self.arn)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .message_type(MessageType::Digest)
            .message(Blob::new(hash.as_ref()))
            .send()
            .await
            .map_err(|_| SigningFailed)?;
        let signature = answer
            .signature()
            .and_then(|der| jose_signature(der.as_ref()))
            .ok_or(SigningFailed)?;
        let signature = BASE64URL.encode(signature);
        Ok(Secret::new(format!("{message}.{signature}")))
    }
}

/// Header and claims, encoded and joined (RFC 7515 section 5.1).
fn signing_input(kid: &str, claims: &Claims) -> String {
    let header = json!({"typ": TOKEN_TYPE, "alg": "ES256", "kid": kid}).to_string();
    let claims = json!(claims).to_string();
    format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims))
}

/// A DER ECDSA-Sig-Value as the r||s of RFC 7518 section 3.4. Nothing when it is not strictly one.
fn jose_signature(der: &[u8]) -> Option<[u8; 64]> {
    let [0x30, length, integers @ ..] = der else {
        return None;
    };
    let (r, rest) = (integers.len() == usize::from(*length))
        .then(|| integer(integers))
        .flatten()?;
    let (s, rest) = integer(rest)?;
    let mut signature = [0; 64];
    signature[32 - r.len()..32].copy_from_slice(r);
    signature[64 - s.len()..].copy_from_slice(s);
    rest.is_empty().then_some(signature)
}

/// The first DER INTEGER of at most 32 significant bytes, and what follows it.
fn integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x02, length, rest @ ..] = der else {
        return None;
    };
    let (bytes, rest) = rest.split_at_checked(usize::from(*length))?;
    let magnitude = bytes.strip_prefix(&[0]).unwrap_or(bytes);
    (!bytes.is_empty() && magnitude.len() <= 32).then_some((magnitude, rest))
}

/// The header that this server writes. Any other member, as `jwk`, `jku`, `x5c` or `crit`, is refused unread.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    typ: String,
    alg: String,
    kid: String,
}

/// The key id of a token's header, when the header is one that this server writes.
///
/// # Errors
/// A reason that may be logged and shown.
pub(super) fn key_id(token: &str) -> Result<String, &'static str> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err("too long");
    }
    let header = token.split('.').next().unwrap_or_default();
    let header = BASE64URL.decode(header).map_err(|_| "not a JWT")?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| "not our header")?;
    if header.alg != "ES256" {
        return Err("wrong algorithm");
    }
    if header.typ != TOKEN_TYPE {
        return Err("wrong type");
    }
    Ok(header.kid)
}

/// The claims of a token that the key signed, that `issuer` issued and that lives at `now`.
///
/// # Errors
/// A reason that may be logged and shown.
pub(super) fn verify(
    token: &str,
    key: &PublicKey,
    issuer: &str,
    now: Timestamp,
) -> Result<Claims, &'static str> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[issuer]);
    validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
    // Times are checked below, against the time that the caller read.
    validation.validate_exp = false;
    let key = key.decoding_key().ok_or("unusable key")?;
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
        .map_err(|_| "the signature or a claim does not hold")?
        .claims;
    let now = now.as_second();
    if claims.exp.saturating_add(LEEWAY_SECONDS) <= now {
        return Err("expired");
    }
    let starts = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
    if starts.saturating_sub(LEEWAY_SECONDS) > now {
        return Err("not yet valid");
    }
    Ok(claims)
}
