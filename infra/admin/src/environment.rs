//! What the environment names: tables, secrets, the stage.

use std::env;
use std::error::Error;

use aws_config::SdkConfig;
use bluebutton::config::{self, ConfigError, Configuration};
use bluebutton::identity::MedicareNumberHasher;
use bluebutton::store::load::Loader;
use bluebutton::store::{ApplicationsTable, ClaimsTable, IdentityTable, UsageTable};
use jiff::Timestamp;

/// The AWS side of a deployment, as the environment describes it.
pub(crate) struct Environment {
    aws: SdkConfig,
    dynamodb: aws_sdk_dynamodb::Client,
}

impl Environment {
    pub(crate) async fn read() -> Self {
        let aws = config::aws_of_operator(env!("CARGO_PKG_NAME")).await;
        let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
        Self { aws, dynamodb }
    }

    pub(crate) async fn configuration(&self) -> Result<Configuration, Box<dyn Error>> {
        Configuration::read(&self.aws).await.map_err(explain)
    }

    pub(crate) fn claims(&self) -> Result<ClaimsTable, Box<dyn Error>> {
        let name = config::variable("CLAIMS_TABLE").map_err(explain)?;
        Ok(ClaimsTable::new(self.dynamodb.clone(), name))
    }

    pub(crate) fn applications(&self) -> Result<ApplicationsTable, Box<dyn Error>> {
        let name = config::variable("APPLICATIONS_TABLE").map_err(explain)?;
        Ok(ApplicationsTable::new(self.dynamodb.clone(), name))
    }

    pub(crate) fn identity(&self) -> Result<IdentityTable, Box<dyn Error>> {
        let name = config::variable("IDENTITY_TABLE").map_err(explain)?;
        Ok(IdentityTable::new(self.dynamodb.clone(), name))
    }

    pub(crate) fn usage(&self) -> Result<UsageTable, Box<dyn Error>> {
        let name = config::variable("TRANSIENT_TABLE").map_err(explain)?;
        Ok(UsageTable::new(self.dynamodb.clone(), name))
    }

    /// A loader that stamps what it changes with this moment.
    pub(crate) async fn loader(&self) -> Result<Loader, Box<dyn Error>> {
        let stage = self.configuration().await?.stage;
        let hasher = MedicareNumberHasher::read(&self.aws, stage).await;
        Ok(Loader::new(
            self.claims()?,
            self.identity()?,
            hasher.map_err(explain)?,
            Timestamp::now(),
        ))
    }
}

/// A sandbox signs people in by a published rule, so none is made or used by accident in an account of AWS.
pub(crate) fn refuse_real_aws(command: &str) -> Result<(), String> {
    if env::var("AWS_ENDPOINT_URL").is_ok_and(|url| may_be_local(&url)) {
        return Ok(());
    }
    Err(format!(
        "{command} works on a sandbox and wants AWS_ENDPOINT_URL, the address of a local AWS"
    ))
}

/// Whether an address is there and not one of AWS itself.
fn may_be_local(url: &str) -> bool {
    !url.is_empty() && !url.contains(".amazonaws.com") && !url.contains(".api.aws")
}

/// The error with what to do about it.
fn explain(error: ConfigError) -> Box<dyn Error> {
    match error {
        ConfigError::MissingVariable(_) => format!(
            "{error}. `cargo xtask` sets it for the running sandbox; elsewhere take it from the outputs of the data stack"
        )
        .into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_no_address_of_aws_for_a_local_one() {
        let check = |url: &str, expected: bool| assert_eq!(may_be_local(url), expected, "{url}");
        check("", false);
        check("http://127.0.0.1:4566", true);
        check("http://localstack:4566", true);
        check("https://dynamodb.eu-west-1.amazonaws.com", false);
        check("https://kms.cn-north-1.amazonaws.com.cn", false);
        check("https://dynamodb.us-east-1.api.aws", false);
    }
}
