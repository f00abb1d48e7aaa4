//! Hospice claims, Part A.

use super::{Items, Kind, Stu3, claim, institutional};
use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{
    Category, Fact, Form, Measure, Rule, System, only_r4, only_stu3, row, stu3,
};
use crate::mapping::eob::terms::*;
use crate::rif::Column::*;

pub(in crate::mapping::eob) const HOSPICE: Kind = Kind {
    profile: "ExplanationOfBenefit-Inpatient-Institutional",
    eob_type: "HOSPICE",
    claim_type: &INSTITUTIONAL,
    sub_type: Some(("inpatient", "Inpatient")),
    coverage: "part-a",
    stu3: Stu3 {
        claim_type: Some(&STU3_INSTITUTIONAL),
        coverage: "part-a",
    },
    diagnoses: institutional::DIAGNOSIS_TYPES,
    claim: &[
        claim::CLAIM_NUMBER,
        claim::ALL,
        claim::CLAIM,
        claim::RECEIVED,
        CLAIM,
        institutional::PROVIDER,
        institutional::CLAIM,
        institutional::DIAGNOSES,
        CLAIM_LAST,
    ],
    items: Items::Lines(&[
        &only_stu3(PAYMENTS),
        institutional::LINE,
        institutional::DEDUCTIBLE_CODE,
        LINE,
        &only_r4(PAYMENTS),
        &institutional::SERVICE,
    ]),
};

#[rustfmt::skip]
const CLAIM: &[Rule] = &[
    stu3(CLAIM_QUERY_CODE,              Unmapped("STU3 answers show it on claims of hospitals and nursing facilities only")),
    row(NCH_PTNT_STATUS_IND_CD,         Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(CLM_HOSPC_START_DT_ID,          Info(Category::Only(&ADMISSION_PERIOD), Fact::Period(NCH_BENE_DSCHRG_DT))).stu3(HospitalizationStart),
    row(NCH_BENE_DSCHRG_DT,             With(CLM_HOSPC_START_DT_ID)).stu3(HospitalizationEnd),
    row(CLM_UTLZTN_DAY_CNT,             Benefit(Measure::Count)),
];

/// What the answers show after the columns of all institutions.
#[rustfmt::skip]
const CLAIM_LAST: &[Rule] = &[
    row(BENE_HOSPC_PRD_CNT,             Extension(Form::Quantity)).stu3(HospitalizationExtension(Form::Quantity)).optional(),
];

#[rustfmt::skip]
const LINE: &[Rule] = &[
    // Unlike in the files of other institutions it may be left out.
    row(REV_CNTR_NCVRD_CHRG_AMT,        Adjudication(&NONCOVERED)).optional(),
    row(HCPCS_CD,                       Product(System::Bare(HCPCS))),
    row(HCPCS_1ST_MDFR_CD,              Modifier(System::Bare(HCPCS), None)),
    row(HCPCS_2ND_MDFR_CD,              Modifier(System::Bare(HCPCS), None)),
];

/// In STU3 before the charges of all institutions, in R4 after them.
#[rustfmt::skip]
const PAYMENTS: [Rule; 2] = [
    row(REV_CNTR_PRVDR_PMT_AMT,         Adjudication(&PAID_TO_PROVIDER)),
    row(REV_CNTR_BENE_PMT_AMT,          Adjudication(&PAID_TO_PATIENT)),
];
