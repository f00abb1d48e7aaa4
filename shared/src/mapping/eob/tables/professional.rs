//! What carrier claims and claims for durable medical equipment have in common.

use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{Category, Fact, Form, Label, Measure, Rule, row};
use crate::mapping::eob::tables::DiagnosisTypes;
use crate::mapping::eob::terms::*;
use crate::rif::Column::*;

pub(super) const DIAGNOSIS_TYPES: DiagnosisTypes = DiagnosisTypes {
    admitting: &ADMITTING_DX,
    principal: &PRINCIPAL_DX_LOWER,
    other: &SECONDARY_DX,
    external: &SECONDARY_DX,
};

#[rustfmt::skip]
pub(super) const CLAIM: &[Rule] = &[
    row(NCH_WKLY_PROC_DT,               Info(Category::Named(&RECEIVED_DATE), Fact::Date)),
    // Quirk: in R4 what the primary payer paid stands under the label of the total charge.
    row(CARR_CLM_PRMRY_PYR_PD_AMT,      Total(&PRIOR_PAYER_PAID, Some(CLM_TOT_CHRG_AMT))).stu3(Extension(Form::Money)),
    row(CARR_NUM,                       Extension(Form::Identifier)),
    row(CARR_CLM_CNTL_NUM,              Extension(Form::Identifier)),
    row(CARR_CLM_PMT_DNL_CD,            Extension(Form::Code)),
    row(CLM_DISP_CD,                    Disposition),
    row(RFR_PHYSN_NPI,                  Referral(&NPI)),
    row(RFR_PHYSN_NPI,                  Member(&NPI, &REFERRING)),
    row(RFR_PHYSN_UPIN,                 Referral(&UPIN)).if_blank(RFR_PHYSN_NPI),
    row(RFR_PHYSN_UPIN,                 Member(&UPIN, &REFERRING)).if_blank(RFR_PHYSN_NPI),
    row(CARR_CLM_PRVDR_ASGNMT_IND_SW,   Extension(Form::Code)),
    row(CLM_CLNCL_TRIL_NUM,             Extension(Form::Identifier)),
    row(CARR_CLM_CASH_DDCTBL_APLD_AMT,  Benefit(Measure::Money)),
    row(NCH_CLM_PRVDR_PMT_AMT,          Benefit(Measure::Money)),
    row(NCH_CLM_BENE_PMT_AMT,           Benefit(Measure::Money)),
    row(NCH_CARR_CLM_SBMTD_CHRG_AMT,    Benefit(Measure::Money)),
    row(NCH_CARR_CLM_ALOWD_AMT,         Benefit(Measure::Money)),
    row(CARR_CLM_HCPCS_YR_CD,           With(HCPCS_1ST_MDFR_CD)),
];

#[rustfmt::skip]
pub(super) const LINE: &[Rule] = &[
    row(LINE_NUM,                       Sequence),
    row(LINE_SRVC_CNT,                  Quantity),
    row(LINE_CMS_TYPE_SRVC_CD,          ItemCategory),
    row(LINE_PLACE_OF_SRVC_CD,          Place),
    row(BETOS_CD,                       Extension(Form::Code)),
    row(LINE_1ST_EXPNS_DT,              ServicedPeriod(LINE_LAST_EXPNS_DT)),
    row(LINE_LAST_EXPNS_DT,             With(LINE_1ST_EXPNS_DT)),
    row(LINE_NCH_PMT_AMT,               AdjudicationWith(&BENEFIT, LINE_PMT_80_100_CD)),
    row(LINE_PMT_80_100_CD,             With(LINE_NCH_PMT_AMT)),
    row(LINE_BENE_PMT_AMT,              Adjudication(&PAID_TO_PATIENT)),
    row(LINE_PRVDR_PMT_AMT,             Adjudication(&PAID_TO_PROVIDER)),
    row(LINE_BENE_PTB_DDCTBL_AMT,       Adjudication(&DEDUCTIBLE)),
    row(LINE_BENE_PRMRY_PYR_CD,         Extension(Form::Code)),
    row(LINE_BENE_PRMRY_PYR_PD_AMT,     Adjudication(&PRIOR_PAYER_PAID)),
    row(LINE_COINSRNC_AMT,              Adjudication(&COINSURANCE)),
    row(LINE_SBMTD_CHRG_AMT,            Adjudication(&SUBMITTED)),
    row(LINE_ALOWD_CHRG_AMT,            Adjudication(&ELIGIBLE)),
    row(LINE_PRCSG_IND_CD,              Extension(Form::Code)).stu3(Reason),
    row(LINE_SERVICE_DEDUCTIBLE,        Extension(Form::Code)),
    // Nobody has a hematocrit of zero: files say so where nothing was measured.
    row(LINE_HCT_HGB_RSLT_NUM,          Observation(LINE_HCT_HGB_TYPE_CD)).if_not_zero(),
    row(LINE_HCT_HGB_TYPE_CD,           With(LINE_HCT_HGB_RSLT_NUM)),
    row(LINE_NDC_CD,                    ProductDrug),
    row(LINE_ICD_DGNS_CD,               LineDiagnosis(LINE_ICD_DGNS_VRSN_CD, Label::Secondary)),
    row(LINE_ICD_DGNS_VRSN_CD,          With(LINE_ICD_DGNS_CD)),
];
