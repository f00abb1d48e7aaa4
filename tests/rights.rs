//! Least privilege, proven: what the functions asked of AWS through the whole run, against what their deployed policies
//! grant, in both directions. The last step of `cargo xtask test`, after the suite and the deployment check.
//!
//! A recording is a folder: `calls.log`, a line for each kind of call that a function made
//! (tests/stand/src/recorder.rs);
//! `names.json`, the outputs of the stack, by which tables, secrets and keys of different stacks are the same; and of the
//! deployed application also `granted.json`, the statements of its roles.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

/// Rights that no function uses by a call of its own, and why they are granted.
const ON_BEHALF: &[(&str, &str)] = &[
    (
        "logs:CreateLogStream",
        "Lambda writes what a function prints with the function's role.",
    ),
    (
        "logs:PutLogEvents",
        "Lambda writes what a function prints with the function's role.",
    ),
    (
        "xray:PutTraceSegments",
        "Lambda sends traces with the function's role.",
    ),
    (
        "xray:PutTelemetryRecords",
        "Lambda sends traces with the function's role.",
    ),
    (
        "sqs:SendMessage",
        "Lambda hands over what the function gave up, with the function's role.",
    ),
    (
        "kms:GenerateDataKey",
        "SQS and Secrets Manager encrypt what they are given, with the right of the sender.",
    ),
    (
        "iam:CreateServiceLinkedRole",
        "KMS makes the role that keeps copies of keys equal, with the right of whoever makes such a key.",
    ),
    (
        "kms:Decrypt",
        "DynamoDB, Secrets Manager, S3 and SQS decrypt with their caller's right; a local AWS asks nobody.",
    ),
];

/// The bucket of `events/ingest_*.json`, which the suite makes on its sandbox in place of the template's.
const BUCKET_OF_EVENTS: (&str, &str) = ("bluebutton-rif", "RifBucket");

/// What the recorder calls a key that has neither a name nor an alias yet (tests/stand/src/recorder.rs).
const NEW_KEY: &str = "a new key";
/// The action on keys that are known by their kind, whether they have an alias or not.
const PUBLIC_KEY: &str = "kms:GetPublicKey";
const SIGNING_KIND: &str = "keys that sign";

/// Conditions on what a request would make. They say what a right is for, and the architecture test that they are
/// there; the recorder does not note them.
const OF_WHAT_IS_MADE: &[(&str, &str)] = &[
    ("StringEquals", "kms:KeySpec"),
    ("StringEquals", "kms:KeyUsage"),
    ("Bool", "kms:MultiRegion"),
    ("StringEquals", "aws:RequestTag/SigningKeys"),
    ("ForAllValues:StringEquals", "aws:TagKeys"),
];

/// What a statement allows, one action on one resource at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    function: String,
    action: String,
    resource: String,
    only: Option<Condition>,
}

/// Where a right ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Condition {
    /// Items whose key fits this: each pattern of a statement is a right of its own, which has to be used.
    Keys(String),
    /// Reads that name no attribute but these.
    Attributes(BTreeSet<String>),
}

/// A call that a function made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    function: String,
    action: String,
    resource: String,
    leading: Option<String>,
    attributes: Option<BTreeSet<String>>,
}

/// What the templates call resources, by what AWS calls them.
struct Names(BTreeMap<String, String>);

/// Where policies and calls differ.
#[derive(Debug, Default, PartialEq, Eq)]
struct Differences {
    missing: Vec<String>,
    unused: Vec<String>,
}

impl Names {
    /// From the outputs of a stack.
    fn of(outputs: &Value) -> Self {
        let outputs = outputs.as_object().into_iter().flatten();
        let pair =
            |(name, value): (&String, &Value)| Some((value.as_str()?.to_owned(), name.clone()));
        let (bucket, name) = BUCKET_OF_EVENTS;
        let ours = [(bucket.to_owned(), name.to_owned())];
        Self(outputs.filter_map(pair).chain(ours).collect())
    }

    /// The template's name of a resource, or the resource itself if it has none. The keys that sign have one name
    /// together: the beginning of their aliases.
    fn name(&self, resource: &str) -> String {
        if let Some(name) = self.0.get(resource) {
            return name.clone();
        }
        let mut prefixes = self
            .0
            .iter()
            .filter(|(value, _)| value.starts_with("alias/"));
        let prefix = prefixes.find(|(value, _)| resource.starts_with(*value));
        prefix.map_or_else(|| resource.to_owned(), |(_, name)| name.clone())
    }
}

impl Right {
    fn allows(&self, call: &Call) -> bool {
        let same = self.function == call.function
            && self.action == call.action
            && fits(&self.resource, &call.resource);
        same && self
            .only
            .as_ref()
            .is_none_or(|condition| condition.holds(call))
    }
}

