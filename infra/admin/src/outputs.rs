//! `outputs`: a stack's outputs as lines for a shell, so that the commands of a runbook find the deployment.

use std::process::ExitCode;

use aws_sdk_cloudformation::Client as CloudFormation;
use bluebutton::config;

use crate::Outcome;
use crate::print::say;
use crate::stack;

/// Of which stack.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The stack's name.
    stack: String,
}

/// Prints `export CLAIMS_TABLE='...'` for the output `ClaimsTable`, and so on.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let cloudformation =
        CloudFormation::new(&config::aws_of_operator(env!("CARGO_PKG_NAME")).await);
    let stack = stack::describe(&cloudformation, &arguments.stack).await?;
    for (output, value) in stack::outputs(stack) {
        say!(
            "export {}={}",
            stack::variable_name(&output),
            quoted(&value)
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// One word of a shell, whatever it holds.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_of_a_shell() {
        let check = |value: &str, expected: &str| assert_eq!(quoted(value), expected);
        check("https://api.example/dev", "'https://api.example/dev'");
        check("a b; $(c)", "'a b; $(c)'");
        check("it's", r"'it'\''s'");
    }
}
