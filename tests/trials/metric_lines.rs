//! What alarms rest on: what an alarm is about is made to happen to a function's own program, and the line that the
//! program prints is read as CloudWatch reads it.

use std::collections::HashMap;
use std::env;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_secretsmanager::Client as SecretsManager;
use serde_json::{Value, json};
use stand::proxy::{Fault, Proxy, Rule, WRITES, When};
use stand::runtime::{self, Program};
use stand::{local, part_d_events};
use uuid::Uuid;

use crate::instance::{Answer, Request};
use crate::pair::{Browser, Pair, Sandbox, Tokens, sign_in};

/// What a line may hold besides its metrics (infra/docs/observability.md).
const FIELDS: [&str; 17] = [
    "_aws",
    "time",
    "level",
    "message",
    "Stack",
    "Function",
    "Route",
    "StatusClass",
    "status",
    "method",
    "version",
    "error_code",
    "bytes",
    "request_id",
    "lambda_request_id",
    "trace_id",
    "client_id",
];

/// Shorter values of a request are words of a protocol, and in lines as such.
const PERSONAL_CHARS_MIN: usize = 8;

/// A function as a program of its own, and what was said to it.
pub(crate) struct Function {
    name: &'static str,
    program: Program,
    /// What must not stand in what it prints.
    said: Vec<String>,
}

impl Function {
    /// With the environment of the sandbox but for some of it.
    pub(crate) fn start<Name: AsRef<OsStr>>(
        name: &'static str,
        changed: impl IntoIterator<Item = (Name, String)>,
    ) -> Option<Self> {
        let mut command = Command::new(runtime::program(name)?);
        command.env("STACK", "trial").envs(changed);
        Some(Self {
            name,
            program: Program::start(command).expect("it starts"),
            said: Vec::new(),
        })
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        // Which application calls is what lines may tell.
        let form = request.form.iter().filter(|(name, _)| name != "client_id");
        let values = form.map(|(_, value)| value.clone());
        let headers = request.headers.iter().map(|(_, value)| value.clone());
        let is_personal = |value: &String| value.chars().count() >= PERSONAL_CHARS_MIN;
        self.said.extend(values.chain(headers).filter(is_personal));
        Answer::of_program(&self.ask(&request.event()))
    }

    /// As the gateway sends it, which gives each request an id.
    fn ask(&mut self, event: &Value) -> Value {
        let mut event = event.clone();
        event["requestContext"]["requestId"] = Uuid::new_v4().to_string().into();
        self.program.ask(&event).expect("it answers")
    }

    /// What was counted as that metric, line by line; nothing that was said stands in any line.
    fn check(self, metric: &str, expected: &[Option<u64>]) {
        self.check_all(&[(metric, expected)]);
    }

    /// The same of several metrics.
    fn check_all(self, expected: &[(&str, &[Option<u64>])]) {
        let (name, said) = (self.name, self.said);
        let printed = self.program.end().expect("it ends");
        for line in &printed {
            let found = said.iter().find(|said| line.contains(said.as_str()));
            assert_eq!(found, None, "{name}: {line}");
        }
        let lines = printed.iter().map(|line| serde_json::from_str(line));
        let lines: Vec<Value> = lines.map(|line| line.expect("JSON")).collect();
        for line in &lines {
            assert_eq!(line["Function"], name, "one query finds them all: {line}");
        }
        let lines = lines.iter().filter(|line| line["_aws"].is_object());
        let told: Vec<_> = lines.inspect(|line| check_line(line, name)).collect();
        for (metric, expected) in expected {
            let counted: Vec<_> = told.iter().map(|line| line[*metric].as_u64()).collect();
            assert_eq!(counted, *expected, "{metric} of {name}: {told:?}");
            for line in told.iter().filter(|line| line[*metric].is_u64()) {
                assert_eq!(dimensions(line, metric), [json!(["Stack", "Function"])]);
            }
        }
    }
}

/// The line is of that function, and holds its metrics and fields of the list.
fn check_line(line: &Value, function: &str) {
    assert_eq!(line["Stack"], "trial", "{line}");
    assert_eq!(line["Function"], function, "{line}");
    for (field, value) in line.as_object().expect("an object") {
        let is_metric = value.is_number() && !dimensions(line, field).is_empty();
        assert!(
            is_metric || FIELDS.contains(&field.as_str()),
            "{field}: {line}"
        );
    }
}

/// The sets of dimensions that a metric of a line is counted by.
fn dimensions(line: &Value, metric: &str) -> Vec<Value> {
    let directives = line["_aws"]["CloudWatchMetrics"].as_array();
    let directives = directives.expect("directives").iter();
    let of_metric = directives.filter(|directive| {
        let mut metrics = directive["Metrics"].as_array().into_iter().flatten();
        directive["Namespace"] == "BlueButton" && metrics.any(|told| told["Name"] == metric)
    });
    let sets = of_metric.flat_map(|directive| directive["Dimensions"].as_array());
    sets.flatten().cloned().collect()
}

