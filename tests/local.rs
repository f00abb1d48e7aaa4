//! What `infra/docs/local.md` says of `cargo lambda watch` and of LocalStack.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::architecture::read;
use crate::client::{Person, Sandbox};
use crate::script;
use crate::secrets::project_files;

const HOOK: &str = "infra/localstack/ready.d/10-data.sh";
const COMPOSE: &str = "infra/localstack/compose.yaml";
/// Where LocalStack looks for what it runs once it takes requests.
const HOOKS_IN_THE_CONTAINER: &str = "/etc/localstack/init/ready.d";

const START_SECONDS_MAX: u64 = 120;
const POLL_MILLISECONDS: u64 = 100;

/// A person and an application that no other test uses.
const PERSON: u64 = 16;
const APPLICATION: &str = "Another sandbox app";

#[test]
fn the_documented_watch_answers_as_the_page_says() {
    let (Some(_), Some(cargo_lambda)) = (
        Sandbox::running(),
        script::needed("BLUEBUTTON_CARGO_LAMBDA"),
    ) else {
        return;
    };
    let port = free_port();
    let page = read("infra/docs/local.md");
    let blocks: Vec<_> = page
        .split("```bash\n")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    let [data, watch, calls @ ..] = &blocks[..] else {
        panic!("the page lost its commands");
    };
    assert_eq!(*data, "cargo xtask sandbox --data-only\n");
    let calls: Vec<_> = calls.iter().map(|call| here(call, port)).collect();
    let shell = |script: &str| {
        let mut shell = Command::new("bash");
        let folder = Path::new(&cargo_lambda).parent().unwrap();
        let path = format!("{}:{}", folder.display(), env::var("PATH").unwrap());
        shell
            .args(["-euo", "pipefail", "-c", script])
            .env("PATH", path)
            .env("NO_COLOR", "1")
            // For functions only: cargo-lambda would log its own doings at that level, which nobody reads here.
            .env_remove("RUST_LOG")
            .current_dir(root());
        shell
    };
    let mut watch = Watch::start(shell(&format!("exec {}", last_command(&here(watch, port)))));
    watch.wait_for(port);
    let output = shell(&calls.join("\n")).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let said = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let answers: Vec<&str> = printed.lines().filter(|line| !line.is_empty()).collect();
    let expected = [
        r#""resourceType":"CapabilityStatement""#,
        r#""token_endpoint":"#,
        r#""statusCode":404"#,
        r#""statusCode":200"#,
        "null",
    ];
    assert_eq!(answers.len(), expected.len(), "{said}");
    for (answer, expected) in answers.iter().zip(expected) {
        assert!(answer.contains(expected), "{expected} is not in {answer}");
    }
}

/// The commands of the page for the sandbox that runs and for that port.
fn here(commands: &str, port: u16) -> String {
    let sandbox = PathBuf::from(env::var_os("BLUEBUTTON_SANDBOX").unwrap());
    let folder = sandbox.parent().unwrap().display().to_string();
    let admin = env::var("BLUEBUTTON_ADMIN").unwrap();
    let patient = Person::synthetic(PERSON).patient;
    let of = format!(
        "--patient {patient} --application '{APPLICATION}' --sandbox-json '{}'",
        sandbox.display()
    );
    commands
        .replace("8000", &port.to_string())
        .replace("target/sandbox", &folder)
        // What `cargo xtask event` runs, once it has built everything.
        .replace("cargo xtask event", &format!("'{admin}' event {of}"))
}

fn last_command(block: &str) -> &str {
    block.lines().last().unwrap()
}

/// A `cargo lambda watch`, which ends its functions when it is ended by SIGTERM.
struct Watch(Child);

impl Watch {
    fn start(mut command: Command) -> Self {
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(quiet.process_group(0).spawn().unwrap())
    }

    fn wait_for(&mut self, port: u16) {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(self.0.try_wait().unwrap().is_none(), "the watch has ended");
            assert!(Instant::now() < deadline, "the watch does not listen");
            thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The shell's own kill, because slim images lack the program.
        let kill = format!("kill {}", self.0.id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn the_page_names_the_tools_by_the_versions_that_are_pinned() {
    let (page, tools) = (
        read("infra/docs/local.md"),
        read("infra/xtask/src/tools.rs"),
    );
    let folders = page.split("target/tools/").skip(1);
    let folders: Vec<_> = folders
        .map(|rest| rest.split_once('/').unwrap().0)
        .collect();
    assert!(folders.len() >= 3, "{folders:?}");
    for folder in folders {
        let (name, version) = folder.rsplit_once('-').unwrap();
        let package = format!("\"{name}=={version}\"");
        assert!(tools.contains(&package), "{folder}");
    }
}

#[test]
fn localstacks_hook_can_be_run_on_disk_and_in_git() {
    let text = read(HOOK);
    assert!(text.starts_with("#!/usr/bin/env bash\n"), "{HOOK}");
    let mode = fs::metadata(root().join(HOOK))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111, "{HOOK} is not executable");
    let syntax = Command::new("bash")
        .arg("-n")
        .arg(root().join(HOOK))
        .output();
    let syntax = syntax.unwrap();
    assert!(
        syntax.status.success(),
        "{}",
        String::from_utf8_lossy(&syntax.stderr)
    );
    // Git keeps a mode of its own, which a checkout elsewhere gets; a release without .git has none.
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(root())
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).unwrap()).filter(|text| !text.is_empty())
    };
    if let Some(listed) = git(&["ls-files", "--stage", HOOK]) {
        assert!(listed.starts_with("100755 "), "{listed}");
        let attributes = git(&["check-attr", "eol", HOOK]).unwrap();
        assert_eq!(attributes.trim(), format!("{HOOK}: eol: lf"));
    }
    assert!(read(".gitattributes").contains("* text=auto eol=lf\n"));
}

