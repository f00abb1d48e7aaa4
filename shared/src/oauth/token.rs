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
use std::sync::Arc;

use super::keys::{Keys, PublicKey};
use crate::{
    config,
    metrics::{self, Metric},
    secret::Secret,
};

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

/// Signs access tokens with the key that is current now.
pub struct Signer {
    kms: Kms,
    keys: Arc<Keys>,
}

impl Signer {
    /// A signer with those keys.
    #[must_use]
    pub fn new(aws: &SdkConfig, keys: Arc<Keys>) -> Self {
        let kms = config::kms(aws);
        Self { kms, keys }
    }

    /// The token of those claims.
    ///
    /// # Errors
    /// When it is not known which key is current, or KMS does not sign.
    pub async fn sign(&self, claims: &Claims, now: Timestamp) -> Result<Secret, SigningFailed> {
        let (arn, kid) = self.keys.current(now).await.map_err(|_| SigningFailed)?;
        let message = signing_input(&kid, claims);
        let hash = digest::digest(&digest::SHA256, message.as_bytes());
        let answer = self
            .kms
            .sign()
            .key_id(arn)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
            .message_type(MessageType::Digest)
            .message(Blob::new(hash.as_ref()))
            .send()
            .await
            .map_err(|_| {
                metrics::count(Metric::KeyErrors);
                SigningFailed
            })?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::{
        encoding::AsDer,
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
    };
    use serde_json::Value;

    const ISSUER: &str = "http://localhost:8000";
    const NOW: i64 = 1_800_000_000;

    /// A key pair that signs as KMS does, in DER.
    struct Key {
        pair: EcdsaKeyPair,
        public: PublicKey,
    }

    impl Key {
        fn new() -> Self {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
            let der = AsDer::as_der(pair.public_key()).expect("DER");
            let public = PublicKey::from_spki(der.as_ref()).expect("a P-256 key");
            Self { pair, public }
        }

        fn sign(&self, header: &str, claims: &str) -> String {
            let message = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
            let der = self.pair.sign(&SystemRandom::new(), message.as_bytes());
            let signature = jose_signature(der.expect("a signature").as_ref()).expect("DER");
            format!("{message}.{}", BASE64URL.encode(signature))
        }
    }

    fn header(key: &Key) -> Value {
        json!({"typ": "at+jwt", "alg": "ES256", "kid": key.public.kid})
    }

    fn claims() -> Value {
        json!({
            "iss": ISSUER, "aud": ISSUER, "sub": "s", "patient": "-1", "client_id": "c",
            "scope": "profile", "grant": "g", "jti": "j", "iat": NOW - 60, "exp": NOW + 3540,
        })
    }

    fn with(mut object: Value, name: &str, value: Value) -> String {
        match value {
            Value::Null => drop(object.as_object_mut().expect("an object").remove(name)),
            value => object[name] = value,
        }
        object.to_string()
    }

    /// As the verifier does it: the header first, then the key that it names, then the rest.
    fn accepts(token: &str, key: &Key) -> bool {
        let now = Timestamp::from_second(NOW).expect("a time");
        key_id(token).is_ok_and(|kid| kid == key.public.kid)
            && verify(token, &key.public, ISSUER, now).is_ok()
    }

    #[test]
    fn accepts_what_it_signs() {
        let key = Key::new();
        assert!(accepts(
            &key.sign(&header(&key).to_string(), &claims().to_string()),
            &key
        ));
        let claims: Claims = serde_json::from_value(claims()).expect("claims");
        let message = signing_input(&key.public.kid, &claims);
        let der = key.pair.sign(&SystemRandom::new(), message.as_bytes());
        let signature = jose_signature(der.expect("a signature").as_ref()).expect("DER");
        assert!(accepts(
            &format!("{message}.{}", BASE64URL.encode(signature)),
            &key
        ));
    }

    #[test]
    fn refuses_forged_headers_even_when_signed_with_the_right_key() {
        let key = Key::new();
        let check = |name: &str, value: Value| {
            let token = key.sign(
                &with(header(&key), name, value.clone()),
                &claims().to_string(),
            );
            assert!(!accepts(&token, &key), "{name}: {value}");
        };
        for alg in [
            "none", "None", "HS256", "RS256", "PS256", "ES384", "EdDSA", "es256", "",
        ] {
            check("alg", alg.into());
        }
        check("alg", Value::Null);
        check("alg", json!(["ES256"]));
        for typ in ["JWT", "at+JWT", "jwt", "application/at+jwt", ""] {
            check("typ", typ.into());
        }
        check("typ", Value::Null);
        for kid in [
            "",
            "x",
            "../../dev/null",
            "http://evil.example/key",
            "' OR 1=1",
        ] {
            check("kid", kid.into());
        }
        check("kid", Value::Null);
        check("kid", json!(1));
        check("jwk", key.public.to_jwk());
        check("jku", "http://evil.example/jwks".into());
        check("x5u", "http://evil.example/cert".into());
        check("x5c", json!(["MIIB"]));
        check("crit", json!(["exp"]));
        check("b64", json!(false));
        check("zip", "DEF".into());
        check("cty", "JWT".into());
        check("enc", "A256GCM".into());
    }

    #[test]
    fn refuses_claims_that_do_not_hold_even_when_signed_with_the_right_key() {
        let key = Key::new();
        let check = |name: &str, value: Value, expected: bool| {
            let claims = with(claims(), name, value.clone());
            let token = key.sign(&header(&key).to_string(), &claims);
            assert_eq!(accepts(&token, &key), expected, "{name}: {value}");
        };
        for name in [
            "iss",
            "aud",
            "exp",
            "iat",
            "sub",
            "jti",
            "client_id",
            "patient",
            "scope",
            "grant",
        ] {
            check(name, Value::Null, false);
            check(name, json!({}), false);
        }
        check("iss", "http://localhost:8001".into(), false);
        check("iss", format!("{ISSUER}/").into(), false);
        check("iss", json!([ISSUER, "x"]), false);
        check("aud", "http://localhost:8001".into(), false);
        check("aud", "".into(), false);
        check("exp", (NOW - 11).into(), false);
        check("exp", (NOW - 9).into(), true);
        check("exp", (NOW + 60).to_string().into(), false);
        check("exp", (-1).into(), false);
        check("exp", json!(1e300), false);
        check("nbf", (NOW + 11).into(), false);
        check("nbf", (NOW + 9).into(), true);
        check("nbf", "x".into(), false);
        check("iat", (NOW + 11).into(), false);
        check("iat", (NOW + 9).into(), true);
        check("iat", i64::MIN.into(), true);
    }

    #[test]
    fn refuses_what_another_key_signed_and_what_was_changed_after_signing() {
        let (key, other) = (Key::new(), Key::new());
        let (header, claims) = (header(&key).to_string(), claims().to_string());
        assert!(!accepts(&other.sign(&header, &claims), &key));
        let good = key.sign(&header, &claims);
        let parts: Vec<&str> = good.split('.').collect();
        let (h, c, s) = (parts[0], parts[1], parts[2]);
        let wider = BASE64URL.encode(claims.replace("-1", "-2"));
        let twice = claims.replacen('{', r#"{"patient":"-2","#, 1);
        for forged in [
            String::new(),
            ".".into(),
            "..".into(),
            "...".into(),
            h.into(),
            format!("{h}.{c}"),
            format!("{h}.{c}."),
            format!("{h}.{wider}.{s}"),
            format!("{h}.{c}.{s}."),
            format!("{h}.{c}.{s}.{s}"),
            format!(".{c}.{s}"),
            format!("{h}..{s}"),
            format!("{good}="),
            format!("{good}A"),
            format!("{h}.{c}.{}", BASE64URL.encode([0; 64])),
            format!("{h}.{c}.{}", BASE64URL.encode([0xff; 64])),
            key.sign(&header, &twice),
            key.sign(&header, "{}"),
            key.sign(&header, "[]"),
            key.sign(&header, "not JSON"),
            key.sign("{}", &claims),
            key.sign(&header.replacen('{', r#"{"alg":"none","#, 1), &claims),
            key.sign(
                &header,
                &claims.replace(r#""g""#, &format!("{:?}", "g".repeat(4096))),
            ),
        ] {
            assert!(!accepts(&forged, &key), "{forged}");
        }
        for position in 0..s.len() - 1 {
            let mut bytes = s.as_bytes().to_vec();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert!(!accepts(&format!("{h}.{c}.{changed}"), &key), "{position}");
        }
    }

    #[test]
    fn converts_ten_thousand_signatures_to_the_form_that_verifiers_take() {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        for number in 0..10_000_u32 {
            let message = number.to_be_bytes();
            let der = pair
                .sign(&SystemRandom::new(), &message)
                .expect("a signature");
            let signature = jose_signature(der.as_ref()).expect("strict DER");
            assert!(public.verify(&message, &signature).is_ok(), "{number}");
        }
    }

    #[test]
    fn refuses_signatures_that_are_not_strict_der() {
        let check = |der: &[u8], expected: bool| {
            assert_eq!(jose_signature(der).is_some(), expected, "{der:?}");
        };
        check(&[0x30, 6, 2, 1, 1, 2, 1, 1], true);
        check(&[0x30, 8, 2, 2, 0, 0x80, 2, 2, 0, 0x80], true);
        check(&[], false);
        check(&[0x30], false);
        check(&[0x31, 6, 2, 1, 1, 2, 1, 1], false);
        check(&[0x30, 7, 2, 1, 1, 2, 1, 1], false);
        check(&[0x30, 6, 2, 1, 1, 3, 1, 1], false);
        check(&[0x30, 6, 2, 1, 1, 2, 2, 1], false);
        check(&[0x30, 5, 2, 0, 2, 1, 1], false);
        check(&[0x30, 7, 2, 1, 1, 2, 1, 1, 0], false);
        let long = [&[0x30, 38, 2, 33, 1][..], &[0; 32], &[2, 1, 1]].concat();
        check(&long, false);
    }
}
