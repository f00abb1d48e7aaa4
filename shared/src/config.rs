//! Configuration: the environment, the stage, the AWS clients with their time-outs.

use aws_config::{
    AppName, BehaviorVersion, SdkConfig,
    environment::{
        credentials::EnvironmentVariableCredentialsProvider,
        region::EnvironmentVariableRegionProvider,
    },
    identity::IdentityCache,
    meta::region::ProvideRegion,
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_kms::Client as Kms;
use aws_sdk_secretsmanager::{
    Client as SecretsManager,
    config::{SharedCredentialsProvider, SharedHttpClient},
};
use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use serde::Deserialize;
use std::{env, fmt, path::PathBuf, sync::OnceLock, time::Duration};

use crate::{metrics::AwsCalls, secret::Secret};

const CONNECT_TIMEOUT_SECONDS: u64 = 1;
const ATTEMPT_TIMEOUT_SECONDS: u64 = 2;
const OPERATION_TIMEOUT_SECONDS: u64 = 5;

/// Where the deployment stands. What only the sandbox may do refuses to work in any other stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Synthetic people; sign-in by rule.
    Sandbox,
    /// Tests against a real identity provider.
    Dev,
    /// Real people; also whatever does not say what it is.
    #[default]
    Prod,
}

/// The KMS keys that sign access tokens, by ARN.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SigningKeys {
    /// The key that signs now.
    pub current: String,
    /// The key that signs after the next rotation, published ahead.
    pub next: Option<String>,
    /// The key that signed before the last rotation, published until its tokens are over.
    pub previous: Option<String>,
}

/// What the deployed template wrote about this deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Configuration {
    /// The stage; missing means prod.
    #[serde(default)]
    pub stage: Stage,
    /// The keys that sign access tokens.
    #[serde(default)]
    pub signing_keys: SigningKeys,
}

/// How often what may be tried: the deployment's parameters, each with a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The requests for resources with one access token.
    pub token_requests_per_second: u32,
    /// The requests for resources with all access tokens of one application.
    pub client_requests_per_second: u32,
    /// The requests to authorize, to sign in and for tokens from one address.
    pub address_requests_per_second: u32,
    /// The failures after which a user name is locked.
    pub account_sign_in_failures: u32,
    /// The failures after which an address is locked out.
    pub address_sign_in_failures: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            token_requests_per_second: 10,
            client_requests_per_second: 100,
            address_requests_per_second: 100,
            account_sign_in_failures: 5,
            address_sign_in_failures: 100,
        }
    }
}

impl Limits {
    /// The limits of the environment; those that it does not name have their defaults.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn from_environment() -> Result<Self, ConfigError> {
        match variable("LIMITS") {
            Ok(text) => Self::parse(&text),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Names and numbers as in `token_requests_per_second=10,address_sign_in_failures=100`, which shells leave alone.
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut limits = Self::default();
        for pair in text.split(',') {
            limits.set(pair).ok_or(ConfigError::Malformed("LIMITS"))?;
        }
        Ok(limits)
    }

    fn set(&mut self, pair: &str) -> Option<()> {
        let (name, number) = pair.split_once('=')?;
        let limit = match name {
            "token_requests_per_second" => &mut self.token_requests_per_second,
            "client_requests_per_second" => &mut self.client_requests_per_second,
            "address_requests_per_second" => &mut self.address_requests_per_second,
            "account_sign_in_failures" => &mut self.account_sign_in_failures,
            "address_sign_in_failures" => &mut self.address_sign_in_failures,
            _ => return None,
        };
        *limit = number.parse().ok()?;
        Some(())
    }
}

