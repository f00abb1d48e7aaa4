//! A command goes on when nobody reads what it prints, as behind `| head`.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::process::{Command, Stdio};

#[test]
fn a_command_whose_output_nobody_reads_does_its_work() {
    let folder = std::env::temp_dir().join(format!("bluebutton-output-{}", std::process::id()));
    let mut child = Command::new(env!("CARGO_BIN_EXE_bluebutton-admin"))
        .args(["synthesize", "--beneficiaries", "1", "--seed", "1", "--out"])
        .arg(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors, "");
    std::fs::remove_dir_all(folder).unwrap();
}
