//! The local AWS: MiniStack on loopback, or whatever `AWS_ENDPOINT_URL` names.

use std::net::TcpListener;
use std::path::Path;
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, io};

use ureq::Agent;

use crate::failure::{Failure, Outcome};
use crate::processes::Process;
use crate::step::Step;
use crate::tools::{self, MINISTACK};
use crate::workspace::Workspace;

/// The port of LocalStack, for which MiniStack stands in.
const USUAL_PORT: u16 = 4566;
/// MiniStack repeats the value of this variable where it tells how it is.
const MARK_VARIABLE: &str = "MINISTACK_EDITION";
const START_SECONDS_MAX: u64 = 300;
const POLL_MILLISECONDS: u64 = 100;

/// The program of ours that stands between functions and a local AWS (tests/stand).
const RECORDER: &str = "recorder";
/// What it writes: a file that the search for leaks reads too.
const CALLS: &str = "calls.log";

/// A local AWS that answers.
pub(crate) struct LocalAws {
    /// Where it answers.
    pub(crate) endpoint_url: String,
    /// Where functions call it: through the recorder, if there is one.
    pub(crate) functions_url: String,
    processes: Vec<Process>,
}

impl LocalAws {
    /// The one that `AWS_ENDPOINT_URL` names, else a MiniStack of our own, on LocalStack's port if that is free.
    pub(crate) fn find_or_start(target: &Path, state: &Path) -> Outcome<Self> {
        match env::var("AWS_ENDPOINT_URL") {
            Ok(endpoint_url) if !endpoint_url.is_empty() => Self::find(endpoint_url),
            _ => Self::start_on(usual_or_free_port, target, state, None),
        }
    }

    /// A MiniStack of our own on a free port, with what records the calls of functions in front of it.
    pub(crate) fn start_recorded(workspace: &Workspace, state: &Path) -> Outcome<Self> {
        // Functions that MiniStack starts itself call what its own environment names.
        let (recorder, address) = (
            workspace.program(RECORDER),
            format!("127.0.0.1:{}", free_port()?),
        );
        let url = format!("http://{address}");
        let mut aws = Self::start_on(free_port, &workspace.target, state, Some(&url))?;
        let upstream = aws.endpoint_url.trim_start_matches("http://");
        let mut record = Command::new(recorder);
        record.args([&address, upstream]).arg(state.join(CALLS));
        let log = state.join("recorder.log");
        let process = Process::start("the recorder", &mut record, &log)?;
        aws.processes.insert(0, process);
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !answers(&format!("{url}/_ministack/health")) {
            aws.check()?;
            if Instant::now() > deadline {
                return Err(aws.processes[0].failure("The recorder does not answer"));
            }
            thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
        }
        aws.functions_url = url;
        Ok(aws)
    }

    /// The port is chosen only when the tool is there, which may take minutes: it could be taken by then.
    fn start_on(
        port: fn() -> Outcome<u16>,
        target: &Path,
        state: &Path,
        functions_url: Option<&str>,
    ) -> Outcome<Self> {
        let bin = MINISTACK.prepare(target)?;
        let port = port()?;
        let step = Step::start(format!("Starting a local AWS on port {port}"));
        let mark = mark();
        let endpoint_url = format!("http://127.0.0.1:{port}");
        let temporary = state.join("ministack");
        tools::make_folder(&temporary)?;
        let mut command = Command::new(bin.join("ministack"));
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0")
            // AWS waits a minute before it tries an event again.
            .env("LAMBDA_ASYNC_RETRY_BASE_SECONDS", "0.1")
            .env(MARK_VARIABLE, &mark)
            .env("AWS_ENDPOINT_URL", functions_url.unwrap_or(&endpoint_url))
            .env("TMPDIR", temporary);
        let mut process = Process::start("MiniStack", &mut command, &state.join("ministack.log"))?;
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !is_marked(&endpoint_url, &mark) {
            process.check()?;
            if Instant::now() > deadline {
                return Err(process.failure("MiniStack does not answer"));
            }
            thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
        }
        step.done();
        Ok(Self {
            functions_url: endpoint_url.clone(),
            endpoint_url,
            processes: vec![process],
        })
    }

    fn find(endpoint_url: String) -> Outcome<Self> {
        if !answers(&endpoint_url) {
            return Err(Failure::machine(format!(
                "Nothing answers at AWS_ENDPOINT_URL ({endpoint_url}): start it, or unset the variable."
            )));
        }
        Ok(Self {
            functions_url: endpoint_url.clone(),
            endpoint_url,
            processes: Vec::new(),
        })
    }

    /// An error if it has ended.
    pub(crate) fn check(&mut self) -> Outcome {
        self.processes.iter_mut().try_for_each(Process::check)
    }

    /// What the SDK's and the AWS tools' own environment has to say.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let from_outside = |name: &str, usual: &str| {
            let value = env::var(name).ok().filter(|value| !value.is_empty());
            (name.to_owned(), value.unwrap_or_else(|| usual.to_owned()))
        };
        vec![
            ("AWS_ENDPOINT_URL".to_owned(), self.endpoint_url.clone()),
            from_outside("AWS_ACCESS_KEY_ID", "test"),
            from_outside("AWS_SECRET_ACCESS_KEY", "test"),
            from_outside("AWS_REGION", "us-east-1"),
            // What tools in Python read instead.
            from_outside("AWS_DEFAULT_REGION", "us-east-1"),
        ]
    }
}

/// Whether the port of loopback is free.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// A free port of loopback.
pub(crate) fn free_port() -> Outcome<u16> {
    let port = || -> io::Result<u16> { Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port()) };
    port().map_err(|error| Failure::machine(format!("There is no free port: {error}")))
}

fn usual_or_free_port() -> Outcome<u16> {
    if is_free(USUAL_PORT) {
        Ok(USUAL_PORT)
    } else {
        free_port()
    }
}

/// What tells a MiniStack that this command starts from any other on this machine.
fn mark() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = now.unwrap_or_default().as_nanos();
    format!("bluebutton-{}-{nanoseconds}", process::id())
}

/// Whether the MiniStack with that mark answers. One of somebody else's may have been faster on the port; its tables
/// are not ours to write.
fn is_marked(url: &str, mark: &str) -> bool {
    get(&format!("{url}/_ministack/health")).is_some_and(|health| health.contains(mark))
}

/// Whether anything answers, whatever it answers.
fn answers(url: &str) -> bool {
    get(url).is_some()
}

fn get(url: &str) -> Option<String> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .build()
        .into();
    let mut answer = agent.get(url).call().ok()?;
    Some(answer.body_mut().read_to_string().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn takes_no_local_aws_for_its_own_that_it_did_not_start() {
        let check = |health: &'static str, mark: &str, expected: bool| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let server = thread::spawn(move || {
                let (mut connection, _) = listener.accept().unwrap();
                let _ = connection.read(&mut [0; 4096]).unwrap();
                let length = health.len();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                connection.write_all((head + health).as_bytes()).unwrap();
            });
            assert_eq!(is_marked(&url, mark), expected, "{health}");
            server.join().unwrap();
        };
        let mine = mark();
        check(r#"{"edition": "light"}"#, &mine, false);
        check("", &mine, false);
        check(r#"{"edition": "bluebutton-1-2"}"#, "bluebutton-1-2", true);
        check(r#"{"edition": "bluebutton-1-2"}"#, &mine, false);
        let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
        assert!(!is_marked(&nobody, &mine));
    }
}
