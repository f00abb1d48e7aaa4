//! Claims for durable medical equipment, prosthetics, orthotics and supplies, Part B.

use super::{Items, Kind, Stu3, claim, institutional, professional};
use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{Form, Label, Rule, System, r4, row, rows};
use crate::mapping::eob::terms::*;
use crate::rif::Column::*;

/// Quirk: a professional claim of Part B, but CMS answers it as an institutional one of Part A.
pub(in crate::mapping::eob) const DME: Kind = Kind {
    profile: "ExplanationOfBenefit-Inpatient-Institutional",
    eob_type: "DME",
    claim_type: &INSTITUTIONAL,
    sub_type: None,
    coverage: "part-a",
    stu3: Stu3 {
        claim_type: None,
        coverage: "part-b",
    },
    diagnoses: institutional::DIAGNOSIS_TYPES,
    claim: &[
        claim::CLAIM_NUMBER,
        claim::ALL,
        claim::CLAIM,
        professional::CLAIM,
        CLAIM,
    ],
    items: Items::Lines(&[LINE, professional::LINE, LINE_LAST]),
};

#[rustfmt::skip]
const CLAIM: &[Rule] = &[
    // The first diagnosis counts as principal, whatever the principal diagnosis says.
    rows(&claim::DIAGNOSES, 1, 1,       Diagnosis(Label::Principal)),
    rows(&claim::PRINCIPAL, 1, 1,       Diagnosis(Label::Principal)),
    rows(&claim::DIAGNOSES, 2, 12,      Diagnosis(Label::Other)),
    row(CARR_CLM_ENTRY_CD,              Extension(Form::Code)).stu3(Unmapped("STU3 answers leave the entry code out")),
];

#[rustfmt::skip]
const LINE: &[Rule] = &[
    // The number of the supplier, not of a provider as on other claims.
    row(PRVDR_NUM,                      Extension(Form::IdentifierOf("suplrnum"))),
    // One claim has one supplier; should lines name several, the first is the claim's.
    row(PRVDR_NPI,                      LineProvider),
    row(PRVDR_NPI,                      Performer(&NPI)),
    row(PRVDR_SPCLTY,                   PerformerQualification),
    row(PRTCPTNG_IND_CD,                PerformerExtension),
    row(TAX_NUM,                        Unmapped("tax numbers go only to callers who ask for them by a header, which Blue Button's clients do not send")),
    row(PRVDR_STATE_CD,                 PlaceExtension(Form::Code)),
    row(HCPCS_CD,                       Product(System::Bare(HCPCS))).stu3(ProductOf(HCPCS, CARR_CLM_HCPCS_YR_CD)),
    row(HCPCS_1ST_MDFR_CD,              Modifier(System::Bare(HCPCS), Some(CARR_CLM_HCPCS_YR_CD))),
    row(HCPCS_2ND_MDFR_CD,              Modifier(System::Bare(HCPCS), Some(CARR_CLM_HCPCS_YR_CD))),
    row(HCPCS_3RD_MDFR_CD,              Modifier(System::Bare(HCPCS), Some(CARR_CLM_HCPCS_YR_CD))),
    row(HCPCS_4TH_MDFR_CD,              Modifier(System::Bare(HCPCS), Some(CARR_CLM_HCPCS_YR_CD))),
    // Quirk: in R4 the payment to the provider comes twice, first under the label of institutional lines.
    r4(LINE_PRVDR_PMT_AMT,              AdjudicationAs(&PAID_TO_PROVIDER, REV_CNTR_PRVDR_PMT_AMT)),
    row(LINE_PRMRY_ALOWD_CHRG_AMT,      Adjudication(&ELIGIBLE)),
    row(LINE_DME_PRCHS_PRICE_AMT,       Adjudication(&SUBMITTED)),
    row(DMERC_LINE_SCRN_SVGS_AMT,       Extension(Form::Quantity)).optional(),
    row(DMERC_LINE_MTUS_CNT,            Extension(Form::QuantityOf(System::Variable, DMERC_LINE_MTUS_CD))),
    row(DMERC_LINE_MTUS_CD,             With(DMERC_LINE_MTUS_CNT)),
    row(DMERC_LINE_PRCNG_STATE_CD,      Extension(Form::Code)).stu3(PlaceExtension(Form::Code)),
    row(DMERC_LINE_SUPPLR_TYPE_CD,      Extension(Form::Code)).stu3(PlaceExtension(Form::Code)),
];

#[rustfmt::skip]
const LINE_LAST: &[Rule] = &[
    // Quirk: in R4 the purchase price comes twice more, first as if it had been paid.
    r4(LINE_DME_PRCHS_PRICE_AMT,        AdjudicationAs(&PAID_TO_PROVIDER, LINE_BENE_PMT_AMT)),
    r4(LINE_DME_PRCHS_PRICE_AMT,        Adjudication(&SUBMITTED)),
];
