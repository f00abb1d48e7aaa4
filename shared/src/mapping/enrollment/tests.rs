use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::super::approved::{assert_approved, assert_approved_at, reference};
use super::super::coverage::{self, Part};
use super::super::sound::{assert_well_formed, deceptive};
use super::super::{Context, Version, patient};
use super::complete::is_answered;
use super::*;
use crate::identity::MedicareNumberHasher;
use crate::rif::beneficiary::year_row;
use crate::rif::{FileType, Kind, RowPart, Value};

const VERSIONS: [Version; 2] = [Version::Stu3, Version::R4];

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

fn context(version: Version) -> Context<'static> {
    Context::new(version, Timestamp::UNIX_EPOCH)
}

/// With the hash that the loader makes, by the pepper and the iterations of CMS's approved answers.
fn patient_of(beneficiary: &Beneficiary, version: Version) -> Vec<u8> {
    let hasher = MedicareNumberHasher::new("nottherealpepper", 2.try_into().unwrap());
    let number = filled(&beneficiary.row, MBI_NUM);
    let hash = number.map(|number| hasher.hash(&number.to_string()));
    let beneficiary = Beneficiary {
        mbi_hash: hash.as_deref(),
        ..beneficiary.clone()
    };
    let mut w = Writer::new();
    patient::write(&mut w, &beneficiary, &context(version));
    w.into_bytes()
}

fn coverage_of(part: Part, beneficiary: &Beneficiary, version: Version) -> Vec<u8> {
    let mut w = Writer::new();
    coverage::write(&mut w, part, beneficiary, &context(version));
    w.into_bytes()
}

fn json(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn equals_the_approved_answers() {
    let (Some(file), Some(history)) = (reference(SAMPLE), reference(SAMPLE_HISTORY)) else {
        return;
    };
    let sample = person(&file, &history);
    for (version, folder) in VERSIONS.into_iter().zip(["v1", "v2"]) {
        let patient = patient_of(&sample, version);
        assert_approved(&format!("{folder}/patientRead.json"), &patient);
        let search = format!("{folder}/patientSearchById.json");
        assert_approved_at(&search, "/entry/0/resource", &patient);
        let coverage = coverage_of(Part::A, &sample, version);
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
                let coverage = json(&coverage_of(part, &sample, version));
                coverage["extension"].as_array().map_or(0, Vec::len)
            });
            assert_eq!(counts, expected, "{version:?}");
        }
    };
    check(SAMPLE, [30, 27, 61, 86]);
    check(SAMPLE_WITHOUT_YEAR, [5, 2, 0, 1]);
}

proptest! {
    #[test]
    fn any_values_keep_the_rules_of_fhir(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..300),
        years in 0..4_usize,
        earlier in 0..3_usize,
    ) {
        let mut picks = picks.iter().cycle();
        let mut fill = |file_type: FileType| {
            let mut row = Row::new(file_type.layout(), RowPart::Header);
            for column in file_type.layout().header {
                let text = picks.next().unwrap().get(deceptive(column.kind()));
                row.set(*column, Value::parse(column.kind(), text).unwrap());
            }
            row.set(BENE_ID, Value::parse(BENE_ID.kind(), "-1").unwrap());
            row
        };
        let row = fill(FileType::Beneficiary);
        let years = (0..years).filter_map(|_| year_row(&fill(FileType::Beneficiary)));
        let person = Beneficiary {
            years: years.collect(),
            mbi_hash: None,
            earlier: (0..earlier).map(|_| fill(FileType::BeneficiaryHistory)).collect(),
            row,
        };
        for version in VERSIONS {
            let patient = json(&patient_of(&person, version));
            assert_well_formed("", &patient);
            assert_identifiers_differ(&patient);
            for part in Part::ALL {
                assert_well_formed("", &json(&coverage_of(part, &person, version)));
            }
        }
    }
}

fn assert_identifiers_differ(patient: &Json) {
    let identifiers = patient["identifier"].as_array().unwrap();
    let mut seen = BTreeSet::new();
    for identifier in identifiers {
        let what = (identifier["system"].as_str(), identifier["value"].as_str());
        assert!(seen.insert(what), "{what:?} twice");
    }
}

