//! The sandbox: the whole API on this machine, from the templates that ops deploy, with people to sign in as.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::{Value, json};
use ureq::Agent;

use crate::doctor;
use crate::failure::{Failure, Outcome};
use crate::local_aws::{self, LocalAws};
use crate::processes::{self, Process};
use crate::step::Step;
use crate::tools::{self, CARGO_LAMBDA, make_folder};
use crate::workspace::Workspace;

/// The port of CMS's SDKs' own LOCAL environment.
const USUAL_PORT: u16 = 8000;
/// The name of the stack of its data resources.
pub(crate) const STACK: &str = "bluebutton-sandbox";
const BENEFICIARIES: u32 = 100;
const SEED: u32 = 1;
/// What a sandbox on one machine allows unless `LIMITS` says otherwise: everybody comes from one address, and tests
/// send more in a second than any app. What a user name may do is as everywhere.
const LIMITS: &str = "token_requests_per_second=1000,client_requests_per_second=10000,\
                      address_requests_per_second=10000,address_sign_in_failures=100000";
/// What functions log while tests run on them: whatever our own crates say, and the SDK where it tells the most, whole
/// requests as they are signed and answers as they come. The search for leaks reads it.
const LOG_OF_TESTS: &str = "info,bluebutton=trace,authorize=trace,token=trace,userinfo=trace,patient=trace,\
                            coverage=trace,eob=trace,discovery=trace,portal=trace,aws_sigv4=trace,\
                            aws_smithy_runtime::client::orchestrator::http=trace";
const INSTANCES_PER_FUNCTION: u32 = 3;
const FIRST_ANSWER_SECONDS_MAX: u64 = 120;
const POLL_MILLISECONDS: u64 = 250;
/// What a first build and the tools take, and what a later start takes.
const DISK_MEGABYTES_FIRST: u64 = 5000;
const DISK_MEGABYTES_LATER: u64 = 300;

/// A call that starts each function: the user's own first call then finds it running.
const WARMING_CALLS: [(&str, &str); 8] = [
    ("authorize", "/v2/o/authorize"),
    ("token", "/v2/o/token"),
    ("userinfo", "/v2/connect/userinfo"),
    ("patient", "/v2/fhir/Patient"),
    ("coverage", "/v2/fhir/Coverage"),
    ("eob", "/v2/fhir/ExplanationOfBenefit"),
    ("discovery", "/health"),
    ("portal", "/portal"),
];

/// The functions whose new versions `check` calls.
const CHECKED_FUNCTIONS: [&str; 7] = [
    "authorize",
    "token",
    "userinfo",
    "patient",
    "coverage",
    "eob",
    "discovery",
];

/// What a sandbox is made of.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Load these RIF files or folders instead of synthetic people.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    rif: Vec<PathBuf>,
    /// How many synthetic people to load.
    #[arg(long, value_name = "N", default_value_t = BENEFICIARIES, conflicts_with = "rif")]
    beneficiaries: u32,
    /// The port of the API; the local AWS then takes a free one if its own is taken.
    #[arg(long, default_value_t = USUAL_PORT)]
    port: u16,
    /// Start no functions: whoever calls this runs `cargo lambda watch` or a debugger.
    #[arg(long)]
    data_only: bool,
    /// The folder of the sandbox's files.
    #[arg(long, hide = true, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Whether tests run on it: on a local AWS of its own, and edits do not restart its functions.
    #[arg(skip)]
    for_tests: bool,
}

impl Options {
    /// A sandbox for tests, on a free port.
    pub(crate) fn for_tests(state: PathBuf) -> Outcome<Self> {
        Ok(Self {
            rif: Vec::new(),
            beneficiaries: BENEFICIARIES,
            port: local_aws::free_port()?,
            data_only: false,
            state: Some(state),
            for_tests: true,
        })
    }
}

/// The data resources of a sandbox.
pub(crate) struct DataResources {
    /// What the functions and `bluebutton-admin` read from their environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// The registered applications.
    pub(crate) applications: Value,
}

/// A running sandbox; it ends with this value.
pub(crate) struct Sandbox {
    /// Nothing if somebody else runs them.
    functions: Option<Process>,
    /// The local AWS that its resources are on.
    pub(crate) aws: LocalAws,
    /// Its files.
    pub(crate) state: PathBuf,
    /// What the functions and `bluebutton-admin` read from their environment.
    pub(crate) environment: BTreeMap<String, String>,
    description: Value,
}

