//! What claims of institutions have in common: hospitals, nursing facilities, home health agencies, hospices.

use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{
    Category, Fact, Form, Label, Measure, Rule, System, r4, row, rows, stu3,
};
use crate::mapping::eob::tables::{DiagnosisTypes, claim};
use crate::mapping::eob::terms::*;
use crate::rif::Column::*;

/// Institutions other than hospitals with inpatients, and suppliers of durable medical equipment.
pub(super) const DIAGNOSIS_TYPES: DiagnosisTypes = DiagnosisTypes {
    // Quirk: CMS keeps the code for admitting diagnoses to hospital inpatients.
    admitting: &OTHER_DX,
    principal: &PRINCIPAL_DX,
    other: &OTHER_DX,
    external: &EXTERNAL_DX,
};

/// Who answers for the claim.
#[rustfmt::skip]
pub(super) const PROVIDER: &[Rule] = &[
    row(PRVDR_NUM,                      Organization(&ORGANIZATION_PRN, None)),
    row(ORG_NPI_NUM,                    Organization(&ORGANIZATION_NPI, Some(US_NPI))),
    r4(CLAIM_QUERY_CODE,                PeriodExtension),
    r4(AT_PHYSN_NPI,                    Member(&NPI, &ATTENDING)),
    row(AT_PHYSN_UPIN,                  Member(&UPIN, &ATTENDING)),
];

/// Hospitals and nursing facilities: surgeons, blood and managed care.
#[rustfmt::skip]
pub(super) const HOSPITAL: &[Rule] = &[
    stu3(CLAIM_QUERY_CODE,              PeriodExtension),
    row(OP_PHYSN_NPI,                   Member(&NPI, &OPERATING)),
    row(OP_PHYSN_UPIN,                  Member(&UPIN, &OPERATING)),
    row(OT_PHYSN_NPI,                   Member(&NPI, &OTHER_OPERATING)),
    row(OT_PHYSN_UPIN,                  Member(&UPIN, &OTHER_OPERATING)),
    row(NCH_BENE_BLOOD_DDCTBL_LBLTY_AM, Benefit(Measure::Money)),
    row(CLM_MCO_PD_SW,                  Info(Category::Named(&INFO), Fact::Code(System::Variable))),
];

#[rustfmt::skip]
pub(super) const CLAIM: &[Rule] = &[
    // The surgeons come before the attending physician in STU3.
    stu3(AT_PHYSN_NPI,                  Member(&NPI, &ATTENDING)),
    r4(FI_DOC_CLM_CNTL_NUM,             Extension(Form::Identifier)),
    row(FI_CLM_PROC_DT,                 Extension(Form::Date)).stu3(Unmapped("STU3 answers leave the date out")),
    row(CLM_FAC_TYPE_CD,                Facility),
    row(CLM_FREQ_CD,                    Info(Category::Only(&TYPE_OF_BILL), Fact::Code(System::Variable))),
    row(CLM_MDCR_NON_PMT_RSN_CD,        Extension(Form::Code)),
    row(PTNT_DSCHRG_STUS_CD,            Info(Category::Only(&DISCHARGE_STATUS), Fact::Code(System::Variable))),
    row(CLM_SRVC_CLSFCTN_TYPE_CD,       Extension(Form::Code)).stu3(TypeToo),
    row(NCH_PRMRY_PYR_CD,               Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(CLM_TOT_CHRG_AMT,               Total(&SUBMITTED, Some(CLM_TOT_CHRG_AMT))).stu3(TotalCost),
    row(NCH_PRMRY_PYR_CLM_PD_AMT,       Benefit(Measure::Money)),
    row(FI_NUM,                         Extension(Form::Code)).stu3(Extension(Form::Identifier)),
    stu3(FI_DOC_CLM_CNTL_NUM,           Extension(Form::Identifier)),
    row(FI_ORIG_CLM_CNTL_NUM,           Unmapped("R4 answers leave the original control number out")).stu3(Extension(Form::Identifier)),
    row(PRVDR_STATE_CD,                 State),
];

/// All but hospital inpatients, whose diagnoses have indicators of presence on admission.
#[rustfmt::skip]
pub(super) const DIAGNOSES: &[Rule] = &[
    // The first diagnosis counts as principal, whatever the principal diagnosis says.
    rows(&claim::DIAGNOSES, 1, 1,       Diagnosis(Label::Principal)),
    rows(&claim::PRINCIPAL, 1, 1,       Diagnosis(Label::Principal)),
    rows(&claim::DIAGNOSES, 2, 25,      Diagnosis(Label::Other)),
    rows(&claim::EXTERNAL, 1, 1,        Diagnosis(Label::ExternalFirst)),
    rows(&claim::FIRST_EXTERNAL, 1, 1,  Diagnosis(Label::ExternalFirst)),
    rows(&claim::EXTERNAL, 2, 12,       Diagnosis(Label::External)),
];

#[rustfmt::skip]
pub(super) const LINE: &[Rule] = &[
    row(CLM_LINE_NUM,                   Sequence),
    row(REV_CNTR,                       Revenue(System::Variable)),
    row(REV_CNTR_RATE_AMT,              Adjudication(&SUBMITTED)),
    row(REV_CNTR_TOT_CHRG_AMT,          Adjudication(&SUBMITTED)),
    row(REV_CNTR_NDC_QTY,               Quantity).stu3(Extension(Form::QuantityOf(System::Other(UNITS), REV_CNTR_NDC_QTY_QLFR_CD))).optional(),
    // Quirk: in R4 the unit of the drug's quantity is written as a modifier of the service.
    row(REV_CNTR_NDC_QTY_QLFR_CD,       Modifier(System::Other(UNITS), None)).stu3(With(REV_CNTR_NDC_QTY)),
    r4(REV_CNTR_UNIT_CNT,               Extension(Form::Quantity)).if_not_zero(),
    stu3(REV_CNTR_UNIT_CNT,             Quantity),
    row(RNDRNG_PHYSN_UPIN,              Member(&UPIN, &PERFORMING)),
    row(RNDRNG_PHYSN_NPI,               Member(&NPI, &PERFORMING)),
];

/// All but hospices, whose files may leave the amount out.
#[rustfmt::skip]
pub(super) const NONCOVERED_CHARGE: &[Rule] = &[
    row(REV_CNTR_NCVRD_CHRG_AMT,        Adjudication(&NONCOVERED)),
];

/// All but outpatient hospitals.
#[rustfmt::skip]
pub(super) const DEDUCTIBLE_CODE: &[Rule] = &[
    // Quirk: in R4 the deductible code also stands under NUBC's system of revenue codes, where it means nothing.
    r4(REV_CNTR_DDCTBL_COINSRNC_CD,     Revenue(System::Bare(NUBC_REVENUE))),
    row(REV_CNTR_DDCTBL_COINSRNC_CD,    Revenue(System::Variable)).stu3(RevenueExtension),
];

/// Home health agencies, hospices and outpatient hospitals say when each service was and what was paid for it.
#[rustfmt::skip]
pub(super) const SERVICE: [Rule; 2] = [
    row(REV_CNTR_DT,                    ServicedDate),
    row(REV_CNTR_PMT_AMT_AMT,           Adjudication(&SUBMITTED)),
];
