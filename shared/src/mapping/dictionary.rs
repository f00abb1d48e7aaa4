//! Conformance with CMS's field dictionary: the value of each column arrives where the dictionary says, with the
//! codings that it says stand beside it.
//!
//! The dictionary leaves open what the approved answers show (order, sequences, what comes once), and the approved
//! answers decide where the two differ. [`DIFFERENT`] and [`MISWRITTEN`] list those places, each with its reason.

mod path;

use std::fs;

use serde_json::Value as Json;

use super::approved::{reference, reference_path};
use super::coverage::{self, Part};
use super::{Context, Version, eob, patient};
use crate::fhir::json::Writer;
use crate::rif::Column::{self, *};
use crate::rif::beneficiary::year_row;
use crate::rif::reader::Reader;
use crate::rif::{Beneficiary, Claim, ClaimType, FileType, Kind, Record, Row, RowPart, Value};

/// Columns that do not arrive where the dictionary says, the resources of which that is so (none is all), and why.
#[rustfmt::skip]
const DIFFERENT: &[(&[Column], &[&str], &str)] = &[
    (&[ADMTG_DGNS_CD, ADMTG_DGNS_VRSN_CD], &["SNF"], "approved: the admitting diagnosis is `other`"),
    (&[CLM_LINE_NUM], &["CARRIER"], "carrier lines are numbered by LINE_NUM"),
    (&[CMPND_CD], &[], "approved: 1 is RXDINV and 2 is RXCINV, the dictionary says the reverse"),
    (&[HCPCS_CD], &["CARRIER", "DME", "HHA", "HOSPICE", "OUTPATIENT", "SNF"], "approved: the variable's system on inpatient lines only"),
    (&[LINE_1ST_EXPNS_DT], &[], "the path is a condition; a day or a period is the matter of another test"),
    (&[NCH_ACTV_OR_CVRD_LVL_CARE_THRU], &[], "a date has no code: its category names it, as with the other dates of a stay"),
    (&[NCVRD_PLAN_PD_AMT], &[], "the amount stands under the label of covered drugs, without a reason"),
    (&[TAX_NUM], &[], "only for callers that ask for tax numbers by a header"),
    (&[CITY_NAME, DRVD_LINE_1_ADR, DRVD_LINE_2_ADR, DRVD_LINE_3_ADR, DRVD_LINE_4_ADR, DRVD_LINE_5_ADR, DRVD_LINE_6_ADR], &[], "only for callers that ask for addresses by a header"),
    (&[RDS_JAN_IND, RDS_FEB_IND, RDS_MAR_IND, RDS_APR_IND, RDS_MAY_IND, RDS_JUN_IND, RDS_JUL_IND, RDS_AUG_IND, RDS_SEPT_IND, RDS_OCT_IND, RDS_NOV_IND, RDS_DEC_IND], &["PART-D"], "the codebook's name of the variable is rdsind"),
];

/// Texts beside a value that the dictionary has wrong or that are not R4's: a part of the line, and why.
#[rustfmt::skip]
const MISWRITTEN: &[(&str, &str)] = &[
    ("sid/icd-9-cm'", "the alternative to ICD-10"),
    ("amount.code =", "STU3's form of money"),
    ("amount.system =", "STU3's form of money"),
    ("category.code =", "without the level of codings"),
    ("category.display =", "without the level of codings"),
    ("category.system =", "without the level of codings"),
    ("category[N].code =", "without the level of codings"),
    ("category[N].display =", "without the level of codings"),
    ("category[N].system =", "without the level of codings"),
    ("clm_poa_ind_sw1'", "an indicator of its own column"),
    ("diagnosis[N].extension[N].valueCoding.code = 'Y'", "one of the values"),
    ("present at the time of admission", "the display of one of the values"),
    ("display = 'Principal'", "approved: Principal Diagnosis"),
    ("Provvider", "misspelt"),
    ("'N/A'", "there is no display"),
    ("valueQuality", "misspelt"),
    ("valuecoding.system", "misspelt"),
    ("fi_clm_proc_dt/'", "a stray slash"),
    ("extension.url =", "the text holds the path again"),
    ("extension[N].system", "without the level of the value"),
    ("code = 'Beneficiary Medicare Lifetime Reserve Days (LRD) Used Count'", "the label as the code"),
    ("code = 'Claim PPS Capital DRG Weight Number'", "the label as the code"),
    ("type.coding[N].system = 'uc'", "the code as the system"),
    ("type.coding[N].system = 'Unique Claim ID'", "the label as the system"),
    ("role.coding[N].system = 'Performing provider'", "the label as the system"),
    ("category.coding[N].system = 'https://bluebutton.cms.gov/resources/variables", "the code as the system"),
    ("extension[N].url = 'https://bluebutton.cms.gov/resources/variables/rev_cntr_unit_cnt'", "the extension of a line"),
    ("referral.identifier[N].type.coding.system = 'http://hl7.org/fhir/us/carin-bb", "approved: a UPIN's type is HL7's, as in the care team"),
    ("identifier[N].system = 'http://hl7.org/fhir/sid/us-npi'", "approved: people's identifiers have a type and no system"),
    ("identifier[N].system = 'http://hl7.org/fhir/sid/us-upin'", "approved: people's identifiers have a type and no system"),
    ("provider.identifier.system = 'https://bluebutton.cms.gov/resources/variables/prvdr_num'", "approved: a pharmacy's number, not that of a Medicare provider"),
    ("drug_cvrg_stus_cd' AND", "two lines in one"),
    ("reason.coding[N].system = 'https://bluebutton.cms.gov/resources/variables/drug_cvrg_stus_cd'", "approved: information, no reason"),
    ("(drug is not covered by Part D)", "the amount stands under the label of covered drugs"),
    ("coverage.extension[N].valueCoding.system = 'https://bluebutton.cms.gov/resources/variables/rfrnc_yr'", "a date has no system"),
    ("' coverage.", "two lines in one"),
    ("' patient.", "two lines in one"),
    ("') AND (", "two lines in one"),
    ("C4BB-Organization", "a list in one line"),
];

