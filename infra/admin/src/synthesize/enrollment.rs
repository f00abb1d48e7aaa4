//! Rows of the beneficiary files: one per reference year with its twelve months, and the cards that were replaced.

use bluebutton::rif::Column::*;
use bluebutton::rif::{DateForm, FileType, Value};
use jiff::civil::{Date, date};

use super::calendar::{Period, age};
use super::person::{ADVANTAGE_PLAN, Person};
use super::record::{Fields, Record, column};

/// Month names as the columns spell them.
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEPT", "OCT", "NOV", "DEC",
];

/// What a month says about a person.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Month {
    /// After the period: nothing is known yet.
    Unknown,
    /// Before entitlement or after death.
    NotEnrolled,
    Enrolled {
        advantage: bool,
        drug_plan: bool,
    },
}

/// The person's rows by reference year, the first an INSERT, later ones UPDATEs.
pub(super) fn reference_years(person: &Person, period: Period) -> Vec<(i16, Record)> {
    let last = person.death.unwrap_or(period.thru).year();
    let years = period
        .years()
        .filter(|year| (person.entitled.year()..=last).contains(year));
    let rows = years.enumerate().map(|(position, year)| {
        let action = if position == 0 { "INSERT" } else { "UPDATE" };
        (year, reference_year(person, period, (year, action)))
    });
    rows.collect()
}

/// The row about a replaced card, if there is one.
pub(super) fn history(person: &Person) -> Option<Record> {
    let (card, last) = person.earlier_card.as_ref()?;
    let mut row = Fields::default();
    row.text(DML_IND, "INSERT");
    identity(&mut row, person);
    row.text(MBI_NUM, card)
        .date(EFCTV_BGN_DT, person.first_card_since())
        .date(EFCTV_END_DT, *last);
    Some(Record {
        file: FileType::BeneficiaryHistory,
        header: row,
        lines: Vec::new(),
    })
}

fn reference_year(person: &Person, period: Period, (year, action): (i16, &str)) -> Record {
    let months: Vec<Month> = (1..=12)
        .map(|month| Month::of(person, period, date(year, month, 1)))
        .collect();
    let mut row = Fields::default();
    row.text(DML_IND, action);
    identity(&mut row, person);
    row.text(MBI_NUM, &person.mbi)
        .date(EFCTV_BGN_DT, person.card_since())
        .number(RFRNC_YR, year.into())
        .number(AGE, age(person.birth, date(year, 12, 31)));
    address(&mut row, person);
    coverage(&mut row, person);
    counts(&mut row, person, &months);
    for (position, month) in months.iter().enumerate() {
        month.write(&mut row, person, position);
    }
    Record {
        file: FileType::Beneficiary,
        header: row,
        lines: Vec::new(),
    }
}

/// The columns that the beneficiary and history files share.
fn identity(row: &mut Fields, person: &Person) {
    let reason = if person.disabled { "1" } else { "0" };
    let terminated = if person.death.is_some() { "1" } else { "0" };
    row.text(BENE_ID, &person.id)
        .text(STATE_CODE, person.place.ssa_state)
        .text(BENE_COUNTY_CD, person.place.ssa_county)
        .text(BENE_ZIP_CD, &person.zip)
        .date(BENE_BIRTH_DT, person.birth)
        .text(
            BENE_SEX_IDENT_CD,
            if person.name.female { "2" } else { "1" },
        )
        .text(BENE_RACE_CD, person.race)
        .each(&[BENE_ENTLMT_RSN_ORIG, BENE_ENTLMT_RSN_CURR], reason)
        .text(BENE_ESRD_IND, "0")
        .text(BENE_MDCR_STATUS_CD, status(person))
        .each(&[BENE_PTA_TRMNTN_CD, BENE_PTB_TRMNTN_CD], terminated)
        .text(BENE_CRNT_HIC_NUM, &person.hicn)
        .text(BENE_SRNM_NAME, person.name.surname)
        .text(BENE_GVN_NAME, person.name.given)
        .text(BENE_MDL_NAME, person.name.middle);
}

fn address(row: &mut Fields, person: &Person) {
    let place = person.place;
    row.text(DRVD_LINE_1_ADR, &person.street)
        .text(CITY_NAME, place.city)
        .text(STATE_CD, place.state)
        .text(
            STATE_CNTY_ZIP_CD,
            format!("{}{:04}", person.zip, 1 + person.number % 9_000),
        );
}

fn coverage(row: &mut Fields, person: &Person) {
    let beneficiary_key = 1_000_000 + i64::from(person.number);
    let start = Value::Date(person.entitled, DateForm::YearMonthDay);
    row.text(ENRL_SRC, "CME")
        .text(SAMPLE_GROUP, "15")
        .text(
            EFIVEPCT,
            if person.number.is_multiple_of(20) {
                "Y"
            } else {
                ""
            },
        )
        .text(
            CRNT_BIC,
            if person.name.female && !person.disabled {
                "B"
            } else {
                "A"
            },
        )
        .text(COVSTART, start.to_string())
        .text(RTI_RACE_CD, person.race)
        .number(BENE_LINK_KEY, beneficiary_key)
        .date(PTA_CVRG_STRT_DT, person.entitled)
        .date(PTB_CVRG_STRT_DT, person.entitled);
    if let Some(since) = person.drug_plan {
        row.date(PTD_CVRG_STRT_DT, since);
    }
    if let Some(death) = person.death {
        row.date(DEATH_DT, death)
            .text(V_DOD_SW, "V")
            .date(PTA_CVRG_END_DT, death)
            .date(PTB_CVRG_END_DT, death);
        if person.drug_plan.is_some() {
            row.date(PTD_CVRG_END_DT, death);
        }
    }
}

