//! `cargo xtask soak`: the trials of `tests/trials` with all their rounds, on a sandbox of their own.

use crate::checks;
use crate::failure::Outcome;
use crate::sandbox::{Options, Sandbox};
use crate::workspace::Workspace;

/// The trials read it and then run all their rounds.
const VARIABLE: &str = "BLUEBUTTON_SOAK";

/// Two at a time: the local AWS is one process, and more would only wait for it.
const TRIALS: [&str; 6] = [
    "--workspace",
    "--test",
    "trials",
    "--",
    "--nocapture",
    "--test-threads=2",
];

/// Which trials to run, if not all of them.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run the trials with this in their names only.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Runs the trials, which print their figures.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Outcome {
    let options = Options::for_tests(workspace.target.join("soak"))?;
    let sandbox = Sandbox::start(workspace, options)?;
    let mut environment = sandbox.environment.clone();
    environment.insert(VARIABLE.to_owned(), "1".to_owned());
    let selection: Vec<&str> = TRIALS
        .into_iter()
        .chain(arguments.name.as_deref())
        .collect();
    checks::tests(workspace, &environment, &selection)?.told()
}
