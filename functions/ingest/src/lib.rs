//! The `ingest` function: RIF files that arrive in S3, into the claims and identity tables.

mod object;

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_lambda_events::event::s3::{S3Event, S3EventRecord};
use bluebutton::aws_call::CallError;
use bluebutton::config::{self, ConfigError, Configuration};
use bluebutton::identity::MedicareNumberHasher;
use bluebutton::metrics::{self, Metric};
use bluebutton::runs::{self, Panicked};
use bluebutton::store::load::{LoadError, Loader, Observer, RejectedRow, Summary};
use bluebutton::store::{ClaimsTable, IdentityTable, UsageTable};
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent};
use tracing::{error, info, warn};

pub use self::object::Objects;
use self::object::decode_key;

/// What the function needs: the objects, and the tables of the loader.
pub struct Ingest {
    /// Where the objects are.
    pub objects: Objects,
    /// Where people and claims go.
    pub claims: ClaimsTable,
    /// Where hashed Medicare numbers go.
    pub identity: IdentityTable,
    /// Where it is kept when data were loaded.
    pub usage: UsageTable,
    /// How Medicare numbers are hashed.
    pub hasher: MedicareNumberHasher,
}

/// Why an object was not loaded, or not to its end. Lambda tries again, and then hands the event to where failures go.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The event names no object.
    #[error("the event names no object")]
    NoObject,
    /// S3 does not give the object out.
    #[error("the object cannot be read: {0}")]
    Unreadable(#[from] CallError),
    /// The loader stopped.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The program has a fault.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

impl Ingest {
    /// The clients and tables that the environment names.
    ///
    /// # Errors
    /// When the environment is incomplete.
    pub async fn new(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let stage = Configuration::read(aws).await?.stage;
        let dynamodb = config::dynamodb(aws);
        Ok(Self {
            objects: Objects::new(aws.clone()),
            claims: ClaimsTable::new(dynamodb.clone(), config::variable("CLAIMS_TABLE")?),
            identity: IdentityTable::new(dynamodb.clone(), config::variable("IDENTITY_TABLE")?),
            usage: UsageTable::new(dynamodb, config::variable("TRANSIENT_TABLE")?),
            hasher: MedicareNumberHasher::read(aws, stage).await?,
        })
    }
}

/// Answers a run of Lambda: loads the objects of the event under a record of their own, and writes its line.
///
/// # Errors
/// As [`handle`].
pub async fn run(ingest: &Ingest, event: LambdaEvent<S3Event>) -> Result<(), IngestError> {
    let (event, context) = event.into_parts();
    let tell = |done: &Result<(), _>| {
        let error = done.as_ref().err();
        vec![("error_code", error.map(IngestError::code).into())]
    };
    runs::run(&context, "ingested", || handle(ingest, event), tell).await
}

/// Loads the objects of an event, one after the other.
///
/// # Errors
/// When an object cannot be loaded to its end. Rejected rows are logged and are no error: trying again would not help.
pub async fn handle(ingest: &Ingest, event: S3Event) -> Result<(), IngestError> {
    for record in event.records {
        let (bucket, key) = location(&record).ok_or(IngestError::NoObject)?;
        match load(ingest, bucket, &key).await {
            Ok(summary) => {
                metrics::add(Metric::RejectedRows, summary.rejected);
                metrics::add(
                    Metric::LoadedRows,
                    summary.rows.saturating_sub(summary.rejected),
                );
                info!(file = %key, cause = %summary, "loaded");
            }
            Err(error) => {
                error!(file = %key, cause = %error, "not loaded");
                return Err(error);
            }
        }
    }
    Ok(())
}

/// The bucket and the key, which S3 writes into events in the form of a query string.
fn location(record: &S3EventRecord) -> Option<(&str, String)> {
    let bucket = record.s3.bucket.name.as_deref()?;
    let key = record.s3.object.key.as_deref()?;
    Some((bucket, decode_key(key)))
}

async fn load(ingest: &Ingest, bucket: &str, key: &str) -> Result<Summary, IngestError> {
    let (reader, download) = ingest.objects.get(bucket, key).await?;
    let loader = Loader::new(
        ingest.claims.clone(),
        ingest.identity.clone(),
        ingest.hasher.clone(),
        Timestamp::now(),
    );
    let (summary, ()) = tokio::join!(loader.load(reader, key, Arc::new(Log)), download);
    let summary = summary?;
    // What is loaded is loaded, whether or not it is known how old it is.
    if let Err(error) = ingest.usage.note_load(&summary, Timestamp::now()).await {
        warn!(cause = %error, "the time of the load is not noted");
    }
    Ok(summary)
}

/// What Lambda shows of a failure: the kind and the sentence, neither of which holds data.
impl From<IngestError> for Diagnostic {
    fn from(error: IngestError) -> Self {
        Self {
            error_type: error.code().to_owned(),
            error_message: error.to_string(),
        }
    }
}

impl IngestError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoObject => "NoObject",
            Self::Unreadable(_) => "Unreadable",
            Self::Load(LoadError::NotRif(_)) => "NotRif",
            Self::Load(_) => "NotLoaded",
            Self::Panicked(_) => "Panicked",
        }
    }
}

/// Writes what happens to rows into the log.
struct Log;

impl Observer for Log {
    fn rejected(&self, rejected: &RejectedRow) {
        warn!(cause = %rejected, "row rejected");
    }

    fn unknown_columns(&self, file: &str, columns: &[String]) {
        warn!(file, cause = columns.join(", "), "unknown columns left out");
    }

    fn rows(&self, _rows: u64) {}
}
