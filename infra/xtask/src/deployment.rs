//! The deployment check: the template that ops deploy, built and deployed to a local AWS of its own, and the path from
//! sign-in to claims through its API Gateway.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::{Value, json};

use crate::checks::{self, Count};
use crate::failure::{Failure, Outcome};
use crate::local_aws::LocalAws;
use crate::processes;
use crate::sandbox;
use crate::step::Step;
use crate::tools::{self, CARGO_LAMBDA, CHECKOV, MINISTACK, SAM, make_folder};
use crate::workspace::Workspace;

const STACK: &str = "bluebutton-sandbox";
const TEMPLATES: [&str; 5] = [
    "template.yaml",
    "infra/access.yaml",
    "infra/data.yaml",
    "infra/edge.yaml",
    "infra/observability.yaml",
];
/// `local` leaves out what a local AWS does not know: firewall, alarms over several metrics, budgets.
const PARAMETERS: &str = "Stage=local Settings=LogRetentionDays=7,Architecture=x86_64";
/// As many as the acceptance tests name.
const BENEFICIARIES: u32 = 30;
const INGEST_SECONDS_MAX: u64 = 60;
/// The acceptance tests that go the whole path; each call through the local gateway takes at least 0.1 s.
const ACCEPTANCE_TESTS: [&str; 4] = ["--package", "acceptance", "--", "straight_path"];

struct Deployment<'a> {
    workspace: &'a Workspace,
    state: &'a Path,
    aws: LocalAws,
    /// The folder of SAM's programs.
    sam: PathBuf,
    path: OsString,
}

/// Lints, builds, deploys twice (the second time as an update) and runs the acceptance tests of the straight path.
pub(crate) fn check(workspace: &Workspace, state: &Path) -> Outcome<Count> {
    let sam = SAM.prepare(&workspace.target)?;
    // Zig is found through the Python that stands first.
    let path = tools::path_with([CARGO_LAMBDA.prepare(&workspace.target)?.as_path(), &sam]);
    make_folder(state)?;
    lint(workspace, state, &sam, &path)?;
    let aws = LocalAws::start(&workspace.target, state)?;
    let deployment = Deployment {
        workspace,
        state,
        aws,
        sam,
        path,
    };
    deployment.build()?;
    deployment.deploy("Deploying to a local AWS", None)?;
    let base_url = deployment.base_url()?;
    deployment.deploy("Deploying again, as an update", Some(&base_url))?;
    let sandbox = deployment.set_up(&base_url)?;
    checks::tests(
        workspace,
        &deployment.environment(&sandbox),
        &ACCEPTANCE_TESTS,
    )
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
        cfn_lint.args(TEMPLATES),
        &state.join("cfn-lint.log"),
        |_| (),
    )?;
    // What it finds is mended, or excused where it stands with a reason (`checkov:skip`). It asks nobody on the Internet.
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
        .args(TEMPLATES);
    processes::run("checkov", &mut checkov, &state.join("checkov.log"), |_| ())?;
    step.done();
    Ok(())
}

