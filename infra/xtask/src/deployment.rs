//! The deployment check: the template that ops deploy, built and deployed to a local AWS of its own, the main paths
//! through its API Gateway, an update that must keep everything, the check that CodeDeploy would call, and what is left
//! after it is deleted.

mod bucket;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::checks::{self, Count};
use crate::failure::{Failure, Outcome};
use crate::local_aws::LocalAws;
use crate::processes;
use crate::sandbox;
use crate::step::Step;
use crate::tools::{self, CARGO_LAMBDA, CHECKOV, MINISTACK, SAM, make_folder};
use crate::workspace::Workspace;

/// What only a script with an AWS SDK can do here, for this program has none.
const SCRIPT: &str = include_str!("deployment.py");
/// The id of the API, which MiniStack takes from a tag: it is part of the URL that the API has to know.
const API_ID: &str = "bluebutton";
const STACK: &str = "bluebutton-sandbox";
/// What every template of CloudFormation's begins with, and the routes, which are a part of one, do not.
const TEMPLATE_BEGINS: &str = "AWSTemplateFormatVersion";
/// `local` leaves out what a local AWS does not know: firewall, alarms over several metrics, budgets.
const STAGE_AND_ARCHITECTURE: &str = "Stage=local Settings=Architecture=x86_64";
/// What the first deployments set, and what the update changes: the functions' environment, and a property of a
/// resource in a stack inside the stack.
const SETTINGS: &str = "LogRetentionDays=7";
const CHANGED_SETTINGS: &str = "LogRetentionDays=14,TokenRequestsPerSecond=11";
/// As many as the acceptance tests name below.
const BENEFICIARIES: u32 = 100;
/// How old the keys are made, so that the next one is due, and so that the previous one is over.
const SIGNING_DAYS: &str = "90";
const DAYS_OF_THE_PREVIOUS_KEY: &str = "1";
/// The acceptance tests of the main paths, of what is refused and of what every answer carries; each call through the
/// local gateway takes at least 0.1 s.
const ACCEPTANCE_TESTS: [&str; 9] = [
    "--package",
    "acceptance",
    "--",
    "straight_path::",
    "grants::",
    "discovery::",
    "authorize::tells_the_application",
    "negative::",
    "headers::",
];
/// The tests before and after the update, one at a time.
const BEFORE_THE_UPDATE: [&str; 4] = ["--package", "acceptance", "--", "update::before"];
const AFTER_THE_UPDATE: [&str; 4] = ["--package", "acceptance", "--", "update::after"];

/// What CodeDeploy sends to the check.
const CHECK_EVENT: &str = "events/check_deployment.json";
/// Who signs in when new versions are checked: nobody else does so with this application.
const CHECKED_APPLICATION: &str = "Another sandbox app";
const CHECKED_PERSON: (&str, &str) = ("BBUser00017", "PW00017!");

/// The page that says what a deleted stack leaves.
const DELETE_PAGE: &str = "infra/docs/delete.md";
/// What a deleted stack leaves, by kind and by part of its name; of every other kind nothing is left.
const LEFT: &[(&str, &[&str])] = &[
    ("stacks", &["-Data-", SAM_STACK]),
    (
        "tables",
        &[
            "-ClaimsTable-",
            "-IdentityTable-",
            "-ApplicationsTable-",
            "-GrantsTable-",
            "-TransientTable-",
            "-RefreshTokensTable-",
            "-SignInFailuresTable-",
            "-AuditTable-",
        ],
    ),
    (
        "secrets",
        &[
            "-ConfigurationSecret-",
            "-IdentitySecret-",
            "-IdentityProviderSecret-",
            "-TokenSecret-",
            "-AccountSecret-",
        ],
    ),
    // The rotation has made one.
    (
        "keys",
        &["/data", "/signing-a", "/signing-b", "/signing-next-"],
    ),
    ("buckets", &["-rif-", SAM_STACK]),
];
/// SAM's own stack with the bucket that packages are uploaded to; all stacks of an account share it.
const SAM_STACK: &str = "aws-sam-cli-managed-default";

struct Deployment<'a> {
    workspace: &'a Workspace,
    state: &'a Path,
    aws: LocalAws,
    /// The folder of SAM's programs.
    sam: PathBuf,
    path: OsString,
}