impl Condition {
    fn holds(&self, call: &Call) -> bool {
        match self {
            Self::Keys(pattern) => call
                .leading
                .as_ref()
                .is_some_and(|kind| fits(pattern, kind)),
            Self::Attributes(allowed) => {
                let named = call.attributes.as_ref();
                named.is_some_and(|named| named.is_subset(allowed))
            }
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(pattern) => write!(f, "keys {pattern}"),
            Self::Attributes(names) => {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                write!(f, "attributes {}", names.join(", "))
            }
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.function, self.action, self.resource)?;
        if let Some(leading) = &self.leading {
            write!(f, " {leading}")?;
        }
        self.attributes
            .iter()
            .flatten()
            .try_for_each(|name| write!(f, " {name}"))
    }
}

impl Display for Right {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.function, self.action, self.resource)?;
        self.only
            .iter()
            .try_for_each(|condition| write!(f, " ({condition})"))
    }
}

/// Whether a text is what a pattern of IAM describes, in which stars stand for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((beginning, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(beginning) else {
        return false;
    };
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.any(|at| fits(rest, &text[at..]))
}

/// The rights of the functions by their statements, without those that are used on their behalf.
fn rights(granted: &Value, names: &Names) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for (function, statements) in granted.as_object().expect("statements by function") {
        for statement in statements.as_array().expect("a list of statements") {
            for action in words(&statement["Action"]) {
                if ON_BEHALF.iter().any(|(known, _)| *known == action) {
                    continue;
                }
                let conditions = statement["Condition"].as_object();
                let (keys, only) = conditions.map_or((Vec::new(), vec![None]), condition);
                let resources = match keys.is_empty() {
                    true => words(&statement["Resource"])
                        .iter()
                        .map(|arn| resource(arn))
                        .collect(),
                    false => keys,
                };
                rights.extend(resources.iter().flat_map(|resource| {
                    let right = Right {
                        function: function.clone(),
                        resource: names.name(known_by(&action, resource)),
                        action: action.clone(),
                        only: None,
                    };
                    let limited = |only: &Option<Condition>| Right {
                        only: only.clone(),
                        ..right.clone()
                    };
                    only.iter().map(limited).collect::<Vec<_>>()
                }));
            }
        }
    }
    rights
}

/// What a statement's condition names: the aliases that stand for keys, and where its rights end, of which there is one
/// at least.
fn condition(condition: &serde_json::Map<String, Value>) -> (Vec<String>, Vec<Option<Condition>>) {
    let (mut aliases, mut only) = (Vec::new(), vec![None]);
    for (operator, values) in condition {
        for (key, values) in values.as_object().expect("keys of a condition") {
            let values: BTreeSet<_> = words(values).into_iter().collect();
            match (operator.as_str(), key.as_str()) {
                ("ForAnyValue:StringLike", "kms:ResourceAliases") => {
                    let beginnings = values
                        .iter()
                        .map(|word| word.trim_end_matches('*').to_owned());
                    aliases.extend(beginnings);
                }
                (
                    "ForAllValues:StringLike" | "ForAllValues:StringEquals",
                    "dynamodb:LeadingKeys",
                ) => {
                    only = values
                        .into_iter()
                        .map(|word| Some(Condition::Keys(word)))
                        .collect()
                }
                ("ForAllValues:StringEquals", "dynamodb:Attributes") => {
                    only = vec![Some(Condition::Attributes(values))]
                }
                // A read that takes all attributes names none, and is refused by the list of attributes.
                ("StringEquals" | "StringEqualsIfExists", "dynamodb:Select") => {}
                known if OF_WHAT_IS_MADE.contains(&known) => {}
                unknown => panic!("a condition that this comparison does not know: {unknown:?}"),
            }
        }
    }
    (aliases, only)
}

/// What AWS calls the resource of an ARN: the table, the bucket, the queue, the end of those with patterns; secrets are
/// known by their ARNs.
fn resource(arn: &str) -> String {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    match parts[..] {
        [_, _, "dynamodb", _, _, table] => table.trim_start_matches("table/").to_owned(),
        [_, _, "lambda" | "codedeploy", _, _, named] => named.to_owned(),
        [_, _, "s3", _, _, objects] => objects.trim_end_matches("/*").to_owned(),
        // Keys that are there are known by their aliases, so what is left are those that are not.
        [_, _, "kms", _, _, "key/*"] | ["*"] => NEW_KEY.to_owned(),
        [_, _, "kms", _, _, alias] if alias.starts_with("alias/") => alias.to_owned(),
        _ => arn.to_owned(),
    }
}

/// The kind of a key where an action is allowed on a kind, else the resource itself.
fn known_by<'a>(action: &str, resource: &'a str) -> &'a str {
    match action {
        PUBLIC_KEY => SIGNING_KIND,
        _ => resource,
    }
}