/// One entry of the dictionary.
struct Entry {
    columns: Vec<Column>,
    applies_to: Vec<String>,
    resource: String,
    path: String,
    /// Paths with the texts of which one stands there.
    beside: Vec<(String, Vec<String>)>,
}

#[test]
fn each_column_of_a_claim_arrives_where_the_dictionary_says() {
    let Some(entries) = entries("ExplanationOfBenefit") else {
        return;
    };
    let mut missing = Vec::new();
    for claim_type in ClaimType::ALL {
        let name = claim_type.name().to_uppercase();
        with_sample(claim_type, |sample| {
            each_column(&entries, &name, |entry, column| {
                let claim = with_value(sample, column);
                missing.extend(entry.misses(column, &name, &claim_of(&claim)));
            });
        });
    }
    assert!(
        missing.is_empty(),
        "{}:\n{}",
        missing.len(),
        missing.join("\n")
    );
}

#[test]
fn each_column_of_a_person_arrives_where_the_dictionary_says() {
    let Some(patient) = entries("Patient") else {
        return;
    };
    let coverage = entries("Coverage").unwrap_or_default();
    let person = person();
    let mut missing = Vec::new();
    each_column(&patient, "", |entry, column| {
        missing.extend(entry.misses(column, "", &patient_of(&person)));
    });
    for part in Part::ALL {
        let name = format!("PART-{}", part.letter().to_uppercase());
        each_column(&coverage, &name, |entry, column| {
            missing.extend(entry.misses(column, &name, &coverage_of(part, &person)));
        });
    }
    assert!(
        missing.is_empty(),
        "{}:\n{}",
        missing.len(),
        missing.join("\n")
    );
}

/// Calls back for each column of the entries that apply to a resource of that name.
fn each_column(entries: &[Entry], name: &str, mut with: impl FnMut(&Entry, Column)) {
    for entry in entries
        .iter()
        .filter(|entry| entry.applies_to.iter().any(|to| to == name))
    {
        for column in &entry.columns {
            with(entry, *column);
        }
    }
}

impl Entry {
    fn read(text: &str) -> Option<Self> {
        let entry: Json = serde_json::from_str(text).expect("JSON");
        let mapping = &entry["fhirMapping"][0];
        let names = texts(&entry["ccwMapping"]).chain(entry["bfdColumnName"].as_str());
        let mut columns: Vec<Column> = names.filter_map(column).collect();
        columns.dedup();
        Some(Self {
            columns,
            applies_to: texts(&entry["appliesTo"]).map(str::to_uppercase).collect(),
            resource: mapping["resource"].as_str()?.to_owned(),
            path: mapping["fhirPath"]
                .as_str()
                .filter(|path| !path.is_empty())?
                .replace("[%y]", "2018")
                .replace(".substring(8,50)", ""),
            beside: (texts(&mapping["discriminator"]).chain(texts(&mapping["additional"])))
                .filter_map(constant)
                .collect(),
        })
    }

