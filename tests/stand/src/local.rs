//! The local AWS of a sandbox, for tests that call functions in their own process.

use std::env;
use std::ffi::OsString;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use bluebutton::config;

use crate::proxy::Patience;

/// A local AWS in one process answers a hundred calls at once slowly, and slower on a busy machine. How long is not
/// what tests are about, but where they say so.
pub const UNHURRIED: Patience = Patience {
    connect: Duration::from_secs(10),
    attempt: Duration::from_secs(60),
    operation: Duration::from_secs(120),
};

/// Says that a test is left out, and why.
///
/// # Panics
/// Where everything is required (`REQUIRE_ALL`).
pub fn skipped(why: &str) {
    assert!(env::var_os("REQUIRE_ALL").is_none(), "left out: {why}");
    eprintln!("skipped: {why}");
}

/// What the variable holds; `None`, and a line that says so, where it is not set.
///
/// # Panics
/// As [`skipped`].
#[must_use]
pub fn needed(variable: &str) -> Option<OsString> {
    let value = env::var_os(variable);
    if value.is_none() {
        skipped(&format!(
            "{variable} is not set; `cargo xtask test` sets it"
        ));
    }
    value
}

/// How functions reach the local AWS, for tests that need these variables of a sandbox as well; `None`, and a line that
/// says so, where one is not set.
///
/// # Panics
/// As [`skipped`].
pub async fn aws(program: &'static str, variables: &[&str]) -> Option<SdkConfig> {
    for variable in ["AWS_ENDPOINT_URL"].iter().chain(variables) {
        needed(variable)?;
    }
    Some(unhurried(program).await)
}

/// A function's settings but for its time-outs.
pub async fn unhurried(program: &'static str) -> SdkConfig {
    let aws = config::aws(program).await.into_builder();
    aws.timeout_config(UNHURRIED.timeouts()).build()
}

/// Makes a table with keys of texts: that of its partitions and, if there is another, that within them.
///
/// # Panics
/// When the local AWS does not make it.
pub async fn create_table(client: &Client, table: &str, keys: &[&str]) {
    let mut create = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
        let attribute = AttributeDefinition::builder().attribute_name(*name);
        let attribute = attribute.attribute_type(ScalarAttributeType::S).build();
        let key = KeySchemaElement::builder().attribute_name(*name);
        let key = key.key_type(kind).build();
        create = create
            .attribute_definitions(attribute.expect("a name and a type"))
            .key_schema(key.expect("a name and a kind"));
    }
    create.send().await.expect("a local AWS");
}
