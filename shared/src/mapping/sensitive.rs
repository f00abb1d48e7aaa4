//! Claims that speak of treatment for substance use (42 CFR part 2), which are withheld unless their person agreed.
//!
//! A claim counts as soon as one of its diagnoses, procedures, services or its diagnosis related group is on the lists
//! below. In doubt it counts: a diagnosis or procedure whose code system is not known might be any code. Part D events
//! carry none of these columns and never count.

use std::borrow::Cow;

use crate::rif::Column::{self, *};
use crate::rif::{Claim, ClaimType, Row};

/// Whether any code of the claim is on the lists.
#[must_use]
pub fn is_sensitive(claim: &Claim<'_>) -> bool {
    claim.claim_type != ClaimType::Pde
        && (has_sensitive_code(&claim.header) || claim.lines.iter().any(has_sensitive_code))
}

fn has_sensitive_code(row: &Row<'_>) -> bool {
    let listed = |pairs: &[(Column, Column)], table| {
        pairs.iter().any(|(code, version)| {
            code_of(row, *code).is_some_and(|code| !is_icd(row, *version) || contains(table, &code))
        })
    };
    listed(DIAGNOSIS_COLUMNS, DIAGNOSES)
        || listed(PROCEDURE_COLUMNS, PROCEDURES)
        || code_of(row, CLM_DRG_CD).is_some_and(|code| DRGS.contains(&drg_number(&code)))
        || code_of(row, HCPCS_CD).is_some_and(|code| contains(SERVICES, &code))
}

/// The code as the lists spell it: without spaces around it, in upper case, without its first point. Most are so
/// already.
fn code_of<'a>(row: &Row<'a>, column: Column) -> Option<Cow<'a, str>> {
    let text = row.text(column)?.trim();
    if text.is_empty() {
        return None;
    }
    let is_plain = |byte: u8| byte != b'.' && !byte.is_ascii_lowercase();
    Some(if text.bytes().all(is_plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_ascii_uppercase().replacen('.', "", 1))
    })
}

/// ICD-9 and ICD-10; their lists are looked through together, because the version is not always right.
fn is_icd(row: &Row<'_>, version: Column) -> bool {
    matches!(row.text(version), Some("9" | "0"))
}

/// `MS-DRG 895`, `0895` and `895` are the same group.
fn drg_number(code: &str) -> &str {
    let number = code.strip_prefix("MS-DRG").unwrap_or(code).trim_start();
    number.trim_start_matches('0')
}

fn contains(table: &[(&str, &str)], code: &str) -> bool {
    let Some((category, rest)) = code.split_at_checked(CATEGORY_LENGTH) else {
        return false;
    };
    let rest = if rest.is_empty() { "-" } else { rest };
    table
        .binary_search_by_key(&category, |(category, _)| category)
        .is_ok_and(|index| table[index].1.split(' ').any(|listed| listed == rest))
}

