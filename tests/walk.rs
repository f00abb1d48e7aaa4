//! The README's walk, run as a newcomer would: every line of it, in order, in one shell.

use std::fs;
use std::process::Command;

use crate::client::Sandbox;

#[test]
fn the_readmes_walk_leads_to_the_sample_persons_claims() {
    if Sandbox::running().is_none() {
        return;
    }
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let script = blocks(&readme);
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let said = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    for expected in [
        r#""token_endpoint""#,
        r#""family_name":"Doe""#,
        r#""resourceType":"Patient""#,
        "part-a-20140000008325",
        "25 carrier claims; the first is carrier-",
    ] {
        assert!(printed.contains(expected), "{expected} is not in:\n{said}");
    }
}

/// The shell blocks of the walk, one after the other.
fn blocks(readme: &str) -> String {
    let (_, walk) = readme.split_once("## A five-minute walk").unwrap();
    let (walk, _) = walk.split_once("\n## ").unwrap();
    let blocks: Vec<&str> = walk
        .split("```bash\n")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    assert!(blocks.len() >= 5, "the walk lost its commands");
    blocks.join("\n")
}
