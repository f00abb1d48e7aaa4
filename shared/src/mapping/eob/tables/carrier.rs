//! Carrier claims: physicians and suppliers, Part B.

use super::{Items, Kind, Stu3, claim, professional};
use crate::mapping::eob::rule::Target::*;
use crate::mapping::eob::rule::{Form, Label, Rule, System, r4, row, rows, stu3};
use crate::mapping::eob::terms::*;
use crate::rif::Column::*;

pub(in crate::mapping::eob) const CARRIER: Kind = Kind {
    profile: "ExplanationOfBenefit-Professional-NonClinician",
    eob_type: "CARRIER",
    claim_type: &PROFESSIONAL,
    sub_type: None,
    coverage: "part-b",
    stu3: Stu3 {
        claim_type: Some(&STU3_PROFESSIONAL),
        coverage: "part-b",
    },
    diagnoses: professional::DIAGNOSIS_TYPES,
    claim: &[
        claim::CLAIM_NUMBER,
        claim::ALL,
        claim::CLAIM,
        professional::CLAIM,
        CLAIM,
    ],
    items: Items::Lines(&[LINE, professional::LINE]),
};

#[rustfmt::skip]
const CLAIM: &[Rule] = &[
    // The first diagnosis counts as principal, whatever the principal diagnosis says.
    rows(&claim::DIAGNOSES, 1, 1,       Diagnosis(Label::Principal)),
    rows(&claim::PRINCIPAL, 1, 1,       Diagnosis(Label::Principal)),
    rows(&claim::DIAGNOSES, 2, 12,      Diagnosis(Label::Other)),
    // Quirk: a provider identification number, but typed as an NPI.
    row(CARR_CLM_RFRNG_PIN_NUM,         Member(&NPI, &REFERRING)).stu3(Unmapped("STU3 answers name people by NPI alone")),
    row(CARR_CLM_ENTRY_CD,              Extension(Form::Code)).stu3(Unmapped("STU3 answers leave the entry code out")),
    row(CARR_CLM_BLG_NPI_NUM,           Provider).stu3(Unmapped("STU3 answers leave the billing provider out")),
];

#[rustfmt::skip]
const LINE: &[Rule] = &[
    row(PRF_PHYSN_NPI,                  Performer(&NPI)),
    row(PRF_PHYSN_UPIN,                 Performer(&UPIN)).if_blank(PRF_PHYSN_NPI),
    row(PRVDR_SPCLTY,                   PerformerQualification),
    row(CARR_LINE_PRVDR_TYPE_CD,        PerformerExtension),
    row(PRTCPTNG_IND_CD,                PerformerExtension),
    row(ORG_NPI_NUM,                    Member(&NPI, &PRIMARY)).stu3(PerformerOrganization),
    row(CARR_PRFRNG_PIN_NUM,            Unmapped("the answers name the performing provider by NPI or UPIN only")),
    row(TAX_NUM,                        Unmapped("tax numbers go only to callers who ask for them by a header, which Blue Button's clients do not send")),
    row(CARR_LINE_RDCD_PMT_PHYS_ASTN_C, Denial),
    row(HCPCS_CD,                       Product(System::Bare(HCPCS))).stu3(ProductOf(HCPCS, CARR_CLM_HCPCS_YR_CD)),
    row(HCPCS_1ST_MDFR_CD,              Modifier(System::Bare(HCPCS), Some(CARR_CLM_HCPCS_YR_CD))),
    row(HCPCS_2ND_MDFR_CD,              Modifier(System::Bare(HCPCS), Some(CARR_CLM_HCPCS_YR_CD))),
    row(CARR_LINE_ANSTHSA_UNIT_CNT,     Extension(Form::Quantity)).stu3(ProductExtension(Form::Quantity)).if_not_zero(),
    r4(CARR_LINE_MTUS_CNT,              Extension(Form::Quantity)).if_not_zero(),
    // Quirk: the code comes twice in R4, first under the URL of the count, where it has no display.
    r4(CARR_LINE_MTUS_CD,               ExtensionAs(CARR_LINE_MTUS_CNT)),
    row(CARR_LINE_MTUS_CD,              Extension(Form::Code)),
    stu3(CARR_LINE_MTUS_CNT,            Extension(Form::Quantity)).if_not_zero(),
    row(PRVDR_STATE_CD,                 PlaceExtension(Form::Code)),
    row(PRVDR_ZIP,                      PlaceExtension(Form::Code)),
    row(CARR_LINE_PRCNG_LCLTY_CD,       PlaceExtension(Form::Code)),
    row(CARR_LINE_CLIA_LAB_NUM,         PlaceExtension(Form::Identifier)),
    row(HPSA_SCRCTY_IND_CD,             Unmapped("the answers leave the shortage area out")),
    row(CARR_LINE_RX_NUM,               Unmapped("the answers leave the prescription number out")),
];
