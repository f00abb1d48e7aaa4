//! Writing records: INSERT leaves what exists alone, UPDATE replaces, equal content changes nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::person::{self, Change};
use super::{Follower, LoadError, Summary};
use crate::identity::{BeneId, MedicareNumberHasher};
use crate::rif::{Action, Rejection};
use crate::store::stored_claim::{decode_row, same_content};
use crate::store::{ClaimsTable, IdentityTable, ItemKey, StoreError, StoredItem};

/// How often a write is tried again when the table is throttled or another load was faster, besides the SDK's own retries.
const RETRIES_MAX: u32 = 8;

const FIRST_PAUSE_MILLISECONDS: u64 = 50;

/// One record on its way to the tables.
pub(super) struct Work {
    pub(super) beneficiary: BeneId,
    pub(super) action: Action,
    pub(super) line: u64,
    pub(super) rows: u64,
    pub(super) content: Content,
}

/// What is to be stored, in binary form.
pub(super) enum Content {
    Claim(ItemKey, Vec<u8>),
    Person {
        row: Vec<u8>,
        year: Option<(u16, Vec<u8>)>,
    },
    History(Vec<u8>),
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Inserted,
    Updated,
    Unchanged,
    Rejected(&'static str),
}

/// Writes records to the claims and identity tables.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) claims: ClaimsTable,
    pub(super) identity: IdentityTable,
    pub(super) hasher: MedicareNumberHasher,
    pub(super) now: Timestamp,
}

impl Writer {
    /// Writes what comes out of a queue, one record after the other, until it closes or a table refuses.
    pub(super) async fn write_all(
        self: Arc<Self>,
        mut queue: mpsc::Receiver<Work>,
        follower: Follower,
    ) -> Result<Summary, LoadError> {
        let mut summary = Summary::default();
        while let Some(work) = queue.recv().await {
            match self.write_patiently(&work).await? {
                Outcome::Inserted => summary.inserted += 1,
                Outcome::Updated => summary.updated += 1,
                Outcome::Unchanged => summary.unchanged += 1,
                Outcome::Rejected(reason) => {
                    summary.rejected += work.rows;
                    follower.reject(Rejection {
                        line: work.line,
                        column: None,
                        reason: reason.into(),
                    });
                }
            }
        }
        Ok(summary)
    }

    /// Tries until it works, for a while: every step may be done again.
    async fn write_patiently(&self, work: &Work) -> Result<Outcome, StoreError> {
        let mut pause = Duration::from_millis(FIRST_PAUSE_MILLISECONDS);
        for _ in 0..RETRIES_MAX {
            match self.write(work).await {
                Err(StoreError::Conflict) => {}
                Err(error) if error.is_transient() => tokio::time::sleep(pause).await,
                outcome => return outcome,
            }
            pause *= 2;
        }
        self.write(work).await
    }

    async fn write(&self, work: &Work) -> Result<Outcome, StoreError> {
        match &work.content {
            Content::Claim(key, bytes) => self.write_item(work, key, bytes, same_content).await,
            Content::Person { row, year } => self.write_person(work, row, year.as_ref()).await,
            Content::History(row) => self.write_history(work, row).await,
        }
    }

    async fn write_person(
        &self,
        work: &Work,
        row: &[u8],
        year: Option<&(u16, Vec<u8>)>,
    ) -> Result<Outcome, StoreError> {
        let beneficiary = &work.beneficiary;
        let stored = self.claims.stored(beneficiary, &ItemKey::Person).await?;
        let stored_bytes = stored.as_ref().map(|item| &item.bytes[..]);
        let row = decode_row(row)?;
        let numbers = person::medicare_numbers(&row);
        let change = person::merge_person(stored_bytes, row, work.action)?;
        let person = self.change_person(work, stored, change, numbers).await?;
        let Some((year, bytes)) = year else {
            return Ok(person);
        };
        let same_bytes = |old: &[u8], new: &[u8]| old == new;
        let key = ItemKey::Year(*year);
        let year = self.write_item(work, &key, bytes, same_bytes).await?;
        // The record is the person in that year: new when the year is new, changed when either is.
        Ok(if year == Outcome::Unchanged {
            person
        } else {
            year
        })
    }

    async fn write_history(&self, work: &Work, row: &[u8]) -> Result<Outcome, StoreError> {
        let stored = self
            .claims
            .stored(&work.beneficiary, &ItemKey::Person)
            .await?;
        let Some(stored) = stored else {
            return Ok(Outcome::Rejected("expected a beneficiary who is loaded"));
        };
        let row = decode_row(row)?;
        let numbers = person::medicare_numbers(&row);
        let change = person::merge_history(&stored.bytes, row)?;
        let outcome = self
            .change_person(work, Some(stored), change, numbers)
            .await?;
        Ok(match outcome {
            Outcome::Updated => Outcome::Inserted,
            other => other,
        })
    }

    /// Stores a changed person. The identity table comes first: were it second, a load that is cut off between the two
    /// and repeated would find the person unchanged and never write it.
    async fn change_person(
        &self,
        work: &Work,
        stored: Option<StoredItem>,
        change: Change,
        numbers: [Option<&str>; 2],
    ) -> Result<Outcome, StoreError> {
        let Change::Bytes(bytes) = change else {
            return Ok(Outcome::Unchanged);
        };
        for number in numbers.into_iter().flatten() {
            let hash = self.hasher.hash(number);
            self.identity.add(&hash, &work.beneficiary).await?;
        }
        self.put(work, &ItemKey::Person, stored, bytes).await
    }

    /// Writes an item that does not depend on what is stored.
    async fn write_item(
        &self,
        work: &Work,
        key: &ItemKey,
        bytes: &[u8],
        is_same: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Result<Outcome, StoreError> {
        if work.action == Action::Insert {
            return match self.put(work, key, None, bytes.to_vec()).await {
                Err(StoreError::Conflict) => Ok(Outcome::Unchanged),
                outcome => outcome,
            };
        }
        let stored = self.claims.stored(&work.beneficiary, key).await?;
        match stored {
            Some(stored) if is_same(&stored.bytes, bytes) => Ok(Outcome::Unchanged),
            stored => self.put(work, key, stored, bytes.to_vec()).await,
        }
    }

    /// Writes an item in place of what was seen there, or where nothing was seen.
    async fn put(
        &self,
        work: &Work,
        key: &ItemKey,
        seen: Option<StoredItem>,
        bytes: Vec<u8>,
    ) -> Result<Outcome, StoreError> {
        let new = StoredItem {
            bytes,
            last_updated: self.now,
        };
        let Some(seen) = seen else {
            self.claims.insert(&work.beneficiary, key, new).await?;
            return Ok(Outcome::Inserted);
        };
        self.claims
            .replace(&work.beneficiary, key, seen, new)
            .await?;
        Ok(Outcome::Updated)
    }
}
