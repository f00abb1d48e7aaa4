//! Tests of the synthetic people as a whole: what is written, read again by the project's own reader.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process;

use bluebutton::fhir::json::Writer;
use bluebutton::mapping::sensitive::is_sensitive;
use bluebutton::mapping::{Context, Version, codes, eob};
use bluebutton::rif::Column::{self, *};
use bluebutton::rif::{Claim, Entry, Reader, Value};

use jiff::Timestamp;

use super::calendar::{age, plus_days};
use super::tables::drugs::{GLIMEPIRIDE, METFORMIN};
use super::*;

const SEED: u64 = 1;

fn period() -> Period {
    Period::until(UNTIL_DEFAULT.parse().unwrap())
}

/// A folder of synthetic people that disappears with the test.
struct Folder(PathBuf);

impl Folder {
    fn of(test: &str, beneficiaries: u32) -> Self {
        let name = format!("bluebutton-synthesize-{}-{test}", process::id());
        let folder = Self(std::env::temp_dir().join(name));
        write(&Arguments {
            beneficiaries,
            seed: SEED,
            out: folder.0.clone(),
            until: UNTIL_DEFAULT.parse().unwrap(),
        })
        .unwrap();
        folder
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Shows every record of every file.
    fn read(&self, mut each: impl FnMut(&Path, Entry)) {
        for file in self.files() {
            let input = BufReader::new(File::open(&file).unwrap());
            let name = file.file_name().unwrap().to_str().unwrap();
            let mut reader = Reader::open(input, name).unwrap();
            assert!(reader.unknown_columns().is_empty());
            while let Some(entry) = reader.read().unwrap() {
                each(
                    &file,
                    entry.unwrap_or_else(|rejections| panic!("{name}: {rejections:?}")),
                );
            }
        }
    }

    /// Shows every claim.
    fn claims(&self, mut each: impl FnMut(&Claim)) {
        self.read(|_, entry| {
            if let bluebutton::rif::Record::Claim(claim) = entry.record {
                each(&claim);
            }
        });
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first forty people, Jack and Jane.
fn lives() -> impl Iterator<Item = (u32, Life)> {
    let numbers = (0..40).chain([known_people::JACK, known_people::JANE]);
    numbers.map(|number| (number, Life::of(SEED, number, period())))
}

fn cents(fields: &record::Fields, column: Column) -> i64 {
    fields
        .get(column)
        .replace('.', "")
        .parse()
        .unwrap_or_default()
}

#[test]
fn equal_arguments_write_equal_bytes() {
    let (once, again) = (Folder::of("once", 20), Folder::of("again", 20));
    for (one, other) in once.files().iter().zip(again.files()) {
        assert_eq!(fs::read(one).unwrap(), fs::read(other).unwrap());
    }
}

#[test]
fn a_person_is_the_same_among_few_and_among_many() {
    let (few, many) = (Folder::of("few", 3), Folder::of("many", 12));
    for (few, many) in few.files().iter().zip(many.files()) {
        let rows = fs::read_to_string(&many).unwrap();
        let rows: BTreeSet<&str> = rows.lines().collect();
        for row in fs::read_to_string(few).unwrap().lines() {
            assert!(rows.contains(row), "{}: {row}", many.display());
        }
    }
}

#[test]
fn other_seeds_give_other_people() {
    let [one, other] = [1, 2].map(|seed| Life::of(seed, 7, period()));
    let birth = |life: &Life| life.years[0].1.header.get(BENE_BIRTH_DT).to_owned();
    assert_ne!(birth(&one), birth(&other));
}

#[test]
fn the_reader_takes_every_row() {
    let folder = Folder::of("reader", 60);
    let mut kinds = BTreeSet::new();
    let mut ids = BTreeSet::new();
    folder.read(|file, entry| {
        kinds.insert(file.file_name().unwrap().to_owned());
        if let bluebutton::rif::Record::Claim(claim) = entry.record {
            let id = claim
                .header
                .get(claim.claim_type.id_column())
                .unwrap()
                .to_string();
            assert!(id.starts_with('-'), "claim ids are negative");
            assert!(ids.insert(id), "claim ids are unique over all types");
        }
    });
    // Five reference years, the history, eight types of claim.
    assert_eq!(kinds.len(), 14);
}

#[test]
fn columns_belong_to_their_layout() {
    for (_, life) in lives() {
        let rows = life.years.iter().map(|(_, row)| row);
        for record in rows.chain(&life.history).chain(&life.claims) {
            let layout = record.file.layout();
            for column in record.header.columns() {
                assert!(
                    layout.header.contains(&column),
                    "{:?}: {}",
                    record.file,
                    column.name()
                );
            }
            for column in record.lines.iter().flat_map(record::Fields::columns) {
                assert!(
                    layout.line.contains(&column),
                    "{:?}: {}",
                    record.file,
                    column.name()
                );
            }
        }
    }
}

#[test]
fn any_twenty_people_have_all_claim_types() {
    fn check(first: u32) {
        let lives = (first..first + 20).map(|number| Life::of(SEED, number, period()));
        let types: BTreeSet<&str> = lives
            .flat_map(|life| life.claims)
            .map(|claim| claim.file.name())
            .collect();
        assert_eq!(types.len(), 8, "{first}: {types:?}");
    }
    for first in [0, 1, 9, 17, 980, 12_345, 29_960] {
        check(first);
    }
}

#[test]
fn a_sandbox_of_a_hundred_people_is_of_the_promised_size() {
    let folder = std::env::temp_dir().join(format!("bluebutton-synthesize-{}-size", process::id()));
    let arguments = Arguments {
        beneficiaries: 100,
        seed: SEED,
        out: folder.clone(),
        until: UNTIL_DEFAULT.parse().unwrap(),
    };
    let summary = write(&arguments).unwrap();
    fs::remove_dir_all(folder).unwrap();
    let claims: usize = summary.claims.values().sum();
    assert_eq!(summary.people, 102);
    assert!((6_000..12_000).contains(&claims), "{claims}");
}

#[test]
fn jane_is_the_previews_sample_person() {
    let jane = Life::of(SEED, known_people::JANE, period());
    let row = &jane.years.last().unwrap().1.header;
    let names = [
        BENE_ID,
        BENE_CRNT_HIC_NUM,
        BENE_GVN_NAME,
        BENE_MDL_NAME,
        BENE_SRNM_NAME,
        BENE_SEX_IDENT_CD,
    ];
    let names = names.map(|column| row.get(column));
    assert_eq!(
        names,
        ["20140000008325", "1000044680", "Jane", "X", "Doe", "2"]
    );
    let count = |claim_type| {
        let file = FileType::Claim(claim_type);
        let claims = jane.claims.iter().filter(|claim| claim.file == file);
        claims.fold((0, 0), |(claims, lines), claim| {
            (claims + 1, lines + claim.lines.len().max(1))
        })
    };
    assert_eq!(count(ClaimType::Carrier), (25, 110));
    assert_eq!(count(ClaimType::Inpatient), (2, 25));
    assert_eq!(count(ClaimType::Pde), (5, 5));
    assert_eq!(jane.claims.len(), 32);
}

#[test]
fn jane_is_the_same_person_with_any_end_of_the_four_years() {
    for until in ["2020-01-01", "2024-02-29", "2026-11-30", "2099-12-31"] {
        let period = Period::until(until.parse().unwrap());
        let jane = Life::of(SEED, known_people::JANE, period);
        assert_eq!(jane.claims.len(), 32, "{until}");
    }
}

#[test]
fn jack_took_metformin_and_then_glimepiride() {
    let jack = Life::of(SEED, known_people::JACK, period());
    let row = &jack.years.last().unwrap().1.header;
    assert_eq!(
        [row.get(BENE_GVN_NAME), row.get(BENE_SEX_IDENT_CD)],
        ["Jack", "1"]
    );
    assert_eq!(age(date_of(row.get(BENE_BIRTH_DT)), period().thru), 70);
    let fills = |ndc: &str| -> Vec<Date> {
        let fills = jack
            .claims
            .iter()
            .filter(|claim| claim.header.get(PROD_SRVC_ID) == ndc);
        fills
            .map(|claim| date_of(claim.header.get(SRVC_DT)))
            .collect()
    };
    let (before, after) = (fills(METFORMIN.ndc), fills(GLIMEPIRIDE.ndc));
    assert!(before.len() > 4 && after.len() > 4);
    assert!(before.last() < after.first());
    let change = jack.claims.iter().find(|claim| {
        claim.header.get(PRNCPAL_DGNS_CD) == "E1165"
            && date_of(claim.header.get(CLM_FROM_DT)) == after[0]
    });
    assert!(change.is_some(), "a visit changed the drug");
    let hypertension = jack
        .claims
        .iter()
        .any(|claim| claim.header.get(ICD_DGNS_CD2) == "I10");
    assert!(hypertension);
}

#[test]
fn amounts_add_up() {
    for claim in lives().flat_map(|(_, life)| life.claims) {
        let header = |column| cents(&claim.header, column);
        let charges = claim
            .lines
            .iter()
            .filter(|line| line.get(REV_CNTR) != "0001");
        let sum = |column| -> i64 { claim.lines.iter().map(|line| cents(line, column)).sum() };
        match claim.file {
            FileType::Claim(ClaimType::Carrier | ClaimType::Dme) => {
                for (total, of_line) in [
                    (CLM_PMT_AMT, LINE_NCH_PMT_AMT),
                    (NCH_CARR_CLM_SBMTD_CHRG_AMT, LINE_SBMTD_CHRG_AMT),
                    (NCH_CARR_CLM_ALOWD_AMT, LINE_ALOWD_CHRG_AMT),
                    (CARR_CLM_CASH_DDCTBL_APLD_AMT, LINE_BENE_PTB_DDCTBL_AMT),
                ] {
                    assert_eq!(header(total), sum(of_line), "{}", total.name());
                }
                claim.lines.iter().for_each(check_part_b_line);
            }
            FileType::Claim(ClaimType::Pde) => check_drug(&claim.header),
            FileType::Claim(claim_type) => {
                let charged: i64 = charges.map(|line| cents(line, REV_CNTR_TOT_CHRG_AMT)).sum();
                assert_eq!(header(CLM_TOT_CHRG_AMT), charged, "{claim_type:?}");
                if !matches!(claim_type, ClaimType::Inpatient | ClaimType::Snf) {
                    assert_eq!(
                        header(CLM_PMT_AMT),
                        sum(REV_CNTR_PMT_AMT_AMT),
                        "{claim_type:?}"
                    );
                }
            }
            FileType::Beneficiary | FileType::BeneficiaryHistory => {
                unreachable!("bills are claims")
            }
        }
    }
}

fn check_part_b_line(line: &record::Fields) {
    let amount = |column| cents(line, column);
    let allowed = amount(LINE_ALOWD_CHRG_AMT);
    assert!(amount(LINE_SBMTD_CHRG_AMT) >= allowed);
    let shares = [
        LINE_BENE_PTB_DDCTBL_AMT,
        LINE_COINSRNC_AMT,
        LINE_NCH_PMT_AMT,
    ]
    .map(amount);
    assert_eq!(shares.iter().sum::<i64>(), allowed);
    let shared = allowed - shares[0];
    assert!(
        shares[1] == 0 || (shares[1] * 5 - shared).abs() < 5,
        "coinsurance is a fifth"
    );
}

fn check_drug(event: &record::Fields) {
    let sum =
        |columns: &[Column]| -> i64 { columns.iter().map(|column| cents(event, *column)).sum() };
    let cost = cents(event, TOT_RX_CST_AMT);
    assert!(cost > 0);
    assert_eq!(sum(&[GDC_BLW_OOPT_AMT, GDC_ABV_OOPT_AMT]), cost);
    let payers = [
        PTNT_PAY_AMT,
        OTHR_TROOP_AMT,
        LICS_AMT,
        PLRO_AMT,
        CVRD_D_PLAN_PD_AMT,
        NCVRD_PLAN_PD_AMT,
        RPTD_GAP_DSCNT_NUM,
    ];
    assert_eq!(sum(&payers), cost);
    assert!(payers.iter().all(|payer| cents(event, *payer) >= 0));
}

#[test]
fn nobody_pays_the_part_b_deductible_twice() {
    for (number, life) in lives() {
        for year in period().years() {
            let claims = life
                .claims
                .iter()
                .filter(|claim| claim.header.get(CLM_FROM_DT).ends_with(&year.to_string()));
            let paid: i64 = claims
                .map(|claim| {
                    cents(&claim.header, CARR_CLM_CASH_DDCTBL_APLD_AMT)
                        + cents(&claim.header, NCH_BENE_PTB_DDCTBL_AMT)
                })
                .sum();
            assert!(
                paid <= tables::rates::rates(year).part_b_deductible,
                "{number} in {year}"
            );
        }
    }
}

#[test]
fn dates_follow_one_another_within_coverage() {
    for (number, life) in lives() {
        let person = &life.years.last().unwrap().1.header;
        let alive_until = match person.get(DEATH_DT) {
            "" => period().thru,
            death => date_of(death),
        };
        for claim in &life.claims {
            let header = |column| date_of(claim.header.get(column));
            let (from, thru, processed) = match claim.file {
                FileType::Claim(ClaimType::Pde) => {
                    (header(SRVC_DT), header(SRVC_DT), header(PD_DT))
                }
                _ => (
                    header(CLM_FROM_DT),
                    header(CLM_THRU_DT),
                    header(NCH_WKLY_PROC_DT),
                ),
            };
            assert!(period().contains(from) && from <= thru, "{number}");
            assert!(
                thru <= alive_until && thru < processed && processed <= period().thru,
                "{number}"
            );
            for line in &claim.lines {
                for column in [LINE_1ST_EXPNS_DT, LINE_LAST_EXPNS_DT, REV_CNTR_DT] {
                    let day = line.get(column);
                    assert!(
                        day.is_empty() || (from..=thru).contains(&date_of(day)),
                        "{number}"
                    );
                }
            }
            if !claim.lines.is_empty() {
                assert_eq!(processed.weekday(), jiff::civil::Weekday::Friday);
            }
        }
    }
}

#[test]
fn nobody_sees_a_doctor_in_the_office_while_in_hospital() {
    for (number, life) in lives() {
        let stays = life
            .claims
            .iter()
            .filter(|claim| claim.file == FileType::Claim(ClaimType::Inpatient));
        let stays: Vec<(Date, Date)> = stays
            .map(|claim| {
                (
                    date_of(claim.header.get(CLM_FROM_DT)),
                    date_of(claim.header.get(CLM_THRU_DT)),
                )
            })
            .collect();
        for claim in &life.claims {
            let in_office = claim
                .lines
                .iter()
                .any(|line| line.get(LINE_PLACE_OF_SRVC_CD) == "11");
            let day = claim.header.get(CLM_FROM_DT);
            let inside = |(from, thru): &(Date, Date)| (*from..=*thru).contains(&date_of(day));
            assert!(!in_office || !stays.iter().any(inside), "{number} on {day}");
        }
    }
}

#[test]
fn a_few_people_have_care_for_substance_use_and_jane_has_none() {
    let mut people = BTreeSet::new();
    let mut withheld = BTreeSet::new();
    Folder::of("sensitive", 100).claims(|claim| {
        let patient = claim.header.get(BENE_ID).unwrap().to_string();
        if is_sensitive(claim) {
            assert!(patient.starts_with('-'), "not Jane");
            withheld.insert(patient.clone());
        } else {
            people.insert(patient);
        }
    });
    assert_eq!(
        people.len(),
        102,
        "everybody has claims that are not withheld"
    );
    assert!((2..=8).contains(&withheld.len()), "{}", withheld.len());
}

#[test]
fn codes_are_known() {
    // Several meanings stand behind the codes of these columns, so that the tables leave them out.
    const AMBIGUOUS: &[Column] = &[
        CLM_SRC_IP_ADMSN_CD,
        CLM_SRVC_CLSFCTN_TYPE_CD,
        CARR_LINE_PRVDR_TYPE_CD,
        REV_CNTR_PMT_MTHD_IND_CD,
    ];
    // These hold more than the code: a postal abbreviation, a provider's number, a plan's number, a year's digit, a
    // group with its reason.
    const OTHER: &[Column] = &[
        STATE_CD,
        PRVDR_NUM,
        PLAN_CNTRCT_REC_ID,
        CARR_CLM_HCPCS_YR_CD,
        REV_CNTR_1ST_ANSI_CD,
    ];
    let check = |column: Column, value: Option<Value>| {
        let Some(Value::Text(code)) = value else {
            return;
        };
        let left_out = AMBIGUOUS.contains(&column)
            || OTHER.contains(&column)
            || column.name().starts_with("PTD_CNTRCT")
            // The column also holds HIPPS codes, of five characters, which have no table.
            || (column == REV_CNTR_APC_HIPPS_CD && code.len() == 5);
        let known = codes::find(column).is_none_or(|variable| {
            variable.codes.is_empty() || left_out || variable.display(code).is_some()
        });
        assert!(known, "{}: {code}", column.name());
    };
    Folder::of("codes", 40).read(|_, entry| {
        let rows = match entry.record {
            bluebutton::rif::Record::Claim(claim) => [claim.lines, vec![claim.header]].concat(),
            bluebutton::rif::Record::Beneficiary(row) | bluebutton::rif::Record::History(row) => {
                vec![row]
            }
        };
        for row in rows {
            for (column, value) in row.columns().iter().zip(row.values()) {
                check(*column, *value);
            }
        }
    });
}

#[test]
fn every_claim_can_be_shown_as_an_explanation_of_benefit() {
    let mut shown = 0;
    Folder::of("shown", 20).claims(|claim| {
        for version in [Version::Stu3, Version::R4] {
            let mut writer = Writer::new();
            eob::write(
                &mut writer,
                claim,
                &Context::new(version, Timestamp::UNIX_EPOCH),
            );
            let resource: serde_json::Value = serde_json::from_slice(&writer.into_bytes()).unwrap();
            assert_eq!(resource["status"], "active");
            shown += 1;
        }
    });
    assert!(shown > 1_000);
}

#[test]
fn refuses_what_it_cannot_write() {
    for text in ["2019-12-31", "2100-01-01", "31-OCT-2026", "2026-02-30", ""] {
        assert!(until(text).is_err(), "{text}");
    }
    assert_eq!(until("2026-10-31"), Ok(jiff::civil::date(2026, 10, 31)));
}

#[test]
fn the_four_years_end_on_the_named_day() {
    let period = period();
    assert_eq!(plus_days(period.from, -1), jiff::civil::date(2022, 10, 31));
    assert_eq!(
        period.years().collect::<Vec<_>>(),
        [2022, 2023, 2024, 2025, 2026]
    );
}

/// The date of a value written as `27-Oct-2024`.
fn date_of(text: &str) -> Date {
    Date::strptime("%d-%b-%Y", text).unwrap()
}
