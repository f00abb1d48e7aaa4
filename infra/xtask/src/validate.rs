//! `cargo xtask validate`: answers of every type before the reference validator, HAPI FHIR's, which is written in Java.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use serde_json::Value;
use ureq::Agent;

use crate::failure::{Failure, Outcome};
use crate::processes;
use crate::sandbox;
use crate::step::Step;
use crate::tools::make_folder;
use crate::workspace::Workspace;

/// The person of CMS's sample files, who has every type of claim.
const SAMPLE_PATIENT: &str = "567834";
const SEARCHES: [&str; 3] = ["Patient", "Coverage", "ExplanationOfBenefit?_count=50"];
const PAGES_MAX: usize = 100;
const REQUEST_SECONDS_MAX: u64 = 60;
/// Where the variable's folder holds the profiles.
const PROFILES: &str = "carin/1.1.0";

/// What to validate.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Validate the JSON files in v1 (as STU3) and v2 (as R4) of this folder, instead of the running sandbox's answers.
    #[arg(long, value_name = "DIR")]
    answers: Option<PathBuf>,
    /// The person whose answers the running sandbox gives; by default the one of CMS's sample files.
    #[arg(long, default_value = SAMPLE_PATIENT, allow_hyphen_values = true)]
    patient: String,
}

/// Prints each error once, with its place and the answers that have it.
pub(crate) fn run(workspace: &Workspace, options: Options) -> Outcome {
    check_java()?;
    let profiles = profiles()?;
    let folder = workspace.target.join("validate");
    let answers = match options.answers {
        Some(answers) => answers
            .canonicalize()
            .map_err(|error| Failure::new(format!("{}: {error}", answers.display())))?,
        None => fetch(workspace, &options.patient, folder.join("answers"))?,
    };
    let mut maven = Command::new("mvn");
    maven
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(workspace.root.join("infra/validate/pom.xml"))
        .arg(format!("-Dmade={}", folder.join("java").display()))
        .args(["compile", "exec:java"])
        .arg(format!(
            "-Dexec.args=\"{}\" \"{}\"",
            answers.display(),
            profiles.display()
        ));
    eprintln!("… Validating (the first time downloads what it needs)");
    processes::run_in_view("The validator", &mut maven)
}

fn check_java() -> Outcome {
    let is_missing = |program: &&&str| Command::new(program).arg("-version").output().is_err();
    match ["mvn", "javac"].iter().find(is_missing) {
        Some(program) => Err(Failure::machine(format!(
            "{program} is missing: install Maven and a JDK, 17 or later (Debian: maven, default-jdk-headless)."
        ))),
        None => Ok(()),
    }
}

fn profiles() -> Outcome<PathBuf> {
    let reference = env::var_os("BLUEBUTTON_REFERENCE").map(PathBuf::from);
    let profiles = reference.map(|folder| folder.join(PROFILES));
    profiles.filter(|folder| folder.is_dir()).ok_or_else(|| {
        Failure::machine(format!(
            "CARIN's profiles are missing: BLUEBUTTON_REFERENCE has to name a folder with {PROFILES}."
        ))
    })
}

/// Writes what the running sandbox answers of the person, one file for each resource.
fn fetch(workspace: &Workspace, patient: &str, answers: PathBuf) -> Outcome<PathBuf> {
    let description = workspace.target.join("sandbox/sandbox.json");
    let base_url = base_url(&description)?;
    let token = token(workspace, patient, &description)?;
    let step = Step::start(format!("Fetching what is answered of {patient}"));
    let _ = fs::remove_dir_all(&answers);
    for version in ["v1", "v2"] {
        let folder = answers.join(version);
        make_folder(&folder)?;
        for search in SEARCHES {
            let mut next = Some(format!("{base_url}/{version}/fhir/{search}"));
            for _ in 0..PAGES_MAX {
                let Some(url) = next else { break };
                let bundle = get(&url, &token)?;
                write_entries(&folder, &bundle)?;
                next = next_page(&bundle);
            }
        }
    }
    step.done();
    Ok(answers)
}

fn base_url(description: &Path) -> Outcome<String> {
    let text = fs::read_to_string(description).unwrap_or_default();
    let described: Value = serde_json::from_str(&text).unwrap_or_default();
    let base_url = described["base_url"].as_str().map(str::to_owned);
    base_url.ok_or_else(|| {
        Failure::new(
            "No sandbox is running: start `cargo xtask sandbox --rif` with CMS's sample files, or name a folder with --answers.",
        )
    })
}

fn token(workspace: &Workspace, patient: &str, description: &Path) -> Outcome<String> {
    let mut admin = workspace.admin();
    admin
        .args(["token", "--patient", patient, "--sandbox-json"])
        .arg(description);
    let token = RefCell::new(String::new());
    processes::run_and_read("bluebutton-admin token", &mut admin, |line| {
        token.borrow_mut().push_str(line.trim());
    })?;
    Ok(token.into_inner())
}

fn get(url: &str, token: &str) -> Outcome<Value> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(REQUEST_SECONDS_MAX)))
        .build()
        .into();
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{url}: {error}"));
    let mut answer = agent
        .get(url)
        .header("Authorization", format!("Bearer {token}"))
        .call()
        .map_err(|error| failed(&error))?;
    let text = answer.body_mut().read_to_string();
    serde_json::from_str(&text.map_err(|error| failed(&error))?).map_err(|error| failed(&error))
}

fn write_entries(folder: &Path, bundle: &Value) -> Outcome {
    for entry in bundle["entry"].as_array().into_iter().flatten() {
        let resource = &entry["resource"];
        let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
        let name = format!("{}-{}.json", text("resourceType"), text("id"));
        sandbox::write(&folder.join(name), &resource.to_string())?;
    }
    Ok(())
}

fn next_page(bundle: &Value) -> Option<String> {
    let links = bundle["link"].as_array()?;
    let next = links.iter().find(|link| link["relation"] == "next")?;
    next["url"].as_str().map(str::to_owned)
}
