//! A reader's shell: what one block sets the next ones have, and the first command that fails ends it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, process};

use jiff::Timestamp;

/// What stands for everything that only a deployed application has, long enough for whatever asks for an ARN.
pub(super) const ELSEWHERE: &str = "placeholder-for-what-a-local-aws-does-not-have";

/// Runs the AWS CLI.
const AWS_CLI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/aws_cli.py");

/// Where nobody listens.
pub(super) const NOWHERE: &str = "http://127.0.0.1:1";

/// The AWS CLI, kept to the local AWS: by itself it takes SQS to the Internet whatever `AWS_ENDPOINT_URL` says.
const AWS_HERE: &str = r#"#!/bin/sh
exec "$PYTHON" -IS "$AWS_CLI" "$AWS_CLI_SOCKET" --endpoint-url "$AWS_ENDPOINT_URL" "$@"
"#;

/// The AWS CLI as far as to the connection. Whoever gets there has been spelt right, and is answered one word.
const AWS_NOWHERE: &str = r#"#!/bin/sh
said=$("$PYTHON" -IS "$AWS_CLI" "$AWS_CLI_SOCKET" --endpoint-url "$NOWHERE" "$@" 2>&1)
case $said in
  *"Could not connect to the endpoint URL"*) echo "$ELSEWHERE" ;;
  *) echo "aws $*: $said" >&2; exit 1 ;;
esac
"#;

/// Our own commands end with 2 when their arguments are wrong, and with 1 when AWS does not answer.
const ADMIN_NOWHERE: &str = r#"#!/bin/sh
AWS_ENDPOINT_URL=$NOWHERE "$ADMIN" "$@" >/dev/null 2>&1
[ $? -eq 1 ]
"#;

/// curl ends with 7 when nobody answers.
const CURL_NOWHERE: &str = r#"#!/bin/sh
curl=$(PATH=$REAL_PATH command -v curl) || exit 0
"$curl" "$@"
[ $? -eq 7 ]
"#;

/// The programs that the pages call, and the process that runs the AWS CLI.
pub(super) struct Tools {
    python: PathBuf,
    /// The program `bluebutton-admin`.
    admin: PathBuf,
    socket: PathBuf,
    aws_cli: Child,
}

/// A folder of its own, where a page is worked through.
pub(super) struct Shell<'a> {
    folder: PathBuf,
    tools: &'a Tools,
}

/// What a block printed, or what it said when it failed.
pub(super) type Outcome = Result<String, String>;

impl Tools {
    /// Loads the AWS CLI of that Python.
    pub(super) fn start(python: impl Into<PathBuf>, admin: impl Into<PathBuf>) -> Self {
        let python = python.into();
        let socket = env::temp_dir().join(format!(
            "aws-cli-{}-{}",
            process::id(),
            Timestamp::now().as_microsecond()
        ));
        let mut aws_cli = Command::new(&python)
            .args([Path::new(AWS_CLI), &socket])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let output = aws_cli.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n", "the AWS CLI does not start");
        Self {
            python,
            admin: admin.into(),
            socket,
            aws_cli,
        }
    }

    /// The program `bluebutton-admin`.
    pub(super) fn admin(&self) -> Command {
        Command::new(&self.admin)
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        let _ = self.aws_cli.kill();
        let _ = self.aws_cli.wait();
        let _ = fs::remove_file(&self.socket);
    }
}

impl<'a> Shell<'a> {
    /// A shell in a new folder of that name.
    pub(super) fn new(name: &str, tools: &'a Tools) -> Self {
        let folder = env::temp_dir().join(format!("runbook-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        let shell = Self { folder, tools };
        shell.program("here", "aws", AWS_HERE);
        shell.program("nowhere", "aws", AWS_NOWHERE);
        shell.program("nowhere", "bluebutton-admin", ADMIN_NOWHERE);
        shell.program("nowhere", "curl", CURL_NOWHERE);
        shell.write("state", "");
        shell.write("state-aws-only", "");
        shell
    }

    /// The folder where the reader is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sets a variable.
    pub(super) fn set(&self, name: &str, value: &str) -> Outcome {
        self.run(&format!("export {name}='{value}'"))
    }

    /// Runs a block against the local AWS.
    pub(super) fn run(&self, block: &str) -> Outcome {
        self.run_with("here", &["state"], block)
    }

    /// Checks how the commands of a block are spelt, without AWS. What it sets, only such blocks see.
    pub(super) fn check(&self, block: &str) -> Outcome {
        self.run_with("nowhere", &["state", "state-aws-only"], block)
    }

    /// The last file takes what the block leaves.
    fn run_with(&self, programs: &str, states: &[&str], block: &str) -> Outcome {
        let sources: String = states.iter().map(|file| format!(". ./{file}\n")).collect();
        let state = states.last().unwrap();
        let script = format!(
            "{sources}set -aeuo pipefail\nPATH=\"$PROGRAMS\"\n{block}\n\
             {{ export -p | grep -vE '^declare -x (PATH|PROGRAMS|PWD|OLDPWD|SHLVL)='; declare -f; }} > new-state\n\
             mv new-state {state}\n"
        );
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [
            self.folder.join(programs),
            self.tools.admin.parent().unwrap().to_owned(),
        ];
        let programs = env::join_paths(folders.into_iter().chain(env::split_paths(&path))).unwrap();
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(&self.folder)
            .env("PROGRAMS", programs)
            .env("REAL_PATH", &path)
            .env("PYTHON", &self.tools.python)
            .env("AWS_CLI", AWS_CLI)
            .env("AWS_CLI_SOCKET", &self.tools.socket)
            .env("ADMIN", &self.tools.admin)
            .env("NOWHERE", NOWHERE)
            .env("ELSEWHERE", ELSEWHERE)
            .env("BASE_URL", NOWHERE)
            // Whatever this machine's user has configured is not meant.
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_MAX_ATTEMPTS", "1")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true => Ok(printed),
            false => Err(format!(
                "{printed}{}",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    fn program(&self, folder: &str, name: &str, text: &str) {
        let file = self.folder.join(folder).join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }
}

impl Drop for Shell<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
