//! Skilled nursing facility claims, Part A.

use super::{Items, Kind, Stu3, claim, inpatient, institutional};
use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{
    Category, Fact, Label, Measure, Rule, System, only_r4, only_stu3, row, rows,
};
use crate::mapping::eob::terms::*;
use crate::rif::Column::*;

pub(in crate::mapping::eob) const SNF: Kind = Kind {
    profile: "ExplanationOfBenefit-Inpatient-Institutional",
    eob_type: "SNF",
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
        inpatient::ADMISSION,
        CLAIM,
        &only_r4(QUALIFIED_STAY),
        inpatient::STAY,
        &only_stu3(QUALIFIED_STAY),
        institutional::PROVIDER,
        institutional::HOSPITAL,
        institutional::CLAIM,
        institutional::DIAGNOSES,
        PROCEDURES,
    ],
    items: Items::Lines(&[
        LINE,
        institutional::LINE,
        institutional::NONCOVERED_CHARGE,
        institutional::DEDUCTIBLE_CODE,
    ]),
};

#[rustfmt::skip]
const CLAIM: &[Rule] = &[
    row(NCH_PTNT_STATUS_IND_CD,         Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(CLM_ADMSN_DT,                   Info(Category::Only(&ADMISSION_PERIOD), Fact::Period(NCH_BENE_DSCHRG_DT))).stu3(HospitalizationStart),
    row(NCH_BENE_DSCHRG_DT,             With(CLM_ADMSN_DT)).stu3(HospitalizationEnd),
    row(CLM_UTLZTN_DAY_CNT,             Benefit(Measure::Count)),
    rows(&claim::ADMITTING, 1, 1,       Diagnosis(Label::Admitting)),
];

/// In R4 before what nursing facilities share with hospitals, in STU3 after it.
#[rustfmt::skip]
const QUALIFIED_STAY: [Rule; 3] = [
    row(NCH_QLFYD_STAY_FROM_DT,         Info(Category::Named(&INFO), Fact::Period(NCH_QLFYD_STAY_THRU_DT))),
    row(NCH_QLFYD_STAY_THRU_DT,         With(NCH_QLFYD_STAY_FROM_DT)),
    row(CLM_PPS_IND_CD,                 Info(Category::Named(&INFO), Fact::Code(System::Variable))).stu3(Unmapped("STU3 answers leave the PPS indicator out")),
];

#[rustfmt::skip]
const PROCEDURES: &[Rule] = &[
    rows(&claim::PROCEDURES, 1, 25,     Procedure),
];

#[rustfmt::skip]
const LINE: &[Rule] = &[
    row(HCPCS_CD,                       Product(System::Bare(HCPCS))),
];