/// Lints, builds, deploys, tests across an update, and deletes. The recording stays in the folder.
pub(crate) fn check(workspace: &Workspace, state: &Path) -> Outcome<Count> {
    let sam = SAM.prepare(&workspace.target)?;
    // Zig is found through the Python that stands first.
    let path = tools::path_with([CARGO_LAMBDA.prepare(&workspace.target)?.as_path(), &sam]);
    make_folder(state)?;
    lint(workspace, state, &sam, &path)?;
    let aws = LocalAws::start_recorded(workspace, state)?;
    let deployment = Deployment {
        workspace,
        state,
        aws,
        sam,
        path,
    };
    deployment.build()?;
    let base_url = format!(
        "{}/restapis/{API_ID}/sandbox/_user_request_",
        deployment.aws.endpoint_url
    );
    let settings = |others: &str| format!("{others},PublicBaseUrl={base_url}");
    deployment.deploy("Deploying to a local AWS", &settings(SETTINGS))?;
    let sandbox = deployment.set_up(&base_url)?;
    let environment = deployment.environment(&sandbox);
    let mut count = checks::tests(workspace, &environment, &BEFORE_THE_UPDATE)?;
    let before = deployment.script(&["live", STACK])?;
    deployment.change_code()?;
    deployment.deploy("Updating what people use", &settings(CHANGED_SETTINGS))?;
    deployment.check_update(&before)?;
    count.add(checks::tests(workspace, &environment, &AFTER_THE_UPDATE)?);
    count.add(checks::tests(workspace, &environment, &ACCEPTANCE_TESTS)?);
    deployment.check_the_daily_report()?;
    deployment.check_the_check(&sandbox)?;
    // Last, because it is quicker than any rotation may be: tokens of the key that it ends are refused for a minute.
    deployment.check_the_rotation()?;
    describe_names(workspace, state, &deployment.aws, STACK)?;
    let granted = deployment.script(&["granted", STACK])?;
    sandbox::write(&state.join("granted.json"), &format!("{granted:#}\n"))?;
    deployment.delete()?;
    Ok(count)
}

fn lint(workspace: &Workspace, state: &Path, sam: &Path, path: &OsStr) -> Outcome {
    let checkov = CHECKOV.prepare(&workspace.target)?.join("checkov");
    let step = Step::start("sam validate --lint, cfn-lint and checkov");
    let tool = |name: &str| {
        let mut command = Command::new(sam.join(name));
        command
            .current_dir(&workspace.root)
            .env("PATH", path)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("SAM_CLI_TELEMETRY", "0");
        command
    };
    let mut validate = tool("sam");
    processes::run(
        "sam validate",
        validate.args(["validate", "--lint"]),
        &state.join("validate.log"),
        |_| (),
    )?;
    let mut cfn_lint = tool("cfn-lint");
    processes::run(
        "cfn-lint",
        cfn_lint.args(templates(workspace)),
        &state.join("cfn-lint.log"),
        |_| (),
    )?;
    // What it finds is mended, or excused where it stands with a reason (`checkov:skip`). It asks nobody on the
    // Internet.
    let mut checkov = Command::new(checkov);
    checkov
        .current_dir(&workspace.root)
        .args([
            "--framework",
            "cloudformation",
            "--compact",
            "--quiet",
            "--skip-download",
            "--file",
        ])
        .args(templates(workspace));
    processes::run("checkov", &mut checkov, &state.join("checkov.log"), |_| ())?;
    step.done();
    Ok(())
}

/// The templates, of which the first is the application's.
fn templates(workspace: &Workspace) -> Vec<PathBuf> {
    let files = fs::read_dir(workspace.root.join("infra"));
    let files = files
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let begins = |path: &PathBuf| {
        fs::read_to_string(path).is_ok_and(|text| text.starts_with(TEMPLATE_BEGINS))
    };
    let mut inside: Vec<_> = files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .filter(begins)
        .collect();
    inside.sort();
    inside.insert(0, workspace.root.join("template.yaml"));
    inside
}

