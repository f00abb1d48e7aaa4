//! What no answer shows, and the proof that nothing is forgotten: a column of the beneficiary files without a row and
//! without a reason in either version, or with both, does not compile.

use super::Target::{Elsewhere, Unmapped};
use super::{Rule, named_months, row};
use crate::mapping::{Version, coverage, patient};
use crate::rif::Column::{self, *};
use crate::rif::FileType;

const LOAD: &str = "says how to load the row";
const OLD_NUMBER: &str = "the old claim number is in no answer";
const ADDRESS: &str = "Blue Button answers of an address the state and the postal code only";
const RESIDENCE: &str = "where the person lived, beyond the address that is answered";
const STATUS: &str = "the status is answered as last known, without its months";
const COUNT: &str = "counts the months that are answered one by one";
const RESEARCH: &str = "administration of the research file";

/// The columns of the two beneficiary files that no answer shows in either version.
#[rustfmt::skip]
const UNMAPPED: &[Rule] = &[
    row(DML_IND,                Unmapped(LOAD)),
    row(BENE_CRNT_HIC_NUM,      Unmapped(OLD_NUMBER)),
    row(CRNT_BIC,               Unmapped(OLD_NUMBER)),
    row(DRVD_LINE_1_ADR,        Unmapped(ADDRESS)),
    row(DRVD_LINE_2_ADR,        Unmapped(ADDRESS)),
    row(DRVD_LINE_3_ADR,        Unmapped(ADDRESS)),
    row(DRVD_LINE_4_ADR,        Unmapped(ADDRESS)),
    row(DRVD_LINE_5_ADR,        Unmapped(ADDRESS)),
    row(DRVD_LINE_6_ADR,        Unmapped(ADDRESS)),
    row(CITY_NAME,              Unmapped(ADDRESS)),
    row(BENE_COUNTY_CD,         Unmapped(RESIDENCE)),
    row(STATE_CD,               Unmapped(RESIDENCE)),
    row(STATE_CNTY_ZIP_CD,      Unmapped(RESIDENCE)),
    named_months("FIPS_STATE_CNTY_", "_CD", Unmapped(RESIDENCE)),
    named_months("MDCR_STUS_", "_CD", Unmapped(STATUS)),
    row(A_MO_CNT,               Unmapped(COUNT)),
    row(B_MO_CNT,               Unmapped(COUNT)),
    row(BUYIN_MO_CNT,           Unmapped(COUNT)),
    row(HMO_MO_CNT,             Unmapped(COUNT)),
    row(RDS_MO_CNT,             Unmapped(COUNT)),
    row(DUAL_MO_CNT,            Unmapped(COUNT)),
    row(PLAN_CVRG_MO_CNT,       Unmapped(COUNT)),
    row(ENRL_SRC,               Unmapped(RESEARCH)),
    row(SAMPLE_GROUP,           Unmapped(RESEARCH)),
    row(EFIVEPCT,               Unmapped(RESEARCH)),
    row(BENE_LINK_KEY,          Unmapped(RESEARCH)),
    row(V_DOD_SW,               Unmapped(RESEARCH)),
    row(AGE,                    Unmapped("follows from the date of birth")),
    row(RTI_RACE_CD,            Unmapped("an estimate; race is answered as recorded")),
];

const TABLES: &[&[Rule]] = &[
    patient::TABLE,
    coverage::PART_A.rules,
    coverage::PART_B.rules,
    coverage::PART_C.rules,
    coverage::PART_D.rules,
    UNMAPPED,
];

const _: () = {
    let versions = [Version::Stu3, Version::R4];
    let files = [FileType::Beneficiary, FileType::BeneficiaryHistory];
    let mut check = 0;
    while check < versions.len() * files.len() {
        let version = versions[check / files.len()];
        let columns = files[check % files.len()].layout().header;
        let mut at = 0;
        while at < columns.len() {
            if is_answered(columns[at], version) == is_unmapped(columns[at], version) {
                panic!("{}", columns[at].name());
            }
            at += 1;
        }
        check += 1;
    }
};

/// Whether an answer shows the column in that version.
pub(super) const fn is_answered(column: Column, version: Version) -> bool {
    has_row(column, version, Wanted::Answer)
}

const fn is_unmapped(column: Column, version: Version) -> bool {
    has_row(column, version, Wanted::Reason)
}

#[derive(Clone, Copy)]
enum Wanted {
    Answer,
    Reason,
}

const fn has_row(column: Column, version: Version, wanted: Wanted) -> bool {
    let mut table = 0;
    while table < TABLES.len() {
        let mut at = 0;
        while at < TABLES[table].len() {
            let rule = &TABLES[table][at];
            let is_wanted = match (rule.target(version), wanted) {
                (Elsewhere, _) => false,
                (Unmapped(reason), Wanted::Reason) => !reason.is_empty(),
                (Unmapped(_), Wanted::Answer) => false,
                (_, Wanted::Answer) => true,
                (_, Wanted::Reason) => false,
            };
            if is_wanted && contains(rule.columns(), column) {
                return true;
            }
            at += 1;
        }
        table += 1;
    }
    false
}

const fn contains(columns: &[Column], column: Column) -> bool {
    let mut candidate = 0;
    while candidate < columns.len() {
        if columns[candidate] as u16 == column as u16 {
            return true;
        }
        candidate += 1;
    }
    false
}
