//! Coverage: the parts of Medicare, one resource for each.

use super::enrollment::Target::*;
use super::enrollment::{self, Person, Rule, named_months, numbered_months, row};
use super::{Context, Version};
use crate::fhir::json::Writer;
use crate::rif::Beneficiary;
use crate::rif::Column::*;

const PROFILE: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-Coverage";
const COVERAGE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const RELATIONSHIP: &str = "http://terminology.hl7.org/CodeSystem/subscriber-relationship";
const COVERAGE_CLASS: &str = "http://terminology.hl7.org/CodeSystem/coverage-class";
const PAYOR: &str = "Centers for Medicare and Medicaid Services";
/// The group of all plans; in STU3 also the system of their types.
const MEDICARE: &str = "Medicare";

/// A part of Medicare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Hospital insurance.
    A,
    /// Medical insurance.
    B,
    /// Medicare Advantage.
    C,
    /// Prescription drugs.
    D,
}

/// What differs between the parts.
pub(super) struct Table {
    letter: &'static str,
    plan: &'static str,
    pub(super) rules: &'static [Rule],
}

const ONE_START: &str = "STU3 answers have one start for parts A and B, and no end";

#[rustfmt::skip]
pub(super) const PART_A: Table = Table {
    letter: "a",
    plan: "Part A",
    rules: &[
        BENEFICIARY,
        SUBSCRIBER,
        MEDICARE_STATUS,
        row(BENE_ENTLMT_RSN_ORIG,   Code),
        row(BENE_ENTLMT_RSN_CURR,   Code),
        row(BENE_ESRD_IND,          Code),
        row(BENE_PTA_TRMNTN_CD,     Code),
        row(BENE_PTA_TRMNTN_CD,     Status),
        REFERENCE_YEAR,
        DUAL,
        BUY_IN,
        COVERAGE_START,
        row(PTA_CVRG_STRT_DT,       PeriodStart).stu3(Unmapped(ONE_START)),
        row(PTA_CVRG_END_DT,        PeriodEnd).stu3(Unmapped(ONE_START)),
    ],
};

#[rustfmt::skip]
pub(super) const PART_B: Table = Table {
    letter: "b",
    plan: "Part B",
    rules: &[
        BENEFICIARY,
        SUBSCRIBER,
        MEDICARE_STATUS,
        row(BENE_PTB_TRMNTN_CD,     Code),
        row(BENE_PTB_TRMNTN_CD,     Status),
        REFERENCE_YEAR,
        DUAL,
        BUY_IN,
        COVERAGE_START,
        row(PTB_CVRG_STRT_DT,       PeriodStart).stu3(Unmapped(ONE_START)),
        row(PTB_CVRG_END_DT,        PeriodEnd).stu3(Unmapped(ONE_START)),
    ],
};

#[rustfmt::skip]
pub(super) const PART_C: Table = Table {
    letter: "c",
    plan: "Part C",
    rules: &[
        BENEFICIARY,
        SUBSCRIBER,
        named_months("PTC_CNTRCT_", "_ID", Code),
        named_months("PTC_PBP_", "_ID", Code),
        named_months("PTC_PLAN_TYPE_", "_CD", Code),
        numbered_months("HMO_", "_IND", Code),
        REFERENCE_YEAR,
        DUAL,
    ],
};

#[rustfmt::skip]
pub(super) const PART_D: Table = Table {
    letter: "d",
    plan: "Part D",
    rules: &[
        BENEFICIARY,
        SUBSCRIBER,
        MEDICARE_STATUS,
        // Quirk: the contracts of the year last loaded come twice.
        named_months("PTD_CNTRCT_", "_ID", Code),
        named_months("PTD_CNTRCT_", "_ID", CodeOfAllYears),
        named_months("PTD_PBP_", "_ID", Code),
        named_months("PTD_SGMT_", "_ID", Code),
        named_months("CST_SHR_GRP_", "_CD", Code),
        named_months("RDS_", "_IND", Code),
        REFERENCE_YEAR,
        DUAL,
        row(PTD_CVRG_STRT_DT,       PeriodStart).stu3(Unmapped(NO_PERIOD)),
        row(PTD_CVRG_END_DT,        PeriodEnd).stu3(Unmapped(NO_PERIOD)),
    ],
};

const NO_PERIOD: &str = "STU3 answers have no period of part D";

