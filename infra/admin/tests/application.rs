//! Applications by `bluebutton-admin`: registered, renewed and switched by several operators at once, on the tables of
//! a sandbox, with applications of the tests' own.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod run;

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use aws_sdk_dynamodb::Client;
use bluebutton::config;
use bluebutton::oauth::{Application, ClientType, DataAccess};
use bluebutton::store::{ApplicationsTable, StoreError};
use jiff::Timestamp;
use stand::local;
use uuid::Uuid;

use run::Run;

const REDIRECT_URI: &str = "https://app.example/callback";

/// As many operators do the same at once.
const OPERATORS: usize = 4;

/// The sandbox's applications, and a folder for secrets.
struct Office {
    applications: ApplicationsTable,
    folder: PathBuf,
    /// What no other test's application is called.
    name: String,
}

impl Office {
    /// The sandbox that the environment names; `None`, and a line that says so, where none runs.
    async fn open() -> Option<Self> {
        let aws = local::aws(env!("CARGO_PKG_NAME"), &["APPLICATIONS_TABLE"]).await?;
        let table = config::variable("APPLICATIONS_TABLE").unwrap();
        let name = format!("App {}", Uuid::new_v4().simple());
        let folder = env::temp_dir().join(&name);
        fs::create_dir_all(&folder).unwrap();
        Some(Self {
            applications: ApplicationsTable::new(Client::new(&aws), table),
            folder,
            name,
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bluebutton-admin"));
        command.args(arguments).current_dir(&self.folder);
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// Starts a command that others run beside.
    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        let command = command.stdout(Stdio::null()).stderr(Stdio::inherit());
        command.spawn().unwrap()
    }

    /// Registers an application with more arguments; its client id.
    fn register(&self, more: &[&str]) -> String {
        let usual = [
            "application",
            "register",
            &self.name,
            "--redirect-uri",
            REDIRECT_URI,
        ];
        let run = self.run(&[&usual, more].concat());
        assert!(run.succeeded, "{}", run.output);
        run.output.trim().to_owned()
    }

    async fn application(&self, client_id: &str) -> Application {
        let found = self.applications.get(client_id).await.unwrap();
        found.expect("it is registered")
    }

    /// The secret in a file of the folder.
    fn secret(&self, file: &str) -> String {
        let text = fs::read_to_string(self.folder.join(file)).unwrap();
        text.strip_suffix('\n').unwrap().to_owned()
    }

    fn has(&self, file: &str) -> bool {
        self.folder.join(file).exists()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn is_known(application: &Application, secret: &str) -> bool {
    application.is_authenticated_by(Some(secret), Timestamp::now())
}

#[tokio::test]
async fn an_application_is_registered_as_the_operator_says_and_its_secret_is_in_the_file_alone() {
    let Some(office) = Office::open().await else {
        return;
    };
    let client_id = office.register(&["--secret-file", "secret"]);
    assert!(Application::is_client_id(&client_id), "{client_id}");
    let application = office.application(&client_id).await;
    let secret = office.secret("secret");
    assert!(is_known(&application, &secret));
    let mode = fs::metadata(office.folder.join("secret")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let expected = Application {
        client_id: client_id.clone(),
        secrets: application.secrets.clone(),
        ..Application::register(&office.name, vec![]).0
    };
    let expected = Application {
        redirect_uris: vec![REDIRECT_URI.to_owned()],
        ..expected
    };
    assert_eq!(application, expected);
    let shown = office.run(&["application", "show", &client_id]);
    assert!(shown.succeeded && !shown.says(&secret), "{}", shown.output);
}

#[tokio::test]
async fn whatever_an_application_holds_can_be_said() {
    let Some(office) = Office::open().await else {
        return;
    };
    let client_id = office.register(&[
        "--redirect-uri",
        "com.example.app:/callback",
        "--public",
        "--data-access",
        "one_time",
        "--scope",
        "patient/Coverage.rs profile",
        "--without-demographic-scopes",
        "--part-d-eob-only",
        "--token-management",
        "--description",
        "Shows prescriptions.",
        "--policy-uri",
        "https://app.example/privacy",
        "--tos-uri",
        "https://app.example/terms",
        "--logo-uri",
        "https://app.example/logo.png",
        "--support-email",
        "help@app.example",
    ]);
    let shown = office.run(&["application", "show", &client_id]);
    for said in [
        ": public, ",
        "one-time access",
        "scopes patient/Coverage.rs profile",
        "never who the beneficiary is",
        "prescription drug claims",
        "removes grants",
        "description Shows prescriptions.",
        "https://app.example/privacy",
        "https://app.example/terms",
        "https://app.example/logo.png",
        "help@app.example",
        "redirect URI com.example.app:/callback",
    ] {
        assert!(shown.says(said), "{said}: {}", shown.output);
    }
    let application = office.application(&client_id).await;
    assert_eq!(application.client_type, ClientType::Public);
    assert_eq!(application.secrets, []);
    assert_eq!(
        application.redirect_uris,
        [REDIRECT_URI, "com.example.app:/callback"]
    );
    assert_eq!(application.data_access, DataAccess::OneTime);
    assert_eq!(
        application.scopes.to_string(),
        "patient/Coverage.rs profile"
    );
    assert!(!application.require_demographic_scopes);
    assert!(application.part_d_eob_only && application.token_management && application.active);
    let description = application.description.as_ref();
    assert_eq!(description.unwrap().as_str(), "Shows prescriptions.");
    let said = [
        application.policy_uri,
        application.tos_uri,
        application.logo_uri,
        application.support_email,
    ];
    let expected = [
        "https://app.example/privacy",
        "https://app.example/terms",
        "https://app.example/logo.png",
        "help@app.example",
    ];
    assert_eq!(said, expected.map(|text| Some(text.to_owned())));
}

#[tokio::test]
async fn what_cannot_be_registered_is_refused_by_the_name_of_its_argument_and_leaves_nothing() {
    let Some(office) = Office::open().await else {
        return;
    };
    let taken = office.register(&["--public"]);
    fs::write(office.folder.join("held"), "somebody's").unwrap();
    let check = |arguments: &[&str], expected: &str| {
        let run = office.run(&[&["application", "register"], arguments].concat());
        assert!(!run.succeeded && run.says(expected), "{}", run.output);
        assert!(!office.has("secret"), "{expected}");
    };
    let usual = ["--redirect-uri", REDIRECT_URI, "--secret-file", "secret"];
    let with = |more: &[&'static str]| [&["Another"], &usual[..], more].concat();
    check(
        &["Another", "--redirect-uri", REDIRECT_URI],
        "--secret-file",
    );
    check(&["Another", "--secret-file", "secret"], "--redirect-uri");
    check(
        &with(&["--redirect-uri", "https://app.example/#here"]),
        "'--redirect-uri <URI>': a redirect URI has no fragment",
    );
    check(
        &with(&["--redirect-uri", "http://app.example/callback"]),
        "'--redirect-uri <URI>': a redirect URI is https",
    );
    check(&with(&["--public"]), "--public");
    check(&with(&["--data-access", "FOREVER"]), "--data-access");
    check(&with(&["--scope", "patient/Claim.rs"]), "--scope");
    check(
        &with(&["--policy-uri", "http://app.example"]),
        "--policy-uri",
    );
    check(&with(&["--support-email", "help"]), "--support-email");
    let long = "a".repeat(1001);
    check(
        &[&with(&["--description"])[..], &[long.as_str()]].concat(),
        "'--description <TEXT>': a description has at most 1000 characters",
    );
    check(&[&["Two\nlines"], &usual[..]].concat(), "<NAME>");
    let again = office.name.to_uppercase();
    check(&[&[again.as_str()], &usual[..]].concat(), &taken);
    let held = ["--redirect-uri", REDIRECT_URI, "--secret-file", "held"];
    check(
        &[&["Another of a held file"], &held[..]].concat(),
        "--secret-file held",
    );
    assert_eq!(
        fs::read_to_string(office.folder.join("held")).unwrap(),
        "somebody's"
    );
}

#[tokio::test]
async fn a_secret_is_renewed_into_a_file_that_was_not_there() {
    let Some(office) = Office::open().await else {
        return;
    };
    let client_id = office.register(&["--secret-file", "first"]);
    let renew = |file: &str| office.run(&["renew-secret", &client_id, "--secret-file", file]);
    let refused = renew("first");
    assert!(!refused.succeeded && refused.says("--secret-file first"));
    let renewed = renew("second");
    let second = office.secret("second");
    assert!(renewed.succeeded && !renewed.says(&second));
    let application = office.application(&client_id).await;
    assert!(is_known(&application, &second) && is_known(&application, &office.secret("first")));
    let unknown = "x".repeat(Application::CLIENT_ID_CHARS);
    let refused = office.run(&["renew-secret", &unknown, "--secret-file", "third"]);
    assert!(!refused.succeeded && refused.says("there is no such application"));
    assert!(!office.has("third"));
}

/// A leak, and everybody does something about it.
#[tokio::test]
async fn operators_at_work_at_once_undo_nothing_of_each_other() {
    let Some(office) = Office::open().await else {
        return;
    };
    let client_id = office.register(&["--secret-file", "leaked"]);
    let files: Vec<_> = (0..OPERATORS)
        .map(|number| format!("secret-{number}"))
        .collect();
    let mut commands = Vec::new();
    for file in &files {
        commands.push(office.start(&[
            "renew-secret",
            &client_id,
            "--end-old",
            "--secret-file",
            file,
        ]));
        commands.push(office.start(&["application", "deactivate", &client_id]));
    }
    for command in &mut commands {
        assert!(command.wait().unwrap().success());
    }
    let application = office.application(&client_id).await;
    assert!(!application.active);
    assert!(!is_known(&application, &office.secret("leaked")));
    let is_current = |file: &&String| is_known(&application, &office.secret(file));
    assert_eq!(files.iter().filter(is_current).count(), 1);
}

/// The same step by step: what was read before somebody else's change does not come back by the writes after it.
#[tokio::test]
async fn a_write_after_somebody_elses_changes_its_own_part_or_nothing() {
    let Some(office) = Office::open().await else {
        return;
    };
    let applications = &office.applications;
    let client_id = office.register(&["--secret-file", "first"]);
    let before = office.application(&client_id).await;
    let mut renewed = before.clone();
    let secret = renewed.renew_secret(Timestamp::now());
    renewed.end_old_secrets();
    let switched = applications.deactivate(&client_id).await.unwrap();
    assert!(!switched.unwrap().active);
    let replaced = applications
        .replace_secrets(&before, &renewed.secrets)
        .await;
    assert_eq!(replaced, Ok(()));
    let late = applications.replace_secrets(&before, &before.secrets).await;
    assert_eq!(late, Err(StoreError::Conflict));
    let switched = applications.activate(&client_id).await.unwrap().unwrap();
    assert!(switched.active && is_known(&switched, secret.expose()));
    assert!(!is_known(&switched, &office.secret("first")));
    let nobody = "x".repeat(Application::CLIENT_ID_CHARS);
    assert_eq!(applications.deactivate(&nobody).await, Ok(None));
    assert_eq!(applications.activate("-").await, Ok(None));
}
