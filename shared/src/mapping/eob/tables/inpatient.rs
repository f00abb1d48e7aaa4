//! Inpatient hospital claims, Part A.

use super::{DiagnosisTypes, Items, Kind, Stu3, claim, institutional};
use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{
    Category, Fact, Form, Label, Measure, Rule, System, r4, row, rows, stu3,
};
use crate::mapping::eob::terms::*;
use crate::rif::Column::*;

pub(in crate::mapping::eob) const INPATIENT: Kind = Kind {
    profile: "ExplanationOfBenefit-Inpatient-Institutional",
    eob_type: "INPATIENT",
    claim_type: &INSTITUTIONAL,
    sub_type: Some(("inpatient", "Inpatient")),
    coverage: "part-a",
    stu3: Stu3 {
        claim_type: Some(&STU3_INSTITUTIONAL),
        coverage: "part-a",
    },
    diagnoses: DiagnosisTypes {
        admitting: &ADMITTING_DX,
        principal: &PRINCIPAL_DX,
        other: &OTHER_DX,
        external: &EXTERNAL_DX,
    },
    claim: &[
        claim::CLAIM_NUMBER,
        claim::ALL,
        claim::CLAIM,
        CLAIM,
        ADMISSION,
        PAYMENT,
        STAY,
        OUTLIER,
        institutional::PROVIDER,
        institutional::HOSPITAL,
        institutional::CLAIM,
        CLAIM_LAST,
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
    stu3(NCH_WKLY_PROC_DT,              Info(Category::Named(&RECEIVED_DATE), Fact::Date)),
    row(NCH_PTNT_STATUS_IND_CD,         Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(CLM_ADMSN_DT,                   Info(Category::Only(&ADMISSION_PERIOD), Fact::Period(NCH_BENE_DSCHRG_DT))).stu3(HospitalizationStart),
    row(NCH_BENE_DSCHRG_DT,             With(CLM_ADMSN_DT)).stu3(HospitalizationEnd),
];

/// Skilled nursing facilities have these too.
#[rustfmt::skip]
pub(super) const ADMISSION: &[Rule] = &[
    row(CLM_IP_ADMSN_TYPE_CD,           Info(Category::Named(&ADMISSION_TYPE), Fact::Code(System::Other(NUBC_ADMISSION)))),
    row(CLM_SRC_IP_ADMSN_CD,            Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(NCH_VRFD_NCVRD_STAY_FROM_DT,    Info(Category::Named(&INFO), Fact::Period(NCH_VRFD_NCVRD_STAY_THRU_DT))),
    row(NCH_VRFD_NCVRD_STAY_THRU_DT,    With(NCH_VRFD_NCVRD_STAY_FROM_DT)),
    row(NCH_ACTV_OR_CVRD_LVL_CARE_THRU, Info(Category::Named(&INFO), Fact::Date)),
    row(NCH_BENE_MDCR_BNFTS_EXHTD_DT_I, Info(Category::Named(&INFO), Fact::Date)),
    row(CLM_DRG_CD,                     Info(Category::Named(&INFO), Fact::Code(System::Variable))).stu3(Package),
    row(FI_CLM_ACTN_CD,                 Extension(Form::Code)).stu3(Unmapped("STU3 answers leave the action code out")),
];

#[rustfmt::skip]
const PAYMENT: &[Rule] = &[
    row(CLM_DRG_OUTLIER_STAY_CD,        Unmapped("the answers leave the outlier stay code out")),
    row(CLM_PPS_IND_CD,                 Unmapped("the answers show the PPS indicator on home health and skilled nursing claims only")),
    row(IME_OP_CLM_VAL_AMT,             Extension(Form::Money)).optional(),
    r4(CLM_UNCOMPD_CARE_PMT_AMT,        Extension(Form::Money)).optional(),
    row(DSH_OP_CLM_VAL_AMT,             Extension(Form::Money)).optional(),
    row(CLM_PASS_THRU_PER_DIEM_AMT,     Benefit(Measure::Money)),
    row(NCH_PROFNL_CMPNT_CHRG_AMT,      Benefit(Measure::Money)),
    row(CLM_TOT_PPS_CPTL_AMT,           Benefit(Measure::Money)).optional(),
    // Quirk: the amount comes twice in STU3.
    stu3(IME_OP_CLM_VAL_AMT,            Extension(Form::Money)).optional(),
    stu3(CLM_UNCOMPD_CARE_PMT_AMT,      Extension(Form::Money)).optional(),
];

/// Skilled nursing facilities have these too.
#[rustfmt::skip]
pub(super) const STAY: &[Rule] = &[
    row(BENE_TOT_COINSRNC_DAYS_CNT,     Benefit(Measure::Count)),
    row(CLM_NON_UTLZTN_DAYS_CNT,        Benefit(Measure::Count)),
    row(NCH_BENE_IP_DDCTBL_AMT,         Benefit(Measure::Money)),
    row(NCH_BENE_PTA_COINSRNC_LBLTY_AM, Benefit(Measure::Money)),
    row(NCH_BLOOD_PNTS_FRNSHD_QTY,      Info(Category::Named(&INFO), Fact::Pints)),
    row(NCH_IP_NCVRD_CHRG_AMT,          Benefit(Measure::Money)),
    row(NCH_IP_TOT_DDCTN_AMT,           Benefit(Measure::Money)),
    row(CLM_PPS_CPTL_DSPRPRTNT_SHR_AMT, Benefit(Measure::Money)).optional(),
    row(CLM_PPS_CPTL_EXCPTN_AMT,        Benefit(Measure::Money)).optional(),
    row(CLM_PPS_CPTL_FSP_AMT,           Benefit(Measure::Money)).optional(),
    row(CLM_PPS_CPTL_IME_AMT,           Benefit(Measure::Money)).optional(),
    row(CLM_PPS_CPTL_OUTLIER_AMT,       Benefit(Measure::Money)).optional(),
    row(CLM_PPS_OLD_CPTL_HLD_HRMLS_AMT, Benefit(Measure::Money)).optional(),
];

#[rustfmt::skip]
const OUTLIER: &[Rule] = &[
    row(NCH_DRG_OUTLIER_APRVD_PMT_AMT,  Benefit(Measure::Money)).optional(),
];

/// What the answers show after the columns of all institutions.
#[rustfmt::skip]
const CLAIM_LAST: &[Rule] = &[
    row(CLM_UTLZTN_DAY_CNT,             Benefit(Measure::Count)),
    rows(&claim::ADMITTING, 1, 1,       Diagnosis(Label::Admitting)),
    // The first diagnosis counts as principal, whatever the principal diagnosis says.
    rows(&claim::DIAGNOSES_POA, 1, 1,   Diagnosis(Label::Principal)),
    rows(&claim::PRINCIPAL, 1, 1,       Diagnosis(Label::Principal)),
    rows(&claim::DIAGNOSES_POA, 2, 25,  Diagnosis(Label::Other)).stu3(Diagnosis(Label::Other)),
    rows(&claim::EXTERNAL_POA, 1, 1,    Diagnosis(Label::ExternalFirst)),
    rows(&claim::FIRST_EXTERNAL, 1, 1,  Diagnosis(Label::ExternalFirst)),
    rows(&claim::EXTERNAL_POA, 2, 12,   Diagnosis(Label::External)),
    rows(&claim::PROCEDURES, 1, 25,     Procedure),
    r4(NCH_WKLY_PROC_DT,                Info(Category::Named(&RECEIVED_DATE), Fact::Date)),
    // Quirk: a weight such as 1.2494, but written as a whole number.
    row(CLM_PPS_CPTL_DRG_WT_NUM,        Benefit(Measure::Count)).stu3(Unmapped("STU3 answers leave the weight out")).optional(),
    row(BENE_LRD_USED_CNT,              Benefit(Measure::Count)).stu3(Unmapped("STU3 answers leave the reserve days out")).optional(),
];

#[rustfmt::skip]
const LINE: &[Rule] = &[
    // Quirk: in R4 inpatient lines show the service under two systems, the lines of other institutions under the second
    // only.
    r4(HCPCS_CD,                        Product(System::Variable)),
    row(HCPCS_CD,                       Product(System::Bare(HCPCS))),
];
