//! Enrollment: the columns of the beneficiary file that Patient and Coverage answer as extensions.
//!
//! Sources: the field dictionary's entries for Coverage and Patient, and the approved answers for their order.

use super::codes::{self, VARIABLE_BASE};
use super::{Context, Version, coverage, patient};
use crate::fhir::bundle::instant;
use crate::fhir::json::Writer;
use crate::rif::Column::{self, *};
use crate::rif::{Beneficiary, FileType, Row, Value};

/// One column, or twelve of the same kind, and the extension it becomes. The variable behind a column has its name.
pub(super) enum Extension {
    /// A code: `valueCoding`.
    Code(Column),
    /// The reference year: `valueDate`.
    Year(Column),
    /// A code for each month of the reference year.
    Months([Column; 12]),
    /// The same for each month of all years, the year and month in the URL, a blank as code `0`.
    MonthsOfAllYears([Column; 12]),
}

use Extension::{Code, Months, MonthsOfAllYears, Year};

pub(super) const MEDICARE_STATUS: Extension = Code(BENE_MDCR_STATUS_CD);
pub(super) const ORIGINAL_REASON: Extension = Code(BENE_ENTLMT_RSN_ORIG);
pub(super) const CURRENT_REASON: Extension = Code(BENE_ENTLMT_RSN_CURR);
pub(super) const END_STAGE_RENAL_DISEASE: Extension = Code(BENE_ESRD_IND);
pub(super) const PART_A_TERMINATION: Extension = Code(BENE_PTA_TRMNTN_CD);
pub(super) const PART_B_TERMINATION: Extension = Code(BENE_PTB_TRMNTN_CD);
pub(super) const RACE: Extension = Code(BENE_RACE_CD);
pub(super) const REFERENCE_YEAR: Extension = Year(RFRNC_YR);
pub(super) const DUAL: Extension = Months(months("META_DUAL_ELGBL_STUS_", NAMES, "_CD"));
pub(super) const BUY_IN: Extension = Months(months("MDCR_ENTLMT_BUYIN_", NUMBERS, "_IND"));
pub(super) const HMO: Extension = Months(months("HMO_", NUMBERS, "_IND"));
pub(super) const PART_C_CONTRACT: Extension = Months(months("PTC_CNTRCT_", NAMES, "_ID"));
pub(super) const PART_C_PLAN: Extension = Months(months("PTC_PBP_", NAMES, "_ID"));
pub(super) const PART_C_PLAN_TYPE: Extension = Months(months("PTC_PLAN_TYPE_", NAMES, "_CD"));
pub(super) const PART_D_CONTRACT: Extension = Months(months("PTD_CNTRCT_", NAMES, "_ID"));
pub(super) const PART_D_CONTRACT_BY_YEAR: Extension =
    MonthsOfAllYears(months("PTD_CNTRCT_", NAMES, "_ID"));
pub(super) const PART_D_PLAN: Extension = Months(months("PTD_PBP_", NAMES, "_ID"));
pub(super) const PART_D_SEGMENT: Extension = Months(months("PTD_SGMT_", NAMES, "_ID"));
pub(super) const COST_SHARE: Extension = Months(months("CST_SHR_GRP_", NAMES, "_CD"));
pub(super) const RETIREE_SUBSIDY: Extension = Months(months("RDS_", NAMES, "_IND"));

