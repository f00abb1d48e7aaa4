//! Developer commands: `cargo xtask --help` lists them.
#![allow(clippy::print_stdout)]

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod admin;
mod bench;
mod checks;
mod cost;
mod deployment;
mod doctor;
mod failure;
mod local_aws;
mod package;
mod processes;
mod routes;
mod sandbox;
mod soak;
mod start_up;
mod step;
mod tools;
mod validate;
mod workspace;

use failure::Outcome;
use workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring up the whole API at http://localhost:8000 with people to sign in as; Ctrl-C ends it.
    Sandbox(sandbox::Options),
    /// Run every test, on a sandbox of its own and free ports.
    Test(checks::Arguments),
    /// Run the trials of races, lost replies, faults and foreign ids with all their rounds, which takes long.
    Soak(soak::Arguments),
    /// Check what this machine has of what the other commands need.
    Doctor,
    /// Load RIF files or folders into the running sandbox, or wherever the environment says.
    Load(Arguments),
    /// Print an access token, got through the real sign-in, consent and exchange.
    Token(Arguments),
    /// Print an event of `events/` with a token and ids of the running sandbox, for `cargo lambda invoke`.
    Event(Arguments),
    /// Rotate the keys that sign access tokens (infra/docs/keys.md).
    Rotate(Arguments),
    /// Write RIF files of synthetic people.
    Synthesize(Arguments),
    /// Measure in a release build how fast stored claims become FHIR.
    Bench(bench::Options),
    /// Build a release: the functions' zips for arm64, templates, bill of materials, checksums.
    Package,
    /// Measure what a function's start costs up to its first answer, beside a bare function.
    StartUp(start_up::Options),
    /// Run HAPI FHIR's validator over answers of the running sandbox (needs Maven and a JDK).
    Validate(validate::Options),
    /// Reckon what a month costs and write it into infra/docs/cost.md.
    Cost,
    /// Write the routes into the API's definition, the local router and the README.
    Routes,
}

/// Arguments of `bluebutton-admin`, passed on as they are.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

fn main() -> ExitCode {
    let command = CommandLine::parse().command;
    processes::stop_all_when_interrupted();
    match run(command, &Workspace::find()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            processes::wait_if_interrupted();
            if !failure.sentence.is_empty() {
                eprintln!("{failure}");
            }
            ExitCode::from(failure.code)
        }
    }
}

fn run(command: Command, workspace: &Workspace) -> Outcome {
    match command {
        Command::Sandbox(options) => sandbox::run(workspace, options),
        Command::Test(arguments) => checks::run(workspace, arguments),
        Command::Soak(arguments) => soak::run(workspace, &arguments),
        Command::Doctor => doctor::run(workspace),
        Command::Load(passed) => admin::run(workspace, "load", &passed.arguments),
        Command::Token(passed) => admin::run(workspace, "token", &passed.arguments),
        Command::Event(passed) => admin::run(workspace, "event", &passed.arguments),
        Command::Rotate(passed) => admin::run(workspace, "rotate", &passed.arguments),
        Command::Synthesize(passed) => admin::run(workspace, "synthesize", &passed.arguments),
        Command::Bench(options) => bench::run(workspace, &options),
        Command::Package => package::run(workspace),
        Command::StartUp(options) => start_up::run(workspace, &options),
        Command::Validate(options) => validate::run(workspace, options),
        Command::Cost => cost::write(&workspace.root),
        Command::Routes => routes::write(&workspace.root),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use std::fs;

    #[test]
    fn every_command_that_the_documents_name_is_there() {
        let mut command = CommandLine::command();
        command.build();
        let root = Workspace::find().root;
        for document in [
            "README.md",
            "CHANGELOG.md",
            "infra/docs/access.md",
            "infra/docs/adding-a-column.md",
            "infra/docs/architecture.md",
            "infra/docs/compatibility.md",
            "infra/docs/cost.md",
            "infra/docs/delete.md",
            "infra/docs/deploy.md",
            "infra/docs/keys.md",
            "infra/docs/local.md",
            "infra/docs/lookups.md",
            "infra/docs/measurements.md",
            "infra/docs/observability.md",
            "infra/docs/release.md",
        ] {
            let text = fs::read_to_string(root.join(document)).unwrap();
            for named in text.split("cargo xtask ").skip(1) {
                let name = named
                    .split(|c: char| !c.is_ascii_alphabetic() && c != '-')
                    .next();
                let name = name.unwrap_or_default();
                assert!(
                    command.find_subcommand(name).is_some(),
                    "{document}: {name}"
                );
            }
        }
    }
}