/// A first call of every function, under way while people are loaded.
struct Warming(Vec<JoinHandle<Result<(), String>>>);

impl Warming {
    fn start(port: u16) -> Self {
        let call = |(function, path)| thread::spawn(move || warm(function, port, path));
        Self(WARMING_CALLS.into_iter().map(call).collect())
    }
}

/// `cargo xtask sandbox`.
pub(crate) fn run(workspace: &Workspace, options: Options) -> Outcome {
    let port = options.port;
    let mut sandbox = Sandbox::start(workspace, options)?;
    match sandbox.functions {
        Some(_) => println!("\nThe API answers at {}\n", base_url(port)),
        None => print_how_to_watch(
            &CARGO_LAMBDA.prepare(&workspace.target)?,
            &sandbox.state,
            port,
        ),
    }
    sandbox.print();
    loop {
        sandbox.check()?;
        thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
    }
}

impl Sandbox {
    /// Brings everything up and returns when the API answers quickly.
    pub(crate) fn start(workspace: &Workspace, options: Options) -> Outcome<Self> {
        let state = options
            .state
            .clone()
            .unwrap_or_else(|| workspace.target.join("sandbox"));
        check_machine(workspace, &options)?;
        check_rif(&options.rif)?;
        let cargo_lambda = CARGO_LAMBDA.prepare(&workspace.target)?;
        make_folder(&state)?;
        for file in ["env", "sandbox.json"] {
            processes::remove_at_the_end(state.join(file));
        }
        workspace.build()?;
        let aws = if options.for_tests {
            LocalAws::start_recorded(workspace, &state)?
        } else {
            LocalAws::find_or_start(&workspace.target, &state)?
        };
        let base_url = base_url(options.port);
        let DataResources {
            mut environment,
            applications,
        } = set_up(workspace, &state, &aws, &base_url, STACK)?;
        if options.for_tests {
            let chosen = env::var("RUST_LOG").unwrap_or_else(|_| LOG_OF_TESTS.to_owned());
            environment.insert("RUST_LOG".to_owned(), chosen);
        }
        let functions = match options.data_only {
            true => None,
            false => {
                check_port(options.port)?;
                let mut environment = environment.clone();
                environment.insert("AWS_ENDPOINT_URL".to_owned(), aws.functions_url.clone());
                environment.extend(environment_of_check(options.port));
                let start =
                    start_functions(workspace, &state, &options, &environment, &cargo_lambda);
                Some(start?)
            }
        };
        let mut sandbox = Self {
            functions,
            aws,
            state,
            environment,
            description: json!({"base_url": base_url, "applications": applications}),
        };
        sandbox.write_environment()?;
        let warming = sandbox
            .functions
            .is_some()
            .then(|| Warming::start(options.port));
        sandbox.load_people(workspace, &options)?;
        if let Some(warming) = warming {
            sandbox.wait_for_functions(warming)?;
        }
        sandbox.describe(workspace)?;
        Ok(sandbox)
    }

    /// The file that describes the sandbox to scripts.
    fn description_file(&self) -> PathBuf {
        self.state.join("sandbox.json")
    }

    fn check(&mut self) -> Outcome {
        self.aws.check()?;
        self.functions.as_mut().map_or(Ok(()), Process::check)
    }

    fn load_people(&self, workspace: &Workspace, options: &Options) -> Outcome {
        let mut load = self.admin(workspace);
        load.arg("load");
        if !options.rif.is_empty() {
            let loaded = processes::run_in_view("Loading", load.args(&options.rif));
            if loaded.is_err() {
                // It has named the rows and files that it refused.
                eprintln!("Not everything was loaded; the sandbox goes on with the rest.");
            }
            return Ok(());
        }
        let rif = synthesize(workspace, &self.state, options.beneficiaries)?;
        load_folder(workspace, &self.state, &self.environment, &rif)
    }

    /// Waits until every function has answered once.
    fn wait_for_functions(&mut self, warming: Warming) -> Outcome {
        let step = Step::start("Starting the functions");
        for call in warming.0 {
            let answered = call.join().expect("a warming call does not panic");
            answered.map_err(|sentence| self.failure_of_functions(&sentence))?;
        }
        // Should another program have taken the port meanwhile, it was that program that answered.
        self.check()?;
        step.done();
        Ok(())
    }