/// A text, or a list of texts.
fn words(value: &Value) -> Vec<String> {
    let one = value.as_str().into_iter();
    let many = value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    one.chain(many).map(str::to_owned).collect()
}

fn call(line: &str, names: &Names) -> Call {
    let call: Value = serde_json::from_str(line).expect("a line of a recording");
    let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
    let action = text("action");
    Call {
        function: text("program"),
        resource: names.name(known_by(&action, &text("resource"))),
        action,
        leading: call["leading"].as_str().map(str::to_owned),
        attributes: call["attributes"]
            .as_array()
            .map(|_| words(&call["attributes"]).into_iter().collect()),
    }
}

/// What was asked for and is not granted, and what is granted and was not asked for.
fn compare(rights: &BTreeSet<Right>, calls: &BTreeSet<Call>) -> Differences {
    let is_allowed = |call: &&Call| rights.iter().any(|right| right.allows(call));
    let is_used = |right: &&Right| calls.iter().any(|call| right.allows(call));
    Differences {
        missing: calls
            .iter()
            .filter(|call| !is_allowed(call))
            .map(Call::to_string)
            .collect(),
        unused: rights
            .iter()
            .filter(|right| !is_used(right))
            .map(Right::to_string)
            .collect(),
    }
}

/// The table for people: each right with whether a call used it.
fn table(rights: &BTreeSet<Right>, calls: &BTreeSet<Call>) -> String {
    let mut table = "| function | action | on | only | used |\n|---|---|---|---|---|\n".to_owned();
    for right in rights {
        let only = right
            .only
            .as_ref()
            .map(Condition::to_string)
            .unwrap_or_default();
        let used = match calls.iter().any(|call| right.allows(call)) {
            true => "yes",
            false => "**no**",
        };
        let Right {
            function,
            action,
            resource,
            ..
        } = right;
        table += &format!("| {function} | {action} | {resource} | {only} | {used} |\n");
    }
    table
}

#[test]
fn every_function_holds_the_rights_that_it_used_and_no_others() {
    let Some(recordings) = env::var_os("BLUEBUTTON_RECORDINGS") else {
        eprintln!(
            "skipped: the last step of `cargo xtask test` (BLUEBUTTON_RECORDINGS is not set)"
        );
        return;
    };
    let folders: Vec<PathBuf> = env::split_paths(&recordings).collect();
    let read = |folder: &PathBuf, file: &str| fs::read_to_string(folder.join(file)).ok();
    let json =
        |text: String| serde_json::from_str::<Value>(&text).expect("a file of a recording is JSON");
    let (mut granted, mut calls) = (BTreeSet::new(), BTreeSet::new());
    for folder in &folders {
        let outputs = read(folder, "names.json").expect("names.json of a recording");
        let names = Names::of(&json(outputs));
        let recorded = read(folder, "calls.log").expect("calls.log of a recording");
        calls.extend(recorded.lines().map(|line| call(line, &names)));
        if let Some(statements) = read(folder, "granted.json") {
            granted = rights(&json(statements), &names);
        }
    }
    assert!(!granted.is_empty(), "no recording has granted.json");
    let Differences {
        missing,
        mut unused,
    } = compare(&granted, &calls);
    let table = table(&granted, &calls);
    eprintln!(
        "{table}\n{} rights, {} kinds of calls",
        granted.len(),
        calls.len()
    );
    let page = folders
        .last()
        .and_then(|folder| folder.parent())
        .unwrap()
        .join("rights.md");
    fs::write(page, table).unwrap();
    if env::var_os("BLUEBUTTON_WHOLE_RUN").is_none() {
        eprintln!("not the whole run: rights that it did not use are not counted");
        unused.clear();
    }
    assert!(
        missing.is_empty(),
        "asked for and not granted:\n{}",
        missing.join("\n")
    );
    assert!(
        unused.is_empty(),
        "granted and never used:\n{}",
        unused.join("\n")
    );
}

