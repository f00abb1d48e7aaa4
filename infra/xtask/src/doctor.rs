//! `cargo xtask doctor`: what this machine lacks, or has, that people stumbled over before; what it means and what to do.

mod listener;
mod machine;

use std::path::Path;

use crate::failure::{Failure, Outcome};
use crate::tools::{self, CARGO_LAMBDA, MINISTACK, SAM, Tool};
use crate::workspace::Workspace;

use self::machine::{CERTIFICATE_VARIABLES, Machine};

/// Programs that only `cargo xtask test` uses, and what it leaves out without them.
pub(crate) const OPTIONAL_PROGRAMS: [(&str, &str); 3] = [
    (
        "chromium",
        "the tests in a browser (Debian: chromium, chromium-driver)",
    ),
    (
        "node",
        "the tests with clients, validators and providers of Node (Debian: nodejs)",
    ),
    ("npm", "the same tests (Debian: npm)"),
];

const API_PORT: u16 = 8000;
const AWS_PORT: u16 = 4566;
const TOOLS: [&Tool; 3] = [&CARGO_LAMBDA, &MINISTACK, &SAM];

const DISK_MEGABYTES_WANTED: u64 = 5000;
/// What linking two functions at a time takes.
const MEMORY_MEGABYTES_WANTED: u64 = 2000;
/// Every function has up to three instances, each with a few connections, all of them below one `cargo lambda watch`.
const FILES_WANTED: u64 = 1024;
/// A watch for each folder of the workspace and of what it builds.
const WATCHES_WANTED: u64 = 8192;
/// Less is the time between two looks at a clock.
const CLOCK_SECONDS_MAX: u64 = 30;

/// The services of AWS that a local one must have.
const SERVICES: [&str; 4] = ["cloudformation", "dynamodb", "kms", "secretsmanager"];

/// What a check finds.
enum Finding {
    /// All is well, and what was seen.
    Well(String),
    /// Something goes wrong with a part, or later.
    Hinders(Trouble),
    /// The sandbox cannot run, or must not.
    Stops(Trouble),
}

use Finding::{Hinders, Stops, Well};

/// What was seen, what that leads to, and the remedy.
struct Trouble {
    seen: String,
    means: &'static str,
    remedy: String,
}

/// A check: what it is about, and how it judges a machine.
type Check = (&'static str, fn(&Machine) -> Finding);

/// Everything that somebody stumbled over, in the order in which it matters.
const CHECKS: [Check; 18] = [
    ("Rust", rust),
    ("C compiler", c_compiler),
    ("Python", python),
    ("disk", disk),
    ("folder for what is built", target),
    ("build target", build_target),
    ("memory", memory),
    ("open files", open_files),
    ("watched folders", watched_folders),
    ("port 8000", api_port),
    ("port 4566", aws_port),
    ("localhost", localhost),
    ("proxy", proxy),
    ("certificates", certificates),
    ("AWS variables", aws_variables),
    ("AWS_ENDPOINT_URL", endpoint),
    ("clock", clock),
    ("line ends", line_ends),
];

/// Prints what was found; fails if something stops the sandbox.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let programs = ["rustc", "cc", "docker"].into_iter();
    let programs: Vec<_> = programs
        .chain(OPTIONAL_PROGRAMS.map(|(program, _)| program))
        .collect();
    let machine = Machine::look(workspace, &programs, &[API_PORT, AWS_PORT], &TOOLS);
    let findings = CHECKS.map(|(what, check)| (what, check(&machine)));
    for (what, finding) in &findings {
        println!("{}", line(what, finding));
    }
    for (program, use_of_it) in OPTIONAL_PROGRAMS {
        match machine.programs.get(program) {
            Some(version) => println!("✓ {program}: {version}"),
            None => println!("- {program}: missing; `cargo xtask test` leaves out {use_of_it}"),
        }
    }
    match machine.programs.get("docker") {
        Some(version) => println!("✓ docker: {version}"),
        None => println!("- docker: missing, which is fine; LocalStack and `sam local` want it"),
    }
    for tool in TOOLS {
        match machine.prepared.contains(&tool.name()) {
            true => println!("✓ {}: prepared", tool.name()),
            false => println!("✓ {}: will be prepared on first use", tool.name()),
        }
    }
    let stops = findings
        .iter()
        .filter(|(_, finding)| matches!(finding, Stops(_)));
    match stops.count() {
        0 => Ok(()),
        number => Err(Failure::machine(format!(
            "{number} of them must be mended before `cargo xtask sandbox` can run."
        ))),
    }
}