    fn failure_of_functions(&self, sentence: &str) -> Failure {
        match &self.functions {
            Some(functions) => functions.failure(sentence),
            None => Failure::new(sentence),
        }
    }

    /// Writes the sign-ins and `sandbox.json`.
    fn describe(&mut self, workspace: &Workspace) -> Outcome {
        self.description["sign_ins"] = sign_ins(workspace, &self.state, &self.environment)?;
        if self.list("sign_ins").next().is_none() {
            return Err(Failure::new("Nobody was loaded, so nobody could sign in."));
        }
        write(
            &self.description_file(),
            &format!("{:#}\n", self.description),
        )
    }

    /// The environment, for `cargo xtask load` and for whoever wants to source it.
    fn write_environment(&mut self) -> Outcome {
        let description = self.description_file().display().to_string();
        self.environment
            .insert("BLUEBUTTON_SANDBOX".to_owned(), description);
        let lines = self
            .environment
            .iter()
            // Quoted for a shell: a value may be JSON. None holds a single quote.
            .map(|(name, value)| format!("{name}='{value}'\n"));
        write(&self.state.join("env"), &lines.collect::<String>())
    }

    fn admin(&self, workspace: &Workspace) -> Command {
        let mut command = workspace.admin();
        command.envs(&self.environment);
        command
    }

    fn print(&self) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let base_url = text(&self.description["base_url"]);
        println!("Sign in as             password          patient");
        for sign_in in self.list("sign_ins") {
            let (username, password) = (text(&sign_in["username"]), text(&sign_in["password"]));
            println!(
                "  {username:<20} {password:<17} {}",
                text(&sign_in["patient"])
            );
        }
        println!(
            "  all of them: {}\n",
            self.state.join("sign-ins.csv").display()
        );
        for application in self.list("applications") {
            println!("Application \"{}\"", text(&application["name"]));
            println!("  client_id      {}", text(&application["client_id"]));
            println!("  client_secret  {}", text(&application["client_secret"]));
        }
        println!("  with the redirect URIs");
        let redirect_uris = &self.description["applications"][0]["redirect_uris"];
        for redirect_uri in redirect_uris.as_array().into_iter().flatten() {
            println!("    {}", text(redirect_uri));
        }
        let patient = text(&self.description["sign_ins"][0]["patient"]);
        println!("\nTo try next, in another terminal:");
        println!("  TOKEN=$(cargo xtask token --patient={patient})");
        println!(
            "  curl -H \"Authorization: Bearer $TOKEN\" \"{base_url}/v2/fhir/ExplanationOfBenefit?_count=2\""
        );
        println!(
            "\nThe same for scripts: {}. Ctrl-C ends everything.",
            self.description_file().display()
        );
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.description[name].as_array().into_iter().flatten()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        processes::remove_files();
    }
}

fn print_how_to_watch(cargo_lambda: &Path, state: &Path, port: u16) {
    let base_url = base_url(port);
    println!("\nNo function runs. To have the API at {base_url}, in another terminal:");
    println!("  PATH=\"{}:$PATH\"", cargo_lambda.display());
    println!(
        "  cargo lambda watch --env-file {} --invoke-address 127.0.0.1 --invoke-port {port}",
        state.join("env").display()
    );
    println!();
}

fn base_url(port: u16) -> String {
    format!("http://localhost:{port}")
}

fn check_port(port: u16) -> Outcome {
    match local_aws::is_free(port) {
        true => Ok(()),
        false => Err(Failure::machine(format!(
            "Port {port} is taken: end the program that listens there, or choose another with --port."
        ))),
    }
}

fn check_machine(workspace: &Workspace, options: &Options) -> Outcome {
    if !options.data_only {
        check_port(options.port)?;
    }
    doctor::refuse_ways_to_real_aws()?;
    tools::python()?;
    let first = !workspace.program("eob").exists() || !CARGO_LAMBDA.is_prepared(&workspace.target);
    let needed = if first {
        DISK_MEGABYTES_FIRST
    } else {
        DISK_MEGABYTES_LATER
    };
    match workspace.free_megabytes() {
        Some(free) if free < needed => Err(Failure::machine(format!(
            "{free} MB are free on the disk, and {needed} MB are needed: make room."
        ))),
        _ => Ok(()),
    }
}