#[test]
fn values_lose_the_blanks_around_them() {
    let file = "BENE_ID|MBI_NUM|BENE_SRNM_NAME|BENE_GVN_NAME|STATE_CODE|RFRNC_YR|RDS_JAN_IND|PTD_CNTRCT_JAN_ID\n\
                -1|1S00E00AA00 |DOE  | JANE| 22|2018|N|  ";
    let history = "BENE_ID|MBI_NUM\n-1| 1S00E00AA00\n-1|2S00E00AA00 ";
    let person = person(file, history);
    let patient = json(&patient_of(&person, Version::R4));
    let name = serde_json::json!([{"use": "usual", "family": "DOE", "given": ["JANE"]}]);
    assert_eq!(patient["name"], name);
    assert_eq!(patient["address"][0]["state"], "22");
    let numbers: Vec<_> = (patient["identifier"].as_array().unwrap().iter())
        .map(|identifier| identifier["value"].as_str().unwrap())
        .collect();
    assert_eq!(numbers, ["-1", "1S00E00AA00", "2S00E00AA00"]);
    let coverage = json(&coverage_of(Part::D, &person, Version::R4));
    assert_eq!(coverage["subscriberId"], "1S00E00AA00");
    let codes: Vec<_> = (coverage["extension"].as_array().unwrap().iter())
        .filter_map(|extension| extension["valueCoding"]["code"].as_str())
        .collect();
    // Twelve months of contracts, which are 0 where they are blank, and the subsidy of January.
    assert_eq!(codes, [["0"; 12].as_slice(), &["N"]].concat());
}

#[test]
fn writes_the_reference_year_in_four_digits() {
    for (year, expected) in [
        ("2018", Some("2018")),
        ("3", Some("0003")),
        ("0", None),
        ("20180", None),
    ] {
        let file = format!("BENE_ID|RFRNC_YR\n-1|{year}");
        let patient: Json =
            serde_json::from_slice(&patient_of(&person(&file, "BENE_ID\n"), Version::R4)).unwrap();
        let mut extensions = patient["extension"].as_array().unwrap().iter();
        let found = extensions.find_map(|extension| extension["valueDate"].as_str());
        assert_eq!(found, expected, "{year}");
    }
}

#[test]
fn a_person_of_whom_nothing_is_known_still_gives_valid_resources() {
    let nobody = person("BENE_ID\n-1", "BENE_ID\n");
    for version in VERSIONS {
        let patient = json(&patient_of(&nobody, version));
        assert_eq!(patient["id"], "-1");
        assert_eq!(patient["gender"], "unknown");
        let alive = (version == Version::R4).then_some(Json::Bool(false));
        assert_eq!(patient.get("deceasedBoolean"), alive.as_ref());
        for part in Part::ALL {
            let coverage = json(&coverage_of(part, &nobody, version));
            assert_eq!(coverage["id"], format!("part-{}--1", part.letter()));
            for absent in ["extension", "period", "subscriberId"] {
                assert_eq!(coverage.get(absent), None, "{version:?} {part:?} {absent}");
            }
        }
    }
}

#[test]
fn a_column_changes_the_answers_where_it_is_answered_and_nowhere_else() {
    let answers = |row: &Row, version| {
        let beneficiary = Beneficiary {
            years: year_row(row).into_iter().collect(),
            earlier: Vec::new(),
            mbi_hash: None,
            row: row.clone(),
        };
        let coverages = Part::ALL.map(|part| coverage_of(part, &beneficiary, version));
        (patient_of(&beneficiary, version), coverages)
    };
    let file = "BENE_ID|MBI_NUM|RFRNC_YR\n-1|M|2020";
    let mut row = rows(FileType::Beneficiary, file).remove(0);
    for column in FileType::Beneficiary.layout().header.iter().copied() {
        let text = match column.kind() {
            Kind::Date => "20200229",
            _ => "1",
        };
        let before = row.get(column);
        for version in VERSIONS {
            row.set(column, Value::parse(column.kind(), text).unwrap());
            let with = answers(&row, version);
            row.set(column, None);
            let without = answers(&row, version);
            let is_answered = is_answered(column, version);
            assert_eq!(with != without, is_answered, "{version:?} {column:?}");
        }
        row.set(column, before);
    }
}