/// Refuses an environment that would send the sandbox's calls to a real account of AWS.
pub(crate) fn refuse_ways_to_real_aws() -> Outcome {
    let machine = Machine {
        environment: machine::environment(),
        ..Machine::default()
    };
    match aws_variables(&machine) {
        Stops(trouble) => Err(Failure::machine(sentences(&trouble))),
        Well(_) | Hinders(_) => Ok(()),
    }
}

fn line(what: &str, finding: &Finding) -> String {
    match finding {
        Well(seen) => format!("✓ {what}: {seen}"),
        Hinders(trouble) => format!("! {what}: {}", sentences(trouble)),
        Stops(trouble) => format!("✗ {what}: {}", sentences(trouble)),
    }
}

fn sentences(trouble: &Trouble) -> String {
    let Trouble {
        seen,
        means,
        remedy,
    } = trouble;
    format!("{seen}. {means} {remedy}")
}

fn trouble(seen: impl Into<String>, means: &'static str, remedy: impl Into<String>) -> Trouble {
    Trouble {
        seen: seen.into(),
        means,
        remedy: remedy.into(),
    }
}

fn rust(machine: &Machine) -> Finding {
    const REMEDY: &str = "Install rustup from https://rustup.rs, which takes the version that rust-toolchain.toml names.";
    let Some(found) = machine.programs.get("rustc") else {
        return Stops(trouble("missing", "Nothing can be built.", REMEDY));
    };
    let version = found.split(' ').nth(1).unwrap_or_default();
    if version_numbers(version) >= version_numbers(&machine.rust_min) {
        return Well(found.clone());
    }
    let seen = format!("{found} is older than {}", machine.rust_min);
    Stops(trouble(seen, "The workspace does not compile.", REMEDY))
}

/// `1.95.0` as numbers; what is no number ends them.
fn version_numbers(version: &str) -> Vec<u32> {
    let numbers = version.split(['.', '-']);
    numbers.map_while(|number| number.parse().ok()).collect()
}

fn c_compiler(machine: &Machine) -> Finding {
    match machine.programs.get("cc") {
        Some(found) => Well(found.clone()),
        None => Stops(trouble(
            "`cc` is missing",
            "Rust links with it, and the cryptography is compiled with it.",
            "Install one (Debian: build-essential; macOS: xcode-select --install).",
        )),
    }
}

fn python(machine: &Machine) -> Finding {
    match tools::python_that_answers(|python| machine.pythons.get(python).cloned()) {
        Ok(found) => {
            let version = machine.pythons[found].trim().replace(' ', ".");
            Well(format!("{found} {version}, with venv and ensurepip"))
        }
        Err(failure) => Stops(trouble(
            "no Python that the tools can be installed with",
            "MiniStack, cargo-lambda and SAM come as Python packages.",
            failure.sentence,
        )),
    }
}

fn disk(machine: &Machine) -> Finding {
    match machine.free_megabytes {
        Some(free) if free < DISK_MEGABYTES_WANTED => Stops(trouble(
            format!("{free} MB are free; a first run wants {DISK_MEGABYTES_WANTED} MB"),
            "Builds end with \"No space left on device\".",
            "Make room, or set CARGO_TARGET_DIR to a folder of a larger disk.",
        )),
        Some(free) => Well(format!("{free} MB are free")),
        None => Well("df cannot tell".to_owned()),
    }
}

