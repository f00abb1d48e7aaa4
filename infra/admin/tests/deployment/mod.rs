//! Two tables of one's own, and `bluebutton-admin` run against them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, process};

use aws_sdk_dynamodb::Client;
use bluebutton::config::Stage;
use bluebutton::identity::{BeneId, MedicareNumberHasher};
use bluebutton::store::{ClaimsTable, IdentityTable, StoredItem};
use stand::local;

use crate::run::Run;

/// The tables of one test.
pub(crate) struct Deployment {
    pub(crate) claims: ClaimsTable,
    identity: IdentityTable,
    hasher: MedicareNumberHasher,
    client: Client,
    tables: [String; 2],
    folder: PathBuf,
}

const NEEDED: [&str; 2] = ["CONFIGURATION_SECRET", "IDENTITY_SECRET"];

impl Deployment {
    /// Makes the tables, or says what the environment lacks for it.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let aws = local::aws(env!("CARGO_PKG_NAME"), &NEEDED).await?;
        let client = Client::new(&aws);
        let name = format!("load-test-{test}-{}", process::id());
        let tables = ["claims", "identity"].map(|kind| format!("{name}-{kind}"));
        for table in &tables {
            local::create_table(&client, table, &["pk", "sk"]).await;
        }
        let folder = env::temp_dir().join(&name);
        fs::create_dir_all(&folder).unwrap();
        Some(Self {
            claims: ClaimsTable::new(client.clone(), &tables[0]),
            identity: IdentityTable::new(client.clone(), &tables[1]),
            hasher: MedicareNumberHasher::read(&aws, Stage::Sandbox)
                .await
                .unwrap(),
            client,
            tables,
            folder,
        })
    }

    /// Runs `bluebutton-admin load` with these files.
    pub(crate) fn load(&self, files: &[PathBuf]) -> Run {
        let files = files.iter().map(|file| file.display().to_string());
        let arguments: Vec<_> = std::iter::once("load".to_owned()).chain(files).collect();
        Run::of(&mut self.command(&arguments))
    }

    pub(crate) fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bluebutton-admin"));
        command
            .args(arguments)
            .env("CLAIMS_TABLE", &self.tables[0])
            .env("IDENTITY_TABLE", &self.tables[1]);
        command
    }

    /// Writes a file that lives as long as the test.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Everything in the claims table, by beneficiary and key, with the time of its last change.
    pub(crate) async fn items(&self) -> BTreeMap<(String, String), StoredItem> {
        let mut keys = Vec::new();
        let see = |beneficiary, key| keys.push((beneficiary, key));
        self.claims.for_each_key(see).await.unwrap();
        let mut items = BTreeMap::new();
        for (beneficiary, key) in keys {
            let item = self.claims.stored(&beneficiary, &key).await.unwrap();
            let name = (beneficiary.as_str().to_owned(), key.text());
            items.insert(name, item.unwrap());
        }
        items
    }

    /// The people behind a Medicare number.
    pub(crate) async fn behind(&self, number: &str) -> Vec<BeneId> {
        let hash = self.hash(number);
        self.identity.beneficiaries(&hash).await.unwrap()
    }

    /// The hash of a Medicare number.
    pub(crate) fn hash(&self, number: &str) -> String {
        self.hasher.hash(number)
    }

    /// Deletes the tables and files.
    pub(crate) async fn end(self) {
        for table in &self.tables {
            self.client
                .delete_table()
                .table_name(table)
                .send()
                .await
                .unwrap();
        }
        fs::remove_dir_all(&self.folder).unwrap();
    }
}