/// Every column filled, in both versions: what STU3 and R4 do not share is what their tables say.
#[test]
fn versions_differ_where_the_tables_say_so() {
    let mut row = rows(FileType::Beneficiary, "BENE_ID\n-1").remove(0);
    for column in FileType::Beneficiary.layout().header.iter().copied() {
        let text = match column.kind() {
            Kind::Date => "20200229",
            _ => "2",
        };
        row.set(column, Value::parse(column.kind(), text).unwrap());
    }
    let sample = Beneficiary {
        years: year_row(&row).into_iter().collect(),
        earlier: Vec::new(),
        mbi_hash: None,
        row,
    };
    let check = |write: &dyn Fn(Version) -> Vec<u8>, stu3_only: &[&str], r4_only: &[&str]| {
        let [stu3, r4] = VERSIONS.map(|version| json(&write(version)));
        let only = |one: &Json, other: &Json| {
            let members = one.as_object().unwrap().keys();
            let only = members.filter(|key| other.get(key.as_str()).is_none());
            only.cloned().collect::<Vec<_>>()
        };
        assert_eq!(only(&stu3, &r4), stu3_only);
        assert_eq!(only(&r4, &stu3), r4_only);
        assert_eq!(stu3["meta"].get("profile"), None);
    };
    check(&|version| patient_of(&sample, version), &[], &[]);
    for part in Part::ALL {
        let mut r4_only = vec!["class", "payor", "relationship", "subscriberId"];
        if part == Part::D {
            r4_only.insert(2, "period");
        }
        let write = |version| coverage_of(part, &sample, version);
        check(&write, &["grouping"], &r4_only);
    }
}

#[test]
fn stu3_starts_parts_a_and_b_where_the_person_s_coverage_started() {
    let file = "BENE_ID|COVSTART|PTA_CVRG_STRT_DT|PTB_CVRG_STRT_DT|PTB_CVRG_END_DT\n-1|19631003|20200101|20210101|20220101";
    let sample = person(file, "BENE_ID\n");
    let check = |part, version, expected: Option<Json>| {
        let coverage = json(&coverage_of(part, &sample, version));
        assert_eq!(coverage.get("period"), expected.as_ref(), "{part:?}");
    };
    let stu3 = serde_json::json!({"start": "1963-10-03"});
    check(Part::A, Version::Stu3, Some(stu3.clone()));
    check(Part::B, Version::Stu3, Some(stu3));
    check(Part::C, Version::Stu3, None);
    let part_a = serde_json::json!({"start": "2020-01-01"});
    check(Part::A, Version::R4, Some(part_a));
    let part_b = serde_json::json!({"start": "2021-01-01", "end": "2022-01-01"});
    check(Part::B, Version::R4, Some(part_b));
}

#[test]
fn part_d_answers_the_contracts_of_every_year() {
    let file = "BENE_ID|RFRNC_YR|PTD_CNTRCT_JAN_ID\n-1|2018|S4607\n-1|2019|";
    let mut sample = person(file, "BENE_ID\n");
    sample.years = rows(FileType::Beneficiary, file);
    let [stu3, coverage] = VERSIONS.map(|version| json(&coverage_of(Part::D, &sample, version)));
    assert_eq!(stu3["extension"], coverage["extension"]);
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
    let sample = person(file, history);
    let patient = json(&patient_of(&sample, Version::R4));
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

#[test]
fn stu3_shows_the_hash_of_the_present_medicare_number_and_no_number() {
    let file = "BENE_ID|MBI_NUM|BENE_CRNT_HIC_NUM|EFCTV_END_DT\n-1|3456789|543217066U|20200101";
    let history = "BENE_ID|MBI_NUM|BENE_CRNT_HIC_NUM\n-1|9AB2WW3GR44|543217067A";
    let sample = person(file, history);
    let patient = json(&patient_of(&sample, Version::Stu3));
    let identifiers = patient["identifier"].as_array().unwrap();
    assert_eq!(identifiers.len(), 2);
    assert_eq!(identifiers[1]["system"], patient::MBI_HASH);
    let hash = identifiers[1]["value"].as_str().unwrap();
    assert!(hash.starts_with("82273caf"), "{hash}");
    assert_eq!(identifiers[1]["period"]["end"], "2020-01-01");
    for number in ["3456789", "543217066U", "9AB2WW3GR44", "543217067A"] {
        assert!(!patient.to_string().contains(number), "{number}");
    }
}