fn check_rif(paths: &[PathBuf]) -> Outcome {
    match paths.iter().find(|path| !path.exists()) {
        Some(path) => Err(Failure::new(format!("{} does not exist.", path.display()))),
        None => Ok(()),
    }
}

/// Makes the data resources, unless the stack is there already, and registers the applications.
pub(crate) fn set_up(
    workspace: &Workspace,
    state: &Path,
    aws: &LocalAws,
    base_url: &str,
    stack: &str,
) -> Outcome<DataResources> {
    let step = Step::start("Creating tables, keys, secrets and applications");
    let out = state.join("setup.json");
    let mut environment: BTreeMap<String, String> = aws.environment().into_iter().collect();
    let mut setup = workspace.admin();
    setup
        .envs(&environment)
        .args(["setup", "--stack", stack, "--template"])
        .arg(workspace.root.join("infra/data.yaml"))
        .arg("--out")
        .arg(&out);
    processes::run(
        "bluebutton-admin setup",
        &mut setup,
        &state.join("setup.log"),
        |_| (),
    )?;
    let text = fs::read_to_string(&out).unwrap_or_default();
    // It holds the applications' secrets, which sandbox.json shows while the sandbox runs.
    let _ = fs::remove_file(&out);
    let mut made: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", out.display())))?;
    for (name, value) in made["environment"].as_object().into_iter().flatten() {
        environment.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    environment.insert("PUBLIC_BASE_URL".to_owned(), base_url.to_owned());
    environment.insert(
        "RUST_LOG".to_owned(),
        env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()),
    );
    environment.insert(
        "LIMITS".to_owned(),
        env::var("LIMITS").unwrap_or_else(|_| LIMITS.to_owned()),
    );
    step.done();
    Ok(DataResources {
        environment,
        applications: made["applications"].take(),
    })
}

/// Writes RIF files of synthetic people and gives their folder.
pub(crate) fn synthesize(
    workspace: &Workspace,
    state: &Path,
    beneficiaries: u32,
) -> Outcome<PathBuf> {
    let rif = state.join("rif");
    let step = Step::start(format!("Making {beneficiaries} synthetic people"));
    let _ = fs::remove_dir_all(&rif);
    let mut admin = workspace.admin();
    admin
        .args(["synthesize", "--beneficiaries", &beneficiaries.to_string()])
        .args(["--seed", &SEED.to_string(), "--out"])
        .arg(&rif);
    let log = state.join("synthesize.log");
    processes::run("bluebutton-admin synthesize", &mut admin, &log, |_| ())?;
    step.done();
    Ok(rif)
}

/// Loads a folder of RIF files that hold no row to reject.
pub(crate) fn load_folder(
    workspace: &Workspace,
    state: &Path,
    environment: &BTreeMap<String, String>,
    rif: &Path,
) -> Outcome {
    let step = Step::start("Loading their claims");
    let mut load = workspace.admin();
    load.envs(environment).arg("load").arg(rif);
    let log = state.join("load.log");
    processes::run("bluebutton-admin load", &mut load, &log, |_| ())?;
    step.done();
    Ok(())
}

/// Writes the list of all sign-ins and gives those to start with.
pub(crate) fn sign_ins(
    workspace: &Workspace,
    state: &Path,
    environment: &BTreeMap<String, String>,
) -> Outcome<Value> {
    let file = state.join("sign-ins.csv");
    let mut admin = workspace.admin();
    admin
        .envs(environment)
        .args(["sign-ins", "--out"])
        .arg(&file);
    let log = state.join("sign-ins.log");
    processes::run("bluebutton-admin sign-ins", &mut admin, &log, |_| ())?;
    Ok(ready_sign_ins(
        &fs::read_to_string(&file).unwrap_or_default(),
    ))
}

/// What the function `check` is told of the versions that it calls: here they are whatever runs, and Lambda's interface
/// is where that is called.
fn environment_of_check(port: u16) -> impl Iterator<Item = (String, String)> {
    let version = |name: &str| {
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}:1");
        (format!("{}_VERSION", name.to_uppercase()), arn)
    };
    let others = [
        ("STAGE", "sandbox".to_owned()),
        (
            "AWS_ENDPOINT_URL_LAMBDA",
            format!("http://127.0.0.1:{port}"),
        ),
    ];
    let others = others.map(|(name, value)| (name.to_owned(), value));
    CHECKED_FUNCTIONS.into_iter().map(version).chain(others)
}