/// Where diagnoses stand, each with the version of ICD it is from.
#[rustfmt::skip]
const DIAGNOSIS_COLUMNS: &[(Column, Column)] = &[
    (ADMTG_DGNS_CD, ADMTG_DGNS_VRSN_CD), (PRNCPAL_DGNS_CD, PRNCPAL_DGNS_VRSN_CD), (ICD_DGNS_CD1, ICD_DGNS_VRSN_CD1),
    (ICD_DGNS_CD2, ICD_DGNS_VRSN_CD2), (ICD_DGNS_CD3, ICD_DGNS_VRSN_CD3), (ICD_DGNS_CD4, ICD_DGNS_VRSN_CD4),
    (ICD_DGNS_CD5, ICD_DGNS_VRSN_CD5), (ICD_DGNS_CD6, ICD_DGNS_VRSN_CD6), (ICD_DGNS_CD7, ICD_DGNS_VRSN_CD7),
    (ICD_DGNS_CD8, ICD_DGNS_VRSN_CD8), (ICD_DGNS_CD9, ICD_DGNS_VRSN_CD9), (ICD_DGNS_CD10, ICD_DGNS_VRSN_CD10),
    (ICD_DGNS_CD11, ICD_DGNS_VRSN_CD11), (ICD_DGNS_CD12, ICD_DGNS_VRSN_CD12), (ICD_DGNS_CD13, ICD_DGNS_VRSN_CD13),
    (ICD_DGNS_CD14, ICD_DGNS_VRSN_CD14), (ICD_DGNS_CD15, ICD_DGNS_VRSN_CD15), (ICD_DGNS_CD16, ICD_DGNS_VRSN_CD16),
    (ICD_DGNS_CD17, ICD_DGNS_VRSN_CD17), (ICD_DGNS_CD18, ICD_DGNS_VRSN_CD18), (ICD_DGNS_CD19, ICD_DGNS_VRSN_CD19),
    (ICD_DGNS_CD20, ICD_DGNS_VRSN_CD20), (ICD_DGNS_CD21, ICD_DGNS_VRSN_CD21), (ICD_DGNS_CD22, ICD_DGNS_VRSN_CD22),
    (ICD_DGNS_CD23, ICD_DGNS_VRSN_CD23), (ICD_DGNS_CD24, ICD_DGNS_VRSN_CD24), (ICD_DGNS_CD25, ICD_DGNS_VRSN_CD25),
    (FST_DGNS_E_CD, FST_DGNS_E_VRSN_CD), (ICD_DGNS_E_CD1, ICD_DGNS_E_VRSN_CD1),
    (ICD_DGNS_E_CD2, ICD_DGNS_E_VRSN_CD2), (ICD_DGNS_E_CD3, ICD_DGNS_E_VRSN_CD3),
    (ICD_DGNS_E_CD4, ICD_DGNS_E_VRSN_CD4), (ICD_DGNS_E_CD5, ICD_DGNS_E_VRSN_CD5),
    (ICD_DGNS_E_CD6, ICD_DGNS_E_VRSN_CD6), (ICD_DGNS_E_CD7, ICD_DGNS_E_VRSN_CD7),
    (ICD_DGNS_E_CD8, ICD_DGNS_E_VRSN_CD8), (ICD_DGNS_E_CD9, ICD_DGNS_E_VRSN_CD9),
    (ICD_DGNS_E_CD10, ICD_DGNS_E_VRSN_CD10), (ICD_DGNS_E_CD11, ICD_DGNS_E_VRSN_CD11),
    (ICD_DGNS_E_CD12, ICD_DGNS_E_VRSN_CD12), (RSN_VISIT_CD1, RSN_VISIT_VRSN_CD1),
    (RSN_VISIT_CD2, RSN_VISIT_VRSN_CD2), (RSN_VISIT_CD3, RSN_VISIT_VRSN_CD3),
    (LINE_ICD_DGNS_CD, LINE_ICD_DGNS_VRSN_CD),
];

/// Where procedures stand, each with the version of ICD it is from.
#[rustfmt::skip]
const PROCEDURE_COLUMNS: &[(Column, Column)] = &[
    (ICD_PRCDR_CD1, ICD_PRCDR_VRSN_CD1), (ICD_PRCDR_CD2, ICD_PRCDR_VRSN_CD2), (ICD_PRCDR_CD3, ICD_PRCDR_VRSN_CD3),
    (ICD_PRCDR_CD4, ICD_PRCDR_VRSN_CD4), (ICD_PRCDR_CD5, ICD_PRCDR_VRSN_CD5), (ICD_PRCDR_CD6, ICD_PRCDR_VRSN_CD6),
    (ICD_PRCDR_CD7, ICD_PRCDR_VRSN_CD7), (ICD_PRCDR_CD8, ICD_PRCDR_VRSN_CD8), (ICD_PRCDR_CD9, ICD_PRCDR_VRSN_CD9),
    (ICD_PRCDR_CD10, ICD_PRCDR_VRSN_CD10), (ICD_PRCDR_CD11, ICD_PRCDR_VRSN_CD11),
    (ICD_PRCDR_CD12, ICD_PRCDR_VRSN_CD12), (ICD_PRCDR_CD13, ICD_PRCDR_VRSN_CD13),
    (ICD_PRCDR_CD14, ICD_PRCDR_VRSN_CD14), (ICD_PRCDR_CD15, ICD_PRCDR_VRSN_CD15),
    (ICD_PRCDR_CD16, ICD_PRCDR_VRSN_CD16), (ICD_PRCDR_CD17, ICD_PRCDR_VRSN_CD17),
    (ICD_PRCDR_CD18, ICD_PRCDR_VRSN_CD18), (ICD_PRCDR_CD19, ICD_PRCDR_VRSN_CD19),
    (ICD_PRCDR_CD20, ICD_PRCDR_VRSN_CD20), (ICD_PRCDR_CD21, ICD_PRCDR_VRSN_CD21),
    (ICD_PRCDR_CD22, ICD_PRCDR_VRSN_CD22), (ICD_PRCDR_CD23, ICD_PRCDR_VRSN_CD23),
    (ICD_PRCDR_CD24, ICD_PRCDR_VRSN_CD24), (ICD_PRCDR_CD25, ICD_PRCDR_VRSN_CD25),
];

