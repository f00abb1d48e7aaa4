//! No credential and no personal number in the project's files.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn the_project_holds_no_credential_and_no_personal_number() {
    let Some(python) = python() else { return };
    let files = project_files();
    assert!(files.len() > 200, "only {} files", files.len());
    assert_eq!(findings(&python, &files), Vec::<String>::new());
}

#[test]
fn the_scan_finds_what_is_planted() {
    let Some(python) = python() else { return };
    let file = env::temp_dir().join(format!("planted-{}", uuid::Uuid::new_v4()));
    // In halves, so that this file is clean.
    let planted = [
        ["AWS = AKIA", "IOSFODNN7EXAMPLQ"],
        ["-----BEGIN EC PRIVATE", " KEY-----"],
        ["https://user:", "hunter22@host.example/"],
        ["eyJhbGciOiJFUzI1NiJ9", ".eyJzdWIiOiIxIn0.c2lnbmF0dXJl"],
        ["1EG4-TE5", "-MK73"],
        ["1eg4te5mk73 or 1EG4", "TE5MK73"],
        ["123-45", "-6789"],
    ];
    let lines = planted.map(|halves| halves.concat());
    fs::write(&file, lines.join("\n")).unwrap();
    let found = findings(&python, std::slice::from_ref(&file));
    fs::remove_file(&file).unwrap();
    for line in 1..=planted.len() {
        let is_found = found
            .iter()
            .any(|found| found.contains(&format!(":{line}: ")));
        assert!(is_found, "line {line} is not among {found:?}");
    }
}

/// The findings in those files, as `file:line: kind`.
fn findings(python: &str, files: &[PathBuf]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("find_secrets.py");
    let mut scan = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let names: String = files
        .iter()
        .map(|file| format!("{}\n", file.display()))
        .collect();
    scan.stdin
        .take()
        .unwrap()
        .write_all(names.as_bytes())
        .unwrap();
    let output = scan.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Every file of the project but what is built, locked or kept by git.
fn project_files() -> Vec<PathBuf> {
    const LEFT_OUT: [&str; 4] = ["target", ".git", ".aws-sam", "Cargo.lock"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut files, mut folders) = (Vec::new(), vec![root]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => (),
            }
        }
    }
    files
}

fn python() -> Option<String> {
    let python = env::var("BLUEBUTTON_SECRETS_PYTHON").ok();
    if python.is_none() {
        assert!(
            env::var_os("REQUIRE_ALL").is_none(),
            "BLUEBUTTON_SECRETS_PYTHON is not set"
        );
        eprintln!("skipped: BLUEBUTTON_SECRETS_PYTHON names no Python with detect-secrets");
    }
    python
}