impl Deployment<'_> {
    /// Unoptimised x86_64 packages: link-time optimisation takes minutes for each function.
    fn build(&self) -> Outcome {
        let step = Step::start("sam build (unoptimised)");
        let mut build = self.sam(&["build", "--parameter-overrides", PARAMETERS]);
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

    /// MiniStack expands SAM with the parameters' defaults, whatever a deployment says, and whether there is CodeDeploy is
    /// decided then: it knows none.
    fn default_to_local(&self) -> Outcome {
        const DEFAULT: &str = "\n    Default: prod\n";
        let path = self.state.join("build/template.yaml");
        let template = fs::read_to_string(&path).unwrap_or_default();
        if template.matches(DEFAULT).count() != 1 {
            return Err(Failure::new("Stage has no default in the built template."));
        }
        sandbox::write(&path, &template.replace(DEFAULT, "\n    Default: local\n"))
    }

    fn deploy(&self, what: &str, public_base_url: Option<&str>) -> Outcome {
        let step = Step::start(what);
        let mut overrides = PARAMETERS.to_owned();
        if let Some(url) = public_base_url {
            overrides = format!("{overrides},PublicBaseUrl={url}");
        }
        let mut deploy = self.sam(&["deploy", "--config-env", "sandbox", "--config-file"]);
        deploy
            .arg(self.workspace.root.join("samconfig.toml"))
            .args(["--parameter-overrides", &overrides])
            .args(["--stack-name", STACK, "--template-file"])
            .arg(self.state.join("build/template.yaml"));
        self.run("sam deploy", &mut deploy, "deploy.log", &step)?;
        step.done();
        Ok(())
    }

    /// Where the local API Gateway answers for the deployed API.
    fn base_url(&self) -> Outcome<String> {
        let (endpoint_url, api) = (&self.aws.endpoint_url, self.output("ApiId")?);
        Ok(format!(
            "{endpoint_url}/restapis/{api}/sandbox/_user_request_"
        ))
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
        self.load_through_the_bucket(&rif.join("inpatient.csv"), &made.environment)?;
        sandbox::load_folder(self.workspace, self.state, &made.environment, &rif)?;
        let file = self.state.join("sandbox.json");
        let description = json!({
            "base_url": base_url,
            "applications": made.applications,
            "sign_ins": sandbox::sign_ins(self.workspace, self.state, &made.environment)?,
        });
        sandbox::write(&file, &format!("{description:#}\n"))?;
        Ok(file)
    }

    /// Puts a file of inpatient claims into the bucket and waits until its first claim is stored.
    fn load_through_the_bucket(
        &self,
        file: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Outcome {
        const UPLOAD: &str =
            "import boto3, sys; boto3.client('s3', 'us-east-1').upload_file(*sys.argv[1:])";
        let step = Step::start("Loading a file through the bucket and the ingest function");
        let claim = first_claim(&fs::read_to_string(file).unwrap_or_default())
            .ok_or_else(|| Failure::new(format!("{} holds no claim", file.display())))?;
        let mut upload = Command::new(MINISTACK.prepare(&self.workspace.target)?.join("python"));
        upload
            .args(["-c", UPLOAD])
            .arg(file)
            .args([self.output("RifBucket")?.as_str(), "inpatient.csv"])
            .envs(self.aws.environment());
        processes::run(
            "the upload",
            &mut upload,
            &self.state.join("upload.log"),
            |_| (),
        )?;
        let deadline = Instant::now() + Duration::from_secs(INGEST_SECONDS_MAX);
        let log = self.state.join("inspect.log");
        loop {
            let mut inspect = self.workspace.admin();
            inspect.envs(environment).arg("inspect").args(&claim);
            match processes::run("bluebutton-admin inspect", &mut inspect, &log, |_| ()) {
                Err(failure) if Instant::now() > deadline => return Err(failure),
                Err(_) => thread::sleep(Duration::from_secs(1)),
                Ok(()) => break,
            }
        }
        step.done();
        Ok(())
    }

    fn environment(&self, sandbox: &Path) -> BTreeMap<String, String> {
        let description = (
            "BLUEBUTTON_SANDBOX".to_owned(),
            sandbox.display().to_string(),
        );
        self.aws
            .environment()
            .into_iter()
            .chain([description])
            .collect()
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

/// Patient id and item key of a file's first inpatient claim, as `bluebutton-admin inspect` takes them.
fn first_claim(rif: &str) -> Option<[String; 2]> {
    let mut lines = rif.lines().map(|line| line.split('|').collect::<Vec<_>>());
    let (header, row) = (lines.next()?, lines.next()?);
    let column = |name: &str| {
        let position = header.iter().position(|&found| found == name)?;
        row.get(position).copied()
    };
    let (patient, claim) = (column("BENE_ID")?, column("CLM_ID")?);
    Some([patient.to_owned(), format!("C#{claim}#inpatient")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_claim_of_a_file() {
        let check = |rif: &str, expected: Option<[&str; 2]>| {
            assert_eq!(
                first_claim(rif),
                expected.map(|found| found.map(str::to_owned))
            );
        };
        let header = "DML_IND|BENE_ID|CLM_ID";
        check(
            &format!("{header}\nINSERT|-1|-22|"),
            Some(["-1", "C#-22#inpatient"]),
        );
        check(header, None);
        check("", None);
    }
}