/// The lists, sorted by the first three characters of the codes; beside these what may follow, `-` where nothing does.
const CATEGORY_LENGTH: usize = 3;

/// Diagnoses of ICD-9-CM and ICD-10-CM.
#[rustfmt::skip]
const DIAGNOSES: &[(&str, &str)] = &[
    ("291", "- 0 1 2 3 4 5 81 82 89 9"),
    ("292", "- 0 1 11 12 2 8 81 82 83 84 85 89 9"),
    ("303", "- 0 00 01 02 03 9 90 91 92 93"),
    ("304", "- 0 00 01 02 03 1 10 11 12 13 2 20 21 22 23 3 30 31 32 33 4 40 41 42 43 5 50 51 52 53 6 60 \
        61 62 63 7 70 71 72 73 8 80 81 82 83 9 90 91 92 93"),
    ("305", "- 0 00 01 02 03 2 20 21 22 23 3 30 31 32 33 4 40 41 42 43 5 50 51 52 53 6 60 61 62 63 7 70 \
        71 72 73 8 80 81 82 83 9 90 91 92 93"),
    ("790", "3"),
    ("F10", "10 11 120 121 129 130 131 132 139 14 150 151 159 180 181 182 188 19 20 21 220 221 229 230 \
        231 232 239 24 250 251 259 26 27 280 281 282 288 29 90 91 920 921 929 930 931 932 939 94 950 \
        951 959 96 97 980 981 982 988 99"),
    ("F11", "10 11 120 121 122 129 13 14 150 151 159 181 182 188 19 20 21 220 221 222 229 23 24 250 251 \
        259 281 282 288 29 90 91 920 921 922 929 93 94 950 951 959 981 982 988 99"),
    ("F12", "10 11 120 121 122 129 13 150 151 159 180 188 19 20 21 220 221 222 229 23 250 251 259 280 288 \
        29 90 91 920 921 922 929 93 950 951 959 980 988 99"),
    ("F13", "10 11 120 121 129 130 131 132 139 14 150 151 159 180 181 182 188 19 20 21 220 221 229 230 \
        231 232 239 24 250 251 259 26 27 280 281 282 288 29 90 91 920 921 929 930 931 932 939 94 950 \
        951 959 96 97 980 981 982 988 99"),
    ("F14", "10 11 120 121 122 129 13 14 150 151 159 180 181 182 188 19 20 21 220 221 222 229 23 24 250 \
        251 259 280 281 282 288 29 90 91 920 921 922 929 93 94 950 951 959 980 981 982 988 99"),
    ("F15", "10 11 120 121 122 129 13 14 150 151 159 180 181 182 188 19 20 21 220 221 222 229 23 24 250 \
        251 259 280 281 282 288 29 90 91 920 921 922 929 93 94 950 951 959 980 981 982 988 99"),
    ("F16", "10 11 120 121 122 129 14 150 151 159 180 183 188 19 20 21 220 221 229 24 250 251 259 280 283 \
        288 29 90 91 920 921 929 94 950 951 959 980 983 988 99"),
    ("F18", "10 11 120 121 129 14 150 151 159 17 180 188 19 20 21 220 221 229 24 250 251 259 27 280 288 \
        29 90 91 920 921 929 94 950 951 959 97 980 988 99"),
    ("F19", "10 11 120 121 122 129 130 131 132 139 14 150 151 159 16 17 180 181 182 188 19 20 21 220 221 \
        222 229 230 231 232 239 24 250 251 259 26 27 280 281 282 288 29 90 91 920 921 922 929 930 \
        931 932 939 94 950 951 959 96 97 980 981 982 988 99"),
    ("F55", "0 1 2 3 4 8"),
    ("R78", "0"),
    ("V65", "42"),
    ("Z71", "41 51"),
];

