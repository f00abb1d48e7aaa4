//! A whole rotation of the signing keys by `bluebutton-admin rotate`, while tokens are issued and used: on a local AWS,
//! with a configuration and keys of the test's own.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod run;

use std::cell::{Cell, RefCell};
use std::env;
use std::process::Command;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use bluebutton::config;
use bluebutton::oauth::access::{AccessError, Verifier};
use bluebutton::oauth::keys::Keys;
use bluebutton::oauth::token::{ACCESS_TOKEN_SECONDS, Claims, Signer};
use bluebutton::oauth::{Application, Scopes};
use bluebutton::store::{ApplicationsTable, GrantsTable, TransientTable};
use futures_util::future::join_all;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use stand::local;
use tokio::sync::Notify;
use tokio::task::{spawn_blocking, yield_now};

use run::Run;

const ISSUER: &str = "http://localhost:8000";
const PATIENT: &str = "-7";
/// As many functions that sign, and as many that verify.
const FUNCTIONS: usize = 4;
const STEP_SECONDS: i64 = 60;
const HOUR_AND_TEN_MINUTES: i64 = 4200;

/// A configuration, its keys, and an application with a grant.
struct Rotation {
    aws: SdkConfig,
    secret: String,
    application: Application,
}

/// What the functions of the test share: a clock that the test moves, and the tokens that were issued.
struct World {
    rotation: Rotation,
    now: Cell<Timestamp>,
    issued: RefCell<Vec<Issued>>,
    /// What each function has done, so that the clock waits for all of them.
    done: RefCell<Vec<usize>>,
    progress: Notify,
    /// The key whose tokens are to be refused.
    dropped: RefCell<Option<String>>,
    used: Cell<usize>,
}

#[derive(Clone)]
struct Issued {
    token: String,
    kid: String,
    at: Timestamp,
}

#[tokio::test]
async fn a_rotation_under_load_refuses_no_valid_request() {
    let Some(rotation) = Rotation::prepare().await else {
        return;
    };
    let world = World {
        rotation,
        now: Cell::new(Timestamp::now()),
        issued: RefCell::default(),
        done: RefCell::new(vec![0; 2 * FUNCTIONS]),
        progress: Notify::new(),
        dropped: RefCell::default(),
        used: Cell::new(0),
    };
    let signing = join_all((0..FUNCTIONS).map(|number| world.sign(number)));
    let verifying = join_all((FUNCTIONS..2 * FUNCTIONS).map(|number| world.verify(number)));
    // Functions never end by themselves.
    tokio::select! {
        () = rotate(&world) => {}
        _ = signing => unreachable!(),
        _ = verifying => unreachable!(),
    }
    let (issued, used) = (world.issued.borrow().len(), world.used.get());
    eprintln!("{issued} tokens issued, {used} requests answered, none refused");
    assert!(issued > 100 && used > 100);
}

/// The operator, and what must hold after each of their steps.
async fn rotate(world: &World) {
    let rotation = &world.rotation;
    world.pass(3 * STEP_SECONDS).await;
    let a = world.kid();
    rotation
        .refuses(&["finish"], "there is no previous key")
        .await;
    rotation
        .refuses(&["prepare"], "there is a next key already")
        .await;
    rotation
        .refuses(&["switch"], "not yet: the next key may sign from")
        .await;

    rotation.backdate("next_since", 24 * 3600).await;
    rotation.takes(&["switch"]).await;
    world.pass(2 * STEP_SECONDS).await;
    let b = world.kid();
    assert_ne!(a, b, "the switch reaches functions that are running");
    assert_eq!(world.published().await.len(), 3);
    rotation
        .refuses(
            &["finish"],
            "not yet: tokens of the previous key are over from",
        )
        .await;
    rotation.refuses(&["switch"], "not yet").await;

    world.pass(HOUR_AND_TEN_MINUTES).await;
    rotation
        .backdate("current_since", HOUR_AND_TEN_MINUTES)
        .await;
    rotation.takes(&["finish"]).await;
    world.pass(3 * STEP_SECONDS).await;
    let published = world.published().await;
    assert!(!published.contains(&a) && published.contains(&b) && published.len() == 2);
    assert_eq!(world.kid(), b);

    world.dropped.replace(Some(b.clone()));
    rotation.takes(&["drop", "current"]).await;
    world.pass(2 * STEP_SECONDS).await;
    assert_ne!(world.kid(), b);
    assert!(!world.published().await.contains(&b));
    let old = world.token_of(&b);
    let verifier = rotation.verifier(world.now.get()).await;
    let refused = verifier
        .verify_token(&old.token, ISSUER, world.now.get())
        .await;
    assert_eq!(
        refused.err(),
        Some(AccessError::InvalidToken("unknown key"))
    );
}

