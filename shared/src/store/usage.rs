//! What is kept of use, for the daily metrics: of whom data went out in a year, when data were last loaded, and the
//! reports. Items of the transient table with keys of their own.
//!
//! Regulators ask payers each year how many patients' data went to an application, and of how many more than once (CMS
//! Interoperability and Prior Authorization rule, CMS-0057-F, 42 CFR 422.119(f)). The rule does not say what one
//! transfer is. One look at Patient, Coverage and ExplanationOfBenefit takes several calls, so that a transfer is here
//! one day on which one application received data of the person: "more than once" is on another day, or to another
//! application.
//!
//! A person has one item for each year, under a hash. A call reads it beside what it reads anyway; it is written at
//! most twice a year, together with the year's counts, so that each person is counted once and the counts need no walk
//! through people.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};

use super::transaction::{Outcome, outcome};
use super::{StoreError, attributes, item, patience::hurried};
use crate::{identity::BeneId, oauth::sha256_hex};

/// How the keys begin; roles name the parts of the table by these.
const TRANSFER: &str = "usage#transfer";
const LOAD: &str = "usage#load";
const REPORT: &str = "usage#report";

/// The counts of a year stand in so many items, one for each first digit of a hash: people who come for the first time
/// at the same moment seldom meet on one.
const SHARDS: &str = "0123456789abcdef";

/// How often two people's first calls may meet on one count before one of them is left to the next call.
const ATTEMPTS_MAX: u32 = 3;

/// Reports are kept as long as CloudWatch keeps metrics, fifteen months.
const REPORT_DAYS: i64 = 455;

/// The usage items of the transient table.
#[derive(Clone, Debug)]
pub struct UsageTable {
    client: Client,
    table: String,
}

/// Data of a person that go to an application on a day.
#[derive(Clone, Copy, Debug)]
pub struct Transfer<'a> {
    /// Whose data.
    pub patient: &'a BeneId,
    /// To which application.
    pub client_id: &'a str,
    /// When, in UTC.
    pub day: Date,
}

/// What a year's statistics know of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfers {
    /// No data went out yet.
    None,
    /// On one day to one application.
    Once {
        /// The day.
        day: Date,
        /// The person's application, as [`Transfer::application`] has it, if that was kept.
        application: Option<String>,
    },
    /// On another day, or to another application, too.
    Again,
}

/// The numbers that regulators ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatientAccess {
    /// People whose data went to an application.
    pub people: u64,
    /// Those of them whose data did more than once.
    pub people_again: u64,
}

impl Transfer<'_> {
    /// A hash that only tells whether two transfers of this person went to the same application: who has connected what
    /// is nothing that statistics need to know.
    #[must_use]
    pub fn application(&self) -> String {
        sha256_hex(&format!("{}#{}", self.patient.as_str(), self.client_id))
    }

    /// Which count the transfer adds to, if any.
    fn count(&self, known: &Transfers) -> Option<&'static str> {
        match known {
            Transfers::None => Some("people"),
            Transfers::Once { day, application } => {
                let is_other = |known: &String| *known != self.application();
                let is_another = *day < self.day || application.as_ref().is_some_and(is_other);
                is_another.then_some("people_again")
            }
            Transfers::Again => None,
        }
    }
}

/// The day of a moment, in UTC as all of the statistics.
#[must_use]
pub fn day_of(moment: Timestamp) -> Date {
    moment.to_zoned(TimeZone::UTC).date()
}

