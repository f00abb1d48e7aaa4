//! What no local AWS can show of the templates, read from their text: what a deployment asks, whom it tells, what it
//! stands behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::architecture::{functions, read};

/// `sam deploy --guided` asks for every parameter of the root template.
const QUESTIONS_MAX: usize = 5;

/// Every alarm, by what follows the stack's name. The budget is no alarm of CloudWatch, and has a page as well.
const ALARMS: [&str; 16] = [
    "audit-failures",
    "dead-letters",
    "firewall-blocks",
    "function-errors",
    "function-throttles",
    "key-errors",
    "latency",
    "old-keys",
    "provider-errors",
    "rejected-rows",
    "server-errors",
    "sign-in-lockouts",
    "stale-data",
    "store-throttles",
    "token-reuse",
    "unauthorized",
];

/// The templates: the root's, and those of `infra` that begin as one does. The routes are a part of one.
fn templates() -> Vec<String> {
    let entries = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files = names
        .filter(|name| name.ends_with(".yaml"))
        .map(|name| format!("infra/{name}"));
    let templates: Vec<_> = ["template.yaml".to_owned()]
        .into_iter()
        .chain(files)
        .filter(|file| read(file).starts_with("AWSTemplateFormatVersion"))
        .collect();
    assert!(templates.len() >= 5, "{templates:?}");
    templates
}

#[test]
fn the_guided_deployment_asks_five_questions_of_ours_and_each_has_a_default() {
    let template = read("template.yaml");
    let parameters = blocks(section(&template, "Parameters"));
    assert!(parameters.len() <= QUESTIONS_MAX, "{:?}", parameters.keys());
    for (name, text) in parameters {
        assert!(text.contains("\n    Default: "), "{name} has no default");
    }
}

#[test]
fn every_parameter_is_described_limited_and_grouped() {
    for file in &templates() {
        let template = read(file);
        let metadata = section(&template, "Metadata");
        for (name, text) in blocks(section(&template, "Parameters")) {
            assert!(text.contains("Description: "), "{file}: {name}");
            let limits = ["AllowedValues:", "AllowedPattern:", "Type: Number"];
            assert!(
                limits.iter().any(|limit| text.contains(limit)),
                "{file}: {name} takes anything"
            );
            let is_grouped = metadata
                .split([' ', ',', '[', ']', '\n'])
                .any(|word| word == name);
            assert!(is_grouped, "{file}: {name} is in no group");
        }
    }
}

/// A setting is written down three times: where it is read, in the pattern that it has to match, and in the page.
#[test]
fn every_setting_is_read_with_one_default_checked_and_explained() {
    let template = read("template.yaml");
    let (_, template) = template.split_once("\nParameters:\n").unwrap();
    let page = read("infra/docs/deploy.md");
    let (_, table) = page.split_once("## Settings").unwrap();
    let mut read = BTreeMap::new();
    for text in template.split("\",${Settings},").skip(1) {
        let (name, rest) = text.split_once('=').unwrap();
        let default = rest.split('"').next().unwrap();
        assert!(!default.is_empty(), "{name}: nothing is split");
        let default = default.trim_end_matches(',');
        let earlier = read.insert(name, default);
        let is_same = earlier.is_none_or(|earlier| earlier == default || default.contains('$'));
        assert!(
            is_same,
            "{name} has two defaults: {earlier:?} and {default}"
        );
    }
    let (_, pattern) = template.split_once("AllowedPattern: \"^((\\\n").unwrap();
    let (pattern, _) = pattern.split_once("\n      )(,|$))*$\"").unwrap();
    let checked: BTreeSet<_> = pattern
        .lines()
        .map(|line| line.trim().split('=').next().unwrap())
        .collect();
    let explained: BTreeSet<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .take(checked.len())
        .collect();
    assert_eq!(read.keys().copied().collect::<BTreeSet<_>>(), checked);
    assert_eq!(explained, checked);
    for (name, default) in read
        .iter()
        .filter(|(_, default)| !default.is_empty() && !default.contains('$'))
    {
        assert!(
            table.contains(&format!("| `{name}` | {default} |")),
            "{name} {default}"
        );
    }
}

#[test]
fn no_template_names_a_partition_an_account_or_a_region() {
    for file in templates().iter().chain(&["infra/routes.yaml".to_owned()]) {
        for line in read(file)
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
        {
            for named in [
                "arn:aws",
                "amazonaws.com/",
                "us-east-1",
                "us-west-2",
                "us-gov-west",
            ] {
                assert!(!line.contains(named), "{file}: {line}");
            }
        }
    }
}