/// The columns of the two beneficiary files that no answer shows, and why.
const NOT_ANSWERED: &[(&[Column], &str)] = &[
    (&[DML_IND], "says how to load the row"),
    (
        &[BENE_CRNT_HIC_NUM, CRNT_BIC],
        "the old claim number goes only to callers who ask for it by a header, which Blue Button's clients do not send",
    ),
    (
        &[
            DRVD_LINE_1_ADR,
            DRVD_LINE_2_ADR,
            DRVD_LINE_3_ADR,
            DRVD_LINE_4_ADR,
            DRVD_LINE_5_ADR,
            DRVD_LINE_6_ADR,
            CITY_NAME,
        ],
        "Blue Button answers of an address the state and the postal code only",
    ),
    (
        &[BENE_COUNTY_CD, STATE_CD, STATE_CNTY_ZIP_CD],
        "where the person lived, beyond the address that is answered",
    ),
    (
        &[
            FIPS_STATE_CNTY_JAN_CD,
            FIPS_STATE_CNTY_FEB_CD,
            FIPS_STATE_CNTY_MAR_CD,
            FIPS_STATE_CNTY_APR_CD,
            FIPS_STATE_CNTY_MAY_CD,
            FIPS_STATE_CNTY_JUN_CD,
            FIPS_STATE_CNTY_JUL_CD,
            FIPS_STATE_CNTY_AUG_CD,
            FIPS_STATE_CNTY_SEPT_CD,
            FIPS_STATE_CNTY_OCT_CD,
            FIPS_STATE_CNTY_NOV_CD,
            FIPS_STATE_CNTY_DEC_CD,
        ],
        "where the person lived, month by month",
    ),
    (
        &[
            MDCR_STUS_JAN_CD,
            MDCR_STUS_FEB_CD,
            MDCR_STUS_MAR_CD,
            MDCR_STUS_APR_CD,
            MDCR_STUS_MAY_CD,
            MDCR_STUS_JUN_CD,
            MDCR_STUS_JUL_CD,
            MDCR_STUS_AUG_CD,
            MDCR_STUS_SEPT_CD,
            MDCR_STUS_OCT_CD,
            MDCR_STUS_NOV_CD,
            MDCR_STUS_DEC_CD,
        ],
        "the status is answered as last known, without its months",
    ),
    (
        &[
            A_MO_CNT,
            B_MO_CNT,
            BUYIN_MO_CNT,
            HMO_MO_CNT,
            RDS_MO_CNT,
            DUAL_MO_CNT,
            PLAN_CVRG_MO_CNT,
        ],
        "counts of the months that are answered one by one",
    ),
    (
        &[ENRL_SRC, SAMPLE_GROUP, EFIVEPCT, BENE_LINK_KEY, V_DOD_SW],
        "administration of the research file",
    ),
    (&[AGE], "follows from the date of birth"),
    (&[RTI_RACE_CD], "an estimate; race is answered as recorded"),
];

/// A column without a row and without a reason, or with both, does not compile.
const _: () = {
    let files = [FileType::Beneficiary, FileType::BeneficiaryHistory];
    let mut file = 0;
    while file < files.len() {
        let columns = files[file].layout().header;
        let mut column = 0;
        while column < columns.len() {
            let unanswered = is_unanswered(columns[column]);
            assert!(is_answered(columns[column]) != unanswered);
            column += 1;
        }
        file += 1;
    }
};

const fn is_answered(column: Column) -> bool {
    let tables = [
        patient::EXTENSIONS,
        coverage::PART_A.extensions,
        coverage::PART_B.extensions,
        coverage::PART_C.extensions,
        coverage::PART_D.extensions,
    ];
    let mut table = 0;
    while table < tables.len() {
        let mut extension = 0;
        while extension < tables[table].len() {
            if contains(tables[table][extension].columns(), column) {
                return true;
            }
            extension += 1;
        }
        table += 1;
    }
    contains(patient::COLUMNS, column) || contains(coverage::COLUMNS, column)
}

const fn is_unanswered(column: Column) -> bool {
    let mut reason = 0;
    while reason < NOT_ANSWERED.len() {
        if contains(NOT_ANSWERED[reason].0, column) {
            return true;
        }
        reason += 1;
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

/// `meta`: when the data was loaded, and in R4 the CARIN profile it follows.
pub(super) fn meta(w: &mut Writer, context: &Context, profile: &str) {
    w.key("meta");
    w.object(|w| {
        w.text("lastUpdated", &instant(context.last_updated));
        if context.version == Version::R4 {
            w.array_unless_empty("profile", |w| w.string(profile));
        }
    });
}

/// The extensions of a table, in its order.
pub(super) fn extensions(w: &mut Writer, beneficiary: &Beneficiary, table: &[&Extension]) {
    for extension in table {
        extension.write(w, beneficiary);
    }
}

/// The value of a column; `None` also where it holds spaces only, which no FHIR string may.
pub(super) fn filled<'a>(row: &Row<'a>, column: Column) -> Option<Value<'a>> {
    row.get(column)
        .filter(|value| !matches!(value, Value::Text(text) if text.trim().is_empty()))
}