impl UsageTable {
    /// The usage items of the table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// What is known of the person in the day's year.
    ///
    /// # Errors
    /// As every call of a table; statistics decide nothing, so that the caller goes on.
    pub async fn transfers(&self, patient: &BeneId, day: Date) -> Result<Transfers, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", item::string(person_key(patient, day)))
            .customize()
            .config_override(hurried())
            .send()
            .await
            .map_err(StoreError::of)?;
        let Some(found) = found.item else {
            return Ok(Transfers::None);
        };
        if found.contains_key("again") {
            return Ok(Transfers::Again);
        }
        let first = item::read_string(&found, "first_day")?.parse();
        Ok(Transfers::Once {
            day: first.map_err(|_| StoreError::Corrupt("first_day"))?,
            application: attributes::read_text(&found, "first_application").ok(),
        })
    }

    /// Notes the transfer, if the statistics do not have it yet.
    ///
    /// # Errors
    /// As every call of a table; nothing is then noted, and the person's next call does.
    pub async fn note_transfer(
        &self,
        transfer: &Transfer<'_>,
        known: &Transfers,
    ) -> Result<(), StoreError> {
        let Some(count) = transfer.count(known) else {
            return Ok(());
        };
        let day = transfer.day;
        let person = person_key(transfer.patient, day);
        let shard = &person[person.len() - HASH_DIGITS..][..1];
        let year = Update::builder()
            .table_name(&self.table)
            .key("pk", item::string(count_key(day.year(), shard)))
            .update_expression("ADD #count :one")
            .expression_attribute_names("#count", count)
            .expression_attribute_values(":one", item::number(1))
            .build()
            .expect("table, key and expression are set");
        let writes = [self.person(person, known, transfer), year];
        let writes = writes.map(|update| TransactWriteItem::builder().update(update).build());
        for _ in 0..ATTEMPTS_MAX {
            let written = self
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.to_vec()))
                .customize()
                .config_override(hurried())
                .send()
                .await;
            match written.map_err(outcome) {
                // Where the condition does not hold, another call has noted the person.
                Ok(_) | Err(Outcome::ConditionFailed) => return Ok(()),
                Err(Outcome::Failed(error)) => return Err(error),
                Err(Outcome::Contended) => {}
            }
        }
        Err(StoreError::Conflict)
    }

    fn person(&self, key: String, known: &Transfers, transfer: &Transfer<'_>) -> Update {
        let day = transfer.day;
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", item::string(key))
            .expression_attribute_values(":day", item::string(day.to_string()))
            .expression_attribute_values(":application", item::string(transfer.application()));
        let update = match known {
            Transfers::None => update
                .update_expression(
                    "SET first_day = :day, first_application = :application, expires_at = :end",
                )
                .condition_expression("attribute_not_exists(first_day)")
                .expression_attribute_values(":end", attributes::seconds(end_of_use(day))),
            Transfers::Once { .. } | Transfers::Again => {
                update.update_expression("SET again = :day").condition_expression(
                    "(first_day < :day OR first_application <> :application) AND attribute_not_exists(again)",
                )
            }
        };
        update.build().expect("table, key and expression are set")
    }

    /// The numbers of a year.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn patient_access(&self, year: i16) -> Result<PatientAccess, StoreError> {
        let mut sum = PatientAccess::default();
        for shard in SHARDS.split("").filter(|shard| !shard.is_empty()) {
            let found = self.get(count_key(year, shard)).await?.unwrap_or_default();
            let count = |name| match found.contains_key(name) {
                true => {
                    attributes::read_number(&found, name).map(|count| count.max(0).unsigned_abs())
                }
                false => Ok(0),
            };
            sum.people += count("people")?;
            sum.people_again += count("people_again")?;
        }
        Ok(sum)
    }

    pub(super) async fn put_load(&self, at: Timestamp) -> Result<(), StoreError> {
        let load = attributes::item_of([
            ("pk", item::string(LOAD)),
            ("loaded_at", attributes::seconds(at)),
        ]);
        self.put(load).await
    }

    /// When a load last changed data, if that is known.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn last_load(&self) -> Result<Option<Timestamp>, StoreError> {
        match self.get(LOAD.to_owned()).await? {
            Some(found) => attributes::read_seconds(&found, "loaded_at").map(Some),
            None => Ok(None),
        }
    }

    /// Keeps the report of a day, in place of an earlier one.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn put_report(&self, day: Date, report: &str) -> Result<(), StoreError> {
        let end = start_of(day) + (REPORT_DAYS * 24).hours();
        let report = attributes::item_of([
            ("pk", item::string(report_key(day))),
            ("report", item::string(report)),
            ("expires_at", attributes::seconds(end)),
        ]);
        self.put(report).await
    }

    /// The report of a day.
    ///
    /// # Errors
    /// As every call of a table.
    pub async fn report(&self, day: Date) -> Result<Option<String>, StoreError> {
        let found = self.get(report_key(day)).await?;
        let report = found.map(|found| attributes::read_text(&found, "report"));
        report.transpose()
    }

    async fn get(&self, key: String) -> Result<Option<item::Item>, StoreError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", item::string(key))
            .send()
            .await;
        found.map(|found| found.item).map_err(StoreError::of)
    }

    async fn put(&self, item: item::Item) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table);
        let written = put.set_item(Some(item)).send().await;
        written.map(drop).map_err(StoreError::of)
    }
}

/// How many digits a hash has.
const HASH_DIGITS: usize = 64;

fn person_key(patient: &BeneId, day: Date) -> String {
    format!("{TRANSFER}#{}#{}", day.year(), sha256_hex(patient.as_str()))
}

fn count_key(year: i16, shard: &str) -> String {
    format!("{TRANSFER}#{year}#count#{shard}")
}

fn report_key(day: Date) -> String {
    format!("{REPORT}#{day}")
}

/// When a day begins.
pub(super) fn start_of(day: Date) -> Timestamp {
    let midnight = day.at(0, 0, 0, 0).to_zoned(TimeZone::UTC);
    midnight
        .expect("no date of ours is near the end of time")
        .timestamp()
}

/// A year's numbers are asked for in the next one: after that nobody needs to know whom it counted.
fn end_of_use(day: Date) -> Timestamp {
    start_of(Date::constant(day.year() + 2, 1, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_person_counts_once_a_year_and_again_from_the_second_day_or_application() {
        let patient = BeneId::parse("-1").expect("an id");
        let of = |client_id, day| Transfer {
            patient: &patient,
            client_id,
            day,
        };
        let once = |client_id, day| Transfers::Once {
            day,
            application: Some(of(client_id, day).application()),
        };
        let once_somewhere = |day| Transfers::Once {
            day,
            application: None,
        };
        let day = date(2026, 3, 1);
        for (known, expected) in [
            (Transfers::None, Some("people")),
            (once("a", date(2026, 2, 28)), Some("people_again")),
            (once("b", date(2026, 2, 28)), Some("people_again")),
            (once("a", day), None),
            (once("b", day), Some("people_again")),
            (once_somewhere(day), None),
            (once_somewhere(date(2026, 2, 28)), Some("people_again")),
            // An instance whose clock is behind.
            (once("a", date(2026, 3, 2)), None),
            (Transfers::Again, None),
        ] {
            assert_eq!(of("a", day).count(&known), expected, "{known:?}");
        }
    }

    #[test]
    fn what_is_known_of_a_person_ends_with_the_next_year() {
        for day in [date(2026, 1, 1), date(2026, 12, 31)] {
            assert_eq!(end_of_use(day).to_string(), "2028-01-01T00:00:00Z");
        }
    }
}