#[test]
fn the_comparison_finds_what_is_planted() {
    let names = Names::of(&json!({
        "Claims": "claims-1", "Transient": "transient-1", "Keys": "alias/stack/signing-", "Secret": "arn:secret",
    }));
    let table = |name: &str| format!("arn:aws:dynamodb:region:account:table/{name}");
    let granted = json!({"eob": [
        {"Action": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": table("claims-1")},
        {"Action": "dynamodb:UpdateItem", "Resource": [table("transient-1")],
         "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["requests#*", "revoked#*"]}}},
        {"Action": "kms:Sign", "Resource": "arn:aws:kms:region:account:key/*",
         "Condition": {"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/stack/signing-*"}}},
        {"Action": "secretsmanager:GetSecretValue", "Resource": "arn:secret"},
        {"Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:region:account:function:stack-eob:*"},
        {"Action": "kms:Decrypt", "Resource": "arn:key", "Condition": {"StringEquals": {"kms:ViaService": "x"}}},
    ]});
    let read = json!({"program": "eob", "action": "dynamodb:GetItem", "resource": "claims-1"});
    let query = json!({"program": "eob", "action": "dynamodb:Query", "resource": "claims-1"});
    let count = json!({"program": "eob", "action": "dynamodb:UpdateItem", "resource": "transient-1", "leading": "requests#"});
    let sign = json!({"program": "eob", "action": "kms:Sign", "resource": "alias/stack/signing-b"});
    let secret = json!({"program": "eob", "action": "secretsmanager:GetSecretValue", "resource": "arn:secret"});
    let revoke = json!({"program": "eob", "action": "dynamodb:UpdateItem", "resource": "transient-1", "leading": "revoked#"});
    let invoke = json!({"program": "eob", "action": "lambda:InvokeFunction", "resource": "function:stack-eob:7"});
    let all = [read, query, count, sign, secret, revoke, invoke];
    let check = |calls: &[Value], missing: &[&str], unused: &[&str]| {
        let calls = calls
            .iter()
            .map(|line| call(&line.to_string(), &names))
            .collect();
        let found = compare(&rights(&granted, &names), &calls);
        assert_eq!(
            (found.missing, found.unused),
            (owned(missing), owned(unused))
        );
    };
    check(&all, &[], &[]);
    // Granted and never used: whichever call is left out.
    for (left_out, unused) in [
        (0, "eob: dynamodb:GetItem Claims"),
        (1, "eob: dynamodb:Query Claims"),
        (2, "eob: dynamodb:UpdateItem Transient (keys requests#*)"),
        (3, "eob: kms:Sign Keys"),
        (4, "eob: secretsmanager:GetSecretValue Secret"),
        (5, "eob: dynamodb:UpdateItem Transient (keys revoked#*)"),
        (6, "eob: lambda:InvokeFunction function:stack-eob:*"),
    ] {
        let mut calls = all.to_vec();
        calls.remove(left_out);
        check(&calls, &[], &[unused]);
    }
    // Asked for and not granted: another action, table, kind of item, key, function.
    for (name, value, missing) in [
        (
            "action",
            "dynamodb:Scan",
            "eob: dynamodb:Scan Transient requests#",
        ),
        (
            "resource",
            "claims-1",
            "eob: dynamodb:UpdateItem Claims requests#",
        ),
        (
            "resource",
            "claims-2",
            "eob: dynamodb:UpdateItem claims-2 requests#",
        ),
        (
            "leading",
            "code#",
            "eob: dynamodb:UpdateItem Transient code#",
        ),
        (
            "program",
            "token",
            "token: dynamodb:UpdateItem Transient requests#",
        ),
    ] {
        let mut other = all[2].clone();
        other[name] = json!(value);
        check(&[&all[..], &[other]].concat(), &[missing], &[]);
    }
    for (index, resource, missing) in [
        (3, "alias/stack/data", "eob: kms:Sign alias/stack/data"),
        (
            6,
            "function:stack-token:7",
            "eob: lambda:InvokeFunction function:stack-token:7",
        ),
    ] {
        let mut other = all[index].clone();
        other["resource"] = json!(resource);
        check(&[&all[..], &[other]].concat(), &[missing], &[]);
    }
}

#[test]
fn a_star_of_a_pattern_stands_for_anything() {
    let check = |pattern: &str, text: &str, expected: bool| {
        assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
    };
    check("group:stack-*/*", "group:stack-app/stack-group", true);
    check("group:stack-*/*", "group:stack-app", false);
    check("group:stack-*/*", "group:other-app/stack-group", false);
    check("requests#*", "requests#", true);
    check("requests#*", "request#", false);
    check("a*c", "abcc", true);
    check("a*c", "abcd", false);
    check("health", "health", true);
    check("health", "health#", false);
}

#[test]
fn a_right_to_some_attributes_covers_reads_of_no_others() {
    let names = Names::of(&json!({"Claims": "claims-1"}));
    let granted = json!({"token": [{
        "Action": "dynamodb:GetItem", "Resource": "arn:aws:dynamodb:region:account:table/claims-1",
        "Condition": {
            "StringEquals": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
            "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk"]},
        },
    }]});
    let check = |attributes: Value, is_allowed: bool| {
        let line = json!({
            "program": "token", "action": "dynamodb:GetItem", "resource": "claims-1", "attributes": attributes,
        });
        let calls = [call(&line.to_string(), &names)].into();
        let found = compare(&rights(&granted, &names), &calls);
        assert_eq!(found.missing.is_empty(), is_allowed, "{line}");
    };
    check(json!(["pk", "sk"]), true);
    check(json!(["pk"]), true);
    check(json!(["d", "pk", "sk"]), false);
    check(Value::Null, false);
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
