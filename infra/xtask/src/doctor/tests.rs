use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use super::machine::Endpoint;
use super::*;

/// A machine on which everything is well.
fn healthy() -> Machine {
    Machine {
        programs: [
            ("rustc", "rustc 1.95.0 (2026-04-14)"),
            ("cc", "cc (Debian 14.2.0) 14.2.0"),
        ]
        .map(|(program, version)| (program, version.to_owned()))
        .into(),
        rust_min: "1.95".to_owned(),
        pythons: [("python3", "3 13\n".to_owned())].into(),
        target: PathBuf::from("/home/dev/api/target"),
        free_megabytes: Some(90_000),
        mounts: "/dev/sda1 / ext4 rw,relatime 0 0\ntmpfs /tmp tmpfs rw,noexec 0 0\n".to_owned(),
        memory_megabytes: Some(8_000),
        files_max: Some(1_048_576),
        watches_max: Some(60_000),
        localhost: vec![
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V4(Ipv4Addr::LOCALHOST),
        ],
        ..Machine::default()
    }
}

#[derive(Debug, PartialEq)]
enum Sign {
    Well,
    Hinders,
    Stops,
}

fn sign(finding: &Finding) -> Sign {
    match finding {
        Well(_) => Sign::Well,
        Hinders(_) => Sign::Hinders,
        Stops(_) => Sign::Stops,
    }
}

fn set(machine: &mut Machine, name: &str, value: &str) {
    machine
        .environment
        .insert(name.to_owned(), value.to_owned());
}

fn answered(machine: &mut Machine, services: Option<&[&str]>, clock_seconds: u64) {
    set(machine, "AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    machine.endpoint = Some(Endpoint {
        services: services.map(names),
        clock_seconds: Some(clock_seconds),
    });
}

/// A trouble: what it is, how it is planted, the check that finds it, what that says and what stands in the line.
type Planted = (&'static str, fn(&mut Machine), Sign, &'static str);

