//! Commands that need the AWS SDK or the claims code; `cargo xtask` calls them. Each lives in its own file with its
//! `Arguments` and `run`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod environment;
mod inspect;
mod setup;

/// How a command ends: its exit code, or a sentence that says what went wrong.
type Outcome = Result<ExitCode, Box<dyn Error>>;

#[derive(Parser)]
#[command(name = "bluebutton-admin", about, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print what is stored of a beneficiary.
    Inspect(inspect::Arguments),
    /// Make a sandbox's tables, keys, secrets and applications in the local AWS.
    Setup(setup::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Inspect(arguments) => inspect::run(arguments).await,
        Command::Setup(arguments) => setup::run(arguments).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("bluebutton-admin: {error}");
        ExitCode::FAILURE
    })
}