impl Deployment<'_> {
    /// Unoptimised x86_64 packages: link-time optimisation takes minutes for each function.
    fn build(&self) -> Outcome {
        let step = Step::start("sam build (unoptimised)");
        let overrides = format!("{STAGE_AND_ARCHITECTURE},{SETTINGS}");
        let mut build = self.sam(&["build", "--parameter-overrides", &overrides]);
        build
            .arg("--build-dir")
            .arg(self.state.join("build"))
            .env("SAM_BUILD_MODE", "debug")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_STRIP", "symbols");
        self.run("sam build", &mut build, "build.log", &step)?;
        self.default_to_local()?;
        step.done();
        Ok(())
    }

    /// MiniStack expands SAM with the parameters' defaults, whatever a deployment says, and whether there is CodeDeploy
    /// is decided then: it knows none.
    fn default_to_local(&self) -> Outcome {
        const DEFAULT: &str = "\n    Default: prod\n";
        let path = self.state.join("build/template.yaml");
        let template = fs::read_to_string(&path).unwrap_or_default();
        if template.matches(DEFAULT).count() != 1 {
            return Err(Failure::new("Stage has no default in the built template."));
        }
        sandbox::write(&path, &template.replace(DEFAULT, "\n    Default: local\n"))
    }

    /// Makes another program of each function, which does the same: what follows the last section of an executable is
    /// never looked at.
    fn change_code(&self) -> Outcome {
        let programs = fs::read_dir(self.state.join("build"));
        let programs = programs.into_iter().flatten().flatten();
        for program in programs
            .map(|entry| entry.path().join("bootstrap"))
            .filter(|path| path.exists())
        {
            let file = OpenOptions::new().append(true).open(&program);
            let written = file.and_then(|mut file| file.write_all(b"another"));
            written.map_err(|error| {
                Failure::machine(format!("{} cannot be written: {error}", program.display()))
            })?;
        }
        Ok(())
    }

    fn deploy(&self, what: &str, settings: &str) -> Outcome {
        let step = Step::start(what);
        let overrides = format!("{STAGE_AND_ARCHITECTURE},{settings}");
        let mut deploy = self.sam(&["deploy", "--config-env", "sandbox", "--config-file"]);
        deploy
            .arg(self.workspace.root.join("samconfig.toml"))
            .args(["--parameter-overrides", &overrides])
            .args(["--tags", &format!("ms-custom-id={API_ID}")])
            .args(["--stack-name", STACK, "--template-file"])
            .arg(self.state.join("build/template.yaml"));
        self.run("sam deploy", &mut deploy, "deploy.log", &step)?;
        step.done();
        Ok(())
    }

    /// An output of the deployed stack.
    fn output(&self, name: &str) -> Outcome<String> {
        let mut list = self.sam(&["list", "stack-outputs", "--stack-name", STACK]);
        list.args(["--output", "json"]);
        let text = RefCell::new(String::new());
        let log = self.state.join("outputs.log");
        let keep = |line: &str| text.borrow_mut().push_str(line);
        processes::run("sam list stack-outputs", &mut list, &log, keep)?;
        let outputs: Value = serde_json::from_str(&text.into_inner()).map_err(|error| {
            Failure::new(format!("the stack's outputs cannot be read: {error}"))
        })?;
        let is_it = |output: &&Value| output["OutputKey"] == name;
        let output = outputs.as_array().into_iter().flatten().find(is_it);
        let value = output.and_then(|output| output["OutputValue"].as_str());
        value
            .map(str::to_owned)
            .ok_or_else(|| Failure::new(format!("the stack has no output {name}")))
    }

    /// Registers the applications, loads people and describes it all in a file for the tests.
    fn set_up(&self, base_url: &str) -> Outcome<PathBuf> {
        let made = sandbox::set_up(self.workspace, self.state, &self.aws, base_url, STACK)?;
        let rif = sandbox::synthesize(self.workspace, self.state, BENEFICIARIES)?;
        self.load_through_the_bucket(&rif, &made.environment)?;
        sandbox::load_folder(self.workspace, self.state, &made.environment, &rif)?;
        let file = self.state.join("sandbox.json");
        let description = json!({
            "base_url": base_url,
            "gateway": "REST API",
            "applications": made.applications,
            "sign_ins": sandbox::sign_ins(self.workspace, self.state, &made.environment)?,
        });
        sandbox::write(&file, &format!("{description:#}\n"))?;
        Ok(file)
    }

    fn script(&self, arguments: &[&str]) -> Outcome<Value> {
        script(self.workspace, self.state, &self.aws, arguments)
    }

    fn environment(&self, sandbox: &Path) -> BTreeMap<String, String> {
        let update = self.state.join("update.json");
        let files = [
            ("BLUEBUTTON_SANDBOX", sandbox),
            ("BLUEBUTTON_UPDATE", &update),
        ];
        let files = files.map(|(name, file)| (name.to_owned(), file.display().to_string()));
        self.aws.environment().into_iter().chain(files).collect()
    }

    fn check_the_daily_report(&self) -> Outcome {
        self.run_by_schedule("metrics")
    }

    /// The rotation that is due is done: the next key signs, another is made, and the one that signed goes in the run
    /// after that.
    fn check_the_rotation(&self) -> Outcome {
        let secret = self.output("ConfigurationSecret")?;
        let keys = || self.script(&["signing_keys", &secret]);
        let before = keys()?;
        self.script(&["age_signing_keys", &secret, SIGNING_DAYS])?;
        self.run_by_schedule("rotate")?;
        let switched = keys()?;
        self.script(&["age_signing_keys", &secret, DAYS_OF_THE_PREVIOUS_KEY])?;
        self.run_by_schedule("rotate")?;
        let finished = keys()?;
        let is_done = switched["current"] == before["next"]
            && switched["previous"] == before["current"]
            && switched["next"].is_string()
            && finished["next"] == switched["next"]
            && finished["previous"].is_null();
        match is_done {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "the rotation made {switched} and {finished} of {before}"
            ))),
        }
    }

    /// What a schedule calls runs to its end.
    fn run_by_schedule(&self, function: &str) -> Outcome {
        let answer = self.script(&["invoke", &format!("{STACK}-{function}")])?;
        match answer["error"].is_null() {
            true => Ok(()),
            false => Err(Failure::new(format!("the {function} function: {answer}"))),
        }
    }

    /// The check of new versions, called as CodeDeploy calls it: it lets in what is deployed, whether it knows somebody
    /// who signs in or not, and keeps out what an application cannot use.
    fn check_the_check(&self, sandbox: &Path) -> Outcome {
        let step = Step::start("Checking versions as CodeDeploy would");
        let description = fs::read_to_string(sandbox).unwrap_or_default();
        let description: Value = serde_json::from_str(&description).unwrap_or_default();
        let applications = description["applications"].as_array().into_iter().flatten();
        let mut known = applications.filter(|known| known["name"] == CHECKED_APPLICATION);
        let application = known.next().unwrap_or(&Value::Null);
        let (username, password) = CHECKED_PERSON;
        let account = |secret: &Value| {
            json!({
                "client_id": application["client_id"],
                "client_secret": secret,
                "redirect_uri": application["redirect_uris"][0],
                "sign_ins": [{ "username": username, "password": password }],
            })
        };
        let wrong = json!("another secret");
        for (account, verdict) in [
            (json!({}), "Succeeded"),
            (account(&application["client_secret"]), "Succeeded"),
            (account(&wrong), "Failed"),
        ] {
            let event = self.workspace.root.join(CHECK_EVENT).display().to_string();
            // It stands in the recorder, as all that no local AWS has.
            let codedeploy = &self.aws.functions_url;
            let account = account.to_string();
            let checked = self.script(&["check", STACK, &event, &account, codedeploy])?;
            if !checked["error"].is_null() || checked["told"] != json!([verdict]) {
                return Err(Failure::new(format!(
                    "the check of new versions is to say {verdict}: {checked}"
                )));
            }
        }
        step.done();
        Ok(())
    }

    /// That the update has changed what it should, so that what stays has outlived something: settings, and the code
    /// that is live.
    fn check_update(&self, before: &Value) -> Outcome {
        let after = self.script(&["live", STACK])?;
        for (function, live) in before.as_object().into_iter().flatten() {
            let is_new = |part: &str| live[part].is_string() && live[part] != after[function][part];
            if !is_new("version") || !is_new("code") {
                return Err(Failure::new(format!(
                    "the update did not change {function}: {live}, then {}",
                    after[function]
                )));
            }
        }
        let settings = self.script(&["settings", STACK])?;
        let has = |name: &str, changed: &dyn Fn(&Value) -> bool| match settings[name].as_array() {
            Some(found) if !found.is_empty() && found.iter().all(changed) => Ok(()),
            _ => Err(Failure::new(format!(
                "the update did not change {name}: {}",
                settings[name]
            ))),
        };
        has("retention", &|days| *days == 14)?;
        has("limits", &|limits| {
            let limits = limits.as_str().unwrap_or_default();
            limits.contains("token_requests_per_second=11,")
        })
    }

    /// Deletes the application and compares what is left with what its page says.
    fn delete(&self) -> Outcome {
        let step = Step::start("Deleting the stack");
        self.script(&["delete", STACK])?;
        let found = self.script(&["left"])?;
        let differences = differences(&found);
        step.done();
        println!("What is left: {found:#}");
        match differences.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "what the deleted stack leaves is not what {DELETE_PAGE} says:\n{}",
                differences.join("\n")
            ))),
        }
    }

    fn sam(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.sam.join("sam"));
        command
            .args(arguments)
            .current_dir(&self.workspace.root)
            .envs(self.aws.environment())
            .env("PATH", &self.path)
            .env("SAM_CLI_TELEMETRY", "0");
        command
    }

    fn run(&self, name: &'static str, command: &mut Command, log: &str, step: &Step) -> Outcome {
        processes::run(name, command, &self.state.join(log), |line| step.note(line))
    }
}

