//! `cargo xtask test`: everything that has to hold, on a sandbox of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::deployment;
use crate::doctor::OPTIONAL_PROGRAMS;
use crate::failure::{Failure, Outcome};
use crate::processes;
use crate::sandbox::{self, Options, Sandbox};
use crate::step::Step;
use crate::tools::{
    AWS_CLI, CARGO_LAMBDA, CMS_NODE_SDK, CMS_PYTHON_SDK, DETECT_SECRETS, FHIR_RESOURCES,
    NODE_PACKAGES, PYTHON_CLIENTS,
};
use crate::workspace::Workspace;

const CLIPPY: [&str; 6] = [
    "clippy",
    "--workspace",
    "--all-targets",
    "--",
    "-D",
    "warnings",
];

/// The test that runs last and alone, and says how much it searched.
const LEAKS: [&str; 7] = [
    "-p",
    "acceptance",
    "--test",
    "acceptance",
    "leaks::nothing_personal",
    "--",
    "--nocapture",
];

/// The comparison of the rights that functions have with those that they used; it prints the table of them.
const RIGHTS: [&str; 7] = [
    "-p",
    "acceptance",
    "--test",
    "acceptance",
    "rights::every_function",
    "--",
    "--nocapture",
];

/// Where properties begin to look for a counterexample, so that a run says of a commit what the run before said.
/// Whoever calls `cargo test` looks elsewhere each time.
const PROPERTIES_SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "1");

/// Of the suite on its sandbox, and of the deployment check.
const RECORDINGS_OF_A_RUN: usize = 2;

/// Where the suite notes the secrets that it was given, in the sandbox's folder.
const LEDGER: &str = "ledger";

/// Which part to run, if not all of it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leave the deployment check out.
    #[arg(long, conflicts_with = "only_deployment")]
    no_deployment: bool,
    /// Run the deployment check alone.
    #[arg(long)]
    only_deployment: bool,
}

/// How many tests passed and failed.
#[derive(Default)]
pub(crate) struct Count {
    passed: u32,
    failed: u32,
    /// The names of those that ran.
    names: Vec<String>,
}

/// Runs the checks from the quickest to the slowest; formatting and lints stop at once, tests all run.
pub(crate) fn run(workspace: &Workspace, arguments: Arguments) -> Outcome {
    say_what_is_left_out()?;
    let state = workspace.target.join("test");
    let (sandbox, deployment) = (state.join("sandbox"), state.join("deployment"));
    let mut count = Count::default();
    let mut recordings = Vec::new();
    if !arguments.only_deployment {
        check(workspace, "cargo fmt", &["fmt", "--all", "--check"])?;
        check(workspace, "cargo clippy", &CLIPPY)?;
        count.add(tests_on_a_sandbox(workspace, sandbox.clone())?);
        recordings.push(sandbox);
    }
    if !arguments.no_deployment {
        workspace.build()?;
        count.add(deployment::check(workspace, &deployment)?);
        recordings.push(deployment);
        count.add(rights(workspace, &recordings)?);
    }
    count.told()
}

/// Every test of the workspace, with the environment of a sandbox that lives as long.
fn tests_on_a_sandbox(workspace: &Workspace, state: PathBuf) -> Outcome<Count> {
    let tools = tools(workspace)?;
    let sandbox = Sandbox::start(workspace, Options::for_tests(state)?)?;
    let mut environment = sandbox.environment.clone();
    environment.extend(tools);
    let admin = workspace.program("bluebutton-admin").display().to_string();
    environment.insert("BLUEBUTTON_ADMIN".to_owned(), admin);
    let recorder = sandbox.aws.functions_url.clone();
    environment.insert("BLUEBUTTON_RECORDER".to_owned(), recorder);
    let ledger = sandbox.state.join(LEDGER);
    environment.insert("BLUEBUTTON_LEDGER".to_owned(), ledger.display().to_string());
    // An earlier run's secrets are in no table of this one, and its ledger would only grow.
    let _ = fs::remove_file(&ledger);
    let transcript = Transcript::create(&sandbox.state)?;
    let mut count = run_tests(workspace, &environment, &[], Some(transcript))?;
    count.add(leaks(workspace, &sandbox, environment)?);
    deployment::describe_names(workspace, &sandbox.state, &sandbox.aws, sandbox::STACK)?;
    Ok(count)
}

