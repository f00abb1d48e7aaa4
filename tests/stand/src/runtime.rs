//! Lambda's runtime interface for one start of one program: it is given an event, and what it does until it has
//! answered is timed; then the same again, for what a call takes of the processor when all is warm. (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>)

use std::env;
use std::fs;
use std::io::{self, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::wire::{self, Received};

/// Where Lambda's interface is.
const INVOCATION: &str = "/2018-06-01/runtime/invocation/";
/// The headers of an event, far from its deadline.
const EVENT_HEADERS: [(&str, &str); 4] = [
    ("content-type", "application/json"),
    ("lambda-runtime-aws-request-id", "start-up"),
    ("lambda-runtime-deadline-ms", "9999999999999"),
    (
        "lambda-runtime-invoked-function-arn",
        "arn:aws:lambda:us-east-1:000000000000:function:start-up",
    ),
];
/// The memory that the template gives a function.
const MEMORY_MEGABYTES: &str = "512";

/// The first answer of a program.
#[derive(Debug)]
pub struct Start {
    /// From the start of the process until it asked for its first event.
    pub ready: Duration,
    /// From the start of the process until it had answered it.
    pub answered: Duration,
    /// What was asked about at the moment when it was ready.
    pub at_ready: usize,
    /// What it answered, or null for a failure.
    pub answer: Value,
    /// What the processor spent on the program up to the first answer; known on Linux.
    pub cpu: Option<Duration>,
    /// What it spent on each of the later answers.
    pub cpu_of_later: Option<Duration>,
}

/// Starts the program and waits for its answers to the event, which comes so often; `observe` is asked when the program
/// is ready.
///
/// # Errors
/// When it cannot be started, or ends or fails before it is ready.
pub fn start(
    mut program: Command,
    (event, times): (&Value, u32),
    observe: impl Fn() -> usize,
) -> io::Result<Start> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    program
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "start-up")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MEGABYTES)
        .env("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let started = Instant::now();
    let mut child = program.spawn()?;
    let answered = converse(&mut child, &listener, started, (event, times), observe);
    // Without the interface the program ends by itself, so that a tool that watches it can say what it saw.
    drop(listener);
    child.wait()?;
    answered
}

fn converse(
    child: &mut Child,
    listener: &TcpListener,
    started: Instant,
    (event, times): (&Value, u32),
    observe: impl Fn() -> usize,
) -> io::Result<Start> {
    let mut connection = accept(child, listener)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    let (mut start, mut answers): (Option<Start>, u32) = (None, 0);
    while let Some(received) = Received::read(&mut reader) {
        let path = received.path.as_str();
        match path.strip_prefix(INVOCATION) {
            Some("next") if answers == times => {
                let spent = start.as_ref().and_then(|start| start.cpu).zip(cpu(child));
                let of_later =
                    spent.map(|(first, all)| all.saturating_sub(first) / (times - 1).max(1));
                start = start.map(|start| Start {
                    cpu_of_later: of_later,
                    ..start
                });
                break;
            }
            Some("next") => {
                start.get_or_insert_with(|| Start {
                    ready: started.elapsed(),
                    answered: Duration::ZERO,
                    at_ready: observe(),
                    answer: Value::Null,
                    cpu: None,
                    cpu_of_later: None,
                });
                wire::answer(&mut connection, 200, &EVENT_HEADERS, &event.to_string())?;
            }
            Some(path) => {
                let Some(start) = start.as_mut() else { break };
                if answers == 0 {
                    start.answered = started.elapsed();
                    start.cpu = cpu(child);
                    if path.ends_with("/response") {
                        start.answer = serde_json::from_slice(&received.body).unwrap_or_default();
                    }
                }
                answers += 1;
                wire::answer(&mut connection, 202, &[], "")?;
            }
            None => break,
        }
    }
    start.ok_or_else(|| io::Error::other("the program did not ask for an event"))
}

/// What the processor has spent on the program: of each of its threads the first number of `schedstat`, in nanoseconds.
fn cpu(child: &Child) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).ok()?;
    let spent = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ')
            .next()?
            .parse()
            .ok()
            .map(Duration::from_nanos)
    });
    Some(spent.sum())
}

/// The program's connection, unless it ends before it makes one.
fn accept(child: &mut Child, listener: &TcpListener) -> io::Result<TcpStream> {
    const POLL_MICROSECONDS: u64 = 100;
    listener.set_nonblocking(true)?;
    loop {
        match listener.accept() {
            Ok((connection, _)) => {
                connection.set_nonblocking(false)?;
                connection.set_nodelay(true)?;
                return Ok(connection);
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => {}
        }
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("the program ended: {status}")));
        }
        std::thread::sleep(Duration::from_micros(POLL_MICROSECONDS));
    }
}

/// The program of a function, as the workspace's build has made it, for a test of this workspace; says so where there is
/// none.
///
/// # Panics
/// Where there is none and everything is required.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let test = env::current_exe().ok()?;
    let program = test.ancestors().nth(2)?.join(name);
    if program.exists() {
        return Some(program);
    }
    assert!(env::var_os("REQUIRE_ALL").is_none(), "{name} is not built");
    eprintln!("skipped: {name} is not built (cargo build --workspace)");
    None
}
