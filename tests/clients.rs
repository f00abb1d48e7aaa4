//! Clients of other makers against the sandbox, unchanged: CMS's own SDKs, SMART's, and OAuth clients of general use.
//!
//! Each script takes the base URL, the client id, the client secret and the redirect URI as arguments, and then:
//! it prints the authorize URL and reads the callback's URL, as the person's browser would take it there;
//! it reads everything, with a refreshed token if the client can refresh, and prints what it saw as one line of JSON,
//! with every token that it was given, for the search for leaks;
//! it reads a line, by which time its token is revoked, and prints the status of one more call.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use url::Url;

use crate::client::{Browser, Consent, Person, Sandbox};
use crate::{ledger, script};

/// A client and what it runs with.
struct Client {
    script: &'static str,
    runtime: Runtime,
    /// The person who connects it, one for each.
    person: u64,
    refreshes: bool,
}

/// What runs a script, and the variable that tells where its packages are.
enum Runtime {
    Python(&'static str),
    Node(&'static str),
}

#[rustfmt::skip]
const CLIENTS: [Client; 6] = [
    Client { script: "cms_sdk.py", runtime: Runtime::Python("BLUEBUTTON_SDK_PYTHON"), person: 85, refreshes: true },
    Client { script: "cms_sdk.cjs", runtime: Runtime::Node("BLUEBUTTON_SDK_NODE_MODULES"), person: 86, refreshes: true },
    // It refreshes only where it was given offline_access, which Blue Button does not have.
    Client { script: "smart.cjs", runtime: Runtime::Node("BLUEBUTTON_NODE_MODULES"), person: 87, refreshes: false },
    Client { script: "openid_client.mjs", runtime: Runtime::Node("BLUEBUTTON_NODE_MODULES"), person: 88, refreshes: true },
    Client { script: "authlib_client.py", runtime: Runtime::Python("BLUEBUTTON_CLIENTS_PYTHON"), person: 89, refreshes: true },
    Client { script: "smart.py", runtime: Runtime::Python("BLUEBUTTON_CLIENTS_PYTHON"), person: 90, refreshes: true },
];

#[test]
fn clients_go_unchanged_from_authorize_url_to_revocation() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    for client in CLIENTS {
        check(&sandbox, &client);
    }
}

fn check(sandbox: &Sandbox, client: &Client) {
    let application = sandbox.application(0);
    let Some(mut command) = client.command() else {
        return;
    };
    command.args([
        &sandbox.base_url,
        &application.client_id,
        &application.client_secret,
        &application.redirect_uri,
    ]);
    let mut conversation = Conversation::start(command, client.script);

    let person = Person::synthetic(client.person);
    let authorize_url = Url::parse(&conversation.hear()).unwrap();
    let browser = Browser::new();
    let page = browser.sign_in(&authorize_url, &person);
    let callback = browser.answer_consent(&page, Consent::connect());

    conversation.say(callback.as_str());
    let seen: Value = serde_json::from_str(&conversation.hear()).unwrap();
    note_secrets(client.script, &seen["secrets"]);
    assert_eq!(
        seen["patient"],
        person.patient.as_str(),
        "{}",
        client.script
    );
    let all_read =
        json!({"userinfo": 200, "Patient": 200, "Coverage": 200, "ExplanationOfBenefit": 200});
    assert_eq!(seen["status"], all_read, "{}", client.script);
    assert_eq!(seen["claims"], seen["total"], "{}", client.script);
    assert!(seen["total"].as_u64() > Some(0), "{}", client.script);
    assert_eq!(
        seen["is_refreshed"].as_bool().unwrap_or_default(),
        client.refreshes,
        "{}",
        client.script
    );

    let revoked = Browser::new().post(
        &format!("{}/v2/o/revoke_token", sandbox.base_url),
        &[
            ("token", seen["access_token"].as_str().unwrap()),
            ("client_id", &application.client_id),
            ("client_secret", &application.client_secret),
        ],
    );
    assert_eq!(revoked.status, 200, "{}", client.script);
    conversation.say("revoked");
    assert_eq!(conversation.hear(), "401", "{}", client.script);
}

/// What the client was given, or made, in secret: it talks to the API by itself.
fn note_secrets(script: &str, secrets: &Value) {
    const SECRETS_MIN: usize = 3;
    let secrets = secrets.as_array().unwrap();
    assert!(secrets.len() >= SECRETS_MIN, "{script}");
    for secret in secrets {
        ledger::note(secret.as_str().unwrap_or_else(|| panic!("{script}")));
    }
}

impl Client {
    /// The script's command; `None`, and a line that says so, where its packages are missing.
    fn command(&self) -> Option<Command> {
        let name = format!("clients/{}", self.script);
        match self.runtime {
            Runtime::Python(variable) => script::python(variable, &name),
            Runtime::Node(variable) => script::node(variable, &name),
        }
    }
}

/// A running script; it ends with this value.
struct Conversation {
    script: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Conversation {
    fn start(mut command: Command, script: &'static str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            script,
            child,
            input,
            output,
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{} ended early", self.script);
        line.trim_end().to_owned()
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