/// Procedures of ICD-9-CM volume 3 and ICD-10-PCS.
#[rustfmt::skip]
const PROCEDURES: &[(&str, &str)] = &[
    ("944", "5 6"),
    ("945", "3 4"),
    ("946", "- 1 2 3 4 5 6 7 8 9"),
    ("HZ2", "ZZZZ"),
    ("HZ3", "0ZZZ 1ZZZ 2ZZZ 3ZZZ 4ZZZ 5ZZZ 6ZZZ 7ZZZ 8ZZZ 9ZZZ BZZZ"),
    ("HZ4", "0ZZZ 1ZZZ 2ZZZ 3ZZZ 4ZZZ 5ZZZ 6ZZZ 7ZZZ 8ZZZ 9ZZZ BZZZ"),
    ("HZ5", "0ZZZ 1ZZZ 2ZZZ 3ZZZ 4ZZZ 5ZZZ 6ZZZ 7ZZZ 8ZZZ 9ZZZ BZZZ CZZZ DZZZ"),
    ("HZ6", "3ZZZ"),
    ("HZ8", "0ZZZ 1ZZZ 2ZZZ 3ZZZ 4ZZZ 5ZZZ 6ZZZ 7ZZZ 8ZZZ 9ZZZ"),
    ("HZ9", "0ZZZ 1ZZZ 2ZZZ 3ZZZ 4ZZZ 5ZZZ 6ZZZ 7ZZZ 8ZZZ 9ZZZ"),
];

/// Services of CPT and HCPCS.
#[rustfmt::skip]
const SERVICES: &[(&str, &str)] = &[
    ("007", "8U"),
    ("432", "0F"),
    ("994", "08 09"),
    ("G01", "37"),
    ("G05", "32 33 34 35 36"),
    ("G10", "28"),
    ("G20", "11 67 68 69 70 71 72 73 74 75 76 77 78 79 80 86 87 88"),
    ("G21", "72"),
    ("G22", "15 16"),
    ("G95", "62 78 84"),
    ("G96", "21"),
    ("H00", "05 06 07 08 09 10 11 12 13 14 15 20 34 47 50"),
    ("H20", "35 36"),
    ("J05", "70"),
    ("M10", "34 35"),
    ("Q99", "91 92"),
    ("S94", "75"),
    ("T10", "06 07 08 09 10 11 12"),
];

