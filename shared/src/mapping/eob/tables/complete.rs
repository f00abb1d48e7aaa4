//! A column without a row or a stated reason in either version does not compile, and neither does a row without a
//! column.

use super::{Items, Kind, kind};
use crate::mapping::Version;
use crate::mapping::eob::rule::{Rule, Series, Target};
use crate::rif::{ClaimType, Column};

const _: () = {
    let mut at = 0;
    while at < ClaimType::ALL.len() {
        assert_complete(kind(ClaimType::ALL[at]), ClaimType::ALL[at]);
        at += 1;
    }
};

const fn assert_complete(kind: &Kind, claim_type: ClaimType) {
    assert_complete_in(Version::Stu3, kind, claim_type);
    assert_complete_in(Version::R4, kind, claim_type);
}

const fn assert_complete_in(version: Version, kind: &Kind, claim_type: ClaimType) {
    let layout = claim_type.layout();
    match kind.items {
        Items::Lines(rules) => {
            assert_mapped(version, layout.header, &[kind.claim]);
            assert_mapped(version, layout.line, &[rules]);
            assert_known(version, kind.claim, layout.header, &[kind.claim, rules]);
            assert_known(version, rules, layout.line, &[kind.claim, rules]);
        }
        Items::Claim(rules) => {
            assert_mapped(version, layout.header, &[kind.claim, rules]);
            assert_known(version, kind.claim, layout.header, &[kind.claim, rules]);
            assert_known(version, rules, layout.header, &[kind.claim, rules]);
        }
    }
}

/// Each column stands in a row.
const fn assert_mapped(version: Version, columns: &[Column], parts: &[&[&[Rule]]]) {
    let mut at = 0;
    while at < columns.len() {
        if !is_mapped(version, columns[at], parts) {
            panic!("{}", columns[at].name());
        }
        at += 1;
    }
}

const fn is_mapped(version: Version, column: Column, parts: &[&[&[Rule]]]) -> bool {
    let mut part = 0;
    while part < parts.len() {
        let mut table = 0;
        while table < parts[part].len() {
            if names(version, parts[part][table], column) {
                return true;
            }
            table += 1;
        }
        part += 1;
    }
    false
}

/// Each row's column stands in the layout, so that no row waits for a value that never comes;
/// a reason is stated, and a column that another row writes names a row.
const fn assert_known(
    version: Version,
    tables: &[&[Rule]],
    columns: &[Column],
    all: &[&[&[Rule]]],
) {
    let mut table = 0;
    while table < tables.len() {
        let mut at = 0;
        while at < tables[table].len() {
            let rule = &tables[table][at];
            if !contains(columns, 0, columns.len(), rule.column) {
                panic!("{}", rule.column.name());
            }
            match rule.target(version) {
                Target::Unmapped(reason) => assert!(!reason.is_empty(), "say why"),
                Target::With(other) if !is_mapped(version, other, all) => {
                    panic!("{}", other.name())
                }
                _ => {}
            }
            at += 1;
        }
        table += 1;
    }
}

/// Whether a row of the table writes the column or says why not.
const fn names(version: Version, table: &[Rule], column: Column) -> bool {
    let mut at = 0;
    while at < table.len() {
        let is_named = match table[at].series {
            None => table[at].column as u16 == column as u16,
            Some(numbers) => series_names(numbers.of, numbers.first, numbers.last, column),
        };
        if is_named && !matches!(table[at].target(version), Target::Elsewhere) {
            return true;
        }
        at += 1;
    }
    false
}

const fn series_names(of: &Series, first: usize, last: usize, column: Column) -> bool {
    contains(of.codes, first - 1, last, column)
        || contains(of.versions, first - 1, last, column)
        || contains(of.details, first - 1, last, column)
}

/// Whether the column stands between two positions; what is shorter has nothing behind its end.
const fn contains(columns: &[Column], from: usize, to: usize, column: Column) -> bool {
    let mut at = from;
    while at < to && at < columns.len() {
        if columns[at] as u16 == column as u16 {
            return true;
        }
        at += 1;
    }
    false
}
