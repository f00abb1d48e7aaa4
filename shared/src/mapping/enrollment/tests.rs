use std::num::NonZeroU32;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::super::approved::{assert_approved, assert_approved_at, reference};
use super::super::coverage::{self, Part};
use super::super::{Context, Version, patient};
use super::*;
use crate::identity::MedicareNumberHasher;
use crate::rif::beneficiary::year_row;
use crate::rif::{Kind, RowPart, Value};

const SAMPLE: &str = "rif/static/sample-a-beneficiaries.txt";
const SAMPLE_HISTORY: &str = "rif/static/sample-a-beneficiaryhistory.txt";
const SAMPLE_WITHOUT_YEAR: &str = "rif/static/sample-a-beneficiaries-without-reference-year.txt";

fn rows(file_type: FileType, text: &str) -> Vec<Row<'_>> {
    let (header, lines) = text.split_once('\n').unwrap();
    let row = |line| {
        let mut row = Row::new(file_type.layout(), RowPart::Header);
        for (name, field) in std::iter::zip(header.split('|'), str::split(line, '|')) {
            let columns = Column::ALL.iter();
            let column = columns.copied().find(|column| column.name() == name);
            let column = column.unwrap();
            row.set(column, Value::parse(column.kind(), field).unwrap());
        }
        row
    };
    lines.lines().map(row).collect()
}

fn person<'a>(file: &'a str, history: &'a str) -> Beneficiary<'a> {
    let row = rows(FileType::Beneficiary, file).remove(0);
    Beneficiary {
        years: year_row(&row).into_iter().collect(),
        mbi_hash: None,
        earlier: rows(FileType::BeneficiaryHistory, history),
        row,
    }
}

const VERSIONS: [Version; 2] = [Version::Stu3, Version::R4];

fn patient_of(version: Version, beneficiary: &Beneficiary) -> Vec<u8> {
    let mut w = Writer::new();
    let context = Context::new(version, Timestamp::UNIX_EPOCH);
    patient::write(&mut w, beneficiary, &context);
    w.into_bytes()
}

fn coverage_of(version: Version, part: Part, beneficiary: &Beneficiary) -> Vec<u8> {
    let mut w = Writer::new();
    let context = Context::new(version, Timestamp::UNIX_EPOCH);
    coverage::write(&mut w, part, beneficiary, &context);
    w.into_bytes()
}

#[test]
fn equals_the_approved_answers() {
    let (Some(file), Some(history)) = (reference(SAMPLE), reference(SAMPLE_HISTORY)) else {
        return;
    };
    let mut sample = person(&file, &history);
    let hasher = MedicareNumberHasher::new("nottherealpepper", NonZeroU32::new(2).unwrap());
    let hash = hasher.hash(sample.row.text(MBI_NUM).unwrap());
    sample.mbi_hash = Some(&hash);
    for (version, folder) in [(Version::Stu3, "v1"), (Version::R4, "v2")] {
        let patient = patient_of(version, &sample);
        assert_approved(&format!("{folder}/patientRead.json"), &patient);
        let search = format!("{folder}/patientSearchById.json");
        assert_approved_at(&search, "/entry/0/resource", &patient);
        let coverage = coverage_of(version, Part::A, &sample);
        assert_approved(&format!("{folder}/coverageRead.json"), &coverage);
    }
}

#[test]
fn each_part_has_as_many_extensions_as_cms_answers_for_its_sample() {
    let check = |file: &str, expected: [usize; 4]| {
        let Some(file) = reference(file) else { return };
        let sample = person(&file, "BENE_ID\n");
        for version in VERSIONS {
            let counts = Part::ALL.map(|part| {
                let coverage = coverage_of(version, part, &sample);
                let coverage: Json = serde_json::from_slice(&coverage).unwrap();
                coverage["extension"].as_array().map_or(0, Vec::len)
            });
            assert_eq!(counts, expected);
        }
    };
    check(SAMPLE, [30, 27, 61, 86]);
    check(SAMPLE_WITHOUT_YEAR, [5, 2, 0, 1]);
}

