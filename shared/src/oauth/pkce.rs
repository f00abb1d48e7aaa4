//! PKCE (RFC 7636), with S256 as the only method.

use subtle::ConstantTimeEq;

use super::digest::sha256_base64url;

/// A code challenge of method S256: SHA-256 as base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// 32 bytes are 43 characters of base64url.
    const CHARS: usize = 43;

    /// The challenge of a verifier, as clients make it.
    #[must_use]
    pub fn of(verifier: &str) -> Self {
        Self(sha256_base64url(verifier.as_bytes()))
    }

    /// The challenge of that text. Padding is cut off, because CMS's Python SDK sends it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let challenge = text.strip_suffix('=').unwrap_or(text);
        let well_formed = challenge.len() == Self::CHARS
            && challenge
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        well_formed.then(|| Self(challenge.to_owned()))
    }

    /// The challenge as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the verifier is the one behind the challenge (RFC 7636 section 4.6), in constant time.
    #[must_use]
    pub fn fits(&self, verifier: &str) -> bool {
        let computed = sha256_base64url(verifier.as_bytes());
        is_verifier(verifier) && bool::from(computed.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

/// RFC 7636 section 4.1; the padding that CMS's Python SDK leaves at the end is allowed too.
#[must_use]
pub fn is_verifier(text: &str) -> bool {
    let unpadded = text.trim_end_matches('=');
    (43..=128).contains(&text.len())
        && text.len() - unpadded.len() <= 2
        && unpadded
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn accepts_the_verifier_behind_the_challenge_only() {
        let check = |challenge: &str, verifier: &str, expected: bool| {
            let fits = CodeChallenge::parse(challenge).is_some_and(|read| read.fits(verifier));
            assert_eq!(fits, expected, "{challenge} {verifier}");
        };
        check(CHALLENGE, VERIFIER, true);
        check(&format!("{CHALLENGE}="), VERIFIER, true);
        check(&format!("{CHALLENGE}=="), VERIFIER, false);
        check(CHALLENGE, CHALLENGE, false);
        check(CHALLENGE, &VERIFIER.to_lowercase(), false);
        check(CHALLENGE, &VERIFIER[..42], false);
        check(CHALLENGE, "", false);
        check(&CHALLENGE[..42], VERIFIER, false);
        check(&CHALLENGE.replace('-', "+"), VERIFIER, false);
        check("", VERIFIER, false);
    }

    #[test]
    fn hashes_a_padded_verifier_as_it_was_sent() {
        let verifier = format!("{VERIFIER}=");
        let challenge = CodeChallenge::of(&verifier);
        assert!(challenge.fits(&verifier));
        assert!(!challenge.fits(VERIFIER));
    }

    #[test]
    fn knows_a_verifier_by_its_length_and_alphabet() {
        let check = |text: &str, expected: bool| assert_eq!(is_verifier(text), expected, "{text}");
        check(&"a".repeat(42), false);
        check(&"a".repeat(43), true);
        check(&"a".repeat(128), true);
        check(&"a".repeat(129), false);
        check(&"~".repeat(43), true);
        check(&format!("{} ", "a".repeat(43)), false);
        check(&format!("{}é", "a".repeat(43)), false);
        check(&format!("{}=a", "a".repeat(43)), false);
        check(&"=".repeat(43), false);
    }
}