#[test]
fn every_alarm_goes_to_the_topic_and_names_its_page() {
    let templates = ["infra/observability.yaml", "infra/edge.yaml"].map(read);
    let mut named = BTreeSet::new();
    for alarm in templates
        .iter()
        .flat_map(|text| resources(text, "AWS::CloudWatch::Alarm"))
    {
        let (_, name) = alarm.split_once("AlarmName: !Sub \"${Name}-").unwrap();
        let name = name.split('"').next().unwrap();
        for part in [
            &format!("What to do: infra/docs/runbooks/{name}.md"),
            "\n      AlarmActions: [!",
            "\n      OKActions: [!",
            "\n      TreatMissingData: ",
            "\n      EvaluationPeriods: ",
        ] {
            assert!(alarm.contains(part), "{name} has no {part}");
        }
        named.insert(name.to_owned());
    }
    assert_eq!(named, ALARMS.map(str::to_owned).into());
    assert!(read("infra/budget.yaml").contains("infra/docs/runbooks/budget.md"));
}

/// What comes first is cheapest and blocks most (the order of the rules is that of their priorities).
#[test]
fn the_firewall_lets_loopback_redirects_through_and_logs_nothing_personal() {
    const RULES: [&str; 9] = [
        "addresses-of-bad-repute",
        "sign-ins-of-one-address",
        "token-requests-of-one-address",
        "requests-of-one-address",
        "bodies-beyond-a-form",
        "common-attacks",
        "urls-where-no-redirect-uri-belongs",
        "queries-beyond-any-request",
        "known-bad-inputs",
    ];
    let template = read("infra/edge.yaml");
    let rules: Vec<_> = template.split("\n        - Name: ").skip(1).collect();
    let names: Vec<_> = rules
        .iter()
        .filter_map(|rule| rule.lines().next())
        .collect();
    assert_eq!(names, RULES);
    for (priority, rule) in rules.iter().enumerate() {
        assert!(rule.contains(&format!("Priority: {priority}\n")), "{rule}");
    }
    for part in [
        "{ Name: GenericRFI_QUERYARGUMENTS, ActionToUse: { Count: {} } }",
        "{ Name: EC2MetaDataSSRF_QUERYARGUMENTS, ActionToUse: { Count: {} } }",
        "FieldToMatch: { Body: { OversizeHandling: MATCH } }",
        "- SingleHeader: { Name: authorization }",
        "- SingleHeader: { Name: cookie }",
        "- QueryString: {}",
        "- UriPath: {}",
        "SampledRequestsEnabled: false",
    ] {
        assert!(template.contains(part), "{part}");
    }
    assert!(!template.contains("SampledRequestsEnabled: true"));
}

/// A path holds a beneficiary's id and a query string codes: neither stands in a log or a trace of the gateway.
#[test]
fn the_gateway_writes_the_route_of_a_call_and_nothing_that_it_holds() {
    let template = read("template.yaml");
    let api = resources(&template, "AWS::Serverless::Api");
    let (_, format) = api[0].split_once("Format: >-").unwrap();
    let (format, _) = format.split_once("\n      # ").unwrap();
    let variables: BTreeSet<_> = format
        .split("$context.")
        .skip(1)
        .map(|text| text.split(['"', ',']).next().unwrap())
        .collect();
    let allowed = [
        "error.responseType",
        "httpMethod",
        "integration.integrationStatus",
        "integration.latency",
        "requestId",
        "requestTimeEpoch",
        "resourcePath",
        "responseLatency",
        "responseLength",
        "status",
        "wafResponseCode",
    ];
    assert_eq!(variables, allowed.into());
    for part in [
        "TracingEnabled: false",
        "DataTraceEnabled: false",
        "LoggingLevel: \"OFF\"",
    ] {
        assert!(api[0].contains(part), "{part}");
    }
    assert!(template.contains("\n    Tracing: Active\n"));
}

#[test]
fn every_log_is_encrypted_and_ends() {
    for file in ["infra/access.yaml", "infra/edge.yaml"] {
        let template = read(file);
        let logs = resources(&template, "AWS::Logs::LogGroup");
        assert!(!logs.is_empty());
        for log in logs {
            assert!(
                log.contains("\n      RetentionInDays: !Ref LogRetentionDays\n"),
                "{log}"
            );
            assert!(log.contains("\n      KmsKeyId: !Ref DataKey\n"), "{log}");
        }
    }
}

