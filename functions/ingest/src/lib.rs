//! The `ingest` function: RIF files that arrive in S3, into the claims and identity tables.

mod object;

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_lambda_events::event::s3::{S3Event, S3EventRecord};
use aws_sdk_s3::Client;
use bluebutton::config::{self, ConfigError, Configuration};
use bluebutton::identity::MedicareNumberHasher;
use bluebutton::store::load::{LoadError, Loader, Observer, RejectedRow, Summary};
use bluebutton::store::{ClaimsTable, IdentityTable};
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use tracing::{error, info, warn};

use self::object::{ObjectReader, decode_key};

/// What the function needs: the objects, and the tables of the loader.
pub struct Ingest {
    /// Where the objects are.
    pub s3: Client,
    /// Where people and claims go.
    pub claims: ClaimsTable,
    /// Where hashed Medicare numbers go.
    pub identity: IdentityTable,
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
    #[error("the object cannot be read")]
    Unreadable,
    /// The loader stopped.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl Ingest {
    /// The clients and tables that the environment names.
    ///
    /// # Errors
    /// When the environment is incomplete.
    pub async fn new(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let stage = Configuration::read(aws).await?.stage;
        let dynamodb = aws_sdk_dynamodb::Client::new(aws);
        Ok(Self {
            s3: Client::new(aws),
            claims: ClaimsTable::new(dynamodb.clone(), config::variable("CLAIMS_TABLE")?),
            identity: IdentityTable::new(dynamodb, config::variable("IDENTITY_TABLE")?),
            hasher: MedicareNumberHasher::read(aws, stage).await?,
        })
    }
}

/// Loads the objects of an event, one after the other.
///
/// # Errors
/// When an object cannot be loaded to its end. Rejected rows are logged and are no error: trying again would not help.
pub async fn handle(ingest: &Ingest, event: S3Event) -> Result<(), IngestError> {
    for record in event.records {
        let (bucket, key) = location(&record).ok_or(IngestError::NoObject)?;
        match load(ingest, bucket, &key).await {
            Ok(summary) => info!(file = %key, cause = %summary, "loaded"),
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
    let request = ingest.s3.get_object().bucket(bucket).key(key);
    let object = request.send().await.map_err(|_| IngestError::Unreadable)?;
    let loader = Loader::new(
        ingest.claims.clone(),
        ingest.identity.clone(),
        ingest.hasher.clone(),
        Timestamp::now(),
    );
    let (reader, pump) = ObjectReader::new(object.body);
    let (summary, ()) = tokio::join!(loader.load(reader, key, Arc::new(Log)), pump);
    Ok(summary?)
}

/// What Lambda shows of a failure: the kind and the sentence, neither of which holds data.
impl From<IngestError> for Diagnostic {
    fn from(error: IngestError) -> Self {
        let kind = match &error {
            IngestError::NoObject => "NoObject",
            IngestError::Unreadable => "Unreadable",
            IngestError::Load(LoadError::NotRif(_)) => "NotRif",
            IngestError::Load(_) => "NotLoaded",
        };
        Self {
            error_type: kind.to_owned(),
            error_message: error.to_string(),
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