/// The environment of the sandbox, unchanged.
const AS_IT_IS: [(&str, String); 0] = [];

const NONE: Option<u64> = None;
const ONE: Option<u64> = Some(1);

#[tokio::test]
async fn a_code_and_a_refresh_token_that_come_again_are_counted() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let pair = sandbox.pair(18).await;
    let Some(mut token) = Function::start("token", AS_IT_IS) else {
        return;
    };
    let first = redeemed(&mut token, &pair, &sandbox.consent(&pair).await);
    let refresh = |token: &mut Function, old: &Tokens| {
        Tokens::of(&token.answer(&pair.refreshment(&old.refresh)))
    };
    let second = refresh(&mut token, &first).expect("tokens");
    assert!(refresh(&mut token, &second).is_some());
    assert!(
        refresh(&mut token, &first).is_none(),
        "the successor is used"
    );
    token.check("TokenReuse", &[NONE, NONE, NONE, ONE]);

    let Some(mut token) = Function::start("token", AS_IT_IS) else {
        return;
    };
    let code = sandbox.consent(&pair).await;
    redeemed(&mut token, &pair, &code);
    // A lost answer is no theft; another verifier is.
    let again = pair.redemption(&code);
    let mut stolen = pair.redemption(&code);
    let verifier = stolen
        .form
        .iter_mut()
        .find(|(name, _)| name == "code_verifier");
    verifier.expect("a verifier").1 = "x".repeat(43);
    for request in [again, stolen] {
        assert_eq!(token.answer(&request).text("error"), "invalid_grant");
    }
    token.check("TokenReuse", &[NONE, NONE, ONE]);
}

/// The sandbox, a pair in it, and a proxy that functions can be started behind; `None` without a sandbox.
async fn behind_a_proxy() -> Option<(Sandbox, Pair, Proxy)> {
    let sandbox = Sandbox::running().await?;
    let pair = sandbox.pair(18).await;
    let proxy = Proxy::before(&sandbox.aws);
    Some((sandbox, pair, proxy))
}

fn redeemed(token: &mut Function, pair: &Pair, code: &str) -> Tokens {
    let answer = token.answer(&pair.redemption(code));
    Tokens::of(&answer).unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test]
async fn a_kms_that_refuses_or_is_silent_is_counted() {
    let Some((sandbox, pair, proxy)) = behind_a_proxy().await else {
        return;
    };
    let Some(mut token) = Function::start("token", proxy.environment()) else {
        return;
    };
    for fault in [Fault::InternalError, Fault::BlackHole] {
        let code = sandbox.consent(&pair).await;
        proxy.set([Rule::of(&["Sign"], When::From(0), fault)]);
        let answer = token.answer(&pair.redemption(&code));
        assert_eq!(answer.status, 503, "{fault:?}: {answer:?}");
        proxy.heal();
        redeemed(&mut token, &pair, &code);
    }
    token.check("KeyErrors", &[ONE, NONE, ONE, NONE]);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_while_a_function_starts_is_counted() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let proxy = Proxy::before(&sandbox.aws);
    for name in [
        "token",
        "userinfo",
        "patient",
        "coverage",
        "eob",
        "discovery",
    ] {
        proxy.set([Rule::of(
            &["GetPublicKey"],
            When::From(0),
            Fault::InternalError,
        )]);
        let Some(function) = Function::start(name, proxy.environment()) else {
            return;
        };
        const ATTEMPTS: usize = 3;
        let seen = proxy.take_seen().into_iter();
        let asked = seen.filter(|seen| seen.operation == "GetPublicKey").count();
        assert!(asked >= ATTEMPTS, "{name} reads its keys at its start");
        function.check("KeyErrors", &vec![ONE; asked / ATTEMPTS]);
    }
}

#[tokio::test]
async fn an_audit_record_that_cannot_be_written_and_a_dead_token_are_counted() {
    let Some((sandbox, pair, proxy)) = behind_a_proxy().await else {
        return;
    };
    let Some(mut token) = Function::start("token", AS_IT_IS) else {
        return;
    };
    let access = redeemed(&mut token, &pair, &sandbox.consent(&pair).await).access;
    let audit = env::var("AUDIT_TABLE").expect("a sandbox");
    let throttled = Rule::of(WRITES, When::From(0), Fault::Throttling).on(audit);
    for (metric, access, status) in [
        ("AuditFailures", access.as_str(), 503),
        ("StoreThrottles", access.as_str(), 503),
        ("Unauthorized", "no-such-token", 401),
    ] {
        proxy.set([throttled.clone()]);
        let Some(mut patient) = Function::start("patient", proxy.environment()) else {
            return;
        };
        let look = Request::get("/v2/fhir/Patient").bearer(access);
        assert_eq!(patient.answer(&look).status, status, "{metric}");
        patient.check(metric, &[ONE]);
    }
}

