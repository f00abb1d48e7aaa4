//! Least privilege: each function's role holds what its code asks for, no less and no more.
//!
//! What is asked for is read from the sources: the calls of stores, keys and secrets below, each with the rights that
//! it takes. A transaction takes the rights of its parts.

use std::collections::BTreeSet;

use crate::architecture::{functions, read, rust_files};

/// An action and what it is done to, by the name of the parameter in infra/access.yaml.
type Right = (&'static str, &'static str);

const GET: &str = "dynamodb:GetItem";
const QUERY: &str = "dynamodb:Query";
const PUT: &str = "dynamodb:PutItem";
const UPDATE: &str = "dynamodb:UpdateItem";
const DELETE: &str = "dynamodb:DeleteItem";
const CHECK: &str = "dynamodb:ConditionCheckItem";
const SCAN: &str = "dynamodb:Scan";
const INSERT: &str = "dynamodb:PartiQLInsert";
const SECRET: &str = "secretsmanager:GetSecretValue";
const PUBLIC_KEY: &str = "kms:GetPublicKey";
/// Keys that sign are known by their kind to who reads their public halves.
const SIGNING_KIND: &str = "kms:KeySpec";
const SIGN: &str = "kms:Sign";
const KEEP_SECRET: &str = "secretsmanager:PutSecretValue";