fn target(machine: &Machine) -> Finding {
    let Some((kind, options)) = mount_of(&machine.mounts, &machine.target) else {
        return Well(machine.target.display().to_string());
    };
    let seen = format!("{} is on a file system", machine.target.display());
    let remedy = "Set CARGO_TARGET_DIR to a folder elsewhere.";
    if options.split(',').any(|option| option == "noexec") {
        let means = "What is built there cannot be started: \"Permission denied\".";
        return Stops(trouble(
            format!("{seen} mounted with noexec"),
            means,
            remedy,
        ));
    }
    if ["9p", "drvfs", "vboxsf", "cifs", "fuse.sshfs"].contains(&kind) {
        let means = "Builds take many times longer, and the watch does not see changes.";
        return Hinders(trouble(
            format!("{seen} of another machine ({kind})"),
            means,
            remedy,
        ));
    }
    Well(format!("{} ({kind})", machine.target.display()))
}

/// Kind and options of the mount that a folder is on, of a table such as `/proc/mounts`.
fn mount_of<'a>(mounts: &'a str, folder: &Path) -> Option<(&'a str, &'a str)> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?, fields.next()?))
    });
    mounts
        .filter(|(place, ..)| folder.starts_with(place))
        // Of two on the same place the later one hides the earlier.
        .max_by_key(|(place, ..)| place.len())
        .map(|(_, kind, options)| (kind, options))
}

fn build_target(machine: &Machine) -> Finding {
    let flags = machine.variable("RUSTFLAGS").unwrap_or_default();
    if flags.contains("target-cpu=native") {
        return Hinders(trouble(
            "RUSTFLAGS says target-cpu=native",
            "What is packaged ends with SIGILL on a Lambda whose processor has less.",
            "Unset RUSTFLAGS.",
        ));
    }
    match machine.variable("CARGO_BUILD_TARGET") {
        Some(target) => Stops(trouble(
            format!("CARGO_BUILD_TARGET is {target}"),
            "Programs are then built in another folder, where no command looks for them.",
            "Unset CARGO_BUILD_TARGET.",
        )),
        None => Well("this machine's own".to_owned()),
    }
}

fn memory(machine: &Machine) -> Finding {
    match machine.memory_megabytes {
        Some(free) if free < MEMORY_MEGABYTES_WANTED => Hinders(trouble(
            format!("{free} MB are free"),
            "A compiler or linker that gets no memory is killed: \"signal: 9\".",
            "End other programs, or build with CARGO_BUILD_JOBS=1.",
        )),
        Some(free) => Well(format!("{free} MB are free")),
        None => Well("the system does not tell".to_owned()),
    }
}

fn open_files(machine: &Machine) -> Finding {
    match machine.files_max {
        Some(limit) if limit < FILES_WANTED => Hinders(trouble(
            format!("a process may open {limit}"),
            "Under load the local AWS and the watch end calls with \"Too many open files\".",
            format!("Call `ulimit -n {FILES_WANTED}` in the shell before anything else."),
        )),
        Some(limit) => Well(format!("a process may open {limit}")),
        None => Well("no limit".to_owned()),
    }
}

fn watched_folders(machine: &Machine) -> Finding {
    match machine.watches_max {
        Some(limit) if limit < WATCHES_WANTED => Hinders(trouble(
            format!("a user may watch {limit}"),
            "`cargo lambda watch` ends with \"OS file watch limit reached\".",
            format!("Call `sudo sysctl fs.inotify.max_user_watches={WATCHES_WANTED}`."),
        )),
        Some(limit) => Well(format!("a user may watch {limit}")),
        None => Well("no limit".to_owned()),
    }
}

fn api_port(machine: &Machine) -> Finding {
    match machine.listeners.get(&API_PORT) {
        None => Well("free".to_owned()),
        Some(who) => Stops(trouble(
            format!("taken by {who}"),
            "The API cannot listen there, or `localhost` leads to the other program.",
            "If that is a sandbox, it runs already; else end it, or call `cargo xtask sandbox --port 8001`.",
        )),
    }
}

fn aws_port(machine: &Machine) -> Finding {
    match machine.listeners.get(&AWS_PORT) {
        None => Well("free".to_owned()),
        Some(who) if machine.variable("AWS_ENDPOINT_URL").is_some() => {
            Well(format!("taken by {who}"))
        }
        Some(who) => Hinders(trouble(
            format!("taken by {who}"),
            "The sandbox's own local AWS takes another port, and what listens here is not used.",
            "To use it instead, set AWS_ENDPOINT_URL=http://127.0.0.1:4566.",
        )),
    }
}