/// A date column as FHIR writes dates, as the member `key`.
pub(super) fn date(w: &mut Writer, key: &str, row: &Row, column: Column) {
    if let Some(date) = row.date(column) {
        w.text(key, &date.to_string());
    }
}

impl Extension {
    /// The columns it reads.
    const fn columns(&self) -> &[Column] {
        match self {
            Code(column) | Year(column) => std::slice::from_ref(column),
            Months(columns) | MonthsOfAllYears(columns) => columns,
        }
    }

    fn write(&self, w: &mut Writer, beneficiary: &Beneficiary) {
        let row = &beneficiary.row;
        match self {
            Code(column) => code(w, row, *column),
            Year(column) => {
                if let Some(year) = filled(row, *column) {
                    w.object(|w| {
                        w.key("url");
                        w.string_of(&[VARIABLE_BASE, codes::variable(*column).name]);
                        w.text("valueDate", &year.to_string());
                    });
                }
            }
            // Months say nothing without the year that they belong to.
            Months(_) if filled(row, RFRNC_YR).is_none() => {}
            Months(columns) => columns.iter().for_each(|column| code(w, row, *column)),
            MonthsOfAllYears(columns) => {
                for row in &beneficiary.years {
                    months_of_year(w, row, columns);
                }
            }
        }
    }
}

fn code(w: &mut Writer, row: &Row, column: Column) {
    if let Some(value) = filled(row, column) {
        coding(w, column, "", &value.to_string());
    }
}

fn months_of_year(w: &mut Writer, row: &Row, columns: &[Column; 12]) {
    let Some(year) = filled(row, RFRNC_YR) else {
        return;
    };
    for (month, column) in (1..).zip(columns) {
        let code = filled(row, *column).map_or_else(|| "0".to_owned(), |value| value.to_string());
        coding(w, *column, &format!("-{year}-{month}"), &code);
    }
}

/// An extension with a code of the column's variable, with its meaning where it has one.
fn coding(w: &mut Writer, column: Column, suffix: &str, code: &str) {
    let variable = codes::variable(column);
    w.object(|w| {
        w.key("url");
        w.string_of(&[VARIABLE_BASE, variable.name, suffix]);
        w.key("valueCoding");
        w.object(|w| {
            w.key("system");
            w.string_of(&[VARIABLE_BASE, variable.name]);
            w.text("code", code);
            if let Some(display) = variable.display(code) {
                w.text("display", display);
            }
        });
    });
}

const NAMES: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEPT", "OCT", "NOV", "DEC",
];
const NUMBERS: [&str; 12] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12",
];

/// The twelve columns of that name, found while compiling: a name that is none does not compile.
const fn months(prefix: &str, months: [&str; 12], suffix: &str) -> [Column; 12] {
    let mut columns = [DML_IND; 12];
    let mut month = 0;
    while month < 12 {
        columns[month] = column([prefix, months[month], suffix]);
        month += 1;
    }
    columns
}

const fn column(name: [&str; 3]) -> Column {
    let mut candidate = 0;
    while candidate < Column::ALL.len() {
        if is_concatenation(Column::ALL[candidate].name(), name) {
            return Column::ALL[candidate];
        }
        candidate += 1;
    }
    panic!("no such column")
}

const fn is_concatenation(text: &str, parts: [&str; 3]) -> bool {
    let text = text.as_bytes();
    let mut at = 0;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut byte = 0;
        while byte < bytes.len() {
            if at >= text.len() || text[at] != bytes[byte] {
                return false;
            }
            at += 1;
            byte += 1;
        }
        part += 1;
    }
    at == text.len()
}

#[cfg(test)]
mod tests;
