//! A stack of CloudFormation and its outputs.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudformation::Client as CloudFormation;
use aws_sdk_cloudformation::types::{Stack, StackStatus};
use bluebutton::aws_error::words;

const POLLS_MAX: u32 = 120;
const POLL_MILLISECONDS: u64 = 500;

/// The stack's outputs once it is complete, after its creation.
pub(crate) async fn outputs_when_complete(
    cloudformation: &CloudFormation,
    name: &str,
) -> Result<BTreeMap<String, String>, String> {
    for _ in 0..POLLS_MAX {
        let stack = describe(cloudformation, name).await?;
        match stack.stack_status {
            Some(StackStatus::CreateComplete | StackStatus::UpdateComplete) => {
                return Ok(outputs(stack));
            }
            Some(StackStatus::CreateInProgress) => {
                tokio::time::sleep(Duration::from_millis(POLL_MILLISECONDS)).await;
            }
            status => {
                let reason = stack.stack_status_reason.unwrap_or_default();
                return Err(format!("the stack {name} is {status:?}: {reason}"));
            }
        }
    }
    Err(format!("the stack {name} is still not complete"))
}

/// The stack's outputs, whatever is being done to it.
pub(crate) fn outputs(stack: Stack) -> BTreeMap<String, String> {
    let outputs = stack.outputs.unwrap_or_default().into_iter();
    outputs
        .filter_map(|output| output.output_key.zip(output.output_value))
        .collect()
}

/// The stack of that name.
pub(crate) async fn describe(cloudformation: &CloudFormation, name: &str) -> Result<Stack, String> {
    cloudformation
        .describe_stacks()
        .stack_name(name)
        .send()
        .await
        .map_err(|error| format!("the stack cannot be read: {}", words(&error)))?
        .stacks
        .unwrap_or_default()
        .pop()
        .ok_or_else(|| format!("there is no stack {name}"))
}

/// The variable that the functions and these commands read: the output `ClaimsTable` is `CLAIMS_TABLE`.
pub(crate) fn variable_name(output: &str) -> String {
    let mut name = String::new();
    for letter in output.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_become_the_variables_that_the_functions_read() {
        let check = |output: &str, variable: &str| assert_eq!(variable_name(output), variable);
        check("ClaimsTable", "CLAIMS_TABLE");
        check("SignInFailuresTable", "SIGN_IN_FAILURES_TABLE");
        check("ConfigurationSecret", "CONFIGURATION_SECRET");
    }
}
