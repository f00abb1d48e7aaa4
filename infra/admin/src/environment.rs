//! The tables that the environment names.

use std::env;
use std::error::Error;

use aws_config::SdkConfig;
use bluebutton::store::ClaimsTable;

/// The table that CLAIMS_TABLE names.
pub(crate) fn claims_table(aws: &SdkConfig) -> Result<ClaimsTable, Box<dyn Error>> {
    let client = aws_sdk_dynamodb::Client::new(aws);
    Ok(ClaimsTable::new(client, variable("CLAIMS_TABLE")?))
}

/// A variable of the environment that has to be there, or a sentence that says what to do.
pub(crate) fn variable(name: &str) -> Result<String, Box<dyn Error>> {
    env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or_else(|| {
            format!(
                "the environment variable {name} is not set. `cargo xtask sandbox` sets it for its own commands; \
                 elsewhere take the names from the outputs of the data stack"
            )
            .into()
        })
}