    /// What a resource of that name does not have of it; an agreed difference that is none.
    fn misses(&self, column: Column, name: &str, resource: &Json) -> Vec<String> {
        let agreed = DIFFERENT.iter().any(|(columns, names, _)| {
            columns.contains(&column) && (names.is_empty() || names.contains(&name))
        });
        let mut misses = Vec::new();
        let (_, expected) = telling(column);
        let found = path::find(resource, &self.path);
        if !found.is_ok_and(|found| found.iter().any(|found| is_same(found, expected))) {
            misses.push(format!(
                "{name} {}: no {expected} at {}",
                column.name(),
                self.path
            ));
        }
        for (path, texts) in &self.beside {
            let found = path::find(resource, path).unwrap_or_default();
            let stands = |text: &String| found.iter().any(|found| path::is_text(found, text));
            if !texts.iter().any(stands) {
                misses.push(format!(
                    "{name} {}: none of {texts:?} at {path}",
                    column.name()
                ));
            }
        }
        match (agreed, misses.is_empty()) {
            (false, _) => misses,
            (true, false) => Vec::new(),
            (true, true) => vec![format!("{name} {}: no different", column.name())],
        }
    }
}

fn is_same(found: &Json, expected: &str) -> bool {
    match found {
        // A date begins a date and time, an id ends a reference.
        Json::String(text) => text.starts_with(expected) || text.ends_with(expected),
        Json::Number(number) => number.as_f64() == expected.parse().ok(),
        _ => false,
    }
}

/// A path with the texts that may stand there, where the line names them.
fn constant(line: &str) -> Option<(String, Vec<String>)> {
    let (path, text) = line.split_once('=').or_else(|| line.split_once(" IN "))?;
    let path = path.trim_matches([' ', '(', '.']);
    let text = text
        .trim()
        .trim_end_matches(" OR")
        .trim_end_matches([')', ',', ' ']);
    let is_described = text.contains(['{', '#', '<', '?']) || path.contains(' ');
    if is_described || MISWRITTEN.iter().any(|(part, _)| line.contains(part)) {
        return None;
    }
    let path = path.replace("[N]", ".").replace("..", ".");
    let path = path.trim_end_matches('.');
    let roots = ["eob.", "coverage.", "patient."];
    let path = roots
        .iter()
        .find_map(|root| path.strip_prefix(root))
        .unwrap_or(path);
    let texts = text.trim_start_matches('(').split("','");
    let texts = texts
        .map(|text| text.trim_matches('\'').to_owned())
        .collect();
    Some((path.to_owned(), texts))
}

fn texts(list: &Json) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
}

/// The column of that name; columns of the person have CCW's newer names.
fn column(name: &str) -> Option<Column> {
    let name = name.to_uppercase();
    let named = |name: &str| {
        let mut columns = Column::ALL.iter().copied();
        columns.find(|column| column.name() == name)
    };
    match name.as_str() {
        "BENE_STATE_CD" => Some(STATE_CODE),
        "BENE_MLG_CNTCT_ZIP_CD" => Some(BENE_ZIP_CD),
        "BENE_DEATH_DT" => Some(DEATH_DT),
        "BENE_ENROLLMT_REF_YR" => Some(RFRNC_YR),
        _ => named(&name).or_else(|| named(&name_of_month(&name)?)),
    }
}

/// `PTC_PBP_ID_03` is `PTC_PBP_MAR_ID`.
fn name_of_month(name: &str) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEPT", "OCT", "NOV", "DEC",
    ];
    let name = name.replace("DUAL_STUS", "META_DUAL_ELGBL_STUS");
    let (rest, month) = name.rsplit_once('_')?;
    let (family, kind) = rest.rsplit_once('_')?;
    let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    Some(format!("{family}_{month}_{kind}"))
}

/// The entries for a resource, or `None` without the reference folder.
fn entries(resource: &str) -> Option<Vec<Entry>> {
    let folder = fs::read_dir(reference_path("dictionary/V2")?).expect("the dictionary");
    let read = |file: fs::DirEntry| fs::read_to_string(file.path()).expect("an entry");
    let entries = folder.filter_map(|file| Entry::read(&read(file.expect("a file"))));
    Some(entries.filter(|entry| entry.resource == resource).collect())
}