#[test]
fn a_person_of_whom_nothing_is_known_still_gives_valid_resources() {
    let nobody = person("BENE_ID\n-1", "BENE_ID\n");
    for (version, is_deceased) in [(Version::Stu3, Json::Null), (Version::R4, false.into())] {
        let patient = patient_of(version, &nobody);
        let patient: Json = serde_json::from_slice(&patient).unwrap();
        assert_eq!(patient["id"], "-1");
        assert_eq!(patient["gender"], "unknown");
        assert_eq!(patient["deceasedBoolean"], is_deceased);
        for part in Part::ALL {
            let coverage = coverage_of(version, part, &nobody);
            let coverage: Json = serde_json::from_slice(&coverage).unwrap();
            assert_eq!(coverage["id"], format!("part-{}--1", part.letter()));
            assert_eq!(coverage.get("extension"), None, "{part:?}");
        }
    }
}

#[test]
fn a_column_changes_the_answers_where_it_is_answered_and_nowhere_else() {
    let answers = |row: &Row| {
        let beneficiary = Beneficiary {
            years: year_row(row).into_iter().collect(),
            earlier: Vec::new(),
            mbi_hash: None,
            row: row.clone(),
        };
        VERSIONS.map(|version| {
            let coverages = Part::ALL.map(|part| coverage_of(version, part, &beneficiary));
            (patient_of(version, &beneficiary), coverages)
        })
    };
    let file = "BENE_ID|MBI_NUM|RFRNC_YR\n-1|M|2020";
    let mut row = rows(FileType::Beneficiary, file).remove(0);
    for column in FileType::Beneficiary.layout().header.iter().copied() {
        let text = match column.kind() {
            Kind::Date => "20200229",
            _ => "1",
        };
        let before = row.get(column);
        row.set(column, Value::parse(column.kind(), text).unwrap());
        let with = answers(&row);
        row.set(column, None);
        let without = answers(&row);
        row.set(column, before);
        assert_eq!(with != without, is_answered(column), "{column:?}");
    }
}

#[test]
fn part_d_answers_the_contracts_of_every_year() {
    let file = "BENE_ID|RFRNC_YR|PTD_CNTRCT_JAN_ID\n-1|2018|S4607\n-1|2019|";
    let mut sample = person(file, "BENE_ID\n");
    sample.years = rows(FileType::Beneficiary, file);
    let coverage: Json =
        serde_json::from_slice(&coverage_of(Version::R4, Part::D, &sample)).unwrap();
    let extensions = coverage["extension"].as_array().unwrap();
    let code = |url: &str| {
        let url = format!("{VARIABLE_BASE}{url}");
        let found = extensions.iter().find(|extension| extension["url"] == url);
        found.map(|extension| extension["valueCoding"].clone())
    };
    let system = format!("{VARIABLE_BASE}ptdcntrct01");
    assert_eq!(
        code("ptdcntrct01-2018-1"),
        Some(serde_json::json!({"system": system, "code": "S4607"}))
    );
    assert_eq!(code("ptdcntrct01-2019-1").unwrap()["code"], "0");
    assert_eq!(code("ptdcntrct12-2019-12").unwrap()["code"], "0");
    assert_eq!(code("ptdcntrct02"), None);
}

#[test]
fn answers_each_medicare_number_once() {
    let file = "BENE_ID|MBI_NUM|EFCTV_BGN_DT\n-1|B|20200101";
    let history = "BENE_ID|MBI_NUM|EFCTV_BGN_DT\n-1|A|\n-1|B|\n-1|A|19900101\n-1||\n-1|C|";
    let patient: Json =
        serde_json::from_slice(&patient_of(Version::R4, &person(file, history))).unwrap();
    let identifiers = patient["identifier"].as_array().unwrap();
    let seen: Vec<String> = identifiers
        .iter()
        .map(|identifier| {
            let coding = &identifier["type"]["coding"][0];
            let currency = &coding["extension"][0]["valueCoding"]["code"];
            let period = identifier.get("period").is_some();
            format!("{} {} {period}", identifier["value"], currency)
        })
        .collect();
    assert_eq!(
        seen,
        [
            r#""-1" null false"#,
            r#""B" "current" true"#,
            r#""A" "historic" false"#,
            r#""C" "historic" false"#
        ]
    );
}