/// CodeDeploy may call a function whose name begins so, and none else.
#[test]
fn a_new_version_comes_in_after_the_check_and_goes_out_by_the_alarms_of_callers() {
    const ALARMS_OF_A_ROLLOUT: [&str; 3] = ["server-errors", "latency", "audit-failures"];
    let template = read("template.yaml");
    let globals = section(&template, "Globals");
    let (_, preference) = globals.split_once("DeploymentPreference:\n").unwrap();
    let alarms: Vec<_> = preference
        .split("!Sub \"${AWS::StackName}-")
        .skip(1)
        .take(ALARMS_OF_A_ROLLOUT.len())
        .map(|text| text.split('"').next().unwrap())
        .collect();
    assert_eq!(alarms, ALARMS_OF_A_ROLLOUT);
    assert!(alarms.iter().all(|alarm| ALARMS.contains(alarm)));
    assert!(preference.contains("Hooks: { PreTraffic: !Ref CheckFunction }"));
    assert!(globals.contains("\n    AutoPublishAlias: live\n"));
    for line in [
        "    sandbox: { Name: sandbox, CodeDeploy: \"true\", Rollout: AllAtOnce }",
        "    prod: { Name: prod, CodeDeploy: \"true\", Rollout: Canary10Percent15Minutes }",
    ] {
        assert!(template.contains(line), "{line}");
    }
    let check = function(&template, "check");
    assert!(check.contains("FunctionName: !Sub \"CodeDeployHook_${AWS::StackName}-check\""));
    for function in [
        "authorize",
        "token",
        "userinfo",
        "patient",
        "coverage",
        "eob",
        "discovery",
    ] {
        let variable = format!(
            "{}_VERSION: !Ref {}Function.Version",
            function.to_uppercase(),
            capital(function)
        );
        assert!(check.contains(&variable), "{variable}");
    }
}

/// SAM makes another version when the text of a function changes, and a setting is no text of it.
#[test]
fn a_function_that_is_told_of_a_setting_is_published_when_the_setting_changes() {
    let template = read("template.yaml");
    for name in functions() {
        let text = function(&template, &name);
        let is_told = text
            .split_once("      Environment:\n")
            .is_some_and(|(_, environment)| environment.contains("${Settings}"));
        let described = text.split_once("      VersionDescription: ");
        let described = described.map(|(_, rest)| rest.split("\n      R").next().unwrap());
        let is_described = described.is_some_and(|description| description.contains("${Settings}"));
        assert!(!is_told || is_described, "{name}");
        assert_eq!(is_told, name == "rotate", "{name}");
    }
}

#[test]
fn every_function_has_a_role_a_log_and_a_name_and_is_published_when_anything_of_it_changes() {
    let template = read("template.yaml");
    for name in functions() {
        let text = function(&template, &name);
        let capital = capital(&name);
        for line in [
            format!("Binary: {name} }} }}"),
            format!("\n      Role: !GetAtt Access.Outputs.{capital}Role"),
            format!("\n      LoggingConfig: {{ LogGroup: !GetAtt Access.Outputs.{capital}Logs }}"),
            format!("${{AWS::StackName}}-{name}\"\n"),
        ] {
            assert!(text.contains(&line), "{name} has no {line}");
        }
        // These are called as they are, by CodeDeploy and by schedules.
        let is_published =
            text.contains("AutoPublishAliasAllProperties: true\n      VersionDescription: ");
        assert!(
            is_published || ["check", "metrics", "rotate"].contains(&name.as_str()),
            "{name}"
        );
    }
}

#[test]
fn every_size_and_every_time_has_a_reason() {
    let template = read("template.yaml");
    let lines: Vec<_> = template.lines().map(str::trim).collect();
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("MemorySize:") || line.starts_with("Timeout:") {
            let is_explained = lines[at - 2..at].iter().any(|above| above.starts_with('#'));
            assert!(is_explained, "{line} (line {})", at + 1);
        }
    }
}