/// Diagnosis related groups.
const DRGS: &[&str] = &["895", "896", "897"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rif::{Reader, Record, RowPart, Value, reference};

    /// A claim of that type with those columns set on its header and its line, as far as the layout has them.
    fn check(claim_type: ClaimType, columns: &[(Column, &str)], expected: bool) {
        let row = |part| {
            let mut row = Row::new(claim_type.layout(), part);
            for (column, text) in columns {
                row.set(*column, Some(Value::Text(text)));
            }
            row
        };
        let claim = Claim {
            claim_type,
            header: row(RowPart::Header),
            lines: vec![row(RowPart::Line)],
        };
        let names: Vec<_> = columns
            .iter()
            .map(|(column, text)| (column.name(), *text))
            .collect();
        assert_eq!(is_sensitive(&claim), expected, "{claim_type:?} {names:?}");
    }

    #[test]
    fn finds_listed_codes_however_they_are_spelt() {
        use ClaimType::*;
        for code in [
            "F10.20", "F1020", " f10.20 ", "303", "303.00", "V6542", "7903",
        ] {
            check(
                Carrier,
                &[(PRNCPAL_DGNS_CD, code), (PRNCPAL_DGNS_VRSN_CD, "0")],
                true,
            );
            check(
                Snf,
                &[(ICD_DGNS_CD25, code), (ICD_DGNS_VRSN_CD25, "9")],
                true,
            );
            check(
                Dme,
                &[(LINE_ICD_DGNS_CD, code), (LINE_ICD_DGNS_VRSN_CD, "9")],
                true,
            );
            check(
                Outpatient,
                &[(RSN_VISIT_CD3, code), (RSN_VISIT_VRSN_CD3, "0")],
                true,
            );
            check(
                Inpatient,
                &[(ICD_DGNS_E_CD12, code), (ICD_DGNS_E_VRSN_CD12, "0")],
                true,
            );
        }
        for code in [
            "F1", "F10", "F10.2.0", "E11.9", "3", "", " ", "F10200", "30", "é",
        ] {
            check(
                Carrier,
                &[(PRNCPAL_DGNS_CD, code), (PRNCPAL_DGNS_VRSN_CD, "0")],
                false,
            );
        }
        for code in ["HZ2ZZZZ", "hz2zzzz", "94.45", "9461"] {
            check(
                Inpatient,
                &[(ICD_PRCDR_CD25, code), (ICD_PRCDR_VRSN_CD25, "0")],
                true,
            );
        }
        for code in ["895", "MS-DRG 896", "0897", "ms-drg 895"] {
            check(Inpatient, &[(CLM_DRG_CD, code)], true);
        }
        for code in ["695", "8950", "0000"] {
            check(Inpatient, &[(CLM_DRG_CD, code)], false);
        }
        for code in ["H0005", "h0005", "99408", "4320F"] {
            check(Hospice, &[(HCPCS_CD, code)], true);
        }
        check(Hospice, &[(HCPCS_CD, "99213")], false);
    }

    #[test]
    fn counts_a_code_of_an_unknown_system() {
        use ClaimType::*;
        for version in ["", " ", "1", "10"] {
            check(
                Hha,
                &[(ICD_DGNS_CD1, "E119"), (ICD_DGNS_VRSN_CD1, version)],
                true,
            );
            check(
                Hha,
                &[(ICD_DGNS_CD1, " "), (ICD_DGNS_VRSN_CD1, version)],
                false,
            );
            check(
                Inpatient,
                &[(ICD_PRCDR_CD1, "0W9G3ZZ"), (ICD_PRCDR_VRSN_CD1, version)],
                true,
            );
        }
        check(
            Hha,
            &[(ICD_DGNS_CD1, "E119"), (ICD_DGNS_VRSN_CD1, "0")],
            false,
        );
    }

    /// A column that CMS adds must not be overlooked here: what it hides would be answered without consent.
    #[test]
    fn looks_at_every_column_that_holds_such_codes() {
        for claim_type in ClaimType::ALL {
            let layout = claim_type.layout();
            for column in layout.header.iter().chain(layout.line) {
                let Some(code) = listed(column.name()) else {
                    continue;
                };
                check(claim_type, &[(*column, code)], true);
            }
        }
    }

    /// A code of the list that belongs to a column of that name.
    fn listed(name: &str) -> Option<&'static str> {
        if name.contains("VRSN") {
            return None;
        }
        let is_diagnosis = name.contains("DGNS") || name.starts_with("RSN_VISIT");
        match name {
            "HCPCS_CD" => Some("H0005"),
            "CLM_DRG_CD" => Some("895"),
            _ if name.contains("PRCDR_CD") => Some("HZ2ZZZZ"),
            _ if is_diagnosis => Some("F10.10"),
            _ => None,
        }
    }

    #[test]
    fn never_counts_a_part_d_event() {
        check(ClaimType::Pde, &[(PROD_SRVC_ID, "H0005")], false);
    }

    #[test]
    fn has_its_lists_sorted() {
        for table in [DIAGNOSES, PROCEDURES, SERVICES] {
            assert!(table.is_sorted_by(|left, right| left.0 < right.0));
        }
    }

    #[test]
    fn finds_the_sensitive_claims_of_the_reference_files() {
        let mut sensitive: BTreeMap<_, usize> = BTreeMap::new();
        for file in reference::files("synthea") {
            let Ok(mut reader) = Reader::open(&file.bytes[..], &file.name) else {
                continue;
            };
            while let Some(entry) = reader.read().unwrap() {
                if let Record::Claim(claim) = entry.unwrap().record
                    && is_sensitive(&claim)
                {
                    *sensitive.entry(claim.claim_type.name()).or_default() += 1;
                }
            }
        }
        assert!(
            sensitive.is_empty() || sensitive == BTreeMap::from([("inpatient", 15)]),
            "{sensitive:?}"
        );
    }
}
