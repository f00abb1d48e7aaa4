//! Scripts beside these tests: each reads one JSON value from its input and prints another.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What the script prints for that input.
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
