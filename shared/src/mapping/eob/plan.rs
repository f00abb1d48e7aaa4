//! The rows of each part by the element that they write, so that an element walks its own rows and no others, each with
//! the text that stands before its value.
//!
//! Computed from the tables at compile time; within an element the rows keep the order of the tables.

use super::head::head;
use super::rule::{Rule, Target};
use super::tables::{Items, kind};
use crate::mapping::Version;
use crate::rif::ClaimType;

/// What of an answer is written in one go.
#[derive(Clone, Copy)]
pub(super) enum Element {
    Extension,
    Identifier,
    Status,
    Type,
    Period,
    Provider,
    Organization,
    Facility,
    Referral,
    Disposition,
    Diagnosis,
    Procedure,
    Info,
    Hospitalization,
    CoverageExtension,
    Total,
    TotalCost,
    Payment,
    Benefit,
    Member,
    LineProvider,
    Performance,
    Sequence,
    LineDiagnosis,
    Observation,
    Revenue,
    ItemCategory,
    Product,
    ProductExtension,
    ProductDrug,
    Modifier,
    Serviced,
    Place,
    State,
    Quantity,
    Adjudication,
    /// The last one, by which they are counted.
    Detail,
}

/// A row in one version.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) rule: &'static Rule,
    pub(super) target: Target,
    /// What stands before the value in the answer.
    pub(super) head: &'static str,
}

/// The rows of one part in one version, sorted by element.
pub(super) struct Plan {
    steps: &'static [Step],
    /// Where the rows of each element begin, and where those of the last one end.
    starts: [u8; ELEMENTS + 1],
}

/// The plans of a type of claim in one version.
pub(super) struct Plans {
    pub(super) claim: Plan,
    pub(super) items: Plan,
}

const ELEMENTS: usize = Element::Detail as usize + 1;

/// Sorts the rows of tables and joins the text before their values.
macro_rules! plan {
    ($tables:expr, $version:expr) => {{
        const STARTS: [u8; ELEMENTS + 1] = starts($tables, $version);
        const ROWS: usize = STARTS[ELEMENTS] as usize;
        const RULES: [&Rule; ROWS] = sorted($tables, $version, STARTS);
        static TEXT: [u8; text_bytes(&RULES, $version)] = text(&RULES, $version);
        static STEPS: [Step; ROWS] = steps(&RULES, $version, &TEXT);
        Plan {
            steps: &STEPS,
            starts: STARTS,
        }
    }};
}

macro_rules! plans {
    ($claim_type:expr, $version:expr, $($name:ident)*) => {
        match $claim_type {
            $(ClaimType::$name => {
                static PLANS: Plans = Plans {
                    claim: plan!(kind(ClaimType::$name).claim, $version),
                    items: plan!(items(ClaimType::$name), $version),
                };
                &PLANS
            })*
        }
    };
}

/// The plans of that type of claim.
#[rustfmt::skip]
pub(super) fn plans(claim_type: ClaimType, version: Version) -> &'static Plans {
    match version {
        Version::Stu3 => plans!(claim_type, Version::Stu3, Carrier Dme Hha Hospice Inpatient Outpatient Pde Snf),
        Version::R4 => plans!(claim_type, Version::R4, Carrier Dme Hha Hospice Inpatient Outpatient Pde Snf),
    }
}

impl Plan {
    /// The rows that write the element, in the order of the answer.
    pub(super) fn steps(&self, element: Element) -> &'static [Step] {
        let at = element as usize;
        &self.steps[usize::from(self.starts[at])..usize::from(self.starts[at + 1])]
    }
}

const fn items(claim_type: ClaimType) -> &'static [&'static [Rule]] {
    let (Items::Lines(items) | Items::Claim(items)) = kind(claim_type).items;
    items
}

/// Sorts by counting: how many rows each element has says where they begin.
const fn starts(tables: &[&[Rule]], version: Version) -> [u8; ELEMENTS + 1] {
    let mut starts = [0; ELEMENTS + 1];
    let mut table = 0;
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            if let Some(element) = element(tables[table][row].target(version)) {
                starts[element as usize + 1] += 1;
            }
            row += 1;
        }
        table += 1;
    }
    let mut at = 0;
    while at < ELEMENTS {
        starts[at + 1] += starts[at];
        at += 1;
    }
    starts
}

const fn sorted<const ROWS: usize>(
    tables: &'static [&'static [Rule]],
    version: Version,
    mut next: [u8; ELEMENTS + 1],
) -> [&'static Rule; ROWS] {
    let mut rules = [&tables[0][0]; ROWS];
    let mut table = 0;
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            let rule = &tables[table][row];
            if let Some(element) = element(rule.target(version)) {
                rules[next[element as usize] as usize] = rule;
                next[element as usize] += 1;
            }
            row += 1;
        }
        table += 1;
    }
    rules
}

