//! The secret that names the signing keys, read and written so that of two who change it at once only one does.

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Rotation, RotationError, SigningKeys, failed};

/// The stage that everybody reads, and the one that a version has before it is read by anybody. Both names are
/// Secrets Manager's own.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html#term_version>
const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// What Secrets Manager answers when a stage is not at the version that it is to be taken from.
const STAGE_IS_ELSEWHERE: &str = "InvalidParameterException";

/// The configuration as it was read, with everything else that is in it.
pub struct Configuration {
    /// The keys that it names.
    pub keys: SigningKeys,
    /// Which version of the secret it is.
    pub(super) version: String,
    value: Value,
}

impl Configuration {
    fn of(answer: &GetSecretValueOutput) -> Result<Self, RotationError> {
        let written = answer.created_date().map(|date| date.secs());
        let written = written.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let (Some(written), Some(version)) = (written, answer.version_id()) else {
            let unknown = "the configuration does not say which version it is, and of when";
            return Err(RotationError::Unusable(unknown));
        };
        let value: Value = serde_json::from_str(answer.secret_string().unwrap_or_default())
            .map_err(|_| RotationError::Unusable("the configuration is no JSON"))?;
        Ok(Self {
            keys: keys(&value["signing_keys"], written)?,
            version: version.to_owned(),
            value,
        })
    }

    /// The same with other keys.
    fn with(&self, keys: &SigningKeys) -> Value {
        let mut value = self.value.clone();
        let next = keys.next.as_ref();
        value["signing_keys"] = json!({
            "current": keys.current,
            "current_since": keys.current_since.to_string(),
            "next": next.map(|(arn, _)| arn),
            "next_since": next.map(|(_, since)| since.to_string()),
            "previous": keys.previous,
        });
        value
    }
}

/// What the configuration says of the keys. Whatever it says without a time has held since it was written at least.
fn keys(keys: &Value, written: Timestamp) -> Result<SigningKeys, RotationError> {
    let text = |name: &str| keys[name].as_str().map(str::to_owned);
    let since = |name: &str| match keys[name].as_str() {
        Some(time) => time
            .parse()
            .map_err(|_| RotationError::Unusable("the configuration holds a time that is none")),
        None => Ok(written),
    };
    let current = text("current").ok_or(RotationError::Unusable(
        "the configuration names no current key",
    ))?;
    let next_since = since("next_since")?;
    Ok(SigningKeys {
        current,
        current_since: since("current_since")?,
        next: text("next").map(|arn| (arn, next_since)),
        previous: text("previous"),
    })
}

impl Rotation {
    /// Reads the configuration.
    ///
    /// # Errors
    /// When it cannot be read, or names no keys.
    pub async fn read(&self) -> Result<Configuration, RotationError> {
        Configuration::of(&self.current_version().await?)
    }

    async fn current_version(&self) -> Result<GetSecretValueOutput, RotationError> {
        let get = self.secrets.get_secret_value().secret_id(&self.secret);
        let answer = get.send().await;
        answer.map_err(failed("the configuration cannot be read"))
    }

    /// Writes other keys into the configuration, if it still is the one that was read.
    ///
    /// A value cannot be written on a condition, but a stage can be moved on one: the new version is stored where
    /// nobody reads it, and then becomes the current one in place of the version that was read, and of no other. Who
    /// stops between the two has changed nothing.
    pub(super) async fn write(
        &self,
        read: &Configuration,
        keys: &SigningKeys,
    ) -> Result<(), RotationError> {
        let put = self.secrets.put_secret_value().secret_id(&self.secret);
        let put = put.secret_string(read.with(keys).to_string());
        let stored = put.version_stages(PENDING).send().await;
        let stored = stored.map_err(failed("the configuration cannot be written"))?;
        let version = stored.version_id().unwrap_or_default();
        let moved = self
            .secrets
            .update_secret_version_stage()
            .secret_id(&self.secret)
            .version_stage(CURRENT)
            .move_to_version_id(version)
            .remove_from_version_id(&read.version)
            .send()
            .await;
        match moved {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some(STAGE_IS_ELSEWHERE) => {
                self.refuse_if_other_than(version).await
            }
            Err(error) => Err(failed("the configuration cannot be changed")(error)),
        }
    }

    /// The SDK asks again when an answer is lost: the stage may be elsewhere because it is where it was to go.
    async fn refuse_if_other_than(&self, version: &str) -> Result<(), RotationError> {
        match self.current_version().await?.version_id() == Some(version) {
            true => Ok(()),
            false => Err(RotationError::Changed),
        }
    }
}
