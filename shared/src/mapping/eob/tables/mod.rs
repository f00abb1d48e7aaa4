//! The mapping tables. To correct where a column goes, find its row here.
//!
//! A claim is put together from shared tables and its own; together they hold a row for each column of the layout,
//! or do not compile. `claim` is common to all types, `professional` to carrier and durable medical equipment,
//! `institutional` to hospitals, nursing facilities, home health and hospice.

mod carrier;
mod claim;
mod complete;
mod dme;
mod hha;
mod hospice;
mod inpatient;
mod institutional;
mod outpatient;
mod pde;
mod professional;
mod snf;

use super::rule::{Label, Rule};
use super::terms::{Coding, REASON_DX, SECONDARY_DX};
use crate::rif::ClaimType;

pub(super) use carrier::CARRIER;
pub(super) use dme::DME;
pub(super) use hha::HHA;
pub(super) use hospice::HOSPICE;
pub(super) use inpatient::INPATIENT;
pub(super) use outpatient::OUTPATIENT;
pub(super) use pde::PDE;
pub(super) use snf::SNF;

/// All that a type of claim has of its own.
#[derive(Debug)]
pub(super) struct Kind {
    /// The last part of the profile's URL.
    pub(super) profile: &'static str,
    /// The code of Blue Button's own type of claim.
    pub(super) eob_type: &'static str,
    pub(super) claim_type: &'static Coding,
    /// Code and text, for institutional claims.
    pub(super) sub_type: Option<(&'static str, &'static str)>,
    /// The part of Medicare that pays: the beginning of the Coverage's id.
    pub(super) coverage: &'static str,
    pub(super) stu3: Stu3,
    pub(super) diagnoses: DiagnosisTypes,
    /// The rows of the claim's columns, in the order of the answer.
    pub(super) claim: &'static [&'static [Rule]],
    pub(super) items: Items,
}

/// What STU3 says otherwise than R4.
#[derive(Debug)]
pub(super) struct Stu3 {
    /// Quirk: some types of claim do not say it.
    pub(super) claim_type: Option<&'static Coding>,
    pub(super) coverage: &'static str,
}

/// What becomes an `item`.
#[derive(Debug)]
pub(super) enum Items {
    /// Each line, by these rows.
    Lines(&'static [&'static [Rule]]),
    /// The claim itself, by these rows: an event has no lines.
    Claim(&'static [&'static [Rule]]),
}

/// How a type of claim codes what a diagnosis was for.
#[derive(Debug)]
pub(super) struct DiagnosisTypes {
    pub(super) admitting: &'static Coding,
    pub(super) principal: &'static Coding,
    pub(super) other: &'static Coding,
    pub(super) external: &'static Coding,
}

impl DiagnosisTypes {
    pub(super) fn coding(&self, label: Label) -> &'static Coding {
        match label {
            Label::Admitting => self.admitting,
            Label::Principal => self.principal,
            Label::Other | Label::Untyped => self.other,
            Label::ExternalFirst | Label::External => self.external,
            Label::Reason => &REASON_DX,
            Label::Secondary => &SECONDARY_DX,
        }
    }
}

/// The tables of a type of claim.
pub(super) const fn kind(claim_type: ClaimType) -> &'static Kind {
    match claim_type {
        ClaimType::Carrier => &CARRIER,
        ClaimType::Dme => &DME,
        ClaimType::Hha => &HHA,
        ClaimType::Hospice => &HOSPICE,
        ClaimType::Inpatient => &INPATIENT,
        ClaimType::Outpatient => &OUTPATIENT,
        ClaimType::Pde => &PDE,
        ClaimType::Snf => &SNF,
    }
}