fn start_functions(
    workspace: &Workspace,
    state: &Path,
    options: &Options,
    environment: &BTreeMap<String, String>,
    cargo_lambda: &Path,
) -> Outcome<Process> {
    let mut watch = workspace.cargo();
    watch.args(["lambda", "watch", "--disable-cors"]);
    if options.for_tests {
        watch.arg("--ignore-changes");
    }
    watch
        .args(["--invoke-address", "127.0.0.1"])
        .args(["--invoke-port", &options.port.to_string()])
        .args(["--concurrency", &INSTANCES_PER_FUNCTION.to_string()])
        .envs(environment)
        // For the functions only: cargo-lambda itself would log its whole configuration.
        .env_remove("RUST_LOG")
        .args([
            "--env-var",
            &format!("RUST_LOG={}", environment["RUST_LOG"]),
        ])
        .env("PATH", tools::path_with([cargo_lambda]));
    Process::start(
        "cargo lambda watch",
        &mut watch,
        &state.join("functions.log"),
    )
}

/// Waits for a function's first answer; an answer that the function refuses the call is one.
fn warm(function: &str, port: u16, path: &str) -> Result<(), String> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(FIRST_ANSWER_SECONDS_MAX)))
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .into();
    let url = format!("http://127.0.0.1:{port}{path}");
    let deadline = Instant::now() + Duration::from_secs(FIRST_ANSWER_SECONDS_MAX);
    loop {
        let status = agent
            .get(&url)
            .call()
            .map(|answer| answer.status().as_u16());
        match status {
            Ok(status) if status < 500 => return Ok(()),
            _ if Instant::now() > deadline => {
                return Err(format!("The function {function} does not answer"));
            }
            _ => thread::sleep(Duration::from_millis(POLL_MILLISECONDS)),
        }
    }
}

/// Two people of the list: the sample person, whom everybody knows, and the first of the others.
fn ready_sign_ins(csv: &str) -> Value {
    const SAMPLE_PERSON: &str = "BBUser29999";
    let rows: Vec<Vec<&str>> = csv
        .lines()
        .skip(1)
        .map(|row| row.split(',').collect())
        .collect();
    let (sample, others): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .filter(|row| row.len() >= 3)
        .partition(|row| row[0] == SAMPLE_PERSON);
    let described =
        |row: &Vec<&str>| json!({"username": row[0], "password": row[1], "patient": row[2]});
    let wanted = 2 - sample.len().min(1);
    others
        .iter()
        .take(wanted)
        .chain(sample.iter().take(1))
        .map(described)
        .collect()
}

pub(crate) fn write(path: &Path, text: &str) -> Outcome {
    fs::write(path, text)
        .map_err(|error| Failure::machine(format!("{} cannot be written: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn two_people_are_ready_to_sign_in_and_the_sample_person_is_one_if_there() {
        let check = |csv: &str, expected: &[&str]| {
            let ready = ready_sign_ins(csv);
            let names: Vec<_> = ready
                .as_array()
                .unwrap()
                .iter()
                .map(|s| s["username"].as_str().unwrap())
                .collect();
            assert_eq!(names, expected, "{csv}");
        };
        check(
            "head\nBBUser00000,a,1\nBBUser00001,b,2\nBBUser29999,c,3\n",
            &["BBUser00000", "BBUser29999"],
        );
        check(
            "head\n567834,a,567834\n567835,b,567835\n567836,c,567836\n",
            &["567834", "567835"],
        );
        check("head\n567834,a,567834\n", &["567834"]);
        check("head\n", &[]);
    }

    #[test]
    fn the_check_is_told_here_of_every_function_that_the_template_tells_it_of() {
        let template = fs::read_to_string(Workspace::find().root.join("template.yaml")).unwrap();
        let names = template.lines().filter_map(|line| {
            let (name, _) = line.trim().split_once(": !Ref ")?;
            name.ends_with("_VERSION").then_some(name)
        });
        let told: BTreeMap<_, _> = environment_of_check(USUAL_PORT).collect();
        let told = told
            .keys()
            .map(String::as_str)
            .filter(|name| name.ends_with("_VERSION"));
        assert_eq!(names.collect::<BTreeSet<_>>(), told.collect());
    }
}
