//! A new signing key, made once for each version of the configuration that lacks one.

use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::types::{KeySpec, KeyState, KeyUsageType, Tag};

use super::{Configuration, Rotation, RotationError, failed};

/// The tag that a key gets when it is made, with the beginning of the aliases of the stack's signing keys as its value.
/// A key that was made and not named, because its maker stopped there, is found by it.
const TAG: &str = "SigningKeys";

const NOT_THERE: &str = "NotFoundException";
const IS_THERE: &str = "AlreadyExistsException";

impl Rotation {
    /// The key that a step from that configuration needs: the one that somebody who took such a step and stopped half-way
    /// has left, else a new one.
    ///
    /// Its alias names the version of the configuration, so that whoever tries again finds it, and of two who make it at
    /// once one is told.
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
            Err(error) if error.code() == Some(NOT_THERE) => return Ok(None),
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
