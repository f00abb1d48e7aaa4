//! Scripts beside these tests, and the packages that they need.

use std::env;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A script below this folder in Python, with the packages of the Python that the variable names.
pub(crate) fn python(variable: &str, name: &str) -> Option<Command> {
    let mut command = Command::new(needed(variable)?);
    command.arg(path(name));
    Some(command)
}

/// A script below this folder in Node, with the packages of the folder that the variable names.
pub(crate) fn node(variable: &str, name: &str) -> Option<Command> {
    let mut command = Command::new("node");
    command.env("NODE_PATH", needed(variable)?).arg(path(name));
    Some(command)
}

/// What the variable names, such as a Python that has packages, or the running sandbox. `None`, and a line that says
/// so, where it is not set.
pub(crate) fn needed(variable: &str) -> Option<OsString> {
    let place = env::var_os(variable);
    if place.is_none() {
        assert!(
            env::var_os("REQUIRE_ALL").is_none(),
            "{variable} is not set"
        );
        eprintln!("skipped: {variable} is not set; `cargo xtask test` sets it");
    }
    place
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What the script prints for that input: each reads one JSON value and prints another.
pub(crate) fn answer(script: &mut Command, input: &Value) -> Value {
    let mut running = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = serde_json::to_vec(input).unwrap();
    // Scripts read everything before they write anything, so neither side waits for the other; the pipe closes here.
    running.stdin.take().unwrap().write_all(&text).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}
