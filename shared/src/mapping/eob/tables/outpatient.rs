//! Outpatient hospital claims, Part B.

use super::{Items, Kind, Stu3, claim, institutional};
use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{
    Form, Label, Measure, Rule, System, only_r4, only_stu3, row, rows,
};
use crate::mapping::eob::terms::*;
use crate::rif::Column::*;

pub(in crate::mapping::eob) const OUTPATIENT: Kind = Kind {
    profile: "ExplanationOfBenefit-Outpatient-Institutional",
    eob_type: "OUTPATIENT",
    claim_type: &INSTITUTIONAL,
    sub_type: Some(("outpatient", "Outpatient")),
    coverage: "part-b",
    stu3: Stu3 {
        claim_type: Some(&STU3_PROFESSIONAL),
        coverage: "part-b",
    },
    diagnoses: institutional::DIAGNOSIS_TYPES,
    claim: &[
        claim::CLAIM_NUMBER,
        claim::ALL,
        claim::CLAIM,
        claim::RECEIVED,
        CLAIM,
        institutional::PROVIDER,
        institutional::HOSPITAL,
        institutional::CLAIM,
        institutional::DIAGNOSES,
        CLAIM_LAST,
    ],
    items: Items::Lines(&[
        LINE,
        &only_stu3(PAYMENTS),
        &only_stu3(institutional::SERVICE),
        institutional::LINE,
        institutional::NONCOVERED_CHARGE,
        &only_r4(PAYMENTS),
        &only_r4(institutional::SERVICE),
    ]),
};

#[rustfmt::skip]
const CLAIM: &[Rule] = &[
    row(NCH_PROFNL_CMPNT_CHRG_AMT,      Benefit(Measure::Money)),
    row(NCH_BENE_PTB_DDCTBL_AMT,        Benefit(Measure::Money)),
    row(NCH_BENE_PTB_COINSRNC_AMT,      Benefit(Measure::Money)),
    row(CLM_OP_PRVDR_PMT_AMT,           Benefit(Measure::Money)),
    row(CLM_OP_BENE_PMT_AMT,            Benefit(Measure::Money)),
];

/// What the answers show after the columns of all institutions.
#[rustfmt::skip]
const CLAIM_LAST: &[Rule] = &[
    rows(&claim::REASONS, 1, 3,         Diagnosis(Label::Reason)),
    rows(&claim::PROCEDURES, 1, 25,     Procedure),
];

#[rustfmt::skip]
const LINE: &[Rule] = &[
    row(REV_CNTR_1ST_ANSI_CD,           Denial),
    row(REV_CNTR_2ND_ANSI_CD,           Denial),
    row(REV_CNTR_3RD_ANSI_CD,           Denial),
    row(REV_CNTR_4TH_ANSI_CD,           Denial),
    row(REV_CNTR_APC_HIPPS_CD,          Unmapped("the answers leave the APC or HIPPS code out")),
    row(REV_CNTR_PMT_MTHD_IND_CD,       Unmapped("the answers leave the payment method out")),
    row(REV_CNTR_DSCNT_IND_CD,          Unmapped("the answers leave the discount indicator out")),
    row(REV_CNTR_PACKG_IND_CD,          Unmapped("the answers leave the packaging indicator out")),
    row(REV_CNTR_OTAF_PMT_CD,           Unmapped("the answers leave the obligation to accept as full payment out")),
    row(REV_CNTR_STUS_IND_CD,           RevenueExtension),
    row(HCPCS_CD,                       Product(System::Bare(HCPCS))),
    row(HCPCS_1ST_MDFR_CD,              Modifier(System::Bare(HCPCS), None)),
    row(HCPCS_2ND_MDFR_CD,              Modifier(System::Bare(HCPCS), None)),
    // Quirk: in R4 an exemption number or product code, too, is written as a National Drug Code.
    row(REV_CNTR_IDE_NDC_UPC_NUM,       ProductDrug).stu3(ProductExtension(Form::Code)),
];

/// In STU3 before the charges of all institutions, in R4 after them.
#[rustfmt::skip]
const PAYMENTS: [Rule; 9] = [
    row(REV_CNTR_BLOOD_DDCTBL_AMT,      Adjudication(&DEDUCTIBLE)),
    row(REV_CNTR_CASH_DDCTBL_AMT,       Adjudication(&DEDUCTIBLE)),
    row(REV_CNTR_COINSRNC_WGE_ADJSTD_C, Adjudication(&COINSURANCE)),
    row(REV_CNTR_RDCD_COINSRNC_AMT,     Adjudication(&COINSURANCE)),
    row(REV_CNTR_1ST_MSP_PD_AMT,        Adjudication(&PRIOR_PAYER_PAID)),
    row(REV_CNTR_2ND_MSP_PD_AMT,        Adjudication(&PRIOR_PAYER_PAID)),
    row(REV_CNTR_PRVDR_PMT_AMT,         Adjudication(&PAID_TO_PROVIDER)),
    row(REV_CNTR_BENE_PMT_AMT,          Adjudication(&PAID_TO_PATIENT)),
    row(REV_CNTR_PTNT_RSPNSBLTY_PMT,    Adjudication(&PAID_BY_PATIENT)),
];