fn localhost(machine: &Machine) -> Finding {
    let addresses = &machine.localhost;
    if addresses
        .iter()
        .any(|address| address.is_ipv4() && address.is_loopback())
    {
        return Well("is 127.0.0.1".to_owned());
    }
    Stops(trouble(
        format!("leads to {addresses:?}"),
        "The API listens at 127.0.0.1 and calls itself http://localhost:8000.",
        "Add the line `127.0.0.1 localhost` to /etc/hosts.",
    ))
}

fn proxy(machine: &Machine) -> Finding {
    let value = |names: &[&str]| {
        let mut values = names.iter().filter_map(|name| machine.variable(name));
        values.next().map(str::to_owned)
    };
    const PROXIES: [&str; 6] = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    if value(&PROXIES).is_none() {
        return Well("none".to_owned());
    }
    let exceptions = value(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let exceptions: Vec<_> = exceptions.split(',').map(str::trim).collect();
    let is_direct = |host| exceptions.contains(&host) || exceptions.contains(&"*");
    if is_direct("localhost") && is_direct("127.0.0.1") {
        return Well("not for this machine itself".to_owned());
    }
    Stops(trouble(
        "one is set, and NO_PROXY names not both localhost and 127.0.0.1",
        "Calls to the sandbox and to the local AWS go to the proxy, which does not know them.",
        "Call `export NO_PROXY=localhost,127.0.0.1,::1`, and the same for no_proxy.",
    ))
}

fn certificates(machine: &Machine) -> Finding {
    if let Some(file) = machine.missing_files.first() {
        let is_it = |name: &&&str| machine.variable(name) == file.to_str();
        let name = CERTIFICATE_VARIABLES
            .iter()
            .find(is_it)
            .unwrap_or(&"a variable");
        return Stops(trouble(
            format!("{name} names {}, which is not there", file.display()),
            "pip, npm or cargo refuse every certificate, and no tool can be fetched.",
            format!("Correct {name}, or unset it."),
        ));
    }
    let set: Vec<_> = CERTIFICATE_VARIABLES
        .into_iter()
        .filter(|name| machine.variable(name).is_some())
        .collect();
    let (proxy, pip) = (
        machine
            .variable("HTTPS_PROXY")
            .or(machine.variable("https_proxy")),
        ["PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"],
    );
    if proxy.is_some() && !set.iter().any(|name| pip.contains(name)) {
        return Hinders(trouble(
            "a proxy for https is set, and no certificates for pip",
            "If the proxy signs for the sites that it fetches from, pip ends with CERTIFICATE_VERIFY_FAILED.",
            "Then set PIP_CERT (pip), NODE_EXTRA_CA_CERTS (npm) and CARGO_HTTP_CAINFO (cargo) to its certificate.",
        ));
    }
    match set.is_empty() {
        true => Well("the usual ones".to_owned()),
        false => Well(format!("of {}", set.join(", "))),
    }
}

/// What the environment says of AWS: what the SDK heeds before `AWS_ENDPOINT_URL` and what it takes along.
fn aws_variables(machine: &Machine) -> Finding {
    const MEANS: &str =
        "Functions of the sandbox would use a real account, with a sign-in that everybody knows.";
    let addresses = machine.environment.keys();
    let mut addresses = addresses.filter(|name| name.starts_with("AWS_ENDPOINT_URL"));
    let is_real = |name: &&String| machine.variable(name).is_some_and(is_of_aws);
    if let Some(name) = addresses.clone().find(is_real) {
        let seen = format!("{name} is an address of AWS");
        return Stops(trouble(seen, MEANS, format!("Unset {name}.")));
    }
    let ignored = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
    if machine
        .variable(ignored)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        let seen = format!("{ignored} is true");
        return Stops(trouble(seen, MEANS, format!("Unset {ignored}.")));
    }
    let is_of_one_service =
        |name: &&String| name.starts_with("AWS_ENDPOINT_URL_") && machine.variable(name).is_some();
    if let Some(name) = addresses.find(is_of_one_service) {
        return Hinders(trouble(
            format!("{name} is set"),
            "It goes before AWS_ENDPOINT_URL, so that one service is not the local AWS's.",
            format!("Unset {name}, unless you mean it."),
        ));
    }
    if let Some(profile) = machine.variable("AWS_PROFILE") {
        return Hinders(trouble(
            format!("AWS_PROFILE is {profile}"),
            "Its settings reach the tools of the sandbox, and those in Python end when there is no such profile.",
            "Unset AWS_PROFILE in this shell.",
        ));
    }
    let key = machine.variable("AWS_ACCESS_KEY_ID").unwrap_or_default();
    // Keys of AWS begin so: those of a user, and those for a while.
    if key.starts_with("AKIA") || key.starts_with("ASIA") {
        return Hinders(trouble(
            "AWS_ACCESS_KEY_ID is a key of a real account",
            "The functions of the sandbox get it, where one of any letters will do.",
            "Use a shell without credentials, or unset AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.",
        ));
    }
    Well("none that leads to a real account".to_owned())
}

