//! The project's own pipeline: it runs the commands that the documents name, and holds no key.

use std::fs;
use std::path::Path;

const WORKFLOWS: [&str; 2] = ["ci.yml", "deploy.yml"];

#[test]
fn the_pipeline_runs_the_commands_of_the_documents() {
    let pipeline = WORKFLOWS.map(workflow).concat();
    let documents = ["README.md", "infra/docs/release.md"].map(read).concat();
    for command in [
        "cargo xtask test",
        "cargo xtask package",
        "sha256sum --check SHA256SUMS",
    ] {
        assert!(
            pipeline.contains(&format!("- run: {command}\n")),
            "{command}"
        );
        assert!(documents.contains(command), "{command}");
    }
    for command in pipeline.split("cargo xtask ").skip(1) {
        let name = command.split_whitespace().next().unwrap_or_default();
        assert!(documents.contains(&format!("cargo xtask {name}")), "{name}");
    }
}

#[test]
fn the_pipeline_goes_from_lint_to_prod_in_order() {
    let pipeline = workflow("ci.yml");
    for line in [
        "    needs: [lint, test, build]\n",
        "    needs: deploy-dev\n",
        "      environment: prod\n",
    ] {
        assert_eq!(pipeline.matches(line).count(), 1, "{line}");
    }
    // The environment's protection rules are the gate, and whether it answers is part of each deployment.
    let deployment = workflow("deploy.yml");
    assert!(deployment.contains("    environment: ${{ inputs.environment }}\n"));
    assert!(deployment.contains("  smoke:\n    needs: deploy\n"));
}

#[test]
fn the_pipeline_has_no_key_and_no_right_that_it_does_not_need() {
    for name in WORKFLOWS {
        let text = workflow(name);
        let lower = text.to_ascii_lowercase();
        for key in [
            "access_key",
            "access-key",
            "secrets.",
            "session_token",
            "akia",
            "pull_request_target",
        ] {
            assert!(!lower.contains(key), "{name}: {key}");
        }
        assert!(
            text.contains("\npermissions:\n  contents: read\n"),
            "{name}"
        );
        assert!(!text.contains("write-all"), "{name}");
        for line in text.lines().filter(|line| line.contains(": write")) {
            assert_eq!(line.trim(), "id-token: write", "{name}");
        }
        for action in text.split("uses: ").skip(1) {
            let action = action.lines().next().unwrap_or_default();
            let is_ours = action.starts_with("./.github/workflows/");
            let version = action.split_once('@').map(|(_, version)| version);
            let is_major = version
                .and_then(|version| version.strip_prefix('v'))
                .is_some_and(|number| number.parse::<u32>().is_ok());
            assert!(is_ours || is_major, "{name}: {action}");
        }
    }
}

fn workflow(name: &str) -> String {
    read(&format!(".github/workflows/{name}"))
}

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(name)).unwrap()
}
