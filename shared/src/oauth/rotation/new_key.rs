//! A new signing key, made once for each version of the configuration that lacks one.

use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::types::{KeySpec, KeyState, KeyUsageType, Tag};

use super::{Configuration, Rotation, RotationError, failed};

/// The tag that a key gets when it is made, with the beginning of the aliases of the stack's signing keys as its value.
/// A key that was made and not named, because its maker stopped there, is found by it.
const TAG: &str = "SigningKeys";

/// What KMS says of an alias that is not there. It says that access is denied to whoever may look at some keys only:
/// what is not there is none of them. Where access is denied for another reason, the policy of the current key cannot
/// be read either, which comes before a key is made.
const NOT_THERE: [&str; 2] = ["NotFoundException", "AccessDeniedException"];
const IS_THERE: &str = "AlreadyExistsException";

impl Rotation {
    /// The key that a step from that configuration needs: the one that somebody who took such a step and stopped
    /// half-way has left, else a new one.
    ///
    /// Its alias names the version of the configuration, so that whoever tries again finds it, and of two who make it
    /// at once one is told.
    pub(super) async fn find_or_make_key(
        &self,
        read: &Configuration,
        aliases: &str,
    ) -> Result<String, RotationError> {
        let alias = format!("{aliases}next-{}", read.version);
        match self.find_key(&alias).await? {
            Some(arn) => Ok(arn),
            None => self.make_key(read.keys.model(), aliases, &alias).await,
        }
    }

    async fn find_key(&self, alias: &str) -> Result<Option<String>, RotationError> {
        let described = match self.kms.describe_key().key_id(alias).send().await {
            Err(error) if error.code().is_some_and(|code| NOT_THERE.contains(&code)) => {
                return Ok(None);
            }
            described => described.map_err(failed("it cannot be seen whether the key is there"))?,
        };
        let enabled = described
            .key_metadata()
            .filter(|key| key.key_state() == Some(&KeyState::Enabled))
            .and_then(|key| key.arn());
        let unusable = "the key that was made for this step is disabled or about to be deleted";
        let arn = enabled.ok_or(RotationError::Unusable(unusable))?;
        Ok(Some(arn.to_owned()))
    }

    /// A key like the one of that ARN: with its policy, and with an alias beside its alias.
    async fn make_key(
        &self,
        like: &str,
        aliases: &str,
        alias: &str,
    ) -> Result<String, RotationError> {
        let policy = self.kms.get_key_policy().key_id(like);
        let policy = policy.policy_name("default").send().await;
        let policy = policy.map_err(failed("the policy of the key that signs cannot be read"))?;
        let tag = Tag::builder().tag_key(TAG).tag_value(aliases).build();
        let tag = tag.map_err(|_| RotationError::Unusable("a tag lacks its name or its value"))?;
        let created = self
            .kms
            .create_key()
            .description("Signs access tokens (ES256).")
            .key_spec(KeySpec::EccNistP256)
            .key_usage(KeyUsageType::SignVerify)
            .multi_region(true)
            .set_policy(policy.policy)
            // The policy is the current key's, which the account's administrators can change; KMS would refuse it to a
            // function that can not.
            .bypass_policy_lockout_safety_check(true)
            .tags(tag)
            .send()
            .await
            .map_err(failed("no key can be made"))?;
        let arn = created.key_metadata().and_then(|key| key.arn());
        let nameless = RotationError::Unusable("KMS made a key and does not say which");
        let arn = arn.ok_or(nameless)?;
        let named = self.kms.create_alias().alias_name(alias);
        match named.target_key_id(arn).send().await {
            Ok(_) => Ok(arn.to_owned()),
            // Somebody else takes the same step.
            Err(error) if error.code() == Some(IS_THERE) => Err(RotationError::Changed),
            Err(error) => Err(failed("the new key cannot be named")(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use aws_config::{BehaviorVersion, SdkConfig};
    use aws_sdk_kms::config::{Credentials, SharedCredentialsProvider};
    use aws_types::region::Region;

    use crate::config;

    #[tokio::test]
    async fn a_key_that_nobody_may_look_at_is_not_there() {
        check("NotFoundException", true).await;
        check("AccessDeniedException", true).await;
        check("InvalidArnException", false).await;

        async fn check(code: &'static str, is_not_there: bool) {
            let credentials = Credentials::new("test", "test", None, None, "test");
            let aws = SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("eu-west-1"))
                .credentials_provider(SharedCredentialsProvider::new(credentials))
                .http_client(config::one_connector())
                .endpoint_url(refuse(code))
                .build();
            let rotation = Rotation::new(&aws, "configuration".to_owned());
            let found = rotation.find_key("alias/stack/signing-next-1").await;
            assert_eq!(found == Ok(None), is_not_there, "{code}: {found:?}");
        }

        /// A KMS that refuses one call with that code.
        fn refuse(code: &'static str) -> String {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let origin = format!("http://{}", listener.local_addr().unwrap());
            thread::spawn(move || {
                let (mut connection, _) = listener.accept().unwrap();
                let mut request = BufReader::new(connection.try_clone().unwrap());
                let mut length = 0;
                let mut line = String::new();
                while request.read_line(&mut line).unwrap() > 2 {
                    let header = line.to_ascii_lowercase();
                    if let Some(value) = header.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                request.read_exact(&mut vec![0; length]).unwrap();
                let body = format!(r#"{{"__type":"{code}"}}"#);
                let head = format!(
                    "HTTP/1.1 400 X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                connection.write_all((head + &body).as_bytes()).unwrap();
            });
            origin
        }
    }
}
