//! The rows of each part by the element that they write, so that an element walks its own rows and no others.
//!
//! Computed from the tables at compile time; within an element the rows keep the order of the tables.

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

/// The rows of one part in one version, sorted by element.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    rules: [&'static Rule; ROWS_MAX],
    /// Where the rows of each element begin, and where those of the last one end.
    starts: [u8; ELEMENTS + 1],
}

/// The plans of a type of claim in one version.
#[derive(Clone, Copy)]
pub(super) struct Plans {
    pub(super) claim: Plan,
    pub(super) items: Plan,
}

const ELEMENTS: usize = Element::Detail as usize + 1;
/// The longest part has fewer rows; a longer one does not compile.
const ROWS_MAX: usize = 192;

static STU3: [Plans; ClaimType::ALL.len()] = all(Version::Stu3);
static R4: [Plans; ClaimType::ALL.len()] = all(Version::R4);

/// The plans of that type of claim.
pub(super) fn plans(claim_type: ClaimType, version: Version) -> &'static Plans {
    match version {
        Version::Stu3 => &STU3[claim_type as usize],
        Version::R4 => &R4[claim_type as usize],
    }
}

impl Plan {
    /// The rows that write the element, in the order of the answer.
    pub(super) fn rules(&self, element: Element) -> &[&'static Rule] {
        let at = element as usize;
        &self.rules[usize::from(self.starts[at])..usize::from(self.starts[at + 1])]
    }
}

const fn all(version: Version) -> [Plans; ClaimType::ALL.len()] {
    let mut all = [of_type(ClaimType::ALL[0], version); ClaimType::ALL.len()];
    let mut at = 0;
    while at < all.len() {
        all[ClaimType::ALL[at] as usize] = of_type(ClaimType::ALL[at], version);
        at += 1;
    }
    all
}

const fn of_type(claim_type: ClaimType, version: Version) -> Plans {
    let kind = kind(claim_type);
    let (Items::Lines(items) | Items::Claim(items)) = kind.items;
    Plans {
        claim: sorted(kind.claim, version),
        items: sorted(items, version),
    }
}

/// Sorts by counting: how many rows each element has says where they begin.
const fn sorted(tables: &'static [&'static [Rule]], version: Version) -> Plan {
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
    Plan {
        rules: placed(tables, version, starts),
        starts,
    }
}

const fn placed(
    tables: &'static [&'static [Rule]],
    version: Version,
    mut next: [u8; ELEMENTS + 1],
) -> [&'static Rule; ROWS_MAX] {
    let mut rules = [&tables[0][0]; ROWS_MAX];
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
