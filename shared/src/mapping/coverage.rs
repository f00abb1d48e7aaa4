//! Coverage: the parts of Medicare, one resource for each.

use super::enrollment::{
    self, BUY_IN, COST_SHARE, CURRENT_REASON, DUAL, END_STAGE_RENAL_DISEASE, Extension, HMO,
    MEDICARE_STATUS, ORIGINAL_REASON, PART_A_TERMINATION, PART_B_TERMINATION, PART_C_CONTRACT,
    PART_C_PLAN, PART_C_PLAN_TYPE, PART_D_CONTRACT, PART_D_CONTRACT_BY_YEAR, PART_D_PLAN,
    PART_D_SEGMENT, REFERENCE_YEAR, RETIREE_SUBSIDY, date, filled,
};
use super::{Context, Version};
use crate::fhir::json::Writer;
use crate::rif::Column::{self, *};
use crate::rif::{Beneficiary, Row};

const PROFILE: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-Coverage";
const COVERAGE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const RELATIONSHIP: &str = "http://terminology.hl7.org/CodeSystem/subscriber-relationship";
const COVERAGE_CLASS: &str = "http://terminology.hl7.org/CodeSystem/coverage-class";
const MEDICARE: &str = "Medicare";
const PAYOR: &str = "Centers for Medicare and Medicaid Services";

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
    /// The column that says why the part ended, for parts that have one: they are active where it says `0`.
    termination: Option<Column>,
    /// First and last day in R4.
    period: Option<[Column; 2]>,
    /// First day in STU3.
    stu3_start: Option<Column>,
    pub(super) extensions: &'static [&'static Extension],
}

#[rustfmt::skip]
pub(super) const PART_A: Table = Table {
    letter: "a",
    plan: "Part A",
    termination: Some(BENE_PTA_TRMNTN_CD),
    period: Some([PTA_CVRG_STRT_DT, PTA_CVRG_END_DT]),
    stu3_start: Some(COVSTART),
    extensions: &[
        &MEDICARE_STATUS, &ORIGINAL_REASON, &CURRENT_REASON, &END_STAGE_RENAL_DISEASE, &PART_A_TERMINATION,
        &REFERENCE_YEAR, &DUAL, &BUY_IN,
    ],
};

pub(super) const PART_B: Table = Table {
    letter: "b",
    plan: "Part B",
    termination: Some(BENE_PTB_TRMNTN_CD),
    period: Some([PTB_CVRG_STRT_DT, PTB_CVRG_END_DT]),
    stu3_start: Some(COVSTART),
    extensions: &[
        &MEDICARE_STATUS,
        &PART_B_TERMINATION,
        &REFERENCE_YEAR,
        &DUAL,
        &BUY_IN,
    ],
};

#[rustfmt::skip]
pub(super) const PART_C: Table = Table {
    letter: "c",
    plan: "Part C",
    termination: None,
    period: None,
    stu3_start: None,
    extensions: &[
        &PART_C_CONTRACT, &PART_C_PLAN, &PART_C_PLAN_TYPE, &HMO,
        &REFERENCE_YEAR, &DUAL,
    ],
};

#[rustfmt::skip]
pub(super) const PART_D: Table = Table {
    letter: "d",
    plan: "Part D",
    termination: None,
    period: Some([PTD_CVRG_STRT_DT, PTD_CVRG_END_DT]),
    stu3_start: None,
    extensions: &[
        &MEDICARE_STATUS, &PART_D_CONTRACT, &PART_D_CONTRACT_BY_YEAR, &PART_D_PLAN, &PART_D_SEGMENT,
        &COST_SHARE, &RETIREE_SUBSIDY, &REFERENCE_YEAR, &DUAL,
    ],
};

/// The columns that the elements below read, besides those of the extensions.
#[rustfmt::skip]
pub(super) const COLUMNS: &[Column] = &[
    BENE_ID, MBI_NUM, BENE_PTA_TRMNTN_CD, BENE_PTB_TRMNTN_CD, PTA_CVRG_STRT_DT, PTA_CVRG_END_DT,
    PTB_CVRG_STRT_DT, PTB_CVRG_END_DT, PTD_CVRG_STRT_DT, PTD_CVRG_END_DT, COVSTART,
];

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
    let row = &beneficiary.row;
    let table = part.table();
    let id = filled(row, BENE_ID).map_or_else(String::new, |id| id.to_string());
    w.object(|w| {
        w.text("resourceType", "Coverage");
        w.key("id");
        w.string_of(&["part-", table.letter, "-", &id]);
        enrollment::meta(w, context, PROFILE);
        w.array_unless_empty("extension", |w| {
            enrollment::extensions(w, beneficiary, table.extensions);
        });
        w.text("status", status(row, table));
        match context.version {
            Version::Stu3 => stu3_plan(w, row, table, &id),
            Version::R4 => plan(w, row, table, &id),
        }
    });
}

/// What R4 says of the part.
fn plan(w: &mut Writer, row: &Row, table: &Table, id: &str) {
    w.key("type");
    concept(w, COVERAGE_TYPE, "SUBSIDIZ", None);
    if let Some(number) = filled(row, MBI_NUM) {
        w.text("subscriberId", &number.to_string());
    }
    beneficiary_reference(w, id);
    w.key("relationship");
    concept(w, RELATIONSHIP, "self", Some("Self"));
    if let Some([first, last]) = table.period {
        w.object_unless_empty("period", |w| {
            date(w, "start", row, first);
            date(w, "end", row, last);
        });
    }
    w.array_unless_empty("payor", |w| {
        w.object(|w| w.object_unless_empty("identifier", |w| w.text("value", PAYOR)));
    });
    w.array_unless_empty("class", |w| {
        class(w, "group", "Group", MEDICARE);
        class(w, "plan", "Plan", table.plan);
    });
}

/// What STU3 says of the part.
fn stu3_plan(w: &mut Writer, row: &Row, table: &Table, id: &str) {
    w.key("type");
    concept(w, MEDICARE, table.plan, None);
    beneficiary_reference(w, id);
    if let Some(first) = table.stu3_start {
        w.object_unless_empty("period", |w| date(w, "start", row, first));
    }
    w.object_unless_empty("grouping", |w| {
        w.text("subGroup", MEDICARE);
        w.text("subPlan", table.plan);
    });
}

fn beneficiary_reference(w: &mut Writer, id: &str) {
    w.key("beneficiary");
    w.object(|w| {
        w.key("reference");
        w.string_of(&["Patient/", id]);
    });
}

fn status(row: &Row, table: &Table) -> &'static str {
    match table.termination {
        Some(column) if row.text(column) != Some("0") => "cancelled",
        _ => "active",
    }
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