/// Why a function cannot start. Names what is missing, never a value.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An environment variable is missing or empty.
    #[error("the environment variable {0} is missing")]
    MissingVariable(&'static str),
    /// A secret cannot be read.
    #[error("the secret named by {0} cannot be read")]
    UnreadableSecret(&'static str),
    /// A secret or variable does not have the form that it should have.
    #[error("{0} does not have the expected form")]
    Malformed(&'static str),
    /// A signing key cannot be read.
    #[error("a signing key cannot be read")]
    UnreadableKey,
    /// Published development values in a stage that may hold real people.
    #[error("development values of {0} are refused in this stage")]
    DevelopmentValues(&'static str),
    /// No identity provider in a stage that has no sign-in of its own.
    #[error(
        "the secret named by {0} names no identity provider, and only the sandbox can do without"
    )]
    MissingProvider(&'static str),
    /// The trusted certificates of the system cannot be read.
    #[error("the certificates that the system trusts cannot be read")]
    UnreadableCertificates,
}

/// The sentence, because this is how the error that ends a program is printed.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The SDK configuration of a function: region and credentials as Lambda's environment has them, time-outs always set.
///
/// Each call names the program that makes it in its user agent (`app/token`), whatever the function is called where it
/// is deployed: AWS's own records of calls then tell which code it was.
///
/// The other places that credentials may come from are [`aws_of_operator`]'s: a function has none of them, and the code
/// that would look there is a good part of what the SDK weighs.
///
/// # Panics
/// When the name could not stand in a user agent, which the name of a crate can.
pub async fn aws(program: &'static str) -> SdkConfig {
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let is_true = |name| variable(name).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    let mut aws = SdkConfig::builder();
    aws.set_endpoint_url(variable("AWS_ENDPOINT_URL").ok());
    aws.behavior_version(BehaviorVersion::latest())
        .region(EnvironmentVariableRegionProvider::new().region().await)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::lazy().build())
        .use_fips(is_true("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT"))
        .service_config(ServiceVariables)
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts())
        .http_client(one_connector())
        .app_name(app_name(program))
        .build()
}

/// The SDK configuration of an operator's command: region and credentials from wherever AWS's own tools take them.
///
/// # Panics
/// As [`aws`].
pub async fn aws_of_operator(program: &'static str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .app_name(app_name(program))
        .timeout_config(timeouts())
        .http_client(one_connector())
        .load()
        .await
}

fn app_name(program: &'static str) -> AppName {
    AppName::new(program).expect("the name of a crate can stand in a user agent")
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(CONNECT_TIMEOUT_SECONDS))
        .operation_attempt_timeout(Duration::from_secs(ATTEMPT_TIMEOUT_SECONDS))
        .operation_timeout(Duration::from_secs(OPERATION_TIMEOUT_SECONDS))
        .build()
}

/// What the environment says of one service, as in `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
#[derive(Debug)]
struct ServiceVariables;

impl LoadServiceConfig for ServiceVariables {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_ascii_uppercase().replace(' ', "_");
        let address = env::var(format!("{}_{service}", key.env())).ok();
        address.filter(|address| !address.is_empty())
    }
}

/// A client of DynamoDB whose calls are counted.
#[must_use]
pub fn dynamodb(aws: &SdkConfig) -> DynamoDb {
    DynamoDb::from_conf(
        aws_sdk_dynamodb::config::Builder::from(aws)
            .interceptor(AwsCalls)
            .build(),
    )
}

/// A client of KMS whose calls are counted.
#[must_use]
pub fn kms(aws: &SdkConfig) -> Kms {
    Kms::from_conf(
        aws_sdk_kms::config::Builder::from(aws)
            .interceptor(AwsCalls)
            .build(),
    )
}

/// A client of Secrets Manager whose calls are counted.
pub(crate) fn secrets_manager(aws: &SdkConfig) -> SecretsManager {
    let counted = aws_sdk_secretsmanager::config::Builder::from(aws).interceptor(AwsCalls);
    SecretsManager::from_conf(counted.build())
}

/// One connector for all clients of a program.
///
/// Left to itself the SDK makes two for every client, each of which reads all certificates that the system trusts and
/// shares no connection with the others: a function with six tables would shake hands with DynamoDB six times.
pub(crate) fn one_connector() -> SharedHttpClient {
    let made = OnceLock::new();
    http_client_fn(move |_, components| {
        let make = || {
            let settings = HttpConnectorSettings::builder()
                .connect_timeout(Duration::from_secs(CONNECT_TIMEOUT_SECONDS))
                .build();
            let mut connector = Connector::builder()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .connector_settings(settings)
                .proxy_config(ProxyConfig::from_env());
            connector.set_sleep_impl(components.sleep_impl());
            SharedHttpConnector::new(connector.build())
        };
        made.get_or_init(make).clone()
    })
}

/// An environment variable that must be there.
///
/// # Errors
/// When it is missing or empty.
pub fn variable(name: &'static str) -> Result<String, ConfigError> {
    env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or(ConfigError::MissingVariable(name))
}

/// The deployment's own base URL, if it has one.
#[must_use]
pub fn public_base_url() -> Option<String> {
    variable("PUBLIC_BASE_URL").ok()
}

/// The file of names of providers and drugs, if the operator has one.
#[must_use]
pub fn lookups_file() -> Option<PathBuf> {
    variable("LOOKUPS_FILE").ok().map(PathBuf::from)
}