/// Notes the names of a stack's resources beside the recording of the calls that use them.
pub(crate) fn describe_names(
    workspace: &Workspace,
    state: &Path,
    aws: &LocalAws,
    stack: &str,
) -> Outcome {
    let names = script(workspace, state, aws, &["names", stack])?;
    sandbox::write(&state.join("names.json"), &format!("{names:#}\n"))
}

/// What the script answers.
pub(crate) fn script(
    workspace: &Workspace,
    state: &Path,
    aws: &LocalAws,
    arguments: &[&str],
) -> Outcome<Value> {
    let mut python = Command::new(MINISTACK.prepare(&workspace.target)?.join("python"));
    python
        .args(["-c", SCRIPT])
        .args(arguments)
        .envs(aws.environment());
    let text = RefCell::new(String::new());
    let keep = |line: &str| text.borrow_mut().push_str(line);
    let log = state.join("script.log");
    processes::run("deployment.py", &mut python, &log, keep)?;
    serde_json::from_str(&text.into_inner()).map_err(|error| {
        Failure::new(format!(
            "what deployment.py answers cannot be read: {error}"
        ))
    })
}

/// Where what is left is something else than expected, by kind.
fn differences(found: &Value) -> Vec<String> {
    let kinds = found.as_object().into_iter().flatten();
    let difference = |(kind, names): (&String, &Value)| {
        let expected = LEFT
            .iter()
            .find(|(known, _)| known == kind)
            .map_or(&[][..], |(_, names)| names);
        let names: Vec<_> = names.as_array()?.iter().filter_map(Value::as_str).collect();
        let is_there = |part: &&str| names.iter().filter(|name| name.contains(part)).count() == 1;
        let same = names.len() == expected.len() && expected.iter().all(is_there);
        (!same).then(|| format!("{kind}: expected {expected:?}, found {names:?}"))
    };
    kinds.filter_map(difference).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_left_that_should_not_be_and_what_is_gone() {
        let check = |kind: &str, change: &dyn Fn(&mut Vec<String>), expected: usize| {
            let mut left: BTreeMap<String, Vec<String>> = LEFT
                .iter()
                .map(|(kind, names)| {
                    let name = |name: &&str| format!("stack{name}1");
                    ((*kind).to_owned(), names.iter().map(name).collect())
                })
                .collect();
            change(left.entry(kind.to_owned()).or_default());
            assert_eq!(
                differences(&json!(left)).len(),
                expected,
                "{kind}: {left:?}"
            );
        };
        check("tables", &|_| (), 0);
        check("functions", &|_| (), 0);
        check("functions", &|names| names.push("token".to_owned()), 1);
        check("tables", &|names| names.truncate(7), 1);
        check("tables", &|names| names[0] = "another-table".to_owned(), 1);
        check("tables", &|names| names.push("another-table".to_owned()), 1);
    }

    #[test]
    fn the_page_says_what_a_deleted_stack_leaves() {
        let page = fs::read_to_string(Workspace::find().root.join(DELETE_PAGE)).unwrap();
        for name in LEFT.iter().flat_map(|(_, names)| *names) {
            let name = name.trim_matches(['-', '/']);
            assert!(page.contains(name), "{DELETE_PAGE} does not name {name}");
        }
    }
}