const fn text_bytes(rules: &[&Rule], version: Version) -> usize {
    let (mut bytes, mut at) = (0, 0);
    while at < rules.len() {
        bytes += head(rules[at], version).len();
        at += 1;
    }
    bytes
}

/// The heads of all rows, one after the other.
const fn text<const BYTES: usize>(rules: &[&Rule], version: Version) -> [u8; BYTES] {
    let mut text = [0; BYTES];
    let mut rest = text.as_mut_slice();
    let mut at = 0;
    while at < rules.len() {
        let head = head(rules[at], version);
        let mut part = 0;
        while part < head.parts().len() {
            let bytes = head.parts()[part].as_bytes();
            let (place, behind) = rest.split_at_mut(bytes.len());
            place.copy_from_slice(bytes);
            rest = behind;
            part += 1;
        }
        at += 1;
    }
    text
}

const fn steps<const ROWS: usize>(
    rules: &[&'static Rule; ROWS],
    version: Version,
    mut text: &'static [u8],
) -> [Step; ROWS] {
    let step = Step {
        rule: rules[0],
        target: rules[0].target(version),
        head: "",
    };
    let mut steps = [step; ROWS];
    let mut at = 0;
    while at < ROWS {
        let (bytes, behind) = text.split_at(head(rules[at], version).len());
        let Ok(head) = str::from_utf8(bytes) else {
            panic!("whole texts were joined");
        };
        steps[at] = Step {
            rule: rules[at],
            target: rules[at].target(version),
            head,
        };
        text = behind;
        at += 1;
    }
    steps
}

/// The element that a row with that target writes; none where its value is written by other means.
const fn element(target: Target) -> Option<Element> {
    Some(match target {
        Target::Unmapped(_) | Target::With(_) | Target::Elsewhere | Target::Patient => return None,
        Target::Extension(_) | Target::ExtensionAs(_) => Element::Extension,
        Target::Identifier(_) => Element::Identifier,
        Target::Status => Element::Status,
        Target::Type | Target::TypeToo => Element::Type,
        Target::PeriodStart | Target::PeriodEnd | Target::PeriodExtension => Element::Period,
        Target::Provider | Target::OrganizationNpi | Target::Pharmacy(_) => Element::Provider,
        Target::Organization(..) => Element::Organization,
        Target::Facility => Element::Facility,
        Target::Referral(_) => Element::Referral,
        Target::Disposition => Element::Disposition,
        Target::Diagnosis(_) | Target::Package => Element::Diagnosis,
        Target::Procedure => Element::Procedure,
        Target::Info(..) => Element::Info,
        Target::HospitalizationStart
        | Target::HospitalizationEnd
        | Target::HospitalizationExtension(_) => Element::Hospitalization,
        Target::CoverageExtension => Element::CoverageExtension,
        Target::Total(..) | Target::TotalOfNothing(_) => Element::Total,
        Target::TotalCost => Element::TotalCost,
        Target::PaymentAmount | Target::PaymentDate => Element::Payment,
        Target::Benefit(_) => Element::Benefit,
        Target::Member(..) | Target::Performer(_) => Element::Member,
        Target::LineProvider => Element::LineProvider,
        Target::PerformerExtension
        | Target::PerformerOrganization
        | Target::PerformerQualification => Element::Performance,
        Target::Sequence => Element::Sequence,
        Target::LineDiagnosis(..) => Element::LineDiagnosis,
        Target::Observation(_) => Element::Observation,
        Target::Revenue(_) | Target::RevenueExtension => Element::Revenue,
        Target::ItemCategory => Element::ItemCategory,
        Target::Product(_) | Target::ProductOf(..) | Target::Drug => Element::Product,
        Target::ProductExtension(_) => Element::ProductExtension,
        Target::ProductDrug => Element::ProductDrug,
        Target::Modifier(..) => Element::Modifier,
        Target::ServicedDate | Target::ServicedPeriod(_) => Element::Serviced,
        Target::Place | Target::PlaceExtension(_) => Element::Place,
        Target::State => Element::State,
        Target::Quantity | Target::QuantityExtension => Element::Quantity,
        Target::Adjudication(_)
        | Target::AdjudicationWith(..)
        | Target::AdjudicationAs(..)
        | Target::AdjudicationBecause(..)
        | Target::Denial
        | Target::Reason => Element::Adjudication,
        Target::DetailType(_) => Element::Detail,
    })
}
