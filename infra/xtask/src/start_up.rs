//! `cargo xtask start-up`: what a function's start costs up to its first answer, beside a bare function with the same
//! SDK.

use std::process::Command;

use crate::failure::Outcome;
use crate::processes;
use crate::workspace::Workspace;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Count instructions, too (needs valgrind; takes minutes)
    #[arg(long)]
    callgrind: bool,
    /// Measure the programs of the ordinary build, which are there already
    #[arg(long)]
    debug: bool,
}

/// A release but for the optimisation of each linked program as a whole: it takes minutes for each, and helps all of
/// them alike.
const FASTER_LINKING: &str = r#"profile.release.lto="off""#;

/// Builds the functions and the bare one, and measures them.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Outcome {
    let mut build = workspace.cargo();
    build.args(["build", "--workspace"]);
    let profile = match options.debug {
        true => "debug",
        false => {
            eprintln!("… Building (the first time takes long)");
            build.args(["--release", "--config", FASTER_LINKING]);
            "release"
        }
    };
    processes::run_in_view("cargo build", &mut build)?;
    let folder = workspace.target.join(profile);
    let mut measure = Command::new(folder.join("start-up"));
    measure.arg(&folder);
    measure.args(options.callgrind.then_some("--callgrind"));
    processes::run_in_view("start-up", &mut measure)
}
