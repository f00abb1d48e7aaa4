//! Prescription drug events, Part D.

use super::{DiagnosisTypes, Items, Kind, Stu3, claim};
use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{Category, Fact, Rule, System, r4, row, stu3};
use crate::mapping::eob::terms::*;
use crate::rif::Column::*;

pub(in crate::mapping::eob) const PDE: Kind = Kind {
    profile: "ExplanationOfBenefit-Pharmacy",
    eob_type: "PDE",
    claim_type: &PHARMACY,
    sub_type: None,
    coverage: "part-d",
    stu3: Stu3 {
        claim_type: Some(&STU3_PHARMACY),
        coverage: "part-d",
    },
    // Events carry no diagnoses.
    diagnoses: DiagnosisTypes {
        admitting: &OTHER_DX,
        principal: &OTHER_DX,
        other: &OTHER_DX,
        external: &OTHER_DX,
    },
    claim: &[EVENT_NUMBER, claim::ALL, EVENT],
    items: Items::Claim(&[ITEM]),
};

#[rustfmt::skip]
const EVENT_NUMBER: &[Rule] = &[
    row(PDE_ID,                         Identifier(None)),
];

#[rustfmt::skip]
const EVENT: &[Rule] = &[
    row(RX_SRVC_RFRNC_NUM,              Identifier(None)),
    row(SRVC_DT,                        PeriodStart),
    row(SRVC_DT,                        PeriodEnd),
    row(PD_DT,                          PaymentDate),
    row(PLAN_CNTRCT_REC_ID,             CoverageExtension),
    row(PLAN_PBP_REC_NUM,               CoverageExtension),
    row(SRVC_PRVDR_ID,                  Pharmacy(SRVC_PRVDR_ID_QLFYR_CD)),
    row(SRVC_PRVDR_ID_QLFYR_CD,         With(SRVC_PRVDR_ID)),
    row(PHRMCY_SRVC_TYPE_CD,            Facility),
    // 0, not specified, writes nothing.
    r4(CMPND_CD,                        Info(Category::Only(&COMPOUND_CODE), Fact::Translated(&[("1", &DISPENSE_INVOICE), ("2", &COMPOUND_INVOICE)]))),
    r4(FILL_NUM,                        Info(Category::Only(&REFILL_NUMBER), Fact::Quantity)),
    r4(DAYS_SUPLY_NUM,                  Info(Category::Only(&DAYS_SUPPLY), Fact::Quantity)),
    r4(DRUG_CVRG_STUS_CD,               Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(DAW_PROD_SLCTN_CD,              Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(DSPNSNG_STUS_CD,                Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    stu3(DRUG_CVRG_STUS_CD,             Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(ADJSTMT_DLTN_CD,                Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(NSTD_FRMT_CD,                   Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(PRCNG_EXCPTN_CD,                Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(CTSTRPHC_CVRG_CD,               Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(RX_ORGN_CD,                     Info(Category::Only(&RX_ORIGIN), Fact::Code(System::Variable))),
    row(BRND_GNRC_CD,                   Info(Category::Only(&BRAND_GENERIC), Fact::Code(System::Variable))),
    // Quirk: STU3 says it twice, of the facility and here.
    stu3(PHRMCY_SRVC_TYPE_CD,           Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(PTNT_RSDNC_CD,                  Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    row(SUBMSN_CLR_CD,                  Info(Category::Named(&INFO), Fact::Code(System::Variable))),
    r4(TOT_RX_CST_AMT,                  Total(&DRUG_COST, None)),
    // Quirk: a second total that is always zero.
    r4(TOT_RX_CST_AMT,                  TotalOfNothing(&OTHER_STATUS)),
];

#[rustfmt::skip]
const ITEM: &[Rule] = &[
    row(SRVC_DT,                        ServicedDate),
    row(PRSCRBR_ID,                     Member(&NPI, &PRESCRIBING)).if_is(PRSCRBR_ID_QLFYR_CD, "01"),
    row(PRSCRBR_ID_QLFYR_CD,            With(PRSCRBR_ID)),
    row(PROD_SRVC_ID,                   Drug),
    row(QTY_DSPNSD_NUM,                 Quantity),
    stu3(FILL_NUM,                      QuantityExtension),
    stu3(DAYS_SUPLY_NUM,                QuantityExtension),
    row(CVRD_D_PLAN_PD_AMT,             Adjudication(&BENEFIT)).stu3(AdjudicationBecause(&BENEFIT, DRUG_CVRG_STUS_CD)).if_is(DRUG_CVRG_STUS_CD, "C"),
    // Quirk: in R4 the label says that the drug is covered, here too.
    row(NCVRD_PLAN_PD_AMT,              AdjudicationAs(&NONCOVERED, CVRD_D_PLAN_PD_AMT)).stu3(AdjudicationBecause(&NONCOVERED, DRUG_CVRG_STUS_CD)).if_is_not(DRUG_CVRG_STUS_CD, "C"),
    row(GDC_BLW_OOPT_AMT,               Adjudication(&COINSURANCE)),
    row(GDC_ABV_OOPT_AMT,               Adjudication(&COINSURANCE)),
    row(PTNT_PAY_AMT,                   Adjudication(&PAID_BY_PATIENT)),
    row(OTHR_TROOP_AMT,                 Adjudication(&PRIOR_PAYER_PAID)),
    row(LICS_AMT,                       Adjudication(&DISCOUNT)),
    row(PLRO_AMT,                       Adjudication(&PRIOR_PAYER_PAID)),
    row(TOT_RX_CST_AMT,                 Adjudication(&DRUG_COST)),
    row(RPTD_GAP_DSCNT_NUM,             Adjudication(&DISCOUNT)),
    stu3(CMPND_CD,                      DetailType(&[("1", &STU3_DISPENSE_INVOICE), ("2", &STU3_COMPOUND_INVOICE)])),
];