#[test]
fn the_page_says_how_long_the_name_of_a_stack_may_be() {
    const STACK: &str = "${AWS::StackName}";
    const FUNCTION_CHARS_MAX: usize = 64;
    const BUCKET_CHARS_MAX: usize = 63;
    const ACCOUNT: (&str, &str) = ("${AWS::AccountId}", "000000000000");
    const LONGEST_REGION: (&str, &str) = ("${AWS::Region}", "ap-southeast-1");
    let template = read("template.yaml");
    let rests = |property: &str| -> Vec<usize> {
        let names = template.split(property).skip(1);
        let names = names.map(|text| {
            text.lines()
                .next()
                .unwrap()
                .trim_matches('"')
                .replace(ACCOUNT.0, ACCOUNT.1)
                .replace(LONGEST_REGION.0, LONGEST_REGION.1)
        });
        names
            .map(|name| name.replacen(STACK, "", 1).len())
            .collect()
    };
    let functions = rests("FunctionName: !Sub \"");
    assert!(functions.len() >= 11, "{functions:?}");
    let of_functions = functions.into_iter().map(|rest| FUNCTION_CHARS_MAX - rest);
    let of_buckets = rests("BucketName: !Sub \"")
        .into_iter()
        .map(|rest| BUCKET_CHARS_MAX - rest);
    let longest = of_functions.chain(of_buckets).min().unwrap();
    let page = read("infra/docs/deploy.md");
    assert!(
        page.contains(&format!("at most {longest} characters")),
        "{longest}"
    );
    for line in read("samconfig.toml").lines() {
        let name = line.strip_prefix("stack_name = ").unwrap_or_default();
        assert!(name.trim_matches('"').len() <= longest, "{line}");
    }
}

/// What checkov finds is mended, or excused where it stands.
#[test]
fn every_excuse_has_a_reason() {
    for file in &templates() {
        for line in read(file)
            .lines()
            .filter(|line| line.contains("checkov:skip"))
        {
            let reason = line.splitn(3, ':').nth(2).unwrap_or_default();
            assert!(reason.split(' ').count() >= 8, "{file}: {line}");
        }
    }
}

#[test]
fn every_key_works_in_other_regions_too_and_every_secret_has_one() {
    let (data, alarms) = (read("infra/data.yaml"), read("infra/observability.yaml"));
    for key in [&data, &alarms]
        .iter()
        .flat_map(|text| resources(text, "AWS::KMS::Key"))
    {
        assert!(key.contains("\n      MultiRegion: true\n"), "{key}");
    }
    for secret in resources(&data, "AWS::SecretsManager::Secret") {
        assert!(
            secret.contains("\n      KmsKeyId: !Ref DataKey\n"),
            "{secret}"
        );
        assert!(secret.contains("    DeletionPolicy: Retain\n"), "{secret}");
    }
    assert!(data.contains("      EnableKeyRotation: true\n"));
    assert!(data.contains("log-group:/bluebutton/*"));
}

#[test]
fn prod_shows_what_it_will_change_and_every_stage_names_itself() {
    let config = read("samconfig.toml");
    for (stage, confirms) in [("sandbox", false), ("dev", false), ("prod", true)] {
        let (_, section) = config
            .split_once(&format!("[{stage}.deploy.parameters]\n"))
            .unwrap();
        let section = section.split("\n[").next().unwrap();
        assert!(
            section.contains(&format!("confirm_changeset = {confirms}\n")),
            "{stage}"
        );
        assert!(
            section.contains(&format!("parameter_overrides = \"Stage={stage} ")),
            "{stage}"
        );
    }
}

/// The text of a function's resource.
fn function<'a>(template: &'a str, name: &str) -> &'a str {
    let begins = format!("\n  {}Function:\n", capital(name));
    let (_, rest) = template
        .split_once(&begins)
        .unwrap_or_else(|| panic!("no {begins}"));
    let end = rest
        .match_indices("\n  ")
        .find(|(at, _)| rest[at + 3..].starts_with(|next: char| next.is_ascii_uppercase()));
    end.map_or(rest, |(at, _)| &rest[..at])
}

fn capital(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

/// The text of a top-level section, without its name.
fn section<'a>(template: &'a str, name: &str) -> &'a str {
    let (_, rest) = template.split_once(&format!("\n{name}:\n")).unwrap();
    let end = rest
        .lines()
        .find(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()));
    end.map_or(rest, |line| rest.split(line).next().unwrap())
}

/// The members of a section by their names.
fn blocks(section: &str) -> BTreeMap<&str, &str> {
    let mut rest = section;
    let mut blocks = BTreeMap::new();
    while let Some((name, text)) = rest.split_once(":\n") {
        let end = text
            .match_indices("\n  ")
            .find(|(at, _)| text[at + 3..].starts_with(|next: char| next.is_ascii_alphabetic()));
        let end = end.map_or(text.len(), |(at, _)| at);
        blocks.insert(name.trim(), &text[..end]);
        rest = &text[end..];
    }
    blocks
}

/// The texts of the resources of a type.
fn resources<'a>(template: &'a str, kind: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for text in template.split(&format!("\n    Type: {kind}\n")).skip(1) {
        let end = text
            .match_indices("\n  ")
            .find(|(at, _)| text[at + 3..].starts_with(|next: char| next.is_ascii_alphabetic()));
        found.push(end.map_or(text, |(at, _)| &text[..at]));
    }
    found
}
