//! No credential and no personal number in the project's files.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::script;

#[test]
fn the_project_holds_no_credential_and_no_personal_number() {
    let Some(mut scan) = scan() else { return };
    let files = project_files();
    assert!(files.len() > 200, "only {} files", files.len());
    assert_eq!(findings(&mut scan, &files), Vec::<String>::new());
}

#[test]
fn the_scan_finds_what_is_planted() {
    let Some(mut scan) = scan() else { return };
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
    let found = findings(&mut scan, std::slice::from_ref(&file));
    fs::remove_file(&file).unwrap();
    for line in 1..=planted.len() {
        let is_found = found
            .iter()
            .any(|found| found.contains(&format!(":{line}: ")));
        assert!(is_found, "line {line} is not among {found:?}");
    }
}

/// The script that scans files.
fn scan() -> Option<Command> {
    script::python("BLUEBUTTON_SECRETS_PYTHON", "find_secrets.py")
}

/// The findings in those files, as `file:line: kind`.
fn findings(scan: &mut Command, files: &[PathBuf]) -> Vec<String> {
    serde_json::from_value(script::answer(scan, &json!(files))).unwrap()
}

/// Every file of the project but what is built, locked or kept by git.
pub(crate) fn project_files() -> Vec<PathBuf> {
    files_below(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}

/// The same of one folder.
pub(crate) fn files_below(folder: PathBuf) -> Vec<PathBuf> {
    const LEFT_OUT: [&str; 6] = [
        "target",
        ".git",
        ".aws-sam",
        "Cargo.lock",
        "__pycache__",
        "node_modules",
    ];
    let (mut files, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            match entry.file_type().unwrap() {
                kind if kind.is_dir() && is_of_a_tool(&entry.path()) => (),
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => (),
            }
        }
    }
    files
}

/// Whether the folder is none of the project's though it may stand in the checkout: Python's environments and caches
/// (such as Cargo's packages) say so themselves, and a home of Rust's tools is named by the environment.
fn is_of_a_tool(folder: &Path) -> bool {
    let is_home = |name: &str| {
        let home = env::var_os(name).and_then(|home| fs::canonicalize(home).ok());
        home.is_some_and(|home| fs::canonicalize(folder).is_ok_and(|folder| folder == home))
    };
    let marks = ["pyvenv.cfg", "CACHEDIR.TAG"];
    marks.iter().any(|mark| folder.join(mark).exists())
        || ["CARGO_HOME", "RUSTUP_HOME"].into_iter().any(is_home)
}