impl World {
    /// Lets time pass in steps; in each of them every function does something from beginning to end.
    async fn pass(&self, seconds: i64) {
        for _ in 0..seconds / STEP_SECONDS {
            self.now.set(self.now.get() + STEP_SECONDS.seconds());
            let before = self.done.borrow().clone();
            let all_did_two = || {
                let done = self.done.borrow();
                done.iter()
                    .zip(&before)
                    .all(|(now, before)| *now >= before + 2)
            };
            while !all_did_two() {
                self.progress.notified().await;
            }
        }
    }

    /// A function that issues tokens.
    async fn sign(&self, number: usize) {
        let keys = self.rotation.keys(self.now.get()).await;
        let signer = Signer::new(&self.rotation.aws, Arc::new(keys));
        loop {
            let at = self.now.get();
            let token = signer.sign(&self.rotation.claims(at), at).await;
            let token = token.expect("a token").expose().to_owned();
            let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
            self.issued.borrow_mut().push(Issued { token, kid, at });
            self.did(number);
        }
    }

    /// A function that answers requests with old tokens and new ones by turns.
    async fn verify(&self, number: usize) {
        let verifier = self.rotation.verifier(self.now.get()).await;
        let mut turn = number;
        loop {
            let now = self.now.get();
            turn += 1;
            if let Some(issued) = self.valid_token(turn, now) {
                let verified = verifier.verify_token(&issued.token, ISSUER, now).await;
                let answer = match &verified {
                    Ok(token) => verifier.confirm(token, now).await.map(drop),
                    Err(error) => Err(error.clone()),
                };
                if self.dropped.borrow().as_ref() != Some(&issued.kid) {
                    assert_eq!(answer, Ok(()), "issued at {}, used at {now}", issued.at);
                    self.used.set(self.used.get() + 1);
                }
            }
            self.did(number);
            yield_now().await;
        }
    }

    fn did(&self, number: usize) {
        self.done.borrow_mut()[number] += 1;
        self.progress.notify_one();
    }

    /// A token that has not ended: by turns the newest, the oldest and one between.
    fn valid_token(&self, turn: usize, now: Timestamp) -> Option<Issued> {
        let issued = self.issued.borrow();
        let begun = now - ACCESS_TOKEN_SECONDS.seconds();
        let first = issued.partition_point(|issued| issued.at <= begun);
        let valid = &issued[first..];
        let last = valid.len().checked_sub(1)?;
        let chosen = &valid[[0, last, turn % (last + 1)][turn % 3]];
        Some(chosen.clone()).filter(|issued| issued.at > begun)
    }

    /// The key of the newest token.
    fn kid(&self) -> String {
        self.issued.borrow().last().unwrap().kid.clone()
    }

    /// The newest token of that key.
    fn token_of(&self, kid: &str) -> Issued {
        let issued = self.issued.borrow();
        let mut newest = issued.iter().rev();
        newest.find(|issued| issued.kid == kid).unwrap().clone()
    }