/// The value of the secret whose name the environment variable holds.
///
/// # Errors
/// When the variable is missing or the secret cannot be read.
pub async fn secret(aws: &SdkConfig, name: &'static str) -> Result<Secret, ConfigError> {
    let value = secret_named(aws, &variable(name)?).await;
    value.ok_or(ConfigError::UnreadableSecret(name))
}

async fn secret_named(aws: &SdkConfig, name: &str) -> Option<Secret> {
    let client = secrets_manager(aws);
    let answer = client.get_secret_value().secret_id(name).send().await;
    answer.ok()?.secret_string.map(Secret::new)
}

impl Configuration {
    /// The environment variable that names the configuration secret.
    const NAME: &str = "CONFIGURATION_SECRET";

    /// Reads the configuration secret. Without one the stage is prod and nothing can be signed.
    ///
    /// # Errors
    /// When the secret is named but cannot be read.
    pub async fn read(aws: &SdkConfig) -> Result<Self, ConfigError> {
        match variable(Self::NAME) {
            Ok(name) => Self::named(aws, &name).await,
            Err(_) => Ok(Self::default()),
        }
    }

    /// Reads the configuration in the secret of that name.
    ///
    /// # Errors
    /// When the secret cannot be read.
    pub async fn named(aws: &SdkConfig, name: &str) -> Result<Self, ConfigError> {
        let text = secret_named(aws, name).await;
        Self::parse(
            text.ok_or(ConfigError::UnreadableSecret(Self::NAME))?
                .expose(),
        )
    }

    fn parse(text: &str) -> Result<Self, ConfigError> {
        serde_json::from_str(text).map_err(|_| ConfigError::Malformed(Self::NAME))
    }
}

impl Stage {
    /// Whether abilities that only the sandbox has may work.
    #[must_use]
    pub fn is_sandbox(self) -> bool {
        self == Self::Sandbox
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sandbox => "sandbox",
            Self::Dev => "dev",
            Self::Prod => "prod",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_is_not_named_is_prod() {
        let check = |text: &str, expected: Option<Stage>| {
            let stage = Configuration::parse(text).ok().map(|read| read.stage);
            assert_eq!(stage, expected, "{text}");
        };
        check(r"{}", Some(Stage::Prod));
        check(r#"{"stage":"sandbox"}"#, Some(Stage::Sandbox));
        check(r#"{"stage":"dev"}"#, Some(Stage::Dev));
        check(r#"{"stage":"prod"}"#, Some(Stage::Prod));
        check(r#"{"stage":"Sandbox"}"#, None);
        check(r#"{"stage":"local"}"#, None);
        check("", None);
    }

    #[test]
    fn a_limit_that_is_not_named_has_its_default() {
        let check = |text: &str, expected: Option<Limits>| {
            assert_eq!(Limits::parse(text).ok(), expected, "{text}");
        };
        let changed = Limits {
            token_requests_per_second: 5,
            address_sign_in_failures: 7,
            ..Limits::default()
        };
        let text = "token_requests_per_second=5,address_sign_in_failures=7";
        check(text, Some(changed));
        check("client_requests_per_second=100", Some(Limits::default()));
        check("token_requests_per_second=-5", None);
        check("token_requests_per_minute=5", None);
        check("token_requests_per_second", None);
        check("", None);
    }

    #[test]
    fn a_service_may_have_an_address_of_its_own() {
        // Cargo sets these variables: "config key" and "service" stand for their halves. The last one is empty.
        check("Pkg Name", Some("bluebutton"));
        check("Pkg Unknown", None);
        assert_eq!(env::var("CARGO_PKG_HOMEPAGE").as_deref(), Ok(""));
        check("Pkg Homepage", None);

        fn check(service: &str, expected: Option<&str>) {
            let key = ServiceConfigKey::builder()
                .env("CARGO")
                .profile("")
                .service_id(service);
            let value = ServiceVariables.load_config(key.build().expect("a key"));
            assert_eq!(value.as_deref(), expected, "{service}");
        }
    }

    #[test]
    fn reads_the_signing_keys() {
        let text = r#"{"stage":"sandbox","signing_keys":{"current":"a","next":"b"}}"#;
        let keys = Configuration::parse(text)
            .expect("a configuration")
            .signing_keys;
        let expected = SigningKeys {
            current: "a".into(),
            next: Some("b".into()),
            previous: None,
        };
        assert_eq!(keys, expected);
    }
}
