//! Programs that load people start only with a pepper that fits their stage.

use std::process::Command;
use std::{env, fs};

use aws_sdk_secretsmanager::Client as SecretsManager;
use bluebutton::rif::ClaimType;
use serde_json::json;
use stand::runtime::{Program, program};
use uuid::Uuid;

use crate::pair::Sandbox;

const OWN_PEPPER: &str = r#"{"pepper":"k0Yr8sVq2","iterations":1000}"#;
const DEVELOPMENT_PEPPER: &str = r#"{"pepper":"nottherealpepper","iterations":2}"#;

/// What a program says that does not start.
const REFUSAL: &str = "development values of IDENTITY_SECRET are refused in this stage";

#[tokio::test]
async fn nothing_is_loaded_outside_the_sandbox_with_the_published_pepper() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let (Some(ingest), Some(admin)) = (program("ingest"), program("bluebutton-admin")) else {
        return;
    };
    let secrets = Secrets(SecretsManager::new(&sandbox.aws));
    // A file of claims without a row.
    let columns = ClaimType::Pde.layout().header.iter();
    let header: Vec<_> = columns.map(|column| column.name()).collect();
    let file = env::temp_dir().join(format!("trial-{}.csv", Uuid::new_v4()));
    fs::write(&file, header.join("|")).unwrap();
    for (stage, pepper, starts) in [
        ("sandbox", DEVELOPMENT_PEPPER, true),
        ("dev", DEVELOPMENT_PEPPER, false),
        ("dev", OWN_PEPPER, true),
        ("prod", DEVELOPMENT_PEPPER, false),
        ("prod", OWN_PEPPER, true),
        // A stage that nobody wrote down is prod.
        ("", DEVELOPMENT_PEPPER, false),
    ] {
        let configuration = match stage {
            "" => json!({}),
            stage => json!({"stage": stage}),
        };
        let names = [
            (
                "CONFIGURATION_SECRET",
                secrets.put(&configuration.to_string()).await,
            ),
            ("IDENTITY_SECRET", secrets.put(pepper).await),
        ];
        let command = |program| {
            let mut command = Command::new(program);
            command.envs(names.clone());
            command
        };
        let started = match starts {
            // A program that starts would run on.
            true => Program::start(command(&ingest)).map(drop).is_ok(),
            false => !is_refused(&mut command(&ingest)),
        };
        assert_eq!(started, starts, "ingest in {stage} with {pepper}");
        let refused = is_refused(command(&admin).arg("load").arg(&file));
        assert_eq!(refused, !starts, "load in {stage} with {pepper}");
        for (_, name) in names {
            secrets.delete(&name).await;
        }
    }
    fs::remove_file(&file).unwrap();
}

/// Whether the program ends for that reason.
fn is_refused(command: &mut Command) -> bool {
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).contains(REFUSAL);
    assert!(!said || !ended.status.success());
    said
}

/// Secrets of the local AWS.
struct Secrets(SecretsManager);

impl Secrets {
    /// The name of a new one.
    async fn put(&self, value: &str) -> String {
        let name = format!("trial-{}", Uuid::new_v4());
        let create = self.0.create_secret().name(&name).secret_string(value);
        create.send().await.unwrap();
        name
    }

    async fn delete(&self, name: &str) {
        let delete = self.0.delete_secret().secret_id(name);
        let delete = delete.force_delete_without_recovery(true);
        delete.send().await.unwrap();
    }
}
