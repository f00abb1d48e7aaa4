//! Developer commands: `cargo xtask help` lists them.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod routes;

#[derive(Parser)]
#[command(name = "cargo xtask", about, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the routes into the API's definition, the local router and the README.
    Routes,
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Routes => routes::write(Path::new(".")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