#[test]
fn every_line_ends_as_on_unix() {
    for path in project_files() {
        let bytes = fs::read(&path).unwrap();
        let is_text = !bytes.contains(&0);
        let ends = bytes.windows(2).any(|pair| pair == b"\r\n");
        assert!(!(is_text && ends), "{}", path.display());
    }
}

#[test]
fn the_compose_file_pins_a_version_without_account_and_mounts_what_is_there() {
    let Some(python) = script::needed("BLUEBUTTON_AWS_PYTHON") else {
        return;
    };
    const PARSE: &str = "import json, sys, yaml
print(json.dumps(yaml.safe_load(open(json.load(sys.stdin)))))";
    let mut parser = Command::new(python);
    let compose = script::answer(parser.args(["-c", PARSE]), &json!(root().join(COMPOSE)));
    let service = &compose["services"]["localstack"];
    // Images that came later than 4.14 do not start without the token of an account.
    assert_eq!(service["image"], "localstack/localstack:4.14.0");
    for port in texts(&service["ports"]) {
        assert!(port.starts_with("127.0.0.1:"), "{port} is open to others");
    }
    let volumes = texts(&service["volumes"]);
    let mounted = |there: &str| {
        let mut fields = volumes
            .iter()
            .map(|volume| volume.split(':').collect::<Vec<_>>());
        let volume = fields.find(|fields| fields[1] == there);
        let volume = volume.unwrap_or_else(|| panic!("nothing is mounted at {there}"));
        assert_eq!(volume[2], "ro");
        fs::canonicalize(root().join(COMPOSE).with_file_name(volume[0])).unwrap()
    };
    let hooks = fs::canonicalize(root().join(HOOK)).unwrap();
    assert_eq!(mounted(HOOKS_IN_THE_CONTAINER), hooks.parent().unwrap());
    let template = fs::canonicalize(root().join("infra/data.yaml")).unwrap();
    let hook = read(HOOK);
    let (_, expected) = hook.split_once("BLUEBUTTON_TEMPLATE:-").unwrap();
    let (expected, _) = expected.split_once('}').unwrap();
    assert_eq!(mounted(expected), template);
    let services: Vec<_> = service["environment"]["SERVICES"]
        .as_str()
        .unwrap()
        .split(',')
        .collect();
    for prefix in template_services() {
        assert!(
            services.contains(&prefix.as_str()),
            "{prefix} is not started"
        );
    }
}

/// The services of the template's resources, as LocalStack names them.
fn template_services() -> Vec<String> {
    let template = read("infra/data.yaml");
    let types = template
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Type: AWS::"));
    let services = types.map(|kind| kind.split("::").next().unwrap().to_lowercase());
    services.collect()
}

#[test]
fn localstacks_hook_makes_the_stack_once() {
    let (Some(python), Some(_)) = (script::needed("BLUEBUTTON_AWS_PYTHON"), Sandbox::running())
    else {
        return;
    };
    let folder = env::temp_dir().join(format!("localstack-hook-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let aws = Path::new(&python).with_file_name("aws");
    // What LocalStack's own `awslocal` is: the AWS CLI at the local address, which the environment names here.
    let awslocal = folder.join("awslocal");
    symlink(aws, &awslocal).unwrap();
    let path = format!("{}:{}", folder.display(), env::var("PATH").unwrap());
    let stack = format!("hook-{}", process::id());
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .env("PATH", &path)
            .env("BLUEBUTTON_STACK", &stack)
            .env("BLUEBUTTON_TEMPLATE", root().join("infra/data.yaml"))
            .output()
            .unwrap();
        said(&output)
    };
    let hook = root().join(HOOK);
    assert_eq!(
        run(&hook, &[]),
        format!("bluebutton: the stack {stack} is made\n")
    );
    let again = run(&hook, &[]);
    assert_eq!(
        again,
        format!("bluebutton: the stack {stack} is there already\n")
    );
    let described = run(
        &awslocal,
        &[
            "cloudformation",
            "describe-stacks",
            "--stack-name",
            &stack,
            "--output",
            "json",
        ],
    );
    let described: Value = serde_json::from_str(&described).unwrap();
    let made = &described["Stacks"][0];
    assert_eq!(made["StackStatus"], "CREATE_COMPLETE");
    assert_eq!(
        made["Tags"],
        json!([{"Key": "made-by", "Value": "localstack-hook"}])
    );
    let outputs = made["Outputs"].as_array().unwrap().iter();
    let names: Vec<_> = outputs
        .map(|output| output["OutputKey"].as_str().unwrap())
        .collect();
    for expected in ["ClaimsTable", "ConfigurationSecret", "DataKey"] {
        assert!(names.contains(&expected), "{names:?}");
    }
    run(
        &awslocal,
        &["cloudformation", "delete-stack", "--stack-name", &stack],
    );
    fs::remove_dir_all(folder).unwrap();
}

/// What a program printed that has to succeed.
fn said(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn texts(list: &Value) -> Vec<&str> {
    let values = list.as_array().unwrap().iter();
    values.map(|value| value.as_str().unwrap()).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