/// The calls as they stand in a function's code without white space.
#[rustfmt::skip]
const CALLS: &[(&str, &[Right])] = &[
    ("tables.sign_in(", &[(UPDATE, "TransientTable"), (PUT, "AuditTable")]),
    (".approve(", &[(DELETE, "TransientTable"), (PUT, "GrantsTable"), (PUT, "TransientTable"), (PUT, "AuditTable")]),
    (".decline(", &[(DELETE, "TransientTable"), (PUT, "AuditTable")]),
    (".withhold(", &[(DELETE, "TransientTable"), (DELETE, "GrantsTable"), (PUT, "AuditTable")]),
    (".redeem(", &[(UPDATE, "TransientTable"), (CHECK, "GrantsTable"), (PUT, "RefreshTokensTable"), (PUT, "TransientTable"), (PUT, "AuditTable")]),
    (".rotate(", &[(UPDATE, "RefreshTokensTable"), (CHECK, "GrantsTable"), (PUT, "TransientTable"), (PUT, "RefreshTokensTable"), (PUT, "AuditTable")]),
    (".end_tokens(", &[(UPDATE, "GrantsTable"), (PUT, "AuditTable")]),
    (".remove_grant(", &[(DELETE, "GrantsTable"), (PUT, "AuditTable")]),
    (".revoke_access(", &[(PUT, "TransientTable"), (PUT, "AuditTable")]),
    ("transient.put_approval(", &[(PUT, "TransientTable")]),
    ("transient.approval(", &[(GET, "TransientTable")]),
    ("transient.begin_visit(", &[(UPDATE, "TransientTable")]),
    ("transient.end_visit(", &[(UPDATE, "TransientTable")]),
    ("transient.end_approval(", &[(DELETE, "TransientTable")]),
    ("transient.code(", &[(GET, "TransientTable")]),
    ("transient.set_language(", &[(UPDATE, "TransientTable")]),
    ("transient.sign_out(", &[(UPDATE, "TransientTable")]),
    ("transient.person(", &[(GET, "TransientTable")]),
    ("transient.is_revoked(", &[(GET, "TransientTable")]),
    ("grants.get(", &[(GET, "GrantsTable")]),
    ("grants.of_patient(", &[(QUERY, "GrantsTable")]),
    ("refresh_tokens.get(", &[(GET, "RefreshTokensTable")]),
    ("applications.get(", &[(GET, "ApplicationsTable")]),
    ("applications.warm(", &[(GET, "ApplicationsTable")]),
    ("client::authenticate(", &[(GET, "ApplicationsTable")]),
    ("claims.exists(", &[(GET, "ClaimsTable")]),
    ("claims.beneficiary(", &[(GET, "ClaimsTable"), (QUERY, "ClaimsTable")]),
    ("claims.claims(", &[(QUERY, "ClaimsTable")]),
    ("claims.claim(", &[(GET, "ClaimsTable")]),
    ("identity.beneficiaries(", &[(QUERY, "IdentityTable")]),
    ("failures.begin(", &[(UPDATE, "SignInFailuresTable"), (PUT, "SignInFailuresTable")]),
    ("failures.clear(", &[(DELETE, "SignInFailuresTable"), (UPDATE, "SignInFailuresTable")]),
    ("limits.count_address(", &[(UPDATE, "TransientTable")]),
    ("limits.count_token(", &[(UPDATE, "TransientTable")]),
    ("state.limited(", &[(UPDATE, "TransientTable")]),
    ("audit.record(", &[(PUT, "AuditTable")]),
    ("verifier.confirm(", &[(GET, "GrantsTable"), (GET, "ApplicationsTable"), (GET, "TransientTable")]),
    ("grants.for_each(", &[(SCAN, "GrantsTable")]),
    ("applications.for_each(", &[(SCAN, "ApplicationsTable")]),
    (".calls_of_day(", &[(GET, "TransientTable")]),
    ("usage.last_load(", &[(GET, "TransientTable")]),
    ("usage.patient_access(", &[(GET, "TransientTable")]),
    ("usage.note_load(", &[(PUT, "TransientTable")]),
    ("usage.put_report(", &[(PUT, "TransientTable")]),
    ("state.read(", &[(GET, "GrantsTable"), (GET, "ApplicationsTable"), (GET, "TransientTable"), (UPDATE, "TransientTable"), (PUT, "AuditTable")]),
    ("Loader::new(", &[(GET, "ClaimsTable"), (PUT, "ClaimsTable"), (INSERT, "ClaimsTable"), (PUT, "IdentityTable")]),
    ("exchange::State::from_environment(", &[(SECRET, "ConfigurationSecret"), (PUBLIC_KEY, SIGNING_KIND)]),
    ("Configuration::read(", &[(SECRET, "ConfigurationSecret")]),
    ("Verifier::from_environment(", &[(SECRET, "ConfigurationSecret"), (PUBLIC_KEY, SIGNING_KIND)]),
    ("Health::new(", &[(GET, "ApplicationsTable"), (GET, "GrantsTable"), (GET, "TransientTable"), (GET, "RefreshTokensTable"), (GET, "AuditTable"), (GET, "ClaimsTable"), (GET, "IdentityTable"), (GET, "SignInFailuresTable"), (SECRET, "IdentityProviderSecret")]),
    ("Keys::read(", &[(SECRET, "ConfigurationSecret"), (PUBLIC_KEY, SIGNING_KIND)]),
    ("Signer::new(", &[(SIGN, "SigningKeys")]),
    ("\"TOKEN_SECRET\"", &[(SECRET, "TokenSecret")]),
    ("MedicareNumberHasher::read(", &[(SECRET, "IdentitySecret")]),
    ("Matcher::new(", &[(QUERY, "IdentityTable")]),
    ("Settings::read(", &[(SECRET, "IdentityProviderSecret")]),
    ("\"s3:GetObject\"", &[("s3:GetObject", "RifBucket")]),
    ("\"lambda:InvokeFunction\"", &[("lambda:InvokeFunction", "Name")]),
    ("\"codedeploy:GetDeployment\"", &[("codedeploy:GetDeployment", "Name")]),
    ("\"codedeploy:PutLifecycleEventHookExecutionStatus\"", &[("codedeploy:PutLifecycleEventHookExecutionStatus", "Name")]),
    ("\"ACCOUNT_SECRET\"", &[(SECRET, "AccountSecret")]),
    (".put_secret_value(", &[(KEEP_SECRET, "AccountSecret")]),
    ("rotation.read(", &[(SECRET, "ConfigurationSecret")]),
    ("rotation.take(", &[
        (SECRET, "ConfigurationSecret"), (KEEP_SECRET, "ConfigurationSecret"),
        ("secretsmanager:UpdateSecretVersionStage", "ConfigurationSecret"),
        ("kms:DescribeKey", "SigningKeys"), ("kms:GetKeyPolicy", "SigningKeys"),
        ("kms:CreateKey", "SigningKeys"), ("kms:TagResource", "SigningKeys"),
        ("kms:CreateAlias", "SigningKeys"),
    ]),
];