#[tokio::test]
async fn sign_ins_with_a_locked_name_and_from_a_locked_address_are_counted() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let limits = |account: u32, address: u32| {
        let limits =
            format!("account_sign_in_failures={account},address_sign_in_failures={address}");
        [("LIMITS", limits)]
    };
    let pair = sandbox.pair(19).await;
    // Of two wrong names the second is refused: where one failure locks the name, if it is the same.
    let names = [Uuid::new_v4(), Uuid::new_v4()].map(|name| name.to_string());
    for (limits, names) in [
        (limits(1, 1000), [&names[0], &names[0]]),
        (limits(1000, 1), [&names[0], &names[1]]),
    ] {
        let Some(mut authorize) = Function::start("authorize", limits) else {
            return;
        };
        // An address of its own: a lock holds for minutes.
        let address = format!("2001:db8::{}", &Uuid::new_v4().to_string()[..4]);
        let mut browser = Browser::default();
        browser.follow(&authorize.answer(&pair.authorization()));
        let page = authorize.answer(&browser.look());
        for name in names {
            let mut event = sign_in(&browser, &page, name, "not the password").event();
            event["requestContext"]["http"]["sourceIp"] = address.as_str().into();
            authorize.ask(&event);
            authorize.said.push(name.clone());
        }
        authorize
            .said
            .extend([address, "not the password".to_owned()]);
        authorize.check("SignInLockouts", &[NONE, NONE, NONE, ONE]);
    }
}

/// An identity provider that publishes where things are and knows nothing else.
struct Provider {
    issuer: String,
}

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let at = |path: &str| format!("{issuer}/{path}");
        let document = json!({
            "issuer": issuer, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
            "jwks_uri": at("keys"),
        });
        let document = document.to_string();
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let request = BufReader::new(connection.try_clone().expect("a connection"));
                let mut lines = request.lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                lines.find(String::is_empty);
                let (status, body) = match first.contains("openid-configuration") {
                    true => (200, document.as_str()),
                    false => (500, "{}"),
                };
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}");
                // A caller that goes away is no fault here.
                let _ = write!(
                    connection,
                    "{head}\r\ncontent-type: application/json\r\n\r\n{body}"
                );
            }
        });
        Self { issuer }
    }
}

/// A secret of the local AWS that names a provider.
async fn settings(secrets: &SecretsManager, issuer: &str) -> [(&'static str, String); 1] {
    let name = format!("trial-provider-{}", Uuid::new_v4());
    let settings = json!({
        "issuer": issuer, "client_id": "trial", "client_secret": "a secret at the provider", "scopes": "openid",
        "mbi_claim": "mbi",
    });
    let create = secrets.create_secret().name(&name);
    let created = create.secret_string(settings.to_string()).send().await;
    created.expect("a local AWS");
    [("IDENTITY_PROVIDER_SECRET", name)]
}

#[tokio::test]
async fn a_provider_that_fails_is_counted_and_a_person_who_leaves_it_is_not() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let (pair, secrets) = (sandbox.pair(19).await, SecretsManager::new(&sandbox.aws));
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nobody = format!("http://{}", nobody.local_addr().expect("an address"));
    let gone = settings(&secrets, &nobody).await;
    let Some(mut authorize) = Function::start("authorize", gone.clone()) else {
        return;
    };
    let mut browser = Browser::default();
    browser.follow(&authorize.answer(&pair.authorization()));
    assert_eq!(authorize.answer(&browser.look()).status, 503);
    authorize.check("ProviderErrors", &[NONE, ONE]);

    let there = settings(&secrets, &Provider::start().issuer).await;
    for (answer, status, expected) in [
        ("code=of-nobody", 503, ONE),
        ("error=server_error", 503, ONE),
        ("iss=https://another.example&code=x", 403, ONE),
        ("error=access_denied", 303, NONE),
    ] {
        let Some(mut authorize) = Function::start("authorize", there.clone()) else {
            return;
        };
        let mut browser = Browser::default();
        browser.follow(&authorize.answer(&pair.authorization()));
        let mut visit = browser.clone();
        visit.follow(&authorize.answer(&browser.look()));
        let state = parameter(&visit.page, "state");
        visit.page = format!("/callback?{answer}&state={state}");
        let back = authorize.answer(&visit.look());
        assert_eq!(back.status, status, "{answer}: {back:?}");
        authorize.said.push(state);
        authorize.check("ProviderErrors", &[NONE, NONE, expected]);
    }
    for [(_, name)] in [gone, there] {
        let delete = secrets.delete_secret().secret_id(name);
        let deleted = delete.force_delete_without_recovery(true).send().await;
        deleted.expect("a local AWS");
    }
}

