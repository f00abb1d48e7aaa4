//! Random tokens and the digests under which they are stored.

use aws_lc_rs::{digest, hmac, rand};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use std::fmt::Write as _;

use crate::secret::Secret;

const TOKEN_BYTES: usize = 32;

/// 256 random bits as base64url: for codes, refresh tokens, sessions and client secrets.
///
/// # Panics
/// When the operating system gives no randomness: then nothing may be issued.
#[must_use]
pub fn random_token() -> Secret {
    let mut bytes = [0; TOKEN_BYTES];
    rand::fill(&mut bytes).expect("the operating system gives randomness");
    Secret::new(BASE64URL.encode(bytes))
}

/// That many random letters and digits: for client ids and secrets, which some clients send raw in Basic headers and
/// others form-encoded.
///
/// # Panics
/// When the operating system gives no randomness: then nothing may be issued.
#[must_use]
pub fn random_alphanumerics(chars: usize) -> Secret {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(chars);
    while text.len() < chars {
        let mut byte = [0];
        rand::fill(&mut byte).expect("the operating system gives randomness");
        // Six bits a time; the two values beyond the alphabet are drawn again, so that all letters are equally likely.
        if let Some(letter) = ALPHABET.get(usize::from(byte[0] & 63)) {
            text.push(char::from(*letter));
        }
    }
    Secret::new(text)
}

/// SHA-256 as lower hex, the only form in which a token is stored.
#[must_use]
pub fn sha256_hex(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// SHA-256 as base64url without padding, as PKCE and JWK thumbprints have it.
pub(crate) fn sha256_base64url(bytes: &[u8]) -> String {
    BASE64URL.encode(digest::digest(&digest::SHA256, bytes))
}

/// HMAC-SHA256 of a message, as base64url: for tokens that are derived rather than drawn.
#[must_use]
pub fn hmac_base64url(key: &Secret, message: &[&str]) -> Secret {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    for part in message {
        // Each part's length goes before it, so that no two messages are alike.
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    Secret::new(BASE64URL.encode(context.sign()))
}