#[test]
fn every_role_holds_what_its_function_calls_and_nothing_else() {
    let template = read("infra/access.yaml");
    for function in functions() {
        let called: BTreeSet<Right> = code(&function)
            .iter()
            .flat_map(|code| CALLS.iter().filter(|(call, _)| code.contains(call)))
            .flat_map(|(_, rights)| rights.iter().copied())
            .collect();
        let called: BTreeSet<_> = called
            .iter()
            .map(|(action, what)| format!("{action} {what}"))
            .collect();
        assert_eq!(granted(&template, &function), called, "{function}");
    }
}

/// Commands of the AWS CLI whose right is called otherwise, or that take another's.
const OTHERWISE: [(&str, &[&str]); 12] = [
    ("apigateway get-domain-name", &["apigateway:GET"]),
    ("apigateway update-stage", &["apigateway:PATCH"]),
    ("lambda invoke", &["lambda:InvokeFunction"]),
    ("s3 cp", &["s3:GetObject", "s3:PutObject", "s3:ListBucket"]),
    ("s3 ls", &["s3:ListBucket"]),
    (
        "s3 sync",
        &["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
    ),
    ("s3api delete-bucket", &["s3:DeleteBucket"]),
    ("s3api delete-objects", &["s3:DeleteObjectVersion"]),
    ("s3api list-object-versions", &["s3:ListBucketVersions"]),
    ("s3api list-objects-v2", &["s3:ListBucket"]),
    (
        "service-quotas request-service-quota-increase",
        &["servicequotas:RequestServiceQuotaIncrease"],
    ),
    ("wafv2 list-web-acls", &["wafv2:ListWebACLs"]),
];

/// Services that templates name otherwise than rights do, or that stand for others.
const SERVICES: [(&str, &str); 3] = [
    ("certificatemanager", "acm"),
    ("serverless", "lambda"),
    ("wafv2", "wafv2"),
];

#[test]
fn every_command_of_the_pages_has_its_right() {
    let page = read("infra/docs/access.md");
    let (_, rights) = page.split_once("## Rights of operators").unwrap();
    let names = |right: &str| rights.contains(&format!("`{right}`"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/docs/runbooks");
    let pages = std::fs::read_dir(folder).unwrap();
    let pages = pages.map(|page| std::fs::read_to_string(page.unwrap().path()).unwrap());
    let mut commands = BTreeSet::new();
    for text in pages.chain([read("infra/docs/deploy.md")]) {
        commands.extend(text.split("aws ").skip(1).filter_map(command));
    }
    assert!(commands.len() >= 60, "{commands:?}");
    for (service, operation) in commands {
        let command = format!("{service} {operation}");
        let otherwise = OTHERWISE.iter().find(|(known, _)| *known == command);
        let wanted: Vec<String> = match otherwise {
            Some((_, rights)) => rights.iter().map(|right| (*right).to_owned()).collect(),
            None => vec![right(&service, &operation)],
        };
        for right in wanted {
            assert!(names(&right), "{command}: {right}");
        }
    }
    for file in [
        "template.yaml",
        "infra/data.yaml",
        "infra/access.yaml",
        "infra/edge.yaml",
        "infra/observability.yaml",
        "infra/budget.yaml",
    ] {
        for kind in read(file).split("Type: AWS::").skip(1) {
            let service = kind.split("::").next().unwrap().to_lowercase();
            let known = SERVICES.iter().find(|(known, _)| *known == service);
            let service = known.map_or(service.as_str(), |(_, name)| name);
            assert!(names(service), "{file}: {service}");
        }
    }
}

/// The service and the operation behind `aws `. Whoever waits describes, which has its right elsewhere.
fn command(text: &str) -> Option<(String, String)> {
    let mut words = text.split([' ', '\n', '`', ')']);
    let (service, operation) = (words.next()?, words.next()?);
    let is_word = |word: &str| {
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        word.len() > 1 && word.chars().all(is_part)
    };
    let is_command = is_word(service) && is_word(operation) && operation != "wait";
    is_command.then(|| (service.to_owned(), operation.to_owned()))
}

/// `dynamodb:ListTables` of `dynamodb list-tables`.
fn right(service: &str, operation: &str) -> String {
    let service = match service {
        "deploy" => "codedeploy",
        other => other,
    };
    let words = operation.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    format!("{service}:{}", words.collect::<String>())
}

#[test]
fn every_call_of_a_table_has_its_rights_above() {
    const TABLES: [&str; 10] = [
        "applications.",
        "audit.",
        "failures.",
        "grants.",
        "self.identity.",
        "limits.",
        "refresh_tokens.",
        // Lists of claims have the same name.
        "state.claims.",
        "transient.",
        "usage.",
    ];
    for code in functions().iter().flat_map(|function| code(function)) {
        for table in TABLES {
            for call in code.split(table).skip(1) {
                let (method, rest) = call.split_at(identifier(call));
                let call = format!("{table}{method}(");
                let known = CALLS.iter().any(|(known, _)| call.ends_with(known));
                assert!(known || !rest.starts_with('('), "{call}");
            }
        }
    }
}

/// The function's own sources without white space and without their tests.
fn code(function: &str) -> Vec<String> {
    let files = rust_files(&format!("functions/{function}/src"));
    let code = |text: &str| -> String {
        let code = text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        code.split_whitespace().collect()
    };
    files
        .iter()
        .filter(|(path, _)| !path.ends_with("tests.rs"))
        .map(|(_, text)| code(text))
        .collect()
}

/// `action parameter` of every statement of a function's role.
fn granted(template: &str, function: &str) -> BTreeSet<String> {
    let (first, rest) = function.split_at(1);
    let name = format!("{}{rest}Role", first.to_uppercase());
    let role = resource(template, &name);
    let mut rights = statements(role);
    let (_, shared) = role
        .split_once("ManagedPolicyArns: [")
        .expect("policies that roles share");
    let (shared, _) = shared.split_once(']').expect("the end of a list");
    for policy in names(shared).filter(|name| *name != TRACES) {
        rights.extend(statements(resource(template, policy)));
    }
    rights
}

/// The lines of a resource of the template.
fn resource<'a>(template: &'a str, name: &str) -> &'a str {
    let begins = format!("\n  {name}:\n");
    let (_, rest) = template
        .split_once(&begins)
        .unwrap_or_else(|| panic!("infra/access.yaml has no {name}"));
    let ends = rest.match_indices("\n  ").find(|(at, _)| {
        let next = rest[at + 3..].chars().next();
        next.is_some_and(|next| next != ' ')
    });
    ends.map_or(rest, |(at, _)| &rest[..at])
}

/// The policy for what Lambda sends itself, as the next.
const TRACES: &str = "SendTraces";

/// What services do in a function's name: Lambda its log, and what it hands over to the queue of dead letters; KMS the
/// role that keeps copies of keys equal.
const SERVICES_OWN: [&str; 4] = [
    "logs:",
    "sqs:SendMessage",
    "kms:GenerateDataKey",
    "iam:CreateServiceLinkedRole",
];

/// What names a key that a statement's resource cannot: its alias or its tag.
const NAMES_OF_KEYS: [&str; 2] = ["kms:ResourceAliases", "aws:RequestTag/SigningKeys"];

/// The rights that statements allow, but for what Lambda does and what services decrypt on the function's behalf.
fn statements(resource: &str) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    for statement in resource.split("- Sid:").skip(1) {
        let (statement, condition) = statement
            .split_once("Condition:")
            .unwrap_or((statement, ""));
        let (actions, resources) = statement.split_once("Resource:").expect("a Resource");
        // Keys that a rotation made have no name of their own; their aliases and tags stand for them.
        let is_named_there = NAMES_OF_KEYS.iter().any(|name| condition.contains(name));
        let resources = match is_named_there {
            true => condition,
            false => resources,
        };
        let actions = words(actions).filter(|word| word.contains(':') && !word.ends_with(':'));
        let is_own = |action: &str| SERVICES_OWN.iter().any(|own| action.starts_with(own));
        for action in actions.filter(|action| !is_own(action) && *action != "kms:Decrypt") {
            let kind =
                (action == PUBLIC_KEY && condition.contains(SIGNING_KIND)).then_some(SIGNING_KIND);
            for name in names(resources).chain(kind) {
                rights.insert(format!("{action} {name}"));
            }
        }
    }
    rights
}

/// The parameters that resources are named by.
fn names(resources: &str) -> impl Iterator<Item = &str> {
    let referred = resources.split("!Ref ").skip(1);
    let substituted = resources.split("${").skip(1);
    referred
        .chain(substituted)
        .map(|text| &text[..identifier(text)])
        .filter(|name| *name != "AWS")
}

/// How many bytes the name has that the text begins with.
fn identifier(text: &str) -> usize {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '[', ']', '\n'])
        .filter(|word| !word.is_empty())
}
