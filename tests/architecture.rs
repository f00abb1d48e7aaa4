//! The invariants of `infra/docs/architecture.md`, read from the sources.

use std::fs;
use std::path::{Path, PathBuf};

use crate::secrets::files_below;

/// The crates of ours that neither a function nor `bluebutton` is made of.
const NO_FUNCTIONS: [&str; 5] = ["acceptance", "bluebutton-admin", "stand", "trials", "xtask"];

#[test]
fn functions_depend_on_the_shared_crate_and_never_on_each_other() {
    let functions = functions();
    let ours = || functions.iter().map(String::as_str).chain(NO_FUNCTIONS);
    for function in &functions {
        let dependencies = dependencies(&format!("functions/{function}"));
        for other in ours().filter(|other| other != function) {
            let is_there = depends_on(&dependencies, other);
            assert!(!is_there, "{function} depends on {other}");
        }
    }
    let dependencies = dependencies("shared");
    for other in ours() {
        let is_there = depends_on(&dependencies, other);
        assert!(!is_there, "bluebutton depends on {other}");
    }
}

#[test]
fn the_claims_code_knows_neither_aws_nor_lambda() {
    for folder in ["rif", "fhir", "mapping"] {
        for (path, text) in rust_files(&format!("shared/src/{folder}")) {
            // What a file does in its tests is not what it is made of.
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
            let words = [
                "aws_",
                "lambda_http",
                "lambda_runtime",
                "crate::store",
                "crate::http",
                "crate::config",
            ];
            for line in code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
            {
                for word in words {
                    assert!(!line.contains(word), "{}: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn xtask_depends_on_neither_the_sdk_nor_the_claims_code() {
    let manifest = read("infra/xtask/Cargo.toml");
    for banned in ["aws-", "bluebutton", "tokio", "lambda_"] {
        let dependency = manifest.lines().find(|line| line.starts_with(banned));
        assert_eq!(dependency, None);
    }
}

/// With `abort` a panic would end the function and everything that it does at the time, and no caller had a request id.
#[test]
fn a_panic_unwinds_in_every_profile() {
    let manifest = read("Cargo.toml");
    let set: Vec<_> = manifest
        .lines()
        .filter(|line| line.starts_with("panic"))
        .collect();
    // cargo-lambda sets `abort` in a release that says nothing of it.
    assert_eq!(set, ["panic = \"unwind\""]);
    let (_, release) = manifest.split_once("[profile.release]\n").unwrap();
    let release = release.split("\n[").next().unwrap();
    assert!(release.contains(set[0]));
}

#[test]
fn every_main_is_wiring() {
    for function in functions() {
        let lines = read(&format!("functions/{function}/src/main.rs"))
            .lines()
            .count();
        assert!(lines < 25, "{function} has {lines} lines in main.rs");
    }
}

/// The loop that turns a panic into an answer (`http::serve`), or what does the same around the work of a run.
#[test]
fn no_panic_gets_out_of_a_function() {
    for function in functions() {
        let main = read(&format!("functions/{function}/src/main.rs"));
        let handler = read(&format!("functions/{function}/src/lib.rs"));
        let is_caught = main.contains("http::serve(")
            || ["runs::run(", "http::or_panic("]
                .iter()
                .any(|catches| handler.contains(catches));
        assert!(is_caught, "{function}");
    }
}

/// Packages that may not be locked, with how their versions begin: the old TLS stack of the AWS SDK's default features,
/// which has known advisories, and OpenSSL. (ring is locked as an option of rustls that nobody takes.)
const BANNED_PACKAGES: [(&str, &str); 6] = [
    ("hyper", "0.14."),
    ("h2", "0.3."),
    ("rustls", "0.21."),
    ("openssl", ""),
    ("openssl-sys", ""),
    ("native-tls", ""),
];

#[test]
fn the_lock_file_holds_no_banned_package_and_nothing_from_elsewhere() {
    let check = |lock: &str, expected: &[&str]| assert_eq!(unwanted_packages(lock), expected);
    let lock = read("Cargo.lock");
    check(&lock, &[]);
    // The check itself, by what is planted.
    let registry = locked_packages(&lock)
        .find_map(|package| package.source)
        .expect("packages come from a registry");
    let with = |name: &str, version: &str, source: &str| {
        format!(
            "{lock}\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\n"
        )
    };
    check(&with("planted", "1.0.0", registry), &[]);
    check(&with("openssl", "0.10.80", registry), &["openssl 0.10.80"]);
    check(&with("hyper", "0.14.32", registry), &["hyper 0.14.32"]);
    check(
        &with("planted", "1.0.0", "git+https://git.example/planted"),
        &["planted 1.0.0"],
    );
    check(
        &with("planted", "1.0.0", "registry+https://registry.example"),
        &["planted 1.0.0"],
    );
}

/// The packages that are banned, or come from anywhere but the one registry that the first comes from.
fn unwanted_packages(lock: &str) -> Vec<String> {
    let registry = locked_packages(lock).find_map(|package| package.source);
    let registry = registry.expect("packages come from a registry");
    assert!(registry.starts_with("registry+"), "{registry}");
    let is_banned = |package: &Package| {
        BANNED_PACKAGES
            .iter()
            .any(|(name, version)| package.name == *name && package.version.starts_with(version))
    };
    locked_packages(lock)
        .filter(|package| is_banned(package) || package.source.is_some_and(|from| from != registry))
        .map(|package| format!("{} {}", package.name, package.version))
        .collect()
}

#[test]
fn every_test_and_file_that_the_invariants_name_is_there() {
    let page = read("infra/docs/architecture.md");
    let (_, invariants) = page.split_once("\n## Invariants\n").unwrap();
    let sources: String = rust_files("").into_iter().map(|(_, text)| text).collect();
    let mut tests = 0;
    for named in invariants.split('`').skip(1).step_by(2) {
        if named.contains('/') && named.ends_with(".rs") {
            assert!(root().join(named).is_file(), "{named}");
        } else if named.contains('_') && !named.contains(['/', '.']) {
            let is_there = sources.contains(&format!("fn {named}("));
            assert!(is_there, "{named}");
            tests += 1;
        }
    }
    assert!(tests > 0, "the page names no test");
}

#[test]
fn the_application_nests_the_template_of_the_sandbox() {
    assert!(read("template.yaml").contains("TemplateURL: infra/data.yaml"));
    assert!(read("infra/xtask/src/sandbox.rs").contains("\"infra/data.yaml\""));
}

#[test]
fn every_table_can_be_restored_and_is_neither_readable_nor_gone_by_accident() {
    const ASKED: [&str; 6] = [
        "DeletionPolicy: Retain",
        "UpdateReplacePolicy: Retain",
        "BillingMode: PAY_PER_REQUEST",
        "PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }",
        "DeletionProtectionEnabled: !If [IsSandbox, false, true]",
        "SSESpecification: { SSEEnabled: true, SSEType: KMS, KMSMasterKeyId: !Ref DataKey }",
    ];
    let template = read("infra/data.yaml");
    let (resources, _) = template
        .split_once("\nOutputs:")
        .expect("the template has outputs");
    let tables: Vec<_> = resources
        .split("\n    Type: ")
        .filter(|resource| resource.starts_with("AWS::DynamoDB::Table\n"))
        .collect();
    assert_eq!(
        tables.len(),
        resources.matches("AWS::DynamoDB::Table").count()
    );
    assert!(!tables.is_empty());
    for table in tables {
        for line in ASKED {
            assert!(table.contains(line), "{line} is missing in: {table}");
        }
    }
}

#[test]
fn no_role_has_a_wildcard() {
    let template = read("infra/access.yaml");
    let (_, text) = template
        .split_once("\nResources:\n")
        .expect("the template has resources");
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.contains("AllowedPattern:"))
    {
        let action = line.contains("Action:") && line.contains('*');
        // What stands in a log group and in a bucket has no name yet, nor has a key that a rotation will make. Of a
        // table's items those whose keys begin so are narrower than the table, which is named.
        let unnamed = [
            "Resource: \"*\"",
            ":log-group:",
            // The versions of a function that is named, and the deployments of a stack.
            ":function:",
            ":deploymentgroup:",
            ":s3:::",
            ":key/*\"",
            "${SigningKeys}next-*",
            "\"kms:ResourceAliases\"",
            "dynamodb:LeadingKeys",
        ];
        let resource = line.contains('*') && !unnamed.iter().any(|name| line.contains(name));
        assert!(!action && !resource, "{line}");
    }
    // The two actions of X-Ray, and the one that makes a key, are those that AWS knows no resource of.
    let traces =
        "Action: [xray:PutTraceSegments, xray:PutTelemetryRecords]\n            Resource: \"*\"\n";
    let made =
        "Action: kms:CreateKey\n                Resource: \"*\"\n                Condition:\n";
    assert_eq!(
        text.matches("Resource: \"*\"").count(),
        text.matches(traces).count() + text.matches(made).count()
    );
    for statement in text
        .split("- Sid:")
        .filter(|text| text.contains(":key/*\"") || text.contains(made))
    {
        let limits = limits_of_unnamed_keys(statement);
        assert!(
            limits.iter().all(|limit| statement.contains(limit)),
            "{statement}"
        );
    }
    // Who may scan reads the attributes that are named and no others, whatever it asks for.
    for statement in text
        .split("- Sid:")
        .filter(|text| text.contains("dynamodb:Scan"))
    {
        for limit in [
            r#""ForAllValues:StringEquals": { "dynamodb:Attributes": ["#,
            r#"StringEquals: { "dynamodb:Select": SPECIFIC_ATTRIBUTES }"#,
        ] {
            assert!(statement.contains(limit), "{statement}");
        }
    }
}

/// What limits the keys that a statement is about where it cannot name them: their aliases; for those that are not
/// there yet, their kind, and the tag that they get.
fn limits_of_unnamed_keys(statement: &str) -> &'static [&'static str] {
    const SIGNS: &str = "kms:KeyUsage: SIGN_VERIFY";
    const KIND: &str = "kms:KeySpec: ECC_NIST_P256";
    const REGIONS: &str = "Bool: { kms:MultiRegion: true }";
    const TAG: &str = "aws:RequestTag/SigningKeys: !Ref SigningKeys";
    match statement.split("Action: ").nth(1) {
        Some(action) if action.starts_with("kms:CreateKey\n") => &[SIGNS, KIND, REGIONS, TAG],
        Some(action)
            if action.starts_with("kms:CreateAlias\n")
                || action.starts_with("kms:GetPublicKey\n") =>
        {
            &[SIGNS, KIND, REGIONS]
        }
        Some(action) if action.starts_with("kms:TagResource\n") => &[
            TAG,
            "ForAllValues:StringEquals: { aws:TagKeys: [SigningKeys] }",
        ],
        _ => &[r#"{ "kms:ResourceAliases": !Sub "${SigningKeys}*" }"#],
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn functions() -> Vec<String> {
    let entries = fs::read_dir(root().join("functions")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

pub(crate) fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let files = files_below(root().join(folder)).into_iter();
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    files.filter(is_rust).map(read).collect()
}

fn depends_on(dependencies: &str, name: &str) -> bool {
    dependencies
        .lines()
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .any(|dependency| dependency == name)
}

/// What a crate is made of, without what only its tests use.
fn dependencies(folder: &str) -> String {
    let manifest = read(&format!("{folder}/Cargo.toml"));
    let section = manifest
        .split("\n[")
        .find_map(|section| section.strip_prefix("dependencies]"));
    section.unwrap_or_default().to_owned()
}

/// A package of a lock file; one of this workspace has no source.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    source: Option<&'a str>,
}

fn locked_packages(lock: &str) -> impl Iterator<Item = Package<'_>> {
    lock.split("[[package]]\n").filter_map(|text| {
        let value = |name: &str| {
            let mut values = text
                .lines()
                .filter_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
            values.next().map(|value| value.trim_matches('"'))
        };
        Some(Package {
            name: value("name")?,
            version: value("version")?,
            source: value("source"),
        })
    })
}
