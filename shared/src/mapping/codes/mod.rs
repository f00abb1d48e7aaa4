//! What CCW calls each column and what its codes mean: names, labels and displays for every resource.
//!
//! Const tables, so that they cost nothing at start-up and a look-up is one index and one binary search.

mod displays;
mod icd;
mod variables;

use crate::rif::Column;
use variables::VARIABLES;

/// Codes with their meaning, sorted by code.
pub type Codes = &'static [(&'static str, &'static str)];

/// Where Blue Button's variables live; the name of the variable follows.
pub const VARIABLE_BASE: &str = "https://bluebutton.cms.gov/resources/variables/";

const NO_CODES: Codes = &[];

/// The CCW variable behind a column.
#[derive(Debug)]
pub struct Variable {
    column: Column,
    /// Its name in lower case, the last part of its URL.
    pub name: &'static str,
    /// Its label; empty where the codebooks have none.
    pub label: &'static str,
    /// Its codes with one meaning each.
    pub codes: Codes,
}

impl Variable {
    /// What a code means: nothing for a code that is unknown or has several meanings.
    #[must_use]
    pub fn display(&self, code: &str) -> Option<&'static str> {
        meaning(self.codes, code)
    }
}

/// The variable of a column.
///
/// # Panics
/// Panics for a column that no rule may name because it has no variable; a test walks all rules.
#[must_use]
pub const fn variable(column: Column) -> &'static Variable {
    find(column).expect("a mapped column has a variable")
}

/// The variable of a column, if it has one.
#[must_use]
pub const fn find(column: Column) -> Option<&'static Variable> {
    match POSITIONS[column as usize] {
        ABSENT => None,
        at => Some(&VARIABLES[at as usize]),
    }
}

/// The short description of a diagnosis code, ICD-9-CM or ICD-10-CM.
#[must_use]
pub fn diagnosis(code: &str) -> Option<&'static str> {
    meaning(icd::DIAGNOSES, code)
}

/// The short description of a procedure code, ICD-9-CM or ICD-10-PCS.
#[must_use]
pub fn procedure(code: &str) -> Option<&'static str> {
    meaning(icd::PROCEDURES, code)
}

fn meaning(codes: Codes, code: &str) -> Option<&'static str> {
    // Codes have a few bytes, for which a comparison byte by byte is the shortest.
    let found = codes.binary_search_by(|(candidate, _)| candidate.bytes().cmp(code.bytes()));
    found.ok().map(|at| codes[at].1)
}

const ABSENT: u16 = u16::MAX;

/// Where each column's variable stands in [`VARIABLES`].
static POSITIONS: [u16; Column::ALL.len()] = {
    let mut positions = [ABSENT; Column::ALL.len()];
    let mut at = 0;
    while at < VARIABLES.len() {
        positions[VARIABLES[at].column as usize] = at as u16;
        at += 1;
    }
    positions
};

/// One row of the table of variables.
const fn row(column: Column, name: &'static str, label: &'static str, codes: Codes) -> Variable {
    Variable {
        column,
        name,
        label,
        codes,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::mapping::approved::reference;

    /// What the codebooks say of a blank stands in their tables like a code.
    const WORDS_FOR_A_BLANK: [&str; 5] = ["", "Blank", "Null", "Null/Missing", "Null/missing"];
    /// Approved answers show what it means in the variables of dual eligibility; the codebooks' table lacks it.
    const NOT_ENROLLED_IN_PART_D: &str = "**";

    #[test]
    fn tables_are_sorted_so_that_binary_search_finds_every_code() {
        let tables = VARIABLES
            .iter()
            .map(|variable| (variable.name, variable.codes));
        let icd = [
            ("diagnoses", icd::DIAGNOSES),
            ("procedures", icd::PROCEDURES),
        ];
        for (name, codes) in tables.chain(icd) {
            assert!(codes.is_sorted_by(|a, b| a.0 < b.0), "{name}");
        }
    }

    #[test]
    fn labels_and_displays_need_no_escape_in_json() {
        let needs_escape = |c: char| c.is_control() || c == '"' || c == '\\';
        for variable in VARIABLES {
            let displays = variable.codes.iter().map(|(_, display)| *display);
            for text in displays.chain([variable.name, variable.label]) {
                assert!(!text.contains(needs_escape), "{}: {text}", variable.name);
            }
        }
    }

    #[test]
    fn each_column_has_at_most_one_variable() {
        for variable in VARIABLES {
            let found = find(variable.column).map(|found| found.name);
            assert_eq!(found, Some(variable.name));
        }
    }

    #[test]
    fn displays_only_what_is_known_and_has_one_meaning() {
        let cases = [
            (Column::NCH_CLM_TYPE_CD, "60", Some("Inpatient claim")),
            (Column::PRTCPTNG_IND_CD, "1", Some("Participating")),
            // Unknown to the codebook.
            (Column::PRTCPTNG_IND_CD, "?", None),
            // Two meanings, for admissions and for newborns.
            (Column::CLM_SRC_IP_ADMSN_CD, "4", None),
            // Codes are compared letter by letter: `01` is home, `1` is nothing.
            (Column::PTNT_DSCHRG_STUS_CD, "1", None),
        ];
        for (column, code, expected) in cases {
            assert_eq!(
                variable(column).display(code),
                expected,
                "{}",
                column.name()
            );
        }
    }
    #[test]
    fn displays_and_labels_are_those_of_the_codebooks() {
        let (Some(codes), Some(labels)) = (
            reference("codes/ccw-codes.tsv"),
            reference("codes/ccw-variables.tsv"),
        ) else {
            return;
        };
        let mut meanings: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        for line in codes.lines().skip(1) {
            let fields: Vec<_> = line.split('\t').collect();
            let of_variable = meanings.entry(fields[0]).or_default();
            of_variable.entry(fields[1]).or_default().push(fields[2]);
        }
        let labels: BTreeMap<&str, &str> = (labels.lines())
            .filter_map(|line| Some((line.split('\t').next()?, line.split('\t').nth(1)?)))
            .collect();
        let mut unknown = Vec::new();
        for variable in VARIABLES {
            let name = variable.name.to_uppercase();
            let Some(label) = labels.get(name.as_str()) else {
                unknown.push(variable.name);
                continue;
            };
            // Two columns share this variable, and the table has the label of the other.
            if variable.column != Column::CARR_CLM_PRMRY_PYR_PD_AMT {
                assert_eq!(variable.label, *label, "{name}");
            }
            let expected: Vec<_> = (meanings.get(name.as_str()).into_iter().flatten())
                .filter(|(code, meanings)| meanings.len() == 1 && !WORDS_FOR_A_BLANK.contains(code))
                .map(|(code, meanings)| (*code, meanings[0]))
                .collect();
            let ours = variable.codes.iter().copied();
            let ours = ours.filter(|(code, _)| *code != NOT_ENROLLED_IN_PART_D);
            assert_eq!(ours.collect::<Vec<_>>(), expected, "{name}");
        }
        // Variables of CMS's own, and one that the codebooks leave out.
        let expected = [
            "carr_clm_cntl_num",
            "fi_orig_clm_cntl_num",
            "fi_doc_clm_cntl_num",
            "nch_clm_prvdr_pmt_amt",
        ];
        assert_eq!(unknown, expected);
    }
}
