//! Writing records: INSERT leaves what exists alone, UPDATE replaces, equal content changes nothing.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::person::{self, Change};
use super::{Follower, LoadError, Summary};
use crate::identity::{BeneId, MedicareNumberHasher};
use crate::rif::{Action, Rejection};
use crate::store::patience::patiently;
use crate::store::stored_beneficiary::Person;
use crate::store::stored_claim::{decode_row, same_content};
use crate::store::{
    ClaimsTable, INSERTS_MAX, IdentityTable, ItemKey, NewItem, StoreError, StoredItem,
};

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
        let mut waiting = Vec::with_capacity(INSERTS_MAX);
        while queue.recv_many(&mut waiting, INSERTS_MAX).await > 0 {
            for works in waiting.chunk_by(|a, b| a.is_insert() && b.is_insert()) {
                for (work, outcome) in works.iter().zip(self.write_some(works).await?) {
                    summary.count(work, outcome, &follower);
                }
            }
            waiting.clear();
        }
        Ok(summary)
    }

    /// Writes records in order, in one request where they are inserts of different items.
    async fn write_some(&self, works: &[Work]) -> Result<Vec<Outcome>, StoreError> {
        let mut written = vec![None; works.len()];
        if let Some(items) = self.new_items(works) {
            // What failed is tried again below, one by one; what was written all the same counts as unchanged then.
            for (outcome, answer) in written
                .iter_mut()
                .zip(self.claims.insert_all(&items).await.into_iter().flatten())
            {
                *outcome = match answer {
                    Ok(()) => Some(Outcome::Inserted),
                    Err(StoreError::Conflict) => Some(Outcome::Unchanged),
                    Err(_) => None,
                };
            }
        }
        let mut outcomes = Vec::with_capacity(works.len());
        for (work, written) in works.iter().zip(written) {
            outcomes.push(match written {
                Some(outcome) => outcome,
                None => patiently(|| self.write(work)).await?,
            });
        }
        Ok(outcomes)
    }

    /// The items of several inserts; `None` where they cannot be written in one request.
    fn new_items<'a>(&self, works: &'a [Work]) -> Option<Vec<NewItem<'a>>> {
        let items = works.iter().map(|work| match &work.content {
            Content::Claim(key, bytes) if work.action == Action::Insert => Some(NewItem {
                beneficiary: &work.beneficiary,
                key,
                item: self.stamped(bytes),
            }),
            _ => None,
        });
        let items = items.collect::<Option<Vec<_>>>()?;
        let keys: HashSet<_> = items
            .iter()
            .map(|item| (item.beneficiary, item.key))
            .collect();
        (items.len() > 1 && keys.len() == items.len()).then_some(items)
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
        let person = Person::decode(&bytes)?;
        let [_, mbi] = person::medicare_numbers(&person.row);
        let mbi_hash = mbi.map(|mbi| self.hasher.hash(mbi));
        let new = StoredItem {
            mbi_hash,
            ..self.stamped(&bytes)
        };
        self.put(work, &ItemKey::Person, stored, new).await
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
            return match self.put(work, key, None, self.stamped(bytes)).await {
                Err(StoreError::Conflict) => Ok(Outcome::Unchanged),
                outcome => outcome,
            };
        }
        let stored = self.claims.stored(&work.beneficiary, key).await?;
        match stored {
            Some(stored) if is_same(&stored.bytes, bytes) => Ok(Outcome::Unchanged),
            stored => self.put(work, key, stored, self.stamped(bytes)).await,
        }
    }

    /// Writes an item in place of what was seen there, or where nothing was seen.
    async fn put(
        &self,
        work: &Work,
        key: &ItemKey,
        seen: Option<StoredItem>,
        new: StoredItem,
    ) -> Result<Outcome, StoreError> {
        let Some(seen) = seen else {
            self.claims.insert(&work.beneficiary, key, new).await?;
            return Ok(Outcome::Inserted);
        };
        self.claims
            .replace(&work.beneficiary, key, seen, new)
            .await?;
        Ok(Outcome::Updated)
    }

    fn stamped(&self, bytes: &[u8]) -> StoredItem {
        StoredItem {
            bytes: bytes.to_vec(),
            last_updated: self.now,
            mbi_hash: None,
        }
    }
}

impl Work {
    /// Whether it writes a claim where there is none, and nothing else.
    fn is_insert(&self) -> bool {
        self.action == Action::Insert && matches!(self.content, Content::Claim(..))
    }
}

impl Summary {
    fn count(&mut self, work: &Work, outcome: Outcome, follower: &Follower) {
        match outcome {
            Outcome::Inserted => self.inserted += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Rejected(reason) => {
                self.rejected += work.rows;
                follower.reject(Rejection {
                    line: work.line,
                    column: None,
                    reason: reason.into(),
                });
            }
        }
    }
}
