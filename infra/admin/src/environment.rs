//! What the environment names: tables, secrets, the stage.

use std::env;
use std::error::Error;
use std::ffi::OsString;

use aws_config::SdkConfig;
use bluebutton::config::{self, ConfigError, Configuration};
use bluebutton::identity::MedicareNumberHasher;
use bluebutton::store::load::Loader;
use bluebutton::store::{ApplicationsTable, AuditTable, ClaimsTable, IdentityTable, UsageTable};
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

    pub(crate) fn audit(&self) -> Result<AuditTable, Box<dyn Error>> {
        let name = config::variable("AUDIT_TABLE").map_err(explain)?;
        Ok(AuditTable::new(self.dynamodb.clone(), name))
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
pub(crate) fn refuse_real_aws(command: &str, aws: &SdkConfig) -> Result<(), String> {
    let text = |part: OsString| part.to_string_lossy().into_owned();
    let variables = env::vars_os().map(|(name, value)| (text(name), text(value)));
    let way = way_to_aws(variables, aws.endpoint_url());
    way.map_err(|why| format!("{command} works on a sandbox: {why}"))
}

/// Refuses whatever leads the SDK to AWS itself: a variable of one service goes before the one of all, and the order to
/// ignore them, which a profile may give too, leaves the SDK without the address that it would use of all services.
fn way_to_aws(
    mut variables: impl Iterator<Item = (String, String)>,
    used: Option<&str>,
) -> Result<(), String> {
    const ADDRESS: &str = "AWS_ENDPOINT_URL";
    let leads_to_aws =
        |(name, value): &(String, String)| name.starts_with(ADDRESS) && is_of_aws(value);
    if let Some((name, _)) = variables.find(leads_to_aws) {
        return Err(format!("{name} is an address of AWS"));
    }
    match used {
        Some(address) if !address.is_empty() && !is_of_aws(address) => Ok(()),
        _ => Err(format!(
            "it wants {ADDRESS}, the address of a local AWS, and nothing that has it ignored \
             (AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, or a profile's ignore_configured_endpoint_urls)"
        )),
    }
}

fn is_of_aws(address: &str) -> bool {
    address.contains(".amazonaws.com") || address.contains(".api.aws")
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
    fn takes_no_way_to_aws_for_one_to_a_local_aws() {
        const LOCAL: &str = "http://127.0.0.1:4566";
        let check = |variables: &[(&str, &str)], used: Option<&str>, expected: Result<(), &str>| {
            let named = variables.iter();
            let named = named.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let way = way_to_aws(named, used);
            match expected {
                Ok(()) => assert_eq!(way, Ok(()), "{variables:?} {used:?}"),
                Err(why) => assert!(way.unwrap_err().contains(why), "{variables:?} {used:?}"),
            }
        };
        check(&[], Some(LOCAL), Ok(()));
        check(&[], Some("http://localstack:4566"), Ok(()));
        check(&[], Some(""), Err("wants AWS_ENDPOINT_URL"));
        // What the SDK says when it has been told to ignore the variable.
        let all = ("AWS_ENDPOINT_URL", LOCAL);
        check(&[all], None, Err("ignore_configured_endpoint_urls"));
        check(&[all, ("AWS_ENDPOINT_URL_KMS", LOCAL)], Some(LOCAL), Ok(()));
        for address in [
            "https://dynamodb.eu-west-1.amazonaws.com",
            "https://kms.cn-north-1.amazonaws.com.cn",
            "https://dynamodb.us-east-1.api.aws",
        ] {
            check(&[], Some(address), Err("wants AWS_ENDPOINT_URL"));
            let of_one = ("AWS_ENDPOINT_URL_DYNAMODB", address);
            let why = "AWS_ENDPOINT_URL_DYNAMODB is an address of AWS";
            check(&[all, of_one], Some(LOCAL), Err(why));
        }
    }
}