fn is_of_aws(address: &str) -> bool {
    address.contains(".amazonaws.com") || address.contains(".api.aws")
}

fn endpoint(machine: &Machine) -> Finding {
    let Some(url) = machine.variable("AWS_ENDPOINT_URL") else {
        return Well("not set: the sandbox starts a local AWS of its own".to_owned());
    };
    const REMEDY: &str =
        "Start a local AWS there (infra/docs/local.md), or unset AWS_ENDPOINT_URL.";
    let Some(endpoint) = &machine.endpoint else {
        let means = "The sandbox uses what the variable names and starts nothing. \
                     LocalStack later than 4.14 ends at once without the token of an account.";
        return Stops(trouble(format!("nothing answers at {url}"), means, REMEDY));
    };
    let Some(services) = &endpoint.services else {
        let means = "Making tables and keys there will fail.";
        return Stops(trouble(format!("{url} is no local AWS"), means, REMEDY));
    };
    let lacks = |service: &&&str| !services.iter().any(|there| there == **service);
    let missing: Vec<_> = SERVICES.iter().filter(lacks).copied().collect();
    if !missing.is_empty() {
        let seen = format!("{url} is a local AWS without {}", missing.join(", "));
        let remedy = "Start it with these services (LocalStack: SERVICES).";
        return Stops(trouble(
            seen,
            "Making tables and keys there will fail.",
            remedy,
        ));
    }
    Well(format!("a local AWS answers at {url}"))
}

fn clock(machine: &Machine) -> Finding {
    if let Some(seconds) = machine.file_from_the_future_seconds
        && seconds > CLOCK_SECONDS_MAX
    {
        return Hinders(trouble(
            format!("a file of the workspace is {seconds} s younger than now"),
            "Cargo builds again and again, and nothing that checks certificates trusts them.",
            "Set the clock, and `touch` the files if they are wrong.",
        ));
    }
    let endpoint = machine.endpoint.as_ref();
    match endpoint.and_then(|endpoint| endpoint.clock_seconds) {
        Some(seconds) if seconds > CLOCK_SECONDS_MAX => Hinders(trouble(
            format!("the local AWS's clock is {seconds} s off"),
            "Tokens and sign-ins end too early or too late. A container's clock stands still while the machine sleeps.",
            "Start Docker's virtual machine again.",
        )),
        _ => Well("as files and services have it".to_owned()),
    }
}

fn line_ends(machine: &Machine) -> Finding {
    match machine.windows_line_ends.first() {
        None => Well("of Unix".to_owned()),
        Some(file) => Hinders(trouble(
            format!("{file} has those of Windows"),
            "Scripts end with \"bad interpreter\", and LocalStack does not run its hook.",
            "Commit your changes, call `git config core.autocrlf false`, then `git rm -rq --cached . && git reset --hard`.",
        )),
    }
}

#[cfg(test)]
mod tests;