/// The search for leaks, after everything else: it reads what the sandbox and the tests have printed and stored.
fn leaks(
    workspace: &Workspace,
    sandbox: &Sandbox,
    mut environment: BTreeMap<String, String>,
) -> Outcome<Count> {
    let run = sandbox.state.display().to_string();
    environment.insert("BLUEBUTTON_RUN".to_owned(), run);
    tests(workspace, &environment, &LEAKS)
}

/// The comparison of rights, when everything that uses them has run. In a run that left something out, a right may be
/// unused without being too much.
fn rights(workspace: &Workspace, recordings: &[PathBuf]) -> Outcome<Count> {
    let folders = env::join_paths(recordings)
        .map_err(|error| Failure::machine(format!("a folder's name holds a colon: {error}")))?;
    let mut environment = BTreeMap::from([(
        "BLUEBUTTON_RECORDINGS".to_owned(),
        folders.to_string_lossy().into_owned(),
    )]);
    // The identity provider of the tests is a program of Node's.
    if recordings.len() == RECORDINGS_OF_A_RUN && is_there("node") {
        environment.insert("BLUEBUTTON_WHOLE_RUN".to_owned(), "1".to_owned());
    }
    tests(workspace, &environment, &RIGHTS)
}

/// What tests run scripts with, by the variables that name it: Pythons, and folders of Node packages where there is
/// Node.
fn tools(workspace: &Workspace) -> Outcome<Vec<(String, String)>> {
    let mut tools = Vec::new();
    let mut add = |variable: &str, path: PathBuf| {
        tools.push((variable.to_owned(), path.display().to_string()));
    };
    for (variable, tool) in [
        ("BLUEBUTTON_AWS_PYTHON", AWS_CLI),
        ("BLUEBUTTON_SDK_PYTHON", CMS_PYTHON_SDK),
        ("BLUEBUTTON_CLIENTS_PYTHON", PYTHON_CLIENTS),
        ("BLUEBUTTON_VALIDATOR_PYTHON", FHIR_RESOURCES),
        ("BLUEBUTTON_SECRETS_PYTHON", DETECT_SECRETS),
    ] {
        add(variable, tool.prepare(&workspace.target)?.join("python"));
    }
    let cargo_lambda = CARGO_LAMBDA.prepare(&workspace.target)?;
    add("BLUEBUTTON_CARGO_LAMBDA", cargo_lambda.join("cargo-lambda"));
    if is_there("node") && is_there("npm") {
        for (variable, tool) in [
            ("BLUEBUTTON_NODE_MODULES", NODE_PACKAGES),
            ("BLUEBUTTON_SDK_NODE_MODULES", CMS_NODE_SDK),
        ] {
            add(variable, tool.prepare(&workspace.target)?);
        }
    }
    Ok(tools)
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// What `cargo test` prints, kept for the search for leaks.
struct Transcript {
    output: RefCell<File>,
    errors: File,
}

impl Transcript {
    fn create(folder: &Path) -> Outcome<Self> {
        let create = |name: &str| {
            let path = folder.join(name);
            File::create(&path).map_err(|error| {
                Failure::machine(format!("{} cannot be written: {error}", path.display()))
            })
        };
        Ok(Self {
            output: RefCell::new(create("tests.log")?),
            errors: create("tests-errors.log")?,
        })
    }
}

/// Runs `cargo test` and counts what its runner says.
pub(crate) fn tests(
    workspace: &Workspace,
    environment: &BTreeMap<String, String>,
    selection: &[&str],
) -> Outcome<Count> {
    run_tests(workspace, environment, selection, None)
}

fn run_tests(
    workspace: &Workspace,
    environment: &BTreeMap<String, String>,
    selection: &[&str],
    transcript: Option<Transcript>,
) -> Outcome<Count> {
    let mut command = workspace.cargo();
    command
        .args(["test", "--no-fail-fast"])
        .args(if selection.is_empty() {
            &["--workspace"]
        } else {
            selection
        })
        .env(PROPERTIES_SEED.0, PROPERTIES_SEED.1)
        .envs(environment);
    let count = RefCell::new(Count::default());
    let read = |line: &str| {
        println!("{line}");
        count.borrow_mut().read(line);
    };
    let outcome = match transcript {
        None => processes::run_and_read("cargo test", &mut command, read),
        Some(Transcript { output, errors }) => {
            let read_and_keep = |line: &str| {
                read(line);
                // A line that cannot be kept is not searched, which must not fail the tests.
                let _ = writeln!(output.borrow_mut(), "{line}");
            };
            processes::run_and_read_with_log("cargo test", &mut command, read_and_keep, errors)
        }
    };
    let count = count.into_inner();
    match outcome {
        // Failed tests are counted and shown; anything else that ends cargo, such as an error of the compiler, is not.
        Err(failure) if count.failed == 0 => Err(failure),
        _ => match count.missing(selection) {
            Some(filter) => Err(Failure::new(format!("no test is named {filter}"))),
            None => Ok(count),
        },
    }
}

impl Count {
    /// Says how many, and whether that is a success.
    pub(crate) fn told(&self) -> Outcome {
        println!("\n{} passed, {} failed", self.passed, self.failed);
        match self.failed {
            0 => Ok(()),
            _ => Err(Failure::silent()),
        }
    }

    /// Both together.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.names.extend(other.names);
    }

    /// A part of a name by which tests were selected and that none of those that ran has: they have other names by now.
    fn missing<'a>(&self, selection: &[&'a str]) -> Option<&'a str> {
        let is_name = |part: &&str| part.contains("::");
        let is_missing = |part: &&str| !self.names.iter().any(|name| name.contains(part));
        let mut names = selection.iter().copied().filter(is_name);
        names.find(is_missing)
    }

    /// Adds a line such as `test result: ok. 4 passed; 0 failed; 0 ignored; ...`, or the name in one such as
    /// `test leaks::nothing ... ok`.
    fn read(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            let test = line
                .strip_prefix("test ")
                .and_then(|line| line.split_once(" ... "));
            self.names.extend(test.map(|(name, _)| name.to_owned()));
            return;
        };
        let before = |word: &str| {
            let words: Vec<_> = result
                .split([' ', ';'])
                .filter(|word| !word.is_empty())
                .collect();
            let position = words.iter().position(|&found| found == word)?;
            words.get(position.checked_sub(1)?)?.parse::<u32>().ok()
        };
        self.passed += before("passed").unwrap_or(0);
        self.failed += before("failed").unwrap_or(0);
    }
}

