use jiff::Timestamp;
use serde_json::Value as Json;

use super::super::approved::{assert_approved, assert_approved_at, reference};
use super::super::coverage::{self, Part};
use super::super::{Context, Version, patient};
use super::*;
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
        earlier: rows(FileType::BeneficiaryHistory, history),
        row,
    }
}

fn context() -> Context<'static> {
    Context::new(Version::R4, Timestamp::UNIX_EPOCH)
}

fn patient_of(beneficiary: &Beneficiary) -> Vec<u8> {
    let mut w = Writer::new();
    patient::write(&mut w, beneficiary, &context());
    w.into_bytes()
}

fn coverage_of(part: Part, beneficiary: &Beneficiary) -> Vec<u8> {
    let mut w = Writer::new();
    coverage::write(&mut w, part, beneficiary, &context());
    w.into_bytes()
}

#[test]
fn equals_the_approved_answers() {
    let (Some(file), Some(history)) = (reference(SAMPLE), reference(SAMPLE_HISTORY)) else {
        return;
    };
    let sample = person(&file, &history);
    let patient = patient_of(&sample);
    assert_approved("v2/patientRead.json", &patient);
    assert_approved_at("v2/patientSearchById.json", "/entry/0/resource", &patient);
    assert_approved("v2/coverageRead.json", &coverage_of(Part::A, &sample));
}

#[test]
fn each_part_has_as_many_extensions_as_cms_answers_for_its_sample() {
    let check = |file: &str, expected: [usize; 4]| {
        let Some(file) = reference(file) else { return };
        let sample = person(&file, "BENE_ID\n");
        let counts = Part::ALL.map(|part| {
            let coverage: Json = serde_json::from_slice(&coverage_of(part, &sample)).unwrap();
            coverage["extension"].as_array().map_or(0, Vec::len)
        });
        assert_eq!(counts, expected);
    };
    check(SAMPLE, [30, 27, 61, 86]);
    check(SAMPLE_WITHOUT_YEAR, [5, 2, 0, 1]);
}

#[test]
fn a_person_of_whom_nothing_is_known_still_gives_valid_resources() {
    let nobody = person("BENE_ID\n-1", "BENE_ID\n");
    let patient: Json = serde_json::from_slice(&patient_of(&nobody)).unwrap();
    assert_eq!(patient["id"], "-1");
    assert_eq!(patient["gender"], "unknown");
    assert_eq!(patient["deceasedBoolean"], false);
    for part in Part::ALL {
        let coverage: Json = serde_json::from_slice(&coverage_of(part, &nobody)).unwrap();
        assert_eq!(coverage["id"], format!("part-{}--1", part.letter()));
        assert_eq!(coverage.get("extension"), None, "{part:?}");
    }
}

#[test]
fn a_column_changes_the_answers_where_it_is_answered_and_nowhere_else() {
    let answers = |row: &Row| {
        let beneficiary = Beneficiary {
            years: year_row(row).into_iter().collect(),
            earlier: Vec::new(),
            row: row.clone(),
        };
        let coverages = Part::ALL.map(|part| coverage_of(part, &beneficiary));
        (patient_of(&beneficiary), coverages)
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
    let coverage: Json = serde_json::from_slice(&coverage_of(Part::D, &sample)).unwrap();
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
    let patient: Json = serde_json::from_slice(&patient_of(&person(file, history))).unwrap();
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
