//! Medicare numbers (MBI, HICN) as hashes: what the identity table and the Patient search know them by.

use std::fmt::{self, Write};
use std::num::NonZeroU32;

use aws_config::SdkConfig;
use aws_lc_rs::pbkdf2;
use serde::Deserialize;

use crate::config::{self, ConfigError, Stage};

/// Hashes Medicare numbers with this deployment's pepper: PBKDF2-HMAC-SHA256, 32 bytes, lower-case hex, as CMS does.
#[derive(Clone)]
pub struct MedicareNumberHasher {
    pepper: Vec<u8>,
    iterations: NonZeroU32,
}

/// What the secret holds.
#[derive(Deserialize)]
struct Settings {
    pepper: String,
    iterations: NonZeroU32,
}

const SECRET: &str = "IDENTITY_SECRET";

const HASH_BYTES: usize = 32;

/// The pepper that CMS published with its sample data. It reproduces the hashes in CMS's own documents, and protects
/// nobody.
const DEVELOPMENT_PEPPER: &str = "nottherealpepper";

/// Outside the sandbox, fewer rounds than these would make a number guessable from its hash.
const ITERATIONS_MIN: NonZeroU32 = NonZeroU32::new(1000).expect("not zero");

impl MedicareNumberHasher {
    /// A hasher with that pepper and number of iterations.
    #[must_use]
    pub fn new(pepper: impl Into<Vec<u8>>, iterations: NonZeroU32) -> Self {
        let pepper = pepper.into();
        Self { pepper, iterations }
    }

    /// The hasher of this deployment, from the secret that `IDENTITY_SECRET` names.
    ///
    /// # Errors
    /// When the secret cannot be read, or holds the published development values outside the sandbox.
    pub async fn read(aws: &SdkConfig, stage: Stage) -> Result<Self, ConfigError> {
        Self::parse(config::secret(aws, SECRET).await?.expose(), stage)
    }

    fn parse(secret: &str, stage: Stage) -> Result<Self, ConfigError> {
        let settings: Settings =
            serde_json::from_str(secret).map_err(|_| ConfigError::Malformed(SECRET))?;
        let is_development =
            settings.pepper == DEVELOPMENT_PEPPER || settings.iterations < ITERATIONS_MIN;
        if is_development && !stage.is_sandbox() {
            return Err(ConfigError::DevelopmentValues(SECRET));
        }
        Ok(Self::new(settings.pepper, settings.iterations))
    }

    /// The hash of a number, as 64 hex digits.
    #[must_use]
    pub fn hash(&self, number: &str) -> String {
        let mut hash = [0; HASH_BYTES];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            self.iterations,
            &self.pepper,
            number.as_bytes(),
            &mut hash,
        );
        hash.iter()
            .fold(String::with_capacity(2 * HASH_BYTES), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }
}

impl fmt::Debug for MedicareNumberHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MedicareNumberHasher([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_hashes_that_cms_published() {
        check(2, "3456789", "82273caf");
        check(2, "543217066U", "99f6cc85");
        check(
            2,
            "1000044680",
            "2025fbc612a884853f0c245e686780bf748e5652360ecd7430575491f4e018c5",
        );
        check(
            2,
            "1234567890A",
            "f7dd6b126d55a6c49f05987f4aab450deae3f990dcb5697875fd83cc61583948",
        );
        check(1000, "3456789", "ec49dc08");
    }

    fn check(iterations: u32, number: &str, expected_start: &str) {
        let iterations = NonZeroU32::new(iterations).unwrap();
        let hash = MedicareNumberHasher::new("nottherealpepper", iterations).hash(number);
        assert_eq!(hash.len(), 64);
        assert!(hash.starts_with(expected_start), "{hash}");
    }

    #[test]
    fn refuses_the_published_values_outside_the_sandbox() {
        let check = |secret: &str, stage: Stage, accepted: bool| {
            let outcome = MedicareNumberHasher::parse(secret, stage).map(drop);
            let refusal = Err(ConfigError::DevelopmentValues("IDENTITY_SECRET"));
            assert_eq!(outcome, if accepted { Ok(()) } else { refusal });
        };
        let published = r#"{"pepper":"nottherealpepper","iterations":2}"#;
        let published_slow = r#"{"pepper":"nottherealpepper","iterations":1000}"#;
        let fast = r#"{"pepper":"k0Yr8sVq2","iterations":999}"#;
        let own = r#"{"pepper":"k0Yr8sVq2","iterations":1000}"#;
        for secret in [published, published_slow, fast] {
            check(secret, Stage::Sandbox, true);
            check(secret, Stage::Dev, false);
            check(secret, Stage::Prod, false);
        }
        check(own, Stage::Prod, true);
    }
}
