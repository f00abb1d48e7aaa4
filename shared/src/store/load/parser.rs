//! Reading a file and handing its records, encoded, to the writers.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufRead;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::writer::{Content, Work};
use super::{Follower, LoadError, Summary, person};
use crate::identity::BeneId;
use crate::rif::reader::Reader;
use crate::rif::{Column, Entry, Record, Row, beneficiary};
use crate::store::{Facts, ItemKey, stored_claim};

/// Reads one file.
pub(super) struct Parser {
    pub(super) follower: Follower,
    pub(super) queues: Vec<mpsc::Sender<Work>>,
    pub(super) now: Timestamp,
}

impl Parser {
    /// Reads to the end of the file, or until a writer stops. The summary counts rows and the rejections made here.
    pub(super) fn parse(self, source: impl BufRead) -> Result<Summary, LoadError> {
        let Follower { file, observer } = &self.follower;
        let mut summary = Summary::default();
        let mut reader = Reader::open(source, file)?;
        if !reader.unknown_columns().is_empty() {
            observer.unknown_columns(file, reader.unknown_columns());
        }
        while let Some(entry) = reader.read()? {
            match entry {
                Ok(entry) => {
                    summary.rows += entry.rows;
                    if self.send(self.work(entry)).is_err() {
                        break;
                    }
                }
                Err(rejections) => {
                    summary.rows += rejections.len() as u64;
                    summary.rejected += rejections.len() as u64;
                    for rejection in rejections {
                        self.follower.reject(rejection);
                    }
                }
            }
            observer.rows(summary.rows);
        }
        Ok(summary)
    }

    /// What has to be written for a record.
    fn work(&self, entry: Entry) -> Work {
        let id = entry.record.header().get(Column::BENE_ID);
        let beneficiary = id.and_then(|id| BeneId::parse(&id.to_string()));
        let content = match entry.record {
            Record::Claim(claim) => {
                let id = claim.id().expect("the reader rejects claims without an id");
                let key = ItemKey::Claim(claim.claim_type, id.to_string());
                let facts = Facts::of(&claim, self.now);
                Content::Claim(key, stored_claim::encode(&claim, &facts))
            }
            Record::Beneficiary(row) => {
                let row = without_action(row);
                let year = beneficiary::year_row(&row).zip(person::reference_year(&row));
                Content::Person {
                    row: stored_claim::encode_row(&row),
                    year: year.map(|(row, year)| (year, stored_claim::encode_row(&row))),
                }
            }
            Record::History(row) => {
                Content::History(stored_claim::encode_row(&without_action(row)))
            }
        };
        Work {
            beneficiary: beneficiary.expect("the reader rejects rows without a beneficiary id"),
            action: entry.action,
            line: entry.line,
            rows: entry.rows,
            content,
        }
    }

    /// Hands work to the writer of its item; an error means that this writer has stopped.
    fn send(&self, work: Work) -> Result<(), ()> {
        let mut hasher = DefaultHasher::new();
        work.beneficiary.hash(&mut hasher);
        if let Content::Claim(key, _) = &work.content {
            key.hash(&mut hasher);
        }
        let queue = hasher.finish() % self.queues.len() as u64;
        self.queues[queue as usize]
            .blocking_send(work)
            .map_err(drop)
    }
}

/// `DML_IND` says what to do with a row, not what the person is: an UPDATE with the content of an INSERT must change
/// nothing. (Claims keep it, apart from what is compared.)
fn without_action(mut row: Row) -> Row {
    row.set(Column::DML_IND, None);
    row
}
