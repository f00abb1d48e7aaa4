//! How a row of a beneficiary or beneficiary history file changes the person item: pure, so that the rule is testable.
//!
//! The files of several years are delivered together and may be loaded in any order and more than once, so "as last
//! loaded" cannot mean the order of the clock. The rule: **the person is the row of the newest reference year**;
//! between two rows of the same year an UPDATE replaces and an INSERT leaves what exists alone; a row without a year
//! counts as older than any. A row that is not the newest still adds its identifiers as earlier ones when they differ.
//! So the result is the same whatever the order of the years, and loading the same files again changes nothing.

use std::cmp::Ordering;

use crate::rif::{Action, Column, FileType, Row, RowPart};
use crate::store::StoreError;
use crate::store::stored_beneficiary::Person;
use crate::store::stored_claim::encode_rows;

/// What a row does to the person item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: what the row says is stored already, or something newer is.
    Nothing,
    /// These bytes take the place of what is stored.
    Bytes(Vec<u8>),
}

/// The effect of a row of a beneficiary file on what is stored.
pub(super) fn merge_person(
    stored: Option<&[u8]>,
    row: Row,
    action: Action,
) -> Result<Change, StoreError> {
    let Some(stored) = stored else {
        let earlier = Vec::new();
        return Ok(Change::Bytes(encode(Person { row, earlier })));
    };
    let Person { row: old, earlier } = Person::decode(stored)?;
    let (row, replaced) = match (reference_year(&row).cmp(&reference_year(&old)), action) {
        (Ordering::Equal, Action::Insert) => return Ok(Change::Nothing),
        (Ordering::Equal, Action::Update) | (Ordering::Greater, _) => (row, old),
        (Ordering::Less, _) => (old, row),
    };
    let mut person = Person { row, earlier };
    if is_new_identity(&person, &replaced) {
        person.earlier.push(as_history(&replaced));
    }
    Ok(change(stored, person))
}

/// The effect of a row of a beneficiary history file. These rows have no key and no order: a row that is stored already
/// changes nothing, any other is added, whether it says INSERT or UPDATE.
pub(super) fn merge_history(stored: &[u8], row: Row) -> Result<Change, StoreError> {
    let mut person = Person::decode(stored)?;
    if person.earlier.contains(&row) {
        return Ok(Change::Nothing);
    }
    person.earlier.push(row);
    Ok(change(stored, person))
}

fn change(stored: &[u8], person: Person) -> Change {
    let bytes = encode(person);
    if bytes == stored {
        Change::Nothing
    } else {
        Change::Bytes(bytes)
    }
}

fn encode(person: Person) -> Vec<u8> {
    let mut rows = vec![person.row];
    rows.extend(person.earlier);
    encode_rows(&rows)
}

/// The year of a row of a beneficiary file.
pub(super) fn reference_year(row: &Row) -> Option<u16> {
    u16::try_from(row.decimal(Column::RFRNC_YR)?.units).ok()
}

/// The Medicare numbers of a row, HICN and MBI: what makes an identity.
pub(super) fn medicare_numbers<'a>(row: &Row<'a>) -> [Option<&'a str>; 2] {
    [Column::BENE_CRNT_HIC_NUM, Column::MBI_NUM].map(|column| {
        row.text(column)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    })
}

fn is_new_identity(person: &Person, replaced: &Row) -> bool {
    let numbers = medicare_numbers(replaced);
    let mut known = std::iter::once(&person.row).chain(&person.earlier);
    !known.any(|row| medicare_numbers(row) == numbers)
}

/// The columns of a beneficiary row that the beneficiary history layout has too.
fn as_history<'a>(row: &Row<'a>) -> Row<'a> {
    let mut history = Row::new(FileType::BeneficiaryHistory.layout(), RowPart::Header);
    for (position, column) in history.columns().iter().enumerate() {
        history.set_at(position, row.get(*column));
    }
    history
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rif::{Decimal, Value};

    #[test]
    fn the_newest_reference_year_is_the_person_in_any_order() {
        let rows = [(2011, "A"), (2012, "A"), (2014, "B"), (2015, "B")];
        let mut backwards = rows;
        backwards.reverse();
        for action in [Action::Insert, Action::Update] {
            for order in [rows, backwards] {
                let person = order.iter().fold(None, |stored, (year, mbi)| {
                    load(stored, *year, mbi, "Doe", action)
                });
                check(person.as_deref(), 2015, "B", &["A"]);
            }
        }
    }

    #[test]
    fn loading_again_changes_nothing() {
        let first = load(None, 2018, "A", "Doe", Action::Insert);
        let second = load(first.clone(), 2019, "B", "Doe", Action::Update);
        let again = load(second.clone(), 2018, "A", "Doe", Action::Insert);
        assert_eq!(again, second);
        assert_eq!(load(again, 2019, "B", "Doe", Action::Update), second);
    }

    #[test]
    fn in_the_same_year_an_update_replaces_and_an_insert_does_not() {
        let stored = load(None, 2018, "A", "Doe", Action::Insert);
        let inserted = load(stored.clone(), 2018, "B", "Johnson", Action::Insert);
        assert_eq!(inserted, stored);
        let updated = load(stored, 2018, "B", "Johnson", Action::Update);
        check(updated.as_deref(), 2018, "B", &["A"]);
    }

    #[test]
    fn a_history_row_is_kept_once() {
        let stored = load(None, 2018, "B", "Doe", Action::Insert).unwrap();
        let row = as_history(&row(2018, "A", "Doe"));
        let Change::Bytes(once) = merge_history(&stored, row.clone()).unwrap() else {
            panic!("the row is new")
        };
        assert_eq!(merge_history(&once, row).unwrap(), Change::Nothing);
        check(Some(&once), 2018, "B", &["A"]);
    }

    fn load(
        stored: Option<Vec<u8>>,
        year: i64,
        mbi: &str,
        surname: &str,
        action: Action,
    ) -> Option<Vec<u8>> {
        let row = row(year, mbi, surname);
        match merge_person(stored.as_deref(), row, action).unwrap() {
            Change::Nothing => stored,
            Change::Bytes(bytes) => Some(bytes),
        }
    }

    fn row<'a>(year: i64, mbi: &'a str, surname: &'a str) -> Row<'a> {
        let mut row = Row::new(FileType::Beneficiary.layout(), RowPart::Header);
        let year = Decimal {
            units: year,
            scale: 0,
        };
        row.set(Column::RFRNC_YR, Some(Value::Decimal(year)));
        row.set(Column::MBI_NUM, Some(Value::Text(mbi)));
        row.set(Column::BENE_SRNM_NAME, Some(Value::Text(surname)));
        row
    }

    fn check(stored: Option<&[u8]>, year: u16, mbi: &str, earlier: &[&str]) {
        let person = Person::decode(stored.unwrap()).unwrap();
        assert_eq!(reference_year(&person.row), Some(year));
        assert_eq!(person.row.text(Column::MBI_NUM), Some(mbi));
        let mbis = person.earlier.iter().map(|row| row.text(Column::MBI_NUM));
        let found: Vec<_> = mbis.flatten().collect();
        assert_eq!(found, earlier);
    }
}