fn parameter(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).expect("a URL");
    let pairs: HashMap<_, _> = url.query_pairs().into_owned().collect();
    pairs.get(name).cloned().unwrap_or_default()
}

#[tokio::test]
async fn rows_of_a_file_are_counted_as_loaded_and_rejected() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let dynamodb = DynamoDb::new(&sandbox.aws);
    let name = format!("trial-rows-{}", Uuid::new_v4());
    local::create_table(&dynamodb, &name, &["pk", "sk"]).await;
    let own = ["CLAIMS_TABLE", "IDENTITY_TABLE", "TRANSIENT_TABLE"];
    let Some(mut ingest) = Function::start("ingest", own.map(|table| (table, name.clone()))) else {
        return;
    };
    put_object(&name, "", "");
    // One of the events asks for what cannot be done.
    let ids = [0, 1, 2, 3].map(|at| format!("{CLAIM}{at}"));
    let actions = ["INSERT", "DELETE", "UPDATE", "INSERT"].into_iter();
    let events: Vec<_> = actions.zip(ids.iter().map(String::as_str)).collect();
    put_object(&name, "/claims.csv", &part_d_events(PERSON, &events));
    let event = include_str!("../../events/ingest_object.json");
    let mut event: Value = serde_json::from_str(event).expect("JSON");
    event["Records"][0]["s3"]["bucket"]["name"] = name.as_str().into();
    event["Records"][0]["s3"]["object"]["key"] = "claims.csv".into();
    ingest.ask(&event);
    ingest.said.extend([PERSON, CLAIM].map(str::to_owned));
    let deleted = dynamodb.delete_table().table_name(&name).send().await;
    deleted.expect("a local AWS");
    ingest.check_all(&[("LoadedRows", &[Some(3)]), ("RejectedRows", &[ONE])]);
}

/// S3's own protocol: a local AWS asks for no signature.
fn put_object(bucket: &str, key: &str, body: &str) {
    const SCOPE: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request";
    let aws = env::var("AWS_ENDPOINT_URL").expect("a sandbox");
    let put = ureq::put(format!("{aws}/{bucket}{key}")).header("authorization", SCOPE);
    put.send(body).expect("a local AWS");
}

const PERSON: &str = "-77700000000001";
const CLAIM: &str = "88800000001";

#[tokio::test]
async fn every_call_of_aws_names_the_function_and_the_request() {
    let Some((sandbox, pair, proxy)) = behind_a_proxy().await else {
        return;
    };
    let Some(mut token) = Function::start("token", proxy.environment()) else {
        return;
    };
    // What is asked for while it starts belongs to no request.
    check_agents(&proxy, "token", None, &["GetSecretValue", "GetPublicKey"]);
    let redemption = pair.redemption(&sandbox.consent(&pair).await).event();
    let answer = token.ask(&redemption);
    let calls = ["GetItem", "Sign", "TransactWriteItems"];
    check_agents(&proxy, "token", request_id(&answer), &calls);
    let access = Answer::of_program(&answer).text("access_token");

    let Some(mut patient) = Function::start("patient", proxy.environment()) else {
        return;
    };
    drop(proxy.take_seen());
    let look = Request::get("/v2/fhir/Patient").bearer(&access);
    let answer = patient.ask(&look.event());
    let calls = ["GetItem", "PutItem", "Query", "UpdateItem"];
    check_agents(&proxy, "patient", request_id(&answer), &calls);
}

/// The id that the caller gets.
fn request_id(answer: &Value) -> Option<&str> {
    let id = answer["headers"]["x-request-id"].as_str();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert!(id.is_some(), "{answer}");
    id
}

/// Every call since the last time, these among them, says in its user agent which code and which request it is of.
fn check_agents(proxy: &Proxy, function: &str, request_id: Option<&str>, operations: &[&str]) {
    let seen = proxy.take_seen();
    for call in &seen {
        let words: Vec<_> = call.agent.split(' ').collect();
        let code = format!("app/{function}");
        assert!(words.contains(&code.as_str()), "{call:?}");
        let requests = words
            .iter()
            .filter_map(|word| word.strip_prefix("md/request#"));
        let requests: Vec<_> = requests.collect();
        assert_eq!(requests, Vec::from_iter(request_id), "{call:?}");
    }
    for operation in operations {
        assert!(
            seen.iter().any(|call| call.operation == *operation),
            "{operation}: {seen:?}"
        );
    }
}
