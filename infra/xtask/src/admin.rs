//! Commands that `bluebutton-admin` carries out, because they need the AWS SDK or the claims code.

use std::ffi::OsString;
use std::{env, fs};

use crate::failure::{Failure, Outcome};
use crate::processes;
use crate::workspace::Workspace;

/// Runs the command with the environment of the running sandbox; what our own environment names goes before it.
pub(crate) fn run(workspace: &Workspace, command: &'static str, arguments: &[OsString]) -> Outcome {
    let mut build = workspace.cargo();
    processes::run_in_view(
        "cargo build",
        build.args(["build", "--workspace", "--quiet"]),
    )?;
    let mut admin = workspace.admin();
    for (name, value) in sandbox_environment(workspace) {
        if env::var_os(&name).is_none() {
            admin.env(name, value);
        }
    }
    admin.current_dir(env::current_dir().unwrap_or_else(|_| workspace.root.clone()));
    // It has said what went wrong, so the exit code is all that is left to pass on.
    processes::run_in_view(command, admin.arg(command).args(arguments)).map_err(|failure| Failure {
        sentence: String::new(),
        ..failure
    })
}

fn sandbox_environment(workspace: &Workspace) -> Vec<(String, String)> {
    let text = fs::read_to_string(workspace.target.join("sandbox/env")).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
        .collect()
}