fn check(workspace: &Workspace, name: &'static str, arguments: &[&str]) -> Outcome {
    let step = Step::start(name);
    processes::run_in_view(name, workspace.cargo().args(arguments))?;
    step.done();
    Ok(())
}

/// Tests that need a program leave themselves out without it, unless `REQUIRE_ALL` is set.
fn say_what_is_left_out() -> Outcome {
    let required = env::var_os("REQUIRE_ALL").is_some();
    for (program, left_out) in OPTIONAL_PROGRAMS {
        if is_there(program) {
            continue;
        }
        if required {
            return Err(Failure::machine(format!(
                "REQUIRE_ALL is set and {program} is missing."
            )));
        }
        eprintln!("- {program} is missing: left out are {left_out}");
    }
    if env::var_os("BLUEBUTTON_REFERENCE").is_none() {
        eprintln!(
            "- BLUEBUTTON_REFERENCE names no folder: left out are the comparisons with CMS's own answers"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_the_test_runner_says() {
        let mut count = Count::default();
        for line in [
            "running 3 tests",
            "test leaks::nothing_personal ... ok",
            "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 11 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            count.read(line);
        }
        assert_eq!((count.passed, count.failed), (15, 2));
        for (selection, missing) in [
            (&["-p", "acceptance", "leaks::nothing"][..], None),
            (&["leaks::nothing", "grants::"], Some("grants::")),
            (&["--workspace"], None),
        ] {
            assert_eq!(count.missing(selection), missing);
        }
    }
}