const BENEFICIARY: Rule = row(BENE_ID, Id);
const SUBSCRIBER: Rule = row(MBI_NUM, SubscriberId).stu3(Elsewhere);
const MEDICARE_STATUS: Rule = row(BENE_MDCR_STATUS_CD, Code);
const BUY_IN: Rule = numbered_months("MDCR_ENTLMT_BUYIN_", "_IND", Code);
const COVERAGE_START: Rule =
    row(COVSTART, Unmapped("R4 answers have a start for each part")).stu3(PeriodStart);
/// Patient shows it too.
pub(super) const REFERENCE_YEAR: Rule = row(RFRNC_YR, Year);
/// Patient shows it too.
pub(super) const DUAL: Rule = named_months("META_DUAL_ELGBL_STUS_", "_CD", Code);

impl Part {
    /// All parts, in the order in which they are answered.
    pub const ALL: [Part; 4] = [Part::A, Part::B, Part::C, Part::D];

    /// The lower-case letter, as in an id (`part-a-567834`).
    #[must_use]
    pub fn letter(self) -> &'static str {
        self.table().letter
    }

    /// The part of that lower-case letter.
    #[must_use]
    pub fn from_letter(letter: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.letter() == letter)
    }

    const fn table(self) -> &'static Table {
        match self {
            Part::A => &PART_A,
            Part::B => &PART_B,
            Part::C => &PART_C,
            Part::D => &PART_D,
        }
    }
}

/// Writes one part of the person's Medicare as a Coverage.
pub fn write(w: &mut Writer, part: Part, beneficiary: &Beneficiary, context: &Context) {
    let table = part.table();
    let person = Person::new(beneficiary, table.rules, context.version);
    let id = person.values(Id).next();
    let id = id.map_or_else(String::new, |id| id.to_string());
    w.object(|w| {
        w.text("resourceType", "Coverage");
        w.key("id");
        w.string_of(&["part-", table.letter, "-", &id]);
        enrollment::meta(w, context, PROFILE);
        w.array_unless_empty("extension", |w| {
            for (rule, target) in person.rules() {
                person.extension(w, rule, target);
            }
        });
        w.text("status", status(&person));
        w.key("type");
        match context.version {
            Version::Stu3 => concept(w, MEDICARE, table.plan, None),
            Version::R4 => concept(w, COVERAGE_TYPE, "SUBSIDIZ", None),
        }
        person.text(w, "subscriberId", SubscriberId);
        w.key("beneficiary");
        w.object(|w| {
            w.key("reference");
            w.string_of(&["Patient/", &id]);
        });
        w.object_unless_empty("period", |w| {
            person.date(w, "start", PeriodStart);
            person.date(w, "end", PeriodEnd);
        });
        match context.version {
            Version::Stu3 => grouping(w, table),
            Version::R4 => plan(w, table),
        }
    });
}

/// Parts without a column that says why they ended are always active.
fn status(person: &Person) -> &'static str {
    let is_ended = person.columns(Status).next().is_some()
        && person.values(Status).all(|code| code.to_string() != "0");
    if is_ended { "cancelled" } else { "active" }
}

fn grouping(w: &mut Writer, table: &Table) {
    w.key("grouping");
    w.object(|w| {
        w.text("subGroup", MEDICARE);
        w.text("subPlan", table.plan);
    });
}

/// What STU3 says with `grouping`, and what only R4 says.
fn plan(w: &mut Writer, table: &Table) {
    w.key("relationship");
    concept(w, RELATIONSHIP, "self", Some("Self"));
    w.array_unless_empty("payor", |w| {
        w.object(|w| w.object_unless_empty("identifier", |w| w.text("value", PAYOR)));
    });
    w.array_unless_empty("class", |w| {
        class(w, "group", "Group", MEDICARE);
        class(w, "plan", "Plan", table.plan);
    });
}

fn class(w: &mut Writer, code: &str, display: &str, value: &str) {
    w.object(|w| {
        w.key("type");
        concept(w, COVERAGE_CLASS, code, Some(display));
        w.text("value", value);
    });
}

fn concept(w: &mut Writer, system: &str, code: &str, display: Option<&str>) {
    w.object(|w| {
        w.array_unless_empty("coding", |w| {
            w.object(|w| {
                w.text("system", system);
                w.text("code", code);
                if let Some(display) = display {
                    w.text("display", display);
                }
            });
        });
    });
}
