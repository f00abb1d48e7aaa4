//! Home health agency claims, Part A and Part B.

use super::{Items, Kind, Stu3, claim, institutional, professional};
use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{Category, Fact, Measure, Rule, System, row, stu3};
use crate::mapping::eob::terms::*;
use crate::rif::Column::*;

/// Quirk: an institutional claim, but CMS answers it as a professional one with an institutional subtype.
pub(in crate::mapping::eob) const HHA: Kind = Kind {
    profile: "ExplanationOfBenefit-Professional-NonClinician",
    eob_type: "HHA",
    claim_type: &PROFESSIONAL,
    sub_type: Some(("inpatient", "Inpatient")),
    coverage: "part-b",
    stu3: Stu3 {
        claim_type: None,
        coverage: "part-b",
    },
    diagnoses: professional::DIAGNOSIS_TYPES,
    claim: &[
        claim::CLAIM_NUMBER,
        claim::ALL,
        claim::CLAIM,
        claim::RECEIVED,
        institutional::PROVIDER,
        institutional::CLAIM,
        institutional::DIAGNOSES,
        CLAIM,
    ],
    items: Items::Lines(&[
        LINE,
        institutional::LINE,
        institutional::NONCOVERED_CHARGE,
        institutional::DEDUCTIBLE_CODE,
        &institutional::SERVICE,
    ]),
};

#[rustfmt::skip]
const CLAIM: &[Rule] = &[
    stu3(CLAIM_QUERY_CODE,              Unmapped("STU3 answers show it on claims of hospitals and nursing facilities only")),
    row(CLM_PPS_IND_CD,                 Info(Category::Named(&INFO), Fact::Code(System::Variable))).stu3(Unmapped("STU3 answers leave the PPS indicator out")),
    row(CLM_HHA_LUPA_IND_CD,            Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(CLM_HHA_RFRL_CD,                Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(CLM_HHA_TOT_VISIT_CNT,          Info(Category::Named(&INFO), Fact::Quantity)).stu3(Benefit(Measure::Count)),
    row(CLM_ADMSN_DT,                   Info(Category::Only(&ADMISSION_PERIOD), Fact::PeriodStart)).stu3(HospitalizationStart),
];

#[rustfmt::skip]
const LINE: &[Rule] = &[
    row(REV_CNTR_1ST_ANSI_CD,           Denial),
    row(REV_CNTR_APC_HIPPS_CD,          Unmapped("the answers leave the APC or HIPPS code out")),
    row(REV_CNTR_PMT_MTHD_IND_CD,       Unmapped("the answers leave the payment method out")),
    row(REV_CNTR_STUS_IND_CD,           RevenueExtension),
    row(HCPCS_CD,                       Product(System::Bare(HCPCS))),
    row(HCPCS_1ST_MDFR_CD,              Modifier(System::Bare(HCPCS), None)),
    row(HCPCS_2ND_MDFR_CD,              Modifier(System::Bare(HCPCS), None)),
];
