//! What is known of a machine: everything that the checks look at, read once. Tests plant troubles in it.

use std::collections::BTreeMap;
use std::net::{IpAddr, TcpListener, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use std::{env, fs};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;
use ureq::Agent;

use super::listener;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;

const ANSWER_SECONDS_MAX: u64 = 3;

/// The machine, as far as it matters. What nobody could find out is `None` and no trouble.
#[derive(Clone, Default)]
pub(super) struct Machine {
    /// Our own environment.
    pub(super) environment: BTreeMap<String, String>,
    /// Files that the environment names and nobody finds.
    pub(super) missing_files: Vec<PathBuf>,
    /// What programs say of their version; those that cannot be started are not here.
    pub(super) programs: BTreeMap<&'static str, String>,
    /// The version of Rust that the workspace asks for.
    pub(super) rust_min: String,
    /// What Pythons say when they are asked for what the tools need.
    pub(super) pythons: BTreeMap<&'static str, String>,
    /// The tools that are there already.
    pub(super) prepared: Vec<&'static str>,
    /// The folder of what is built.
    pub(super) target: PathBuf,
    /// Its file system's free space.
    pub(super) free_megabytes: Option<u64>,
    /// `/proc/mounts`.
    pub(super) mounts: String,
    /// The memory that programs can have.
    pub(super) memory_megabytes: Option<u64>,
    /// What one process may hold open.
    pub(super) files_max: Option<u64>,
    /// The folders that one user's programs may watch for changes.
    pub(super) watches_max: Option<u64>,
    /// Who listens on a port of loopback.
    pub(super) listeners: BTreeMap<u16, String>,
    /// What the name `localhost` leads to.
    pub(super) localhost: Vec<IpAddr>,
    /// What answers at `AWS_ENDPOINT_URL`.
    pub(super) endpoint: Option<Endpoint>,
    /// By how much a file of the workspace is younger than the clock says.
    pub(super) file_from_the_future_seconds: Option<u64>,
    /// Files of the workspace with the line ends of Windows.
    pub(super) windows_line_ends: Vec<&'static str>,
}

/// What answers where a local AWS is expected.
#[derive(Clone, Default)]
pub(super) struct Endpoint {
    /// The services that it says it has; `None` if it is no local AWS.
    pub(super) services: Option<Vec<String>>,
    /// How far its clock is from ours.
    pub(super) clock_seconds: Option<u64>,
}

/// The variables that name a file of certificates.
pub(super) const CERTIFICATE_VARIABLES: [&str; 7] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HTTP_CAINFO",
    "AWS_CA_BUNDLE",
];

/// Files whose line ends tell how the workspace was checked out, and which do not work with others.
const LINE_END_SAMPLES: [&str; 4] = [
    "infra/localstack/ready.d/10-data.sh",
    "infra/data.yaml",
    "events/ingest_object.json",
    "README.md",
];

/// Files that every checkout and every build touches.
const CLOCK_SAMPLES: [&str; 4] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "infra/xtask/src/main.rs",
];

impl Machine {
    /// This machine.
    pub(super) fn look(
        workspace: &Workspace,
        programs: &[&'static str],
        ports: &[u16],
        wanted: &[&Tool],
    ) -> Self {
        let environment = environment();
        let endpoint_url = environment.get("AWS_ENDPOINT_URL");
        Self {
            missing_files: CERTIFICATE_VARIABLES
                .iter()
                .filter_map(|name| environment.get(*name).map(PathBuf::from))
                .filter(|path| !path.exists())
                .collect(),
            programs: programs
                .iter()
                .filter_map(|program| Some((*program, version(program)?)))
                .collect(),
            rust_min: rust_min(workspace),
            pythons: tools::PYTHONS
                .into_iter()
                .filter_map(|python| Some((python, tools::ask(python)?)))
                .collect(),
            prepared: wanted
                .iter()
                .filter(|tool| tool.is_prepared(&workspace.target))
                .map(|tool| tool.name())
                .collect(),
            target: real_path(&workspace.target),
            free_megabytes: workspace.free_megabytes(),
            mounts: fs::read_to_string("/proc/mounts").unwrap_or_default(),
            memory_megabytes: memory_megabytes(),
            files_max: number(&output("sh", &["-c", "ulimit -n"])),
            watches_max: fs::read_to_string("/proc/sys/fs/inotify/max_user_watches")
                .ok()
                .and_then(|text| number(&text)),
            listeners: ports
                .iter()
                .filter_map(|port| Some((*port, listener(*port)?)))
                .collect(),
            localhost: localhost(),
            endpoint: endpoint_url.and_then(|url| endpoint(url)),
            file_from_the_future_seconds: file_from_the_future(&workspace.root),
            windows_line_ends: LINE_END_SAMPLES
                .into_iter()
                .filter(|name| has_windows_line_ends(&workspace.root.join(name)))
                .collect(),
            environment,
        }
    }

    /// A variable that is set to something.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let value = self.environment.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }
}

/// Our own environment, as far as it is text.
pub(super) fn environment() -> BTreeMap<String, String> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    text.lines().next().map(str::to_owned)
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let bytes = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A number that may be followed by its unit.
fn number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// `rust-version` of the workspace.
fn rust_min(workspace: &Workspace) -> String {
    let manifest = fs::read_to_string(workspace.root.join("Cargo.toml")).unwrap_or_default();
    let mut lines = manifest.lines();
    let version = lines.find_map(|line| line.strip_prefix("rust-version = "));
    version.unwrap_or_default().trim_matches('"').to_owned()
}

/// The folder without links, or as much of it as is there.
fn real_path(folder: &Path) -> PathBuf {
    let there = folder
        .ancestors()
        .find_map(|folder| folder.canonicalize().ok());
    there.unwrap_or_else(|| folder.to_owned())
}

fn memory_megabytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let mut lines = text.lines();
    let kilobytes = lines.find_map(|line| line.strip_prefix("MemAvailable:"))?;
    number(kilobytes).map(|kilobytes| kilobytes / 1024)
}