/// A value that stands out and how it is written in an answer.
fn telling(column: Column) -> (&'static str, &'static str) {
    match column {
        FINAL_ACTION => ("N", "cancelled"),
        SRVC_PRVDR_ID_QLFYR_CD => ("01", "npi"),
        RFRNC_YR => ("2018", "2018"),
        BENE_SEX_IDENT_CD => ("2", "female"),
        BENE_PTA_TRMNTN_CD | BENE_PTB_TRMNTN_CD => ("0", "0"),
        _ if is_version(column) && column.name().contains("PRCDR") => {
            ("0", "http://www.cms.gov/Medicare/Coding/ICD10")
        }
        _ if is_version(column) => ("0", "http://hl7.org/fhir/sid/icd-10-cm"),
        // Written as a whole number.
        BENE_LRD_USED_CNT
        | BENE_TOT_COINSRNC_DAYS_CNT
        | CLM_NON_UTLZTN_DAYS_CNT
        | CLM_UTLZTN_DAY_CNT
        | CLM_PPS_CPTL_DRG_WT_NUM => ("7123.4", "7123"),
        _ => match column.kind() {
            Kind::Text => ("X7Q", "X7Q"),
            Kind::Char => ("~", "~"),
            Kind::Integer => ("77123", "77123"),
            Kind::Decimal => ("77123.450", "77123.450"),
            Kind::Date => ("07-MAR-1971", "1971-03-07"),
        },
    }
}

fn is_version(column: Column) -> bool {
    column.name().contains("_VRSN_CD")
}

/// Calls back with CMS's sample, its blank codes filled, each diagnosis and procedure another and all of ICD-10.
fn with_sample(claim_type: ClaimType, with: impl FnOnce(&Claim)) {
    let name = match claim_type {
        ClaimType::Carrier => "bcarrier",
        other => other.name(),
    };
    let file = format!("rif/static/sample-a-{name}.txt");
    let text = reference(&file).expect("the folder is there");
    let codes: Vec<String> = (0..Column::ALL.len()).map(|at| format!("U{at}")).collect();
    let mut reader = Reader::open(text.as_bytes(), &file).unwrap();
    let Record::Claim(mut claim) = reader.read().unwrap().unwrap().unwrap().record else {
        panic!("{file} begins with a claim");
    };
    for row in std::iter::once(&mut claim.header).chain(&mut claim.lines) {
        fill(row, &codes);
    }
    with(&claim);
}

fn fill<'a>(row: &mut Row<'a>, codes: &'a [String]) {
    for column in row.columns() {
        if is_version(*column) {
            row.set(*column, Some(Value::Text("0")));
        } else if column.kind() == Kind::Text && (row.text(*column).is_none() || is_icd(*column)) {
            row.set(*column, Some(Value::Text(&codes[*column as usize])));
        }
    }
}

fn is_icd(column: Column) -> bool {
    let families = ["_DGNS_CD", "DGNS_E_CD", "PRCDR_CD", "RSN_VISIT_CD"];
    families.iter().any(|family| column.name().contains(family))
}

/// The sample with the telling value, and without what would keep it from being shown.
fn with_value<'a>(sample: &Claim<'a>, column: Column) -> Claim<'a> {
    let mut claim = sample.clone();
    let value = Value::parse(column.kind(), telling(column).0).unwrap();
    for row in std::iter::once(&mut claim.header).chain(&mut claim.lines) {
        row.set(column, value);
        match column {
            RFR_PHYSN_UPIN => row.set(RFR_PHYSN_NPI, None),
            PRF_PHYSN_UPIN => row.set(PRF_PHYSN_NPI, None),
            _ => {}
        }
    }
    claim
}

/// A person with the telling value in each column, and with an earlier number.
fn person() -> Beneficiary<'static> {
    let mut row = Row::new(FileType::Beneficiary.layout(), RowPart::Header);
    for column in row.columns() {
        row.set(
            *column,
            Value::parse(column.kind(), telling(*column).0).unwrap(),
        );
    }
    let mut earlier = Row::new(FileType::BeneficiaryHistory.layout(), RowPart::Header);
    earlier.set(MBI_NUM, Some(Value::Text("X7Q9")));
    Beneficiary {
        years: year_row(&row).into_iter().collect(),
        earlier: vec![earlier],
        mbi_hash: None,
        row,
    }
}

fn claim_of(claim: &Claim) -> Json {
    resource(|w, context| eob::write(w, claim, context))
}

fn patient_of(person: &Beneficiary) -> Json {
    resource(|w, context| patient::write(w, person, context))
}

fn coverage_of(part: Part, person: &Beneficiary) -> Json {
    resource(|w, context| coverage::write(w, part, person, context))
}

fn resource(write: impl FnOnce(&mut Writer, &Context)) -> Json {
    let mut w = Writer::new();
    write(
        &mut w,
        &Context::new(Version::R4, jiff::Timestamp::UNIX_EPOCH),
    );
    serde_json::from_slice(&w.into_bytes()).expect("the answer is JSON")
}
