//! `cargo xtask doctor`: what this machine has of what the other commands need.

use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::local_aws;
use crate::tools::{self, CARGO_LAMBDA, MINISTACK, SAM};
use crate::workspace::Workspace;

/// A finding: what was looked at, and what to do about it if it is not well.
type Finding = (&'static str, Result<String, String>);

/// Programs that only `cargo xtask test` uses, and what it leaves out without them.
pub(crate) const OPTIONAL_PROGRAMS: [(&str, &str); 3] = [
    (
        "chromium",
        "the tests in a browser (Debian: chromium, chromium-driver)",
    ),
    (
        "node",
        "the tests with clients, validators and providers of Node (Debian: nodejs)",
    ),
    ("npm", "the same tests (Debian: npm)"),
];

/// Prints one line per finding; fails if something that `sandbox` needs is missing.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let needed = needed(workspace);
    for (what, finding) in &needed {
        match finding {
            Ok(state) => println!("✓ {what}: {state}"),
            Err(advice) => println!("✗ {what}: {advice}"),
        }
    }
    for (program, use_of_it) in OPTIONAL_PROGRAMS {
        match version(program) {
            Some(version) => println!("✓ {program}: {version}"),
            None => println!("- {program}: missing; `cargo xtask test` leaves out {use_of_it}"),
        }
    }
    let missing = needed
        .iter()
        .filter(|(_, finding)| finding.is_err())
        .count();
    if missing == 0 {
        return Ok(());
    }
    Err(Failure::machine(format!(
        "{missing} of them must be mended before `cargo xtask sandbox` can run."
    )))
}

fn needed(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = vec![
        (
            "Rust",
            version("rustc").ok_or_else(|| "install it from https://rustup.rs".to_owned()),
        ),
        (
            "C compiler",
            version("cc").ok_or_else(|| "install one (Debian: build-essential)".to_owned()),
        ),
        (
            "Python",
            tools::python()
                .map(|found| version(found).unwrap_or_default())
                .map_err(|f| f.to_string()),
        ),
        ("disk", disk(workspace)),
        ("port 8000", port()),
    ];
    findings.extend(
        [CARGO_LAMBDA, MINISTACK, SAM].map(|tool| (tool.name(), Ok(prepared(&tool, workspace)))),
    );
    findings
}

fn prepared(tool: &tools::Tool, workspace: &Workspace) -> String {
    let there = if tool.is_prepared(&workspace.target) {
        "prepared"
    } else {
        "will be prepared on first use"
    };
    there.to_owned()
}

fn disk(workspace: &Workspace) -> Result<String, String> {
    const MEGABYTES_WANTED: u64 = 5000;
    match workspace.free_megabytes() {
        Some(free) if free < MEGABYTES_WANTED => Err(format!(
            "{free} MB are free; {MEGABYTES_WANTED} MB are wanted"
        )),
        Some(free) => Ok(format!("{free} MB are free")),
        None => Ok("df cannot tell".to_owned()),
    }
}

fn port() -> Result<String, String> {
    if local_aws::is_free(8000) {
        return Ok("free".to_owned());
    }
    Err("taken: is a sandbox running? Otherwise use `cargo xtask sandbox --port`".to_owned())
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    text.lines().next().map(str::to_owned)
}
