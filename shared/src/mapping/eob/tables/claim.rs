//! Columns that claims of all types share.

use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{Category, Fact, Form, Rule, Series, numbered, row};
use crate::mapping::eob::terms::{CLAIM_GROUP, RECEIVED_DATE};
use crate::rif::Column::{self, *};

/// Claims and prescription drug events alike.
#[rustfmt::skip]
pub(super) const ALL: &[Rule] = &[
    row(DML_IND,                        Unmapped("says how to load the row, nothing about the claim")),
    row(BENE_ID,                        Patient),
    row(CLM_GRP_ID,                     Identifier(Some(CLAIM_GROUP))),
    row(FINAL_ACTION,                   Status),
];

/// Claims, as opposed to prescription drug events.
#[rustfmt::skip]
pub(super) const CLAIM: &[Rule] = &[
    row(NCH_CLM_TYPE_CD,                Type),
    row(NCH_NEAR_LINE_REC_IDENT_CD,     Extension(Form::Code)).stu3(TypeToo),
    row(CLM_FROM_DT,                    PeriodStart),
    row(CLM_THRU_DT,                    PeriodEnd),
    row(CLM_PMT_AMT,                    PaymentAmount),
];

/// The claim's own number comes before the number of its group.
#[rustfmt::skip]
pub(super) const CLAIM_NUMBER: &[Rule] = &[
    row(CLM_ID,                         Identifier(None)),
];

const ICD_DGNS_CD: [Column; 25] = numbered("ICD_DGNS_CD");
const ICD_DGNS_VRSN_CD: [Column; 25] = numbered("ICD_DGNS_VRSN_CD");
const CLM_POA_IND_SW: [Column; 25] = numbered("CLM_POA_IND_SW");
const ICD_DGNS_E_CD: [Column; 12] = numbered("ICD_DGNS_E_CD");
const ICD_DGNS_E_VRSN_CD: [Column; 12] = numbered("ICD_DGNS_E_VRSN_CD");
const CLM_E_POA_IND_SW: [Column; 12] = numbered("CLM_E_POA_IND_SW");
const RSN_VISIT_CD: [Column; 3] = numbered("RSN_VISIT_CD");
const RSN_VISIT_VRSN_CD: [Column; 3] = numbered("RSN_VISIT_VRSN_CD");
const ICD_PRCDR_CD: [Column; 25] = numbered("ICD_PRCDR_CD");
const ICD_PRCDR_VRSN_CD: [Column; 25] = numbered("ICD_PRCDR_VRSN_CD");
const PRCDR_DT: [Column; 25] = numbered("PRCDR_DT");

/// When the claim was received: the first of its information, but for hospital inpatients.
#[rustfmt::skip]
pub(super) const RECEIVED: &[Rule] = &[
    row(NCH_WKLY_PROC_DT,               Info(Category::Named(&RECEIVED_DATE), Fact::Date)),
];

/// Diagnoses of claims that have no indicator of presence on admission.
pub(super) static DIAGNOSES: Series = Series {
    codes: &ICD_DGNS_CD,
    versions: &ICD_DGNS_VRSN_CD,
    details: &[],
};

/// Diagnoses with their indicators of presence on admission.
pub(super) static DIAGNOSES_POA: Series = Series {
    codes: &ICD_DGNS_CD,
    versions: &ICD_DGNS_VRSN_CD,
    details: &CLM_POA_IND_SW,
};

/// External causes of injury of claims that have no indicator of presence on admission.
pub(super) static EXTERNAL: Series = Series {
    codes: &ICD_DGNS_E_CD,
    versions: &ICD_DGNS_E_VRSN_CD,
    details: &[],
};

/// External causes of injury, with their indicators of presence on admission.
pub(super) static EXTERNAL_POA: Series = Series {
    codes: &ICD_DGNS_E_CD,
    versions: &ICD_DGNS_E_VRSN_CD,
    details: &CLM_E_POA_IND_SW,
};

/// Procedures with their dates.
pub(super) static PROCEDURES: Series = Series {
    codes: &ICD_PRCDR_CD,
    versions: &ICD_PRCDR_VRSN_CD,
    details: &PRCDR_DT,
};

/// What the patient came to an outpatient hospital for.
pub(super) static REASONS: Series = Series {
    codes: &RSN_VISIT_CD,
    versions: &RSN_VISIT_VRSN_CD,
    details: &[],
};

pub(super) static PRINCIPAL: Series = Series {
    codes: &[PRNCPAL_DGNS_CD],
    versions: &[PRNCPAL_DGNS_VRSN_CD],
    details: &[],
};

pub(super) static ADMITTING: Series = Series {
    codes: &[ADMTG_DGNS_CD],
    versions: &[ADMTG_DGNS_VRSN_CD],
    details: &[],
};

pub(super) static FIRST_EXTERNAL: Series = Series {
    codes: &[FST_DGNS_E_CD],
    versions: &[FST_DGNS_E_VRSN_CD],
    details: &[],
};
