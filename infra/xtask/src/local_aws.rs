//! The local AWS: MiniStack on loopback, or whatever `AWS_ENDPOINT_URL` names.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use ureq::Agent;

use crate::failure::{Failure, Outcome};
use crate::processes::Process;
use crate::step::Step;
use crate::tools::{self, MINISTACK};

/// The port of LocalStack, for which MiniStack stands in.
const USUAL_PORT: u16 = 4566;
const START_SECONDS_MAX: u64 = 60;
const POLL_MILLISECONDS: u64 = 100;

/// A local AWS that answers.
pub(crate) struct LocalAws {
    /// Where it answers.
    pub(crate) endpoint_url: String,
    process: Option<Process>,
}

impl LocalAws {
    /// The one that `AWS_ENDPOINT_URL` names, else a MiniStack of our own.
    pub(crate) fn find_or_start(target: &Path, state: &Path) -> Outcome<Self> {
        match env::var("AWS_ENDPOINT_URL") {
            Ok(endpoint_url) if !endpoint_url.is_empty() => Self::find(endpoint_url),
            _ => Self::start(target, state, usual_or_free_port()?),
        }
    }

    /// A MiniStack of our own on that port.
    pub(crate) fn start(target: &Path, state: &Path, port: u16) -> Outcome<Self> {
        let bin = MINISTACK.prepare(target)?;
        let step = Step::start(format!("Starting a local AWS on port {port}"));
        let endpoint_url = format!("http://127.0.0.1:{port}");
        let temporary = state.join("ministack");
        tools::make_folder(&temporary)?;
        let mut command = Command::new(bin.join("ministack"));
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .env("AWS_ENDPOINT_URL", &endpoint_url)
            .env("TMPDIR", temporary);
        let mut process = Process::start("MiniStack", &mut command, &state.join("ministack.log"))?;
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !answers(&endpoint_url) {
            process.check()?;
            if Instant::now() > deadline {
                return Err(process.failure("MiniStack does not answer"));
            }
            thread::sleep(Duration::from_millis(POLL_MILLISECONDS));
        }
        step.done();
        Ok(Self {
            endpoint_url,
            process: Some(process),
        })
    }

    fn find(endpoint_url: String) -> Outcome<Self> {
        if !answers(&endpoint_url) {
            return Err(Failure::machine(format!(
                "Nothing answers at AWS_ENDPOINT_URL ({endpoint_url}): start it, or unset the variable."
            )));
        }
        Ok(Self {
            endpoint_url,
            process: None,
        })
    }

    /// An error if it has ended.
    pub(crate) fn check(&mut self) -> Outcome {
        self.process.as_mut().map_or(Ok(()), Process::check)
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

/// Whether anything answers, whatever it answers.
fn answers(url: &str) -> bool {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .build()
        .into();
    agent.get(url).call().is_ok()
}