    /// What the discovery function publishes.
    async fn published(&self) -> Vec<String> {
        let keys = self.rotation.keys(self.now.get()).await;
        let jwks = keys.published(self.now.get()).await.unwrap().to_jwks();
        let keys = jwks["keys"].as_array().unwrap();
        keys.iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Rotation {
    async fn prepare() -> Option<Self> {
        let aws = local::aws(env!("CARGO_PKG_NAME"), &["GRANTS_TABLE"]).await?;
        let secret = format!("rotation-test-{}", uuid::Uuid::new_v4());
        let (a, b) = (key(&aws, &secret, "a").await, key(&aws, &secret, "b").await);
        let configuration = json!({"stage": "sandbox", "signing_keys": {"current": a, "next": b}});
        let secrets = aws_sdk_secretsmanager::Client::new(&aws);
        let create = secrets.create_secret().name(&secret);
        let created = create.secret_string(configuration.to_string()).send().await;
        created.unwrap();
        let (application, _) = Application::register("Rotation", vec![]);
        applications(&aws).put(&application).await.unwrap();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        aws_sdk_dynamodb::Client::new(&aws)
            .put_item()
            .table_name(config::variable("GRANTS_TABLE").unwrap())
            .item("patient", text(PATIENT))
            .item("client_id", text(&application.client_id))
            .item("grant_id", text("grant"))
            .item("scopes", text(Scopes::DEFAULT))
            .item("substance_use", AttributeValue::Bool(false))
            .item("approved_at", AttributeValue::N("0".to_owned()))
            .send()
            .await
            .unwrap();
        Some(Self {
            aws,
            secret,
            application,
        })
    }

    async fn keys(&self, now: Timestamp) -> Keys {
        Keys::named(&self.aws, &self.secret, now).await.unwrap()
    }

    async fn verifier(&self, now: Timestamp) -> Verifier {
        let table = |name| config::variable(name).unwrap();
        let client = || aws_sdk_dynamodb::Client::new(&self.aws);
        Verifier::new(
            self.keys(now).await,
            GrantsTable::new(client(), table("GRANTS_TABLE")),
            applications(&self.aws),
            TransientTable::new(client(), table("TRANSIENT_TABLE")),
        )
    }

    fn claims(&self, now: Timestamp) -> Claims {
        Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: "opaque".to_owned(),
            patient: PATIENT.to_owned(),
            client_id: self.application.client_id.clone(),
            scope: Scopes::DEFAULT.to_owned(),
            grant: "grant".to_owned(),
            jti: uuid::Uuid::new_v4().to_string(),
            iat: now.as_second(),
            exp: now.as_second() + ACCESS_TOKEN_SECONDS,
            nbf: None,
        }
    }

    /// Runs the command beside the functions.
    async fn run(&self, step: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bluebutton-admin"));
        command.arg("rotate").args(step);
        command.env("CONFIGURATION_SECRET", &self.secret);
        spawn_blocking(move || Run::of(&mut command)).await.unwrap()
    }

    async fn takes(&self, step: &[&str]) {
        let run = self.run(step).await;
        assert!(
            run.succeeded && run.says("What comes next"),
            "{}",
            run.output
        );
    }

    async fn refuses(&self, step: &[&str], why: &str) {
        let run = self.run(step).await;
        assert!(!run.succeeded && run.says(why), "{step:?}: {}", run.output);
    }

    /// Makes the configuration say that something began that long ago, which is what the operator's clock would say had
    /// it moved with the functions'.
    async fn backdate(&self, what: &str, seconds: i64) {
        let secrets = aws_sdk_secretsmanager::Client::new(&self.aws);
        let answer = secrets
            .get_secret_value()
            .secret_id(&self.secret)
            .send()
            .await;
        let mut value: Value =
            serde_json::from_str(answer.unwrap().secret_string().unwrap()).unwrap();
        let time = Timestamp::now() - seconds.seconds();
        value["signing_keys"][what] = time.to_string().into();
        let put = secrets.put_secret_value().secret_id(&self.secret);
        put.secret_string(value.to_string()).send().await.unwrap();
    }
}

fn applications(aws: &SdkConfig) -> ApplicationsTable {
    let table = config::variable("APPLICATIONS_TABLE").unwrap();
    ApplicationsTable::new(aws_sdk_dynamodb::Client::new(aws), table)
}

/// A signing key as the template of the data resources makes it.
async fn key(aws: &SdkConfig, stack: &str, name: &str) -> String {
    let kms = aws_sdk_kms::Client::new(aws);
    let create = kms.create_key().key_spec(KeySpec::EccNistP256);
    let create = create
        .key_usage(KeyUsageType::SignVerify)
        .multi_region(true);
    let created = create.send().await.unwrap();
    let arn = created.key_metadata().unwrap().arn().unwrap().to_owned();
    let alias = format!("alias/{stack}/signing-{name}");
    let named = kms.create_alias().alias_name(alias).target_key_id(&arn);
    named.send().await.unwrap();
    arn
}
