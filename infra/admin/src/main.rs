//! Commands that need the AWS SDK or the claims code; `cargo xtask` calls them. Each lives in its own file with its
//! `Arguments` and `run`.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod application;
mod audit;
mod bench;
mod client;
mod copy_table;
mod environment;
mod event;
mod inspect;
mod load;
mod lookups;
mod measure;
mod metrics;
mod outputs;
mod print;
mod registration;
mod renew_secret;
mod rotate;
mod secret_file;
mod setup;
mod sign_ins;
mod sources;
mod stack;
mod synthesize;
mod token;

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
    /// Register an application, show it, switch it off and on, end its grants.
    Application(application::Arguments),
    /// Print who read what of a person, and what became of their consents.
    Audit(audit::Arguments),
    /// Measure how fast stored claims become FHIR; `cargo xtask bench` calls it.
    Bench(bench::Arguments),
    /// Copy what a table lacks out of a restored one.
    CopyTable(copy_table::Arguments),
    /// Print an event of `events/` with a token and ids of the running sandbox in it.
    Event(event::Arguments),
    /// Print what is stored of a beneficiary.
    Inspect(inspect::Arguments),
    /// Load RIF files.
    Load(load::Arguments),
    /// Make the file of provider and drug names that claims are answered with.
    Lookups(lookups::Arguments),
    /// Measure what claims cost to store and to read.
    Measure(measure::Arguments),
    /// Print the daily reports of use, the newest first.
    Metrics(metrics::Arguments),
    /// Print a stack's outputs as variables for a shell.
    Outputs(outputs::Arguments),
    /// Give an application a new secret; the old one works for another day, unless it is ended.
    RenewSecret(renew_secret::Arguments),
    /// Rotate the keys that sign access tokens, step by step.
    Rotate(rotate::Arguments),
    /// Make a sandbox's tables, keys, secrets and applications in the local AWS.
    Setup(setup::Arguments),
    /// List who can sign in to the sandbox.
    SignIns(sign_ins::Arguments),
    /// Write RIF files about synthetic people.
    Synthesize(synthesize::Arguments),
    /// Print an access token, got through the real sign-in, consent and exchange.
    Token(token::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Application(arguments) => application::run(arguments).await,
        Command::Audit(arguments) => audit::run(arguments).await,
        Command::Bench(arguments) => bench::run(&arguments),
        Command::CopyTable(arguments) => copy_table::run(arguments).await,
        Command::Event(arguments) => event::run(arguments).await,
        Command::Inspect(arguments) => inspect::run(arguments).await,
        Command::Load(arguments) => load::run(arguments).await,
        Command::Lookups(arguments) => lookups::run(&arguments),
        Command::Measure(arguments) => measure::run(arguments).await,
        Command::Metrics(arguments) => metrics::run(arguments).await,
        Command::Outputs(arguments) => outputs::run(arguments).await,
        Command::RenewSecret(arguments) => renew_secret::run(arguments).await,
        Command::Rotate(arguments) => rotate::run(arguments).await,
        Command::Setup(arguments) => setup::run(arguments).await,
        Command::SignIns(arguments) => sign_ins::run(arguments).await,
        Command::Synthesize(arguments) => synthesize::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("bluebutton-admin: {error}");
        ExitCode::FAILURE
    })
}
