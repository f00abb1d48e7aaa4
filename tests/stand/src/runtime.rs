//! Lambda's runtime interface for programs: they are given events, and what they print is kept. What one does until it
//! has answered its first event is timed, and then what a call takes of the processor when all is warm.
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>)

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::local::skipped;
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

/// A program that runs as a function of Lambda does, and what it prints. Without the interface it ends by itself, so
/// that it ends with whoever holds it.
pub struct Program {
    child: Child,
    listener: TcpListener,
    reader: BufReader<TcpStream>,
    lines: JoinHandle<Vec<String>>,
    /// Whether it has asked for an event that it was not given yet.
    is_asking: bool,
}

impl Program {
    /// Starts it and waits until it asks for its first event.
    ///
    /// # Errors
    /// When it cannot be started, or ends or fails before.
    pub fn start(mut program: Command) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        program
            .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "start-up")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MEGABYTES)
            .env("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = program.spawn()?;
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        // Read as it comes: a full pipe would stop the program.
        let lines = thread::spawn(|| output.lines().map_while(Result::ok).collect());
        let connection = accept(&mut child, &listener)?;
        let mut program = Self {
            child,
            listener,
            reader: BufReader::new(connection),
            lines,
            is_asking: false,
        };
        program.wait()?;
        Ok(program)
    }

    /// Its answer to an event, or null for a failure.
    ///
    /// # Errors
    /// When it ends before it has answered.
    pub fn ask(&mut self, event: &Value) -> io::Result<Value> {
        self.wait()?;
        self.is_asking = false;
        let connection = self.reader.get_mut();
        wire::answer(connection, 200, &EVENT_HEADERS, &event.to_string())?;
        let answered = self.receive()?;
        wire::answer(self.reader.get_mut(), 202, &[], "")?;
        match answered.path.ends_with("/response") {
            true => Ok(serde_json::from_slice(&answered.body).unwrap_or_default()),
            false => Ok(Value::Null),
        }
    }

    /// Ends it; the lines that it has printed.
    ///
    /// # Errors
    /// When nobody can wait for it.
    pub fn end(mut self) -> io::Result<Vec<String>> {
        drop((self.listener, self.reader));
        self.child.wait()?;
        self.lines
            .join()
            .map_err(|_| io::Error::other("its output cannot be read"))
    }

    /// What the processor has spent on it: of each of its threads the first number of `schedstat`, in nanoseconds.
    fn cpu(&self) -> Option<Duration> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let spent = threads.flatten().filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let nanoseconds = text.split(' ').next()?.parse().ok()?;
            Some(Duration::from_nanos(nanoseconds))
        });
        Some(spent.sum())
    }

    /// Waits until it asks for an event.
    fn wait(&mut self) -> io::Result<()> {
        if !self.is_asking {
            let received = self.receive()?;
            if received.path.strip_prefix(INVOCATION) != Some("next") {
                return Err(io::Error::other("the program did not ask for an event"));
            }
            self.is_asking = true;
        }
        Ok(())
    }

    /// Its next request, over a new connection where it has ended the one before.
    fn receive(&mut self) -> io::Result<Received> {
        loop {
            if let Some(received) = Received::read(&mut self.reader) {
                return Ok(received);
            }
            self.reader = BufReader::new(accept(&mut self.child, &self.listener)?);
        }
    }
}

/// Starts the program and waits for its answers to the event, which comes so often; `observe` is asked when the program
/// is ready.
///
/// # Errors
/// When it cannot be started, or ends or fails before it has answered.
pub fn start(
    program: Command,
    (event, times): (&Value, u32),
    observe: impl Fn() -> usize,
) -> io::Result<Start> {
    let started = Instant::now();
    let mut program = Program::start(program)?;
    let (ready, at_ready) = (started.elapsed(), observe());
    let answer = program.ask(event)?;
    let (answered, cpu) = (started.elapsed(), program.cpu());
    for _ in 1..times {
        program.ask(event)?;
    }
    program.wait()?;
    let spent = cpu.zip(program.cpu());
    let of_later = spent.map(|(first, all)| all.saturating_sub(first) / (times - 1).max(1));
    // A tool that watches it can then say what it saw.
    program.end()?;
    Ok(Start {
        ready,
        answered,
        at_ready,
        answer,
        cpu,
        cpu_of_later: of_later,
    })
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

/// The program of a function, as the workspace's build has made it, for a test of this workspace; says so where there
/// is none.
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
    skipped(&format!("{name} is not built (cargo build --workspace)"));
    None
}