fn counts(row: &mut Fields, person: &Person, months: &[Month]) {
    let count = |which: fn(&Month) -> bool| {
        let months = months.iter().filter(|month| which(month)).count();
        i64::try_from(months).expect("a year has twelve months")
    };
    let enrolled = count(|month| matches!(month, Month::Enrolled { .. }));
    let with_medicaid = if person.medicaid { enrolled } else { 0 };
    row.number(A_MO_CNT, enrolled)
        .number(B_MO_CNT, enrolled)
        .number(BUYIN_MO_CNT, with_medicaid)
        .number(DUAL_MO_CNT, with_medicaid)
        .number(
            HMO_MO_CNT,
            count(|month| {
                matches!(
                    month,
                    Month::Enrolled {
                        advantage: true,
                        ..
                    }
                )
            }),
        )
        .number(RDS_MO_CNT, 0)
        .number(
            PLAN_CVRG_MO_CNT,
            count(|month| {
                matches!(
                    month,
                    Month::Enrolled {
                        drug_plan: true,
                        ..
                    }
                )
            }),
        );
}

impl Month {
    fn of(person: &Person, period: Period, first: Date) -> Self {
        if first > period.thru {
            return Month::Unknown;
        }
        let alive = person.death.is_none_or(|death| first <= death);
        if first < person.entitled || !alive {
            return Month::NotEnrolled;
        }
        Month::Enrolled {
            advantage: person.in_advantage_plan(first),
            drug_plan: person.drug_plan.is_some_and(|since| since <= first),
        }
    }

    fn write(self, row: &mut Fields, person: &Person, position: usize) {
        let name = MONTHS[position];
        let number = position + 1;
        if self == Month::Unknown {
            return;
        }
        let codes = self.codes(person);
        row.text(
            column(&format!("FIPS_STATE_CNTY_{name}_CD")),
            person.place.fips,
        )
        .text(column(&format!("MDCR_STUS_{name}_CD")), codes.status)
        .text(
            column(&format!("MDCR_ENTLMT_BUYIN_{number}_IND")),
            codes.entitlement,
        )
        .text(column(&format!("HMO_{number}_IND")), codes.advantage)
        .text(
            column(&format!("PTC_CNTRCT_{name}_ID")),
            codes.advantage_plan.0,
        )
        .text(
            column(&format!("PTC_PBP_{name}_ID")),
            codes.advantage_plan.1,
        )
        .text(
            column(&format!("PTC_PLAN_TYPE_{name}_CD")),
            codes.advantage_type,
        )
        .text(column(&format!("PTD_CNTRCT_{name}_ID")), codes.drug_plan.0)
        .text(column(&format!("PTD_PBP_{name}_ID")), codes.drug_plan.1)
        .text(column(&format!("PTD_SGMT_{name}_ID")), codes.segment)
        .text(column(&format!("RDS_{name}_IND")), codes.retiree_subsidy)
        .text(
            column(&format!("META_DUAL_ELGBL_STUS_{name}_CD")),
            codes.dual,
        )
        .text(
            column(&format!("CST_SHR_GRP_{name}_CD")),
            codes.cost_sharing,
        );
    }

    fn codes(self, person: &Person) -> Codes {
        let Month::Enrolled {
            advantage,
            drug_plan,
        } = self
        else {
            return Codes::NOT_ENROLLED;
        };
        let medicaid = person.medicaid;
        let contract = if advantage {
            ADVANTAGE_PLAN
        } else {
            person.drug_contract(Date::MAX)
        };
        Codes {
            status: status(person),
            entitlement: if medicaid { "C" } else { "3" },
            advantage: if advantage { "C" } else { "0" },
            advantage_plan: if advantage { ADVANTAGE_PLAN } else { ("N", "") },
            advantage_type: if advantage { "001" } else { "" },
            drug_plan: if drug_plan { contract } else { ("N", "") },
            segment: if drug_plan { "000" } else { "" },
            retiree_subsidy: "N",
            dual: if medicaid { "02" } else { "NA" },
            cost_sharing: match (drug_plan, medicaid) {
                (false, _) => "10",
                (true, true) => "03",
                (true, false) => "09",
            },
        }
    }
}

/// The codes of one month.
struct Codes {
    status: &'static str,
    entitlement: &'static str,
    advantage: &'static str,
    advantage_plan: (&'static str, &'static str),
    advantage_type: &'static str,
    drug_plan: (&'static str, &'static str),
    segment: &'static str,
    retiree_subsidy: &'static str,
    dual: &'static str,
    cost_sharing: &'static str,
}

impl Codes {
    const NOT_ENROLLED: Self = Self {
        status: "00",
        entitlement: "0",
        advantage: "0",
        advantage_plan: ("0", ""),
        advantage_type: "",
        drug_plan: ("0", ""),
        segment: "",
        retiree_subsidy: "0",
        dual: "00",
        cost_sharing: "00",
    };
}

/// Medicare status: aged or disabled, without kidney failure.
fn status(person: &Person) -> &'static str {
    if person.disabled { "20" } else { "10" }
}