/// Who listens on the port at either address of `localhost`, if anybody does.
fn listener(port: u16) -> Option<String> {
    let taken = ["127.0.0.1", "::1"]
        .into_iter()
        .find(|address| is_taken(address, port))?;
    let who = listener::of(port).unwrap_or_else(|| "a program of another user".to_owned());
    Some(format!("{who}, at {taken}"))
}

/// Whether somebody listens there. A machine without IPv6 has other errors for its address.
fn is_taken(address: &str, port: u16) -> bool {
    let bound = TcpListener::bind((address, port));
    bound.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
}

fn localhost() -> Vec<IpAddr> {
    let addresses = ("localhost", 0).to_socket_addrs();
    let mut addresses: Vec<_> = addresses
        .map(|found| found.map(|address| address.ip()).collect())
        .unwrap_or_default();
    addresses.dedup();
    addresses
}

fn endpoint(url: &str) -> Option<Endpoint> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(ANSWER_SECONDS_MAX)))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    // MiniStack answers there as LocalStack does.
    let url = format!("{}/_localstack/health", url.trim_end_matches('/'));
    let mut answer = agent.get(&url).call().ok()?;
    let date = answer
        .headers()
        .get("date")
        .and_then(|date| date.to_str().ok());
    let clock_seconds = date.and_then(seconds_from_now);
    let text = answer.body_mut().read_to_string().unwrap_or_default();
    Some(Endpoint {
        services: services(&text),
        clock_seconds,
    })
}

fn services(health: &str) -> Option<Vec<String>> {
    let health: Value = serde_json::from_str(health).ok()?;
    let services = health["services"].as_object()?;
    Some(services.keys().cloned().collect())
}

fn seconds_from_now(date: &str) -> Option<u64> {
    let date = DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(date.as_second().abs_diff(Timestamp::now().as_second()))
}

fn file_from_the_future(root: &Path) -> Option<u64> {
    let now = SystemTime::now();
    CLOCK_SAMPLES
        .iter()
        .filter_map(|name| fs::metadata(root.join(name)).ok()?.modified().ok())
        .filter_map(|written| written.duration_since(now).ok())
        .map(|ahead| ahead.as_secs())
        .max()
}

fn has_windows_line_ends(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.contains("\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const FREE_ATTEMPTS_MAX: u32 = 500;

    #[test]
    fn reads_what_a_local_aws_says_of_itself() {
        let check = |health: &str, expected: Option<&[&str]>| {
            let found = services(health);
            let found: Option<Vec<&str>> = found
                .as_ref()
                .map(|names| names.iter().map(String::as_str).collect());
            assert_eq!(found.as_deref(), expected, "{health}");
        };
        check(r#"{"services": {"kms": "available"}}"#, Some(&["kms"]));
        check(r#"{"services": {}}"#, Some(&[]));
        check(r#"{"message": "Missing Authentication Token"}"#, None);
        check("<html>", None);
        check("", None);
    }

    #[test]
    fn reads_the_clock_of_an_answer() {
        assert!(seconds_from_now("Sun, 06 Nov 1994 08:49:37 GMT").unwrap() > 900_000_000);
        assert_eq!(seconds_from_now("soon"), None);
    }

    #[test]
    fn tells_who_listens() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let who = listener(port).unwrap();
        let me = format!("(process {})", std::process::id());
        assert!(who.contains(&me) && who.ends_with("at 127.0.0.1"), "{who}");
        drop(socket);
        // A program that another test starts meanwhile holds the socket until it runs.
        let is_free = (0..FREE_ATTEMPTS_MAX).any(|_| {
            thread::sleep(Duration::from_millis(20));
            listener(port).is_none()
        });
        assert!(is_free, "{:?}", listener(port));
    }

    #[test]
    fn finds_windows_line_ends() {
        let file = env::temp_dir().join(format!("xtask-line-ends-{}", std::process::id()));
        for (text, expected) in [("a\nb\n", false), ("a\r\nb\r\n", true), ("", false)] {
            fs::write(&file, text).unwrap();
            assert_eq!(has_windows_line_ends(&file), expected, "{text:?}");
        }
        fs::remove_file(&file).unwrap();
        assert!(!has_windows_line_ends(&file));
    }
}