#[test]
fn finds_each_trouble_and_nothing_else() {
    use Sign::{Hinders, Stops, Well};
    let table: Vec<Planted> = vec![
        (
            "Rust",
            |m| drop(m.programs.remove("rustc")),
            Stops,
            "https://rustup.rs",
        ),
        (
            "Rust",
            |m| drop(m.programs.insert("rustc", "rustc 1.94.2 (x)".into())),
            Stops,
            "older than 1.95",
        ),
        (
            "Rust",
            |m| drop(m.programs.insert("rustc", "rustc 1.9.0".into())),
            Stops,
            "older than 1.95",
        ),
        (
            "Rust",
            |m| drop(m.programs.insert("rustc", "rustc 2.0.0-nightly".into())),
            Well,
            "2.0.0",
        ),
        (
            "C compiler",
            |m| drop(m.programs.remove("cc")),
            Stops,
            "build-essential",
        ),
        ("Python", |m| m.pythons.clear(), Stops, "Python is missing"),
        (
            "Python",
            |m| m.pythons = [("python3", String::new())].into(),
            Stops,
            "python3-venv",
        ),
        (
            "Python",
            |m| m.pythons = [("python3", "3 9\n".into())].into(),
            Stops,
            "3.9 is too old",
        ),
        (
            "Python",
            |m| m.pythons = [("python", "3 12\n".into())].into(),
            Well,
            "python 3.12",
        ),
        (
            "Python",
            |m| m.pythons = [("python", String::new())].into(),
            Stops,
            "Python is missing",
        ),
        (
            "disk",
            |m| m.free_megabytes = Some(4_999),
            Stops,
            "CARGO_TARGET_DIR",
        ),
        ("disk", |m| m.free_megabytes = None, Well, "cannot tell"),
        (
            "folder for what is built",
            |m| m.target = "/tmp/target".into(),
            Stops,
            "noexec",
        ),
        (
            "folder for what is built",
            |m| m.target = "/tmpfs/target".into(),
            Well,
            "ext4",
        ),
        (
            "folder for what is built",
            |m| m.mounts += "C: /home/dev 9p rw 0 0\n",
            Hinders,
            "(9p)",
        ),
        (
            "folder for what is built",
            |m| m.mounts.clear(),
            Well,
            "/home/dev/api/target",
        ),
        (
            "build target",
            |m| set(m, "CARGO_BUILD_TARGET", "x86_64-unknown-linux-musl"),
            Stops,
            "Unset",
        ),
        (
            "build target",
            |m| set(m, "RUSTFLAGS", "-Ctarget-cpu=native"),
            Hinders,
            "SIGILL",
        ),
        (
            "memory",
            |m| m.memory_megabytes = Some(1_999),
            Hinders,
            "CARGO_BUILD_JOBS=1",
        ),
        (
            "memory",
            |m| m.memory_megabytes = None,
            Well,
            "does not tell",
        ),
        (
            "open files",
            |m| m.files_max = Some(256),
            Hinders,
            "ulimit -n 1024",
        ),
        ("open files", |m| m.files_max = None, Well, "no limit"),
        (
            "watched folders",
            |m| m.watches_max = Some(8_191),
            Hinders,
            "sysctl",
        ),
        (
            "port 8000",
            |m| {
                drop(
                    m.listeners
                        .insert(8000, "python3 (process 7), at ::1".into()),
                )
            },
            Stops,
            "process 7",
        ),
        (
            "port 4566",
            |m| drop(m.listeners.insert(4566, "docker-proxy (process 7)".into())),
            Hinders,
            "process 7",
        ),
        ("localhost", |m| m.localhost.clear(), Stops, "/etc/hosts"),
        ("localhost", |m| m.localhost.truncate(1), Stops, "[::1]"),
        (
            "proxy",
            |m| set(m, "http_proxy", "http://proxy.example:3128"),
            Stops,
            "NO_PROXY=localhost,127.0.0.1",
        ),
        (
            "certificates",
            |m| {
                set(m, "HTTPS_PROXY", "http://proxy.example:3128");
                set(m, "NO_PROXY", "*");
            },
            Hinders,
            "PIP_CERT",
        ),
        (
            "certificates",
            |m| {
                set(m, "PIP_CERT", "/etc/company.pem");
                m.missing_files.push("/etc/company.pem".into());
            },
            Stops,
            "PIP_CERT names /etc/company.pem",
        ),
        (
            "certificates",
            |m| {
                set(m, "HTTPS_PROXY", "http://proxy.example:3128");
                set(m, "NO_PROXY", "internal.example, localhost, 127.0.0.1");
                set(m, "PIP_CERT", "/etc/company.pem");
            },
            Well,
            "PIP_CERT",
        ),
        (
            "AWS variables",
            |m| set(m, "AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8001"),
            Hinders,
            "Unset AWS_ENDPOINT_URL_DYNAMODB",
        ),
        (
            "AWS variables",
            |m| set(m, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True"),
            Stops,
            "Unset",
        ),
        (
            "AWS variables",
            |m| set(m, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"),
            Well,
            "none",
        ),
        (
            "AWS variables",
            |m| set(m, "AWS_PROFILE", "prod"),
            Hinders,
            "AWS_PROFILE is prod",
        ),
        (
            "AWS variables",
            |m| set(m, "AWS_ACCESS_KEY_ID", "ASIA0"),
            Hinders,
            "AWS_SESSION_TOKEN",
        ),
        (
            "AWS variables",
            |m| set(m, "AWS_ACCESS_KEY_ID", "test"),
            Well,
            "none",
        ),
        (
            "AWS_ENDPOINT_URL",
            |m| set(m, "AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
            Stops,
            "nothing answers",
        ),
        (
            "AWS_ENDPOINT_URL",
            |m| answered(m, None, 0),
            Stops,
            "is no local AWS",
        ),
        (
            "AWS_ENDPOINT_URL",
            |m| answered(m, Some(&["dynamodb", "kms"]), 0),
            Stops,
            "without cloudformation, secretsmanager",
        ),
        (
            "AWS_ENDPOINT_URL",
            |m| answered(m, Some(&SERVICES), 0),
            Well,
            "answers at http://127.0.0.1:4566",
        ),
        (
            "port 4566",
            |m| {
                answered(m, Some(&SERVICES), 0);
                m.listeners.insert(4566, "docker-proxy (process 7)".into());
            },
            Well,
            "docker-proxy",
        ),
        (
            "clock",
            |m| answered(m, Some(&SERVICES), 31),
            Hinders,
            "31 s off",
        ),
        (
            "clock",
            |m| m.file_from_the_future_seconds = Some(3_600),
            Hinders,
            "3600 s younger",
        ),
        (
            "clock",
            |m| m.file_from_the_future_seconds = Some(1),
            Well,
            "",
        ),
        (
            "line ends",
            |m| m.windows_line_ends.push("README.md"),
            Hinders,
            "core.autocrlf",
        ),
    ];
    let mut found = vec![];
    for (at, plant, expected, word) in &table {
        let mut machine = healthy();
        plant(&mut machine);
        for (what, check) in CHECKS {
            let finding = check(&machine);
            let line = line(what, &finding);
            if what == *at {
                assert_eq!(sign(&finding), *expected, "{line}");
                assert!(line.contains(word), "{word} is not in {line}");
            } else {
                assert_eq!(sign(&finding), Well, "planted for {at}: {line}");
            }
        }
        found.push(*at);
    }
    for (what, _) in CHECKS {
        assert!(found.contains(&what), "nothing is planted for {what}");
    }
}

#[test]
fn a_machine_on_which_all_is_well_has_no_trouble() {
    for (what, check) in CHECKS {
        let finding = check(&healthy());
        assert_eq!(sign(&finding), Sign::Well, "{}", line(what, &finding));
    }
}

#[test]
fn no_sandbox_is_made_in_an_account() {
    for (name, address) in [
        (
            "AWS_ENDPOINT_URL",
            "https://dynamodb.us-east-1.amazonaws.com",
        ),
        ("AWS_ENDPOINT_URL", "https://dynamodb.us-east-1.api.aws"),
        (
            "AWS_ENDPOINT_URL_KMS",
            "https://kms.cn-north-1.amazonaws.com.cn",
        ),
    ] {
        let mut machine = healthy();
        set(&mut machine, name, address);
        let finding = aws_variables(&machine);
        assert_eq!(
            sign(&finding),
            Sign::Stops,
            "{}",
            line("AWS variables", &finding)
        );
    }
}
