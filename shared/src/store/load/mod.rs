//! Loading RIF files: what `bluebutton-admin load` and the `ingest` function share.
//!
//! One thread reads and encodes, [`WRITERS`] tasks write. What belongs to one item always goes to the same writer, so
//! that rows about the same item take effect in the order of the file, and memory stays constant whatever its size.
//!
//! Files are loaded one after the other: people, their history, claims. Claims load even where their person is not
//! there yet; an earlier identity without its person is rejected.

mod parser;
mod person;
mod writer;

use std::fmt;
use std::io::{self, BufRead};
use std::ops::AddAssign;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::parser::Parser;
use self::writer::Writer;
use super::patience::patiently;
use super::{ClaimsTable, IdentityTable, StoreError, UsageTable};
use crate::identity::MedicareNumberHasher;
use crate::metrics;
use crate::rif::Rejection;
use crate::rif::reader::{NotRif, OpenError};

/// How many writes are under way at a time.
const WRITERS: usize = 16;

/// How many records wait for one writer before reading pauses.
const QUEUE_RECORDS: usize = 64;

/// Loads RIF files into the claims and identity tables.
#[derive(Clone, Debug)]
pub struct Loader {
    writer: Arc<Writer>,
    now: Timestamp,
}

/// What became of the rows and records of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows read, not counting the header.
    pub rows: u64,
    /// Records (claims with their lines, people in a year, earlier identities) that were not there before.
    pub inserted: u64,
    /// Records that replaced another content.
    pub updated: u64,
    /// Records that were there already, or something newer was.
    pub unchanged: u64,
    /// Rows that were not taken over.
    pub rejected: u64,
}

/// Who follows a load while it runs.
pub trait Observer: Send + Sync + 'static {
    /// A row was rejected.
    fn rejected(&self, rejected: &RejectedRow);

    /// The file has columns that its layout does not know; their values are left out.
    fn unknown_columns(&self, file: &str, columns: &[String]);

    /// So many rows have been read.
    fn rows(&self, rows: u64);
}

/// A rejected row with the name of its file. Prints as `file:line: column: reason`, without values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// The file, as it was named to the loader.
    pub file: String,
    /// Where and why.
    pub rejection: Rejection,
}

/// Why a load ended before the end of the file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not RIF.
    #[error("not a RIF file: {0}")]
    NotRif(NotRif),
    /// The file cannot be read on.
    #[error("cannot read the file: {0}")]
    Unreadable(#[from] io::Error),
    /// A table does not take the records.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Loader {
    /// A loader that stamps what it changes with `now`.
    #[must_use]
    pub fn new(
        claims: ClaimsTable,
        identity: IdentityTable,
        hasher: MedicareNumberHasher,
        now: Timestamp,
    ) -> Self {
        // Stored claims keep milliseconds: the attribute beside the bytes must not say more.
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let writer = Arc::new(Writer {
            claims,
            identity,
            hasher,
            now,
        });
        Self { writer, now }
    }

    /// Loads one file. Rejected rows are told to the observer, the rest of the file loads.
    ///
    /// # Errors
    /// When the file is not RIF or ends in an I/O error, or when a table refuses. What was written until then stays;
    /// loading the file again completes it.
    pub async fn load<R: BufRead + Send + 'static>(
        &self,
        source: R,
        file: &str,
        observer: Arc<dyn Observer>,
    ) -> Result<Summary, LoadError> {
        let follower = Follower {
            file: file.to_owned(),
            observer,
        };
        let mut writers = JoinSet::new();
        let mut queues = Vec::with_capacity(WRITERS);
        for _ in 0..WRITERS {
            let (queue, work) = mpsc::channel(QUEUE_RECORDS);
            queues.push(queue);
            let writing = self.writer.clone().write_all(work, follower.clone());
            writers.spawn(metrics::inherited(writing));
        }
        let parser = Parser {
            follower,
            queues,
            now: self.now,
        };
        // The parser always ends before the writers: it closes the queues, and gives up when a writer has stopped.
        let parsed = tokio::task::spawn_blocking(move || parser.parse(source)).await;
        let mut summary = Summary::default();
        while let Some(written) = writers.join_next().await {
            summary += written.expect("writers do not panic")?;
        }
        summary += parsed.expect("the parser does not panic")?;
        Ok(summary)
    }
}

impl UsageTable {
    /// Notes when data were loaded, if the load changed any: a header without rows, rows that were all rejected and a
    /// file that was loaded before make nothing newer, however often they come.
    ///
    /// # Errors
    /// When it cannot be noted. What is loaded is loaded all the same.
    pub async fn note_load(&self, summary: &Summary, at: Timestamp) -> Result<(), StoreError> {
        match summary.inserted + summary.updated {
            0 => Ok(()),
            _ => patiently(|| self.put_load(at)).await,
        }
    }
}

/// The observer and the name of the file that it follows.
#[derive(Clone)]
struct Follower {
    file: String,
    observer: Arc<dyn Observer>,
}

impl Follower {
    fn reject(&self, rejection: Rejection) {
        let file = self.file.clone();
        self.observer.rejected(&RejectedRow { file, rejection });
    }
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.rejected += other.rejected;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows: {} records inserted, {} updated, {} unchanged; {} rows rejected",
            self.rows, self.inserted, self.updated, self.unchanged, self.rejected
        )
    }
}

impl fmt::Display for RejectedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.rejection)
    }
}

impl From<OpenError> for LoadError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unreadable(error) => Self::Unreadable(error),
            OpenError::NotRif(reason) => Self::NotRif(reason),
        }
    }
}
