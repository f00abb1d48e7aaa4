use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::mapping::Version;
use crate::mapping::approved::{assert_approved, reference};
use crate::mapping::sound::{assert_well_formed, deceptive};
use crate::rif::Column::{self, *};
use crate::rif::reader::Reader;
use crate::rif::{ClaimType, Decimal, Kind, Layout, Record, Row, RowPart, Value};

type Fields<'a> = &'a [(Column, &'a str)];

const VERSIONS: [Version; 2] = [Version::Stu3, Version::R4];

fn answer(version: Version, claim: &Claim) -> Vec<u8> {
    let mut w = Writer::new();
    let context = Context::new(version, Timestamp::UNIX_EPOCH);
    write(&mut w, claim, &context);
    w.into_bytes()
}

fn json_of(claim: &Claim) -> Json {
    json_in(Version::R4, claim)
}

fn json_in(version: Version, claim: &Claim) -> Json {
    serde_json::from_slice(&answer(version, claim)).expect("the answer is JSON")
}

/// Calls back with each claim of a RIF file.
fn each_claim(name: &str, text: &str, mut with: impl FnMut(&Claim)) {
    let mut reader = Reader::open(text.as_bytes(), name).expect("a RIF file");
    while let Some(entry) = reader.read().unwrap() {
        if let Record::Claim(claim) = entry.expect("a good claim").record {
            with(&claim);
        }
    }
}

fn row<'a>(layout: &'static Layout, part: RowPart, fields: Fields<'a>) -> Row<'a> {
    let mut row = Row::new(layout, part);
    for (column, text) in fields {
        row.set(
            *column,
            Value::parse(column.kind(), text).expect("a good value"),
        );
    }
    row
}

fn claim<'a>(claim_type: ClaimType, header: Fields<'a>, lines: &[Fields<'a>]) -> Claim<'a> {
    let layout = claim_type.layout();
    Claim {
        claim_type,
        header: row(layout, RowPart::Header, header),
        lines: (lines.iter())
            .map(|fields| row(layout, RowPart::Line, fields))
            .collect(),
    }
}

#[test]
fn equals_the_approved_answers() {
    for (file, approved) in [
        ("bcarrier", "Carrier"),
        ("dme", "Dme"),
        ("hha", "Hha"),
        ("hospice", "Hospice"),
        ("inpatient", "Inpatient"),
        ("outpatient", "Outpatient"),
        ("pde", "Pde"),
        ("snf", "Snf"),
    ] {
        let file = format!("rif/static/sample-a-{file}.txt");
        let Some(text) = reference(&file) else { return };
        each_claim(&file, &text, |claim| {
            for (version, folder) in [(Version::Stu3, "v1"), (Version::R4, "v2")] {
                let approved = format!("{folder}/eobRead{approved}.json");
                assert_approved(&approved, &answer(version, claim));
            }
        });
    }
}

#[test]
fn every_claim_of_the_reference_files_keeps_the_rules_of_fhir() {
    for file in [
        "rif/static/sample-a-bcarrier-multiple-lines.txt",
        "rif/static/sample-a-inpatient-with-four-character-drg-code.txt",
        "rif/static/sample-a-snf-with-four-character-drg-code.txt",
    ] {
        let Some(text) = reference(file) else { return };
        each_claim(file, &text, assert_sound);
    }
    let mut synthetic = 0;
    for claim_type in ClaimType::ALL {
        let file = format!("rif/synthea/{}.csv", claim_type.name());
        let Some(text) = reference(&file) else { return };
        each_claim(&file, &text, |claim| {
            assert_sound(claim);
            synthetic += 1;
        });
    }
    assert_eq!(synthetic, 107);
}

mod rules {
    use super::*;

    /// Each case: the claim's columns, the columns of its lines, where to look, what to find; `null` is nothing.
    type Case<'a> = (Fields<'a>, &'a [Fields<'a>], &'a str, Json);

    fn check(claim_type: ClaimType, cases: &[Case]) {
        check_in(Version::R4, claim_type, cases);
    }

    fn check_in(version: Version, claim_type: ClaimType, cases: &[Case]) {
        for (header, lines, path, expected) in cases {
            let found = json_in(version, &claim(claim_type, header, lines));
            let found = found.pointer(path).unwrap_or(&Json::Null);
            assert_eq!(found, expected, "{path} of {}", claim_type.name());
        }
    }

    #[test]
    fn final_action_decides_the_status() {
        let cases = [
            ("F", "active"),
            ("N", "cancelled"),
            ("Q", "entered-in-error"),
        ];
        for claim_type in ClaimType::ALL {
            for (code, status) in cases {
                check(
                    claim_type,
                    &[(&[(FINAL_ACTION, code)], &[], "/status", json!(status))],
                );
            }
        }
    }

    #[test]
    fn amounts_keep_their_digits_and_a_required_one_is_zero_when_blank() {
        let money = |value: &str| serde_json::from_str(value).unwrap();
        check(
            ClaimType::Inpatient,
            &[
                (
                    &[(CLM_PMT_AMT, "-888.00")],
                    &[],
                    "/payment/amount/value",
                    money("-888.00"),
                ),
                (
                    &[(CLM_PMT_AMT, "")],
                    &[],
                    "/payment/amount/value",
                    money("0"),
                ),
                (
                    &[],
                    &[&[(REV_CNTR_RATE_AMT, "")]],
                    "/item/0/adjudication/0/amount/value",
                    money("0"),
                ),
                // Of the balances that may be left out, none is there.
                (&[], &[], "/benefitBalance/0/financial/11", Json::Null),
                // A weight is cut to a whole number.
                (
                    &[(CLM_PPS_CPTL_DRG_WT_NUM, "1.9994")],
                    &[],
                    "/benefitBalance/0/financial/11/usedUnsignedInt",
                    money("1"),
                ),
            ],
        );
        let with_zeros = claim(ClaimType::Inpatient, &[(CLM_TOT_CHRG_AMT, "75.50")], &[]);
        let text = String::from_utf8(answer(Version::R4, &with_zeros)).unwrap();
        assert!(text.contains(r#""value":75.50"#), "the scale is kept");
    }

    #[test]
    fn diagnoses_come_once_each_and_the_first_is_principal() {
        let icd_10 = "http://hl7.org/fhir/sid/icd-10-cm";
        let system = "/diagnosis/0/diagnosisCodeableConcept/coding/0/system";
        let type_of_second = "/diagnosis/1/type/0/coding/0/code";
        let first: (Column, &str) = (ICD_DGNS_CD1, "A02");
        let first_version = (ICD_DGNS_VRSN_CD1, "0");
        check(
            ClaimType::Carrier,
            &[
                (&[first, first_version], &[], system, json!(icd_10)),
                (
                    &[first, (ICD_DGNS_VRSN_CD1, "9")],
                    &[],
                    system,
                    json!("http://hl7.org/fhir/sid/icd-9-cm"),
                ),
                (
                    &[first],
                    &[],
                    system,
                    json!("http://hl7.org/fhir/sid/unknown-icd-version"),
                ),
                (
                    &[first, (ICD_DGNS_VRSN_CD1, "7")],
                    &[],
                    system,
                    json!("http://hl7.org/fhir/sid/unknown-icd-version/7"),
                ),
                // What cannot stand in a URL, and would end the text of the JSON.
                (
                    &[first, (ICD_DGNS_VRSN_CD1, "\"")],
                    &[],
                    system,
                    json!("http://hl7.org/fhir/sid/unknown-icd-version"),
                ),
                // The same code as principal, as second and on a line adds nothing.
                (
                    &[
                        first,
                        first_version,
                        (PRNCPAL_DGNS_CD, "A02"),
                        (PRNCPAL_DGNS_VRSN_CD, "0"),
                        (ICD_DGNS_CD2, "A02"),
                        (ICD_DGNS_VRSN_CD2, "0"),
                    ],
                    &[&[(LINE_ICD_DGNS_CD, "A02"), (LINE_ICD_DGNS_VRSN_CD, "0")]],
                    "/diagnosis/1",
                    Json::Null,
                ),
                // The same code of another version is another diagnosis.
                (
                    &[
                        first,
                        first_version,
                        (ICD_DGNS_CD2, "A02"),
                        (ICD_DGNS_VRSN_CD2, "9"),
                    ],
                    &[],
                    type_of_second,
                    json!("secondary"),
                ),
                (
                    &[
                        first,
                        first_version,
                        (PRNCPAL_DGNS_CD, "B04"),
                        (PRNCPAL_DGNS_VRSN_CD, "0"),
                    ],
                    &[],
                    type_of_second,
                    json!("principal"),
                ),
                // A line's own diagnosis joins the list, and the line refers to it.
                (
                    &[first, first_version],
                    &[&[(LINE_ICD_DGNS_CD, "A52"), (LINE_ICD_DGNS_VRSN_CD, "0")]],
                    "/item/0/diagnosisSequence",
                    json!([2]),
                ),
            ],
        );
    }

    #[test]
    fn lines_share_the_members_of_the_care_team() {
        let performer = (PRF_PHYSN_NPI, "1923124");
        let lines: &[Fields] = &[
            &[
                (LINE_NUM, "1"),
                performer,
                (PRVDR_SPCLTY, "41"),
                (PRTCPTNG_IND_CD, "1"),
            ],
            &[
                (LINE_NUM, "2"),
                performer,
                (PRVDR_SPCLTY, "41"),
                (PRTCPTNG_IND_CD, "1"),
            ],
            &[
                (LINE_NUM, "3"),
                (PRF_PHYSN_UPIN, "U1"),
                (ORG_NPI_NUM, "0000000000"),
            ],
            // An NPI is preferred to a UPIN.
            &[
                (LINE_NUM, "9"),
                performer,
                (PRF_PHYSN_UPIN, "U1"),
                (PRTCPTNG_IND_CD, "2"),
            ],
        ];
        let referred: Fields = &[(RFR_PHYSN_UPIN, "U2")];
        let upin = json!("UPIN");
        check(
            ClaimType::Carrier,
            &[
                (referred, lines, "/item/0/careTeamSequence", json!([2])),
                (referred, lines, "/item/1/careTeamSequence", json!([2])),
                (referred, lines, "/item/2/careTeamSequence", json!([3, 4])),
                (referred, lines, "/item/3/careTeamSequence", json!([2])),
                (referred, lines, "/item/3/sequence", json!(9)),
                (referred, lines, "/careTeam/4", Json::Null),
                // Said by two lines, told once; the specialty follows the taxonomy of the look-up.
                (
                    referred,
                    lines,
                    "/careTeam/1/qualification/coding/2",
                    Json::Null,
                ),
                (referred, lines, "/careTeam/1/extension/2", Json::Null),
                (
                    referred,
                    lines,
                    "/careTeam/1/extension/1/valueCoding/code",
                    json!("2"),
                ),
                (
                    referred,
                    lines,
                    "/careTeam/3/provider/display",
                    json!("Fake ORG Name"),
                ),
                (
                    referred,
                    &[],
                    "/referral/identifier/type/coding/0/code",
                    upin.clone(),
                ),
                (
                    referred,
                    &[],
                    "/careTeam/0/provider/identifier/type/coding/0/code",
                    upin,
                ),
                (
                    &[(RFR_PHYSN_UPIN, "U2"), (RFR_PHYSN_NPI, "8765676")],
                    &[],
                    "/referral/identifier/value",
                    json!("8765676"),
                ),
            ],
        );
    }

    #[test]
    fn lines_say_when_and_what() {
        let first = (LINE_1ST_EXPNS_DT, "27-OCT-1999");
        let last = (LINE_LAST_EXPNS_DT, "28-OCT-1999");
        let period = json!({"start": "1999-10-27", "end": "1999-10-28"});
        check(
            ClaimType::Carrier,
            &[
                (&[], &[&[first, last]], "/item/0/servicedPeriod", period),
                (
                    &[],
                    &[&[first]],
                    "/item/0/servicedDate",
                    json!("1999-10-27"),
                ),
                (&[], &[&[last]], "/item/0/servicedPeriod", Json::Null),
                // FHIR requires a service: what is missing is said to be.
                (
                    &[],
                    &[&[]],
                    "/item/0/productOrService/extension/0/valueCode",
                    json!("unknown"),
                ),
                (
                    &[(CARR_CLM_HCPCS_YR_CD, "5")],
                    &[&[(HCPCS_2ND_MDFR_CD, "LT")]],
                    "/item/0/modifier/0/coding/0/version",
                    json!("5"),
                ),
                (
                    &[],
                    &[&[(HCPCS_2ND_MDFR_CD, "LT")]],
                    "/item/0/modifier/0/coding/0/version",
                    Json::Null,
                ),
                // A line without a number counts by its place.
                (&[], &[&[], &[]], "/item/1/sequence", json!(2)),
                (
                    &[],
                    &[&[
                        (LINE_NUM, "4"),
                        (LINE_HCT_HGB_TYPE_CD, "R1"),
                        (LINE_HCT_HGB_RSLT_NUM, "42.0"),
                    ]],
                    "/contained/0/id",
                    json!("line-observation-4"),
                ),
                // Nothing was measured.
                (
                    &[],
                    &[&[(LINE_HCT_HGB_TYPE_CD, "R1"), (LINE_HCT_HGB_RSLT_NUM, "0.0")]],
                    "/contained",
                    Json::Null,
                ),
            ],
        );
    }

    #[test]
    fn equipment_names_its_supplier() {
        let provider = "/provider/identifier/value";
        let lines: &[Fields] = &[
            &[(PRVDR_NUM, "1219966666"), (HCPCS_4TH_MDFR_CD, "KX")],
            &[(PRVDR_NPI, "1244444444"), (PRVDR_SPCLTY, "A5")],
            &[(PRVDR_NPI, "1750384806")],
        ];
        let mtus = "/item/0/extension/0/valueQuantity";
        let indicator = "https://bluebutton.cms.gov/resources/variables/dmerc_line_mtus_cd";
        let diagnosed: Fields = &[(ICD_DGNS_CD2, "A37"), (ICD_DGNS_VRSN_CD2, "0")];
        let on_line: &[Fields] = &[&[(LINE_ICD_DGNS_CD, "A25"), (LINE_ICD_DGNS_VRSN_CD, "0")]];
        check(
            ClaimType::Dme,
            &[
                (&[], lines, provider, json!("1244444444")),
                (&[], lines, "/provider/type", json!("Practitioner")),
                (&[], lines, "/provider/display", json!("DR. DAVID SMITH MD")),
                (&[], lines, "/item/0/careTeamSequence", Json::Null),
                (&[], lines, "/item/2/careTeamSequence", json!([2])),
                (
                    &[],
                    lines,
                    "/item/0/extension/0/valueIdentifier/value",
                    json!("1219966666"),
                ),
                (&[], lines, "/item/0/modifier/0/coding/0/code", json!("KX")),
                (&[], &lines[..1], "/provider", Json::Null),
                (&[], &[&[]], mtus, json!({"value": 0})),
                (
                    &[],
                    &[&[(DMERC_LINE_MTUS_CNT, "60"), (DMERC_LINE_MTUS_CD, "?")]],
                    mtus,
                    json!({"value": 60, "system": indicator, "code": "?"}),
                ),
                (
                    diagnosed,
                    on_line,
                    "/diagnosis/0/type/0/coding/0/code",
                    json!("other"),
                ),
                (
                    diagnosed,
                    on_line,
                    "/diagnosis/1/type/0/coding/0/code",
                    json!("secondary"),
                ),
            ],
        );
    }

    #[test]
    fn institutions_say_what_brought_the_patient() {
        let type_of = |at: usize| format!("/diagnosis/{at}/type/0/coding/0/code");
        let reasons: Fields = &[
            (ICD_DGNS_CD1, "A40"),
            (ICD_DGNS_VRSN_CD1, "0"),
            (FST_DGNS_E_CD, "A06"),
            (FST_DGNS_E_VRSN_CD, "0"),
            (RSN_VISIT_CD1, "A40"),
            (RSN_VISIT_VRSN_CD1, "0"),
            (RSN_VISIT_CD3, "A37"),
            (RSN_VISIT_VRSN_CD3, "0"),
        ];
        check(
            ClaimType::Outpatient,
            &[
                (reasons, &[], &type_of(0), json!("principal")),
                (reasons, &[], &type_of(1), json!("externalcauseofinjury")),
                (reasons, &[], &type_of(2), json!("patientreasonforvisit")),
                (reasons, &[], "/diagnosis/3", Json::Null),
            ],
        );
        let admitted: Fields = &[(ADMTG_DGNS_CD, "6202"), (ADMTG_DGNS_VRSN_CD, "9")];
        check(
            ClaimType::Inpatient,
            &[(admitted, &[], &type_of(0), json!("admitting"))],
        );
        check(
            ClaimType::Snf,
            &[(admitted, &[], &type_of(0), json!("other"))],
        );
        check(
            ClaimType::Hha,
            &[(&reasons[2..4], &[], &type_of(0), json!("secondary"))],
        );
    }

    #[test]
    fn institutional_lines_say_what_was_charged_and_denied() {
        let code_of = |at: usize| format!("/item/0/adjudication/{at}/category/coding/0/code");
        let denied: &[Fields] = &[&[(REV_CNTR_1ST_ANSI_CD, "CO120"), (REV_CNTR_4TH_ANSI_CD, "1")]];
        check(
            ClaimType::Outpatient,
            &[
                (&[], denied, &code_of(0), json!("denialreason")),
                (
                    &[],
                    denied,
                    "/item/0/adjudication/1/reason/coding/0/display",
                    json!("Deductible Amount"),
                ),
                (&[], denied, &code_of(2), json!("submitted")),
                (&[], &[&[]], &code_of(2), json!("noncovered")),
            ],
        );
        check(
            ClaimType::Hospice,
            &[
                // Of all institutions only hospices may leave out what was not covered.
                (&[], &[&[]], &code_of(2), json!("paidtoprovider")),
                (
                    &[],
                    &[&[(REV_CNTR_NCVRD_CHRG_AMT, "0")]],
                    &code_of(2),
                    json!("noncovered"),
                ),
                (
                    &[],
                    &[&[(RNDRNG_PHYSN_UPIN, "0"), (RNDRNG_PHYSN_NPI, "345345345")]],
                    "/item/0/careTeamSequence",
                    json!([1, 2]),
                ),
                (
                    &[(PRVDR_STATE_CD, "AZ")],
                    &[&[], &[]],
                    "/item/1/locationAddress/state",
                    json!("AZ"),
                ),
            ],
        );
        check(
            ClaimType::Hha,
            &[
                (
                    &[],
                    &[&[(REV_CNTR_STUS_IND_CD, " A")]],
                    "/item/0/revenue/extension/0/valueCoding/code",
                    json!("A"),
                ),
                (
                    &[],
                    &[&[]],
                    "/item/0/productOrService/extension/0/valueCode",
                    json!("unknown"),
                ),
            ],
        );
    }

    #[test]
    fn stays_are_periods() {
        let start = (CLM_ADMSN_DT, "23-JUN-2015");
        let end = (NCH_BENE_DSCHRG_DT, "29-JUN-2015");
        let period = "/supportingInfo/0/timingPeriod";
        // The visits, which are always counted, come before.
        check(
            ClaimType::Hha,
            &[
                (
                    &[start],
                    &[],
                    "/supportingInfo/1/timingPeriod",
                    json!({"start": "2015-06-23"}),
                ),
                (&[], &[], "/supportingInfo/0/valueQuantity/value", json!(0)),
                (&[], &[], "/supportingInfo/1", Json::Null),
            ],
        );
        check(
            ClaimType::Snf,
            &[
                (
                    &[start, end],
                    &[],
                    period,
                    json!({"start": "2015-06-23", "end": "2015-06-29"}),
                ),
                (&[end], &[], period, json!({"end": "2015-06-29"})),
                (
                    &[(NCH_QLFYD_STAY_THRU_DT, "29-JUN-2015")],
                    &[],
                    period,
                    json!({"end": "2015-06-29"}),
                ),
            ],
        );
        check(
            ClaimType::Hospice,
            &[
                (
                    &[(CLM_HOSPC_START_DT_ID, "23-JUN-2015")],
                    &[],
                    period,
                    json!({"start": "2015-06-23"}),
                ),
                (
                    &[(BENE_HOSPC_PRD_CNT, "2")],
                    &[],
                    "/extension/0/valueQuantity/value",
                    json!(2),
                ),
                (&[], &[], "/extension", Json::Null),
            ],
        );
    }

    #[test]
    fn drug_events_follow_their_qualifiers() {
        let prescriber = (PRSCRBR_ID, "1750384806");
        let pharmacy = (SRVC_PRVDR_ID, "1023011079");
        let paid_code = "/item/0/adjudication/0/category/coding/0/code";
        let paid = "/item/0/adjudication/0/amount/value";
        let label = "/item/0/adjudication/0/category/coding/1/code";
        let amounts = [(CVRD_D_PLAN_PD_AMT, "126.5"), (NCVRD_PLAN_PD_AMT, "17.5")];
        let covered: Fields = &[(DRUG_CVRG_STUS_CD, "C"), amounts[0], amounts[1]];
        let not_covered: Fields = &[(DRUG_CVRG_STUS_CD, "E"), amounts[0], amounts[1]];
        let of_covered = "https://bluebutton.cms.gov/resources/variables/cvrd_d_plan_pd_amt";
        check(
            ClaimType::Pde,
            &[
                (
                    &[prescriber, (PRSCRBR_ID_QLFYR_CD, "01")],
                    &[],
                    "/careTeam/0/sequence",
                    json!(1),
                ),
                (
                    &[prescriber, (PRSCRBR_ID_QLFYR_CD, "08")],
                    &[],
                    "/careTeam",
                    Json::Null,
                ),
                (
                    &[pharmacy, (SRVC_PRVDR_ID_QLFYR_CD, "01")],
                    &[],
                    "/facility/display",
                    json!("ADVANTAGE HOME HEALTH CARE, INC."),
                ),
                (
                    &[pharmacy, (SRVC_PRVDR_ID_QLFYR_CD, "07")],
                    &[],
                    "/facility/identifier/system",
                    json!("http://hl7.org/fhir/sid/us-ncpdp"),
                ),
                (
                    &[pharmacy, (SRVC_PRVDR_ID_QLFYR_CD, "99")],
                    &[],
                    "/provider",
                    Json::Null,
                ),
                (covered, &[], paid_code, json!("benefit")),
                (covered, &[], paid, json!(126.5)),
                (not_covered, &[], paid_code, json!("noncovered")),
                (not_covered, &[], paid, json!(17.5)),
                (not_covered, &[], label, json!(of_covered)),
                (
                    &[(CMPND_CD, "2")],
                    &[],
                    "/supportingInfo/0/code/coding/0/code",
                    json!("RXCINV"),
                ),
                (
                    &[(CMPND_CD, "0")],
                    &[],
                    "/supportingInfo/0/category/coding/0/code",
                    json!("refillnum"),
                ),
            ],
        );
    }

    #[test]
    fn stu3_counts_the_care_team_from_two_and_names_by_npi_alone() {
        let lines: &[Fields] = &[
            &[
                (PRF_PHYSN_NPI, "1923124"),
                (ORG_NPI_NUM, "0000000000"),
                (PRVDR_SPCLTY, "08"),
            ],
            &[(PRF_PHYSN_UPIN, "U1")],
            &[(PRF_PHYSN_NPI, "1923124"), (PRVDR_SPCLTY, "41")],
            &[(PRF_PHYSN_NPI, "1244444444")],
        ];
        check_in(
            Version::Stu3,
            ClaimType::Carrier,
            &[
                (&[], lines, "/item/0/careTeamLinkId", json!([2])),
                (&[], lines, "/item/1/careTeamLinkId", Json::Null),
                (&[], lines, "/item/2/careTeamLinkId", json!([2])),
                (&[], lines, "/item/3/careTeamLinkId", json!([3])),
                (&[], lines, "/careTeam/2", Json::Null),
                (
                    &[],
                    lines,
                    "/careTeam/0/extension/0/valueCoding/display",
                    json!("Fake ORG Name"),
                ),
                // The last specialty alone, without the taxonomy of the look-up.
                (
                    &[],
                    lines,
                    "/careTeam/0/qualification/coding/0/code",
                    json!("41"),
                ),
                (
                    &[],
                    lines,
                    "/careTeam/1/provider/display",
                    json!("DR. DAVID SMITH MD"),
                ),
                (&[(RFR_PHYSN_UPIN, "U2")], &[], "/referral", Json::Null),
                (&[(RFR_PHYSN_UPIN, "U2")], &[], "/contained", Json::Null),
            ],
        );
    }

    #[test]
    fn stu3_puts_the_group_of_diagnoses_before_the_diagnoses() {
        let diagnosis = (ICD_DGNS_CD1, "A40");
        let type_of_second = "/diagnosis/1/type/0/coding/0/code";
        check_in(
            Version::Stu3,
            ClaimType::Inpatient,
            &[
                (
                    &[diagnosis, (CLM_DRG_CD, "0695")],
                    &[],
                    "/diagnosis/0/packageCode/coding/0/code",
                    json!("0695"),
                ),
                (
                    &[diagnosis, (CLM_DRG_CD, "0695")],
                    &[],
                    "/diagnosis/1/sequence",
                    json!(2),
                ),
                (&[diagnosis], &[], "/diagnosis/0/sequence", json!(1)),
                // Hospital inpatients alone have a type for the other diagnoses.
                (
                    &[diagnosis, (ICD_DGNS_CD2, "A52")],
                    &[],
                    type_of_second,
                    json!("other"),
                ),
                (
                    &[diagnosis, (ICD_DGNS_E_CD1, "A01"), (ICD_DGNS_E_CD2, "A02")],
                    &[],
                    "/diagnosis/2/type/0/coding/0/code",
                    json!("external"),
                ),
                (
                    &[diagnosis, (FST_DGNS_E_CD, "A01")],
                    &[],
                    type_of_second,
                    json!("external-first"),
                ),
            ],
        );
        check_in(
            Version::Stu3,
            ClaimType::Snf,
            &[(
                &[diagnosis, (ICD_DGNS_CD2, "A52")],
                &[],
                "/diagnosis/1/type",
                Json::Null,
            )],
        );
    }

    #[test]
    fn stu3_writes_money_as_a_quantity_and_header_amounts_as_extensions() {
        let dollars = json!({"value": 11.5, "system": "urn:iso:std:iso:4217", "code": "USD"});
        let of_drug: Fields = &[(REV_CNTR_NDC_QTY, "7"), (REV_CNTR_NDC_QTY_QLFR_CD, "ML")];
        check_in(
            Version::Stu3,
            ClaimType::Outpatient,
            &[
                (
                    &[(CLM_TOT_CHRG_AMT, "11.5")],
                    &[],
                    "/totalCost",
                    dollars.clone(),
                ),
                (
                    &[(NCH_PROFNL_CMPNT_CHRG_AMT, "11.5")],
                    &[],
                    "/extension/0/valueMoney",
                    dollars,
                ),
                (&[], &[], "/benefitBalance", Json::Null),
                // The units of service, not the quantity of the drug.
                (&[], &[of_drug], "/item/0/quantity/value", json!(0)),
                (
                    &[],
                    &[of_drug],
                    "/item/0/extension/0/valueQuantity",
                    json!({
                        "value": 7,
                        "unit": "Milliliter",
                        "system": "http://unitsofmeasure.org",
                        "code": "ML"
                    }),
                ),
                (
                    &[],
                    &[&[(REV_CNTR_NDC_QTY, "7")]],
                    "/item/0/extension/0/valueQuantity",
                    json!({"value": 7}),
                ),
                // STU3 does not require a service.
                (&[], &[&[]], "/item/0/service", Json::Null),
            ],
        );
    }

    #[test]
    fn stu3_says_of_a_drug_whether_it_is_covered() {
        let amounts = [(CVRD_D_PLAN_PD_AMT, "126.5"), (NCVRD_PLAN_PD_AMT, "17.5")];
        let covered: Fields = &[(DRUG_CVRG_STUS_CD, "C"), amounts[0], amounts[1]];
        let not_covered: Fields = &[(DRUG_CVRG_STUS_CD, "E"), amounts[0], amounts[1]];
        let reason = "/item/0/adjudication/0/reason/coding/0/code";
        let label = "/item/0/adjudication/0/category/coding/0/code";
        let variable = |name: &str| {
            json!(format!(
                "https://bluebutton.cms.gov/resources/variables/{name}"
            ))
        };
        let pharmacy = (SRVC_PRVDR_ID, "1023011079");
        check_in(
            Version::Stu3,
            ClaimType::Pde,
            &[
                (covered, &[], reason, json!("C")),
                (covered, &[], label, variable("cvrd_d_plan_pd_amt")),
                (not_covered, &[], reason, json!("E")),
                (not_covered, &[], label, variable("ncvrd_plan_pd_amt")),
                (
                    &[(CMPND_CD, "2")],
                    &[],
                    "/item/0/detail/0/type/coding/0/code",
                    json!("RXCINV"),
                ),
                (&[(CMPND_CD, "0")], &[], "/item/0/detail", Json::Null),
                (
                    &[pharmacy, (SRVC_PRVDR_ID_QLFYR_CD, "07")],
                    &[],
                    "/organization/identifier/system",
                    json!("http://hl7.org/fhir/sid/us-ncpdp"),
                ),
                (
                    &[pharmacy, (SRVC_PRVDR_ID_QLFYR_CD, "07")],
                    &[],
                    "/provider",
                    Json::Null,
                ),
            ],
        );
    }

    #[test]
    fn codes_lose_their_blanks_and_show_only_known_meanings() {
        let near_line = "/extension/0/valueCoding";
        let url = "https://bluebutton.cms.gov/resources/variables/nch_near_line_rec_ident_cd";
        check(
            ClaimType::Carrier,
            &[
                (
                    &[(NCH_NEAR_LINE_REC_IDENT_CD, "?")],
                    &[],
                    near_line,
                    json!({"system": url, "code": "?"}),
                ),
                (
                    &[(CARR_NUM, " 61026")],
                    &[],
                    "/extension/0/valueIdentifier/value",
                    json!("61026"),
                ),
                (&[(CARR_NUM, "   ")], &[], "/extension", Json::Null),
            ],
        );
        check(
            ClaimType::Inpatient,
            &[(
                &[(CLM_DRG_CD, "0695")],
                &[],
                "/supportingInfo/0/code/coding/0/code",
                json!("0695"),
            )],
        );
    }
}

/// The columns that leave no trace of their own when they are the only ones with a value, and for what reason.
fn silent(version: Version, claim_type: ClaimType) -> Vec<Column> {
    match version {
        Version::Stu3 => silent_in_stu3(claim_type),
        Version::R4 => silent_in_r4(claim_type),
    }
}

/// STU3 leaves more out.
fn silent_in_stu3(claim_type: ClaimType) -> Vec<Column> {
    let mut columns = silent_in_r4(claim_type);
    columns.extend_from_slice(match claim_type {
        ClaimType::Carrier => &[
            CARR_CLM_ENTRY_CD,
            CARR_CLM_RFRNG_PIN_NUM,
            CARR_CLM_BLG_NPI_NUM,
            PRF_PHYSN_UPIN,
            // Speaks of the performer.
            ORG_NPI_NUM,
        ],
        ClaimType::Dme => &[CARR_CLM_ENTRY_CD],
        ClaimType::Hha => &[CLAIM_QUERY_CODE, CLM_PPS_IND_CD, CLM_HHA_TOT_VISIT_CNT],
        ClaimType::Hospice => &[CLAIM_QUERY_CODE],
        ClaimType::Inpatient => &[FI_CLM_ACTN_CD],
        ClaimType::Snf => &[FI_CLM_ACTN_CD, CLM_PPS_IND_CD],
        ClaimType::Outpatient | ClaimType::Pde => &[],
    });
    match claim_type {
        ClaimType::Pde => {}
        ClaimType::Carrier | ClaimType::Dme => columns.push(RFR_PHYSN_UPIN),
        _ => {
            columns.retain(|column| *column != FI_ORIG_CLM_CNTL_NUM);
            columns.extend([
                FI_CLM_PROC_DT,
                AT_PHYSN_UPIN,
                OP_PHYSN_UPIN,
                OT_PHYSN_UPIN,
                RNDRNG_PHYSN_UPIN,
                // The unit of a quantity that is not there.
                REV_CNTR_NDC_QTY_QLFR_CD,
            ]);
        }
    }
    columns
}

fn silent_in_r4(claim_type: ClaimType) -> Vec<Column> {
    // Says how to load the row; becomes a word.
    let mut columns = vec![DML_IND, FINAL_ACTION];
    columns.extend_from_slice(match claim_type {
        ClaimType::Carrier => &[
            // Unmapped.
            CARR_PRFRNG_PIN_NUM,
            HPSA_SCRCTY_IND_CD,
            CARR_LINE_RX_NUM,
            // Speaks of the performer.
            CARR_LINE_PRVDR_TYPE_CD,
        ],
        // The unit of a quantity that is there, if only as zero, shows.
        ClaimType::Dme => &[],
        ClaimType::Hha => &[REV_CNTR_APC_HIPPS_CD, REV_CNTR_PMT_MTHD_IND_CD],
        ClaimType::Hospice => &[CLM_UTLZTN_DAY_CNT],
        ClaimType::Inpatient => &[
            CLM_DRG_OUTLIER_STAY_CD,
            CLM_PPS_IND_CD,
            CLM_PPS_CPTL_DRG_WT_NUM,
            BENE_LRD_USED_CNT,
        ],
        ClaimType::Outpatient => &[
            REV_CNTR_APC_HIPPS_CD,
            REV_CNTR_PMT_MTHD_IND_CD,
            REV_CNTR_DSCNT_IND_CD,
            REV_CNTR_PACKG_IND_CD,
            REV_CNTR_OTAF_PMT_CD,
        ],
        ClaimType::Pde => &[
            CMPND_CD,
            // Wait for the column that says what they are.
            PRSCRBR_ID,
            PRSCRBR_ID_QLFYR_CD,
            SRVC_PRVDR_ID,
            SRVC_PRVDR_ID_QLFYR_CD,
            CVRD_D_PLAN_PD_AMT,
            // Stand beside the reference to a person's coverage.
            PLAN_CNTRCT_REC_ID,
            PLAN_PBP_REC_NUM,
        ],
        ClaimType::Snf => &[],
    });
    match claim_type {
        ClaimType::Pde => {}
        ClaimType::Carrier | ClaimType::Dme => columns.extend([
            TAX_NUM,
            // Say something only about what another column says.
            CARR_CLM_HCPCS_YR_CD,
            PRVDR_SPCLTY,
            PRTCPTNG_IND_CD,
            LINE_LAST_EXPNS_DT,
            LINE_HCT_HGB_RSLT_NUM,
            LINE_HCT_HGB_TYPE_CD,
        ]),
        _ => columns.extend([
            FI_ORIG_CLM_CNTL_NUM,
            // Without lines no line shows the state.
            PRVDR_STATE_CD,
        ]),
    }
    if matches!(claim_type, ClaimType::Inpatient | ClaimType::Snf) {
        // Cut to whole numbers.
        columns.extend([
            BENE_TOT_COINSRNC_DAYS_CNT,
            CLM_NON_UTLZTN_DAYS_CNT,
            CLM_UTLZTN_DAY_CNT,
        ]);
    }
    columns
}

#[test]
fn every_other_column_shows_its_value_alone() {
    for claim_type in ClaimType::ALL {
        for version in VERSIONS {
            let silent = silent(version, claim_type);
            for (part, column) in columns(claim_type) {
                let (value, shown) = telling(column.kind());
                let claim = alone(claim_type, part, column, value);
                let text = String::from_utf8(answer(version, &claim)).unwrap();
                let name = column.name();
                let is_silent = silent.contains(&column) || is_detail_of_icd(name);
                assert_eq!(
                    text.contains(shown),
                    !is_silent,
                    "{name} of {} in {version:?}",
                    claim_type.name()
                );
            }
        }
    }
}

/// Versions, indicators and dates of codes that are not there.
fn is_detail_of_icd(name: &str) -> bool {
    let of_codes = ["CLM_POA_IND_SW", "CLM_E_POA_IND_SW", "PRCDR_DT"];
    name.contains("_VRSN_CD") || of_codes.iter().any(|prefix| name.starts_with(prefix))
}

/// A value that stands out in an answer, and the form in which it is written there.
fn telling(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Text => ("X7Q", "\"X7Q\""),
        Kind::Char => ("~", "\"~\""),
        Kind::Integer => ("77123", "77123"),
        Kind::Decimal => ("77123.450", "77123.450"),
        Kind::Date => ("07-MAR-1971", "1971-03-07"),
    }
}

fn columns(claim_type: ClaimType) -> impl Iterator<Item = (RowPart, Column)> {
    let layout = claim_type.layout();
    let header = layout
        .header
        .iter()
        .map(|column| (RowPart::Header, *column));
    header.chain(layout.line.iter().map(|column| (RowPart::Line, *column)))
}

/// A claim with one value.
fn alone(claim_type: ClaimType, part: RowPart, column: Column, value: &str) -> Claim<'_> {
    let mut claim = claim(claim_type, &[], &[]);
    let value = Value::parse(column.kind(), value).unwrap();
    if part == RowPart::Line {
        claim.lines.push(Row::new(claim_type.layout(), part));
        claim.lines[0].set(column, value);
    } else {
        claim.header.set(column, value);
    }
    claim
}

/// A claim with a value in each of the columns that `has` picks, on three lines.
fn filled(claim_type: ClaimType, mut has: impl FnMut() -> bool) -> Claim<'static> {
    let layout = claim_type.layout();
    let mut fill = |part| {
        let mut row = Row::new(layout, part);
        for column in layout.columns(part) {
            if has() {
                row.set(
                    *column,
                    Value::parse(column.kind(), telling(column.kind()).0).unwrap(),
                );
            }
        }
        row
    };
    let header = fill(RowPart::Header);
    let lines = if layout.line.is_empty() { 0 } else { 3 };
    Claim {
        claim_type,
        header,
        lines: (0..lines)
            .map(|at| numbered(fill(RowPart::Line), at + 1))
            .collect(),
    }
}

/// A claim of such values, whose lines have these numbers.
fn generated(
    claim_type: ClaimType,
    numbers: &BTreeSet<u8>,
    mut pick: impl FnMut(&'static [&'static str]) -> &'static &'static str,
) -> Claim<'static> {
    let layout = claim_type.layout();
    let mut fill = |part| {
        let mut row = Row::new(layout, part);
        for column in layout.columns(part) {
            let text = pick(deceptive(column.kind()));
            row.set(*column, Value::parse(column.kind(), text).unwrap());
        }
        row
    };
    let header = fill(RowPart::Header);
    let numbers = if layout.line.is_empty() {
        &BTreeSet::new()
    } else {
        numbers
    };
    let lines = numbers
        .iter()
        .map(|number| numbered(fill(RowPart::Line), *number));
    Claim {
        claim_type,
        header,
        lines: lines.collect(),
    }
}

/// The line with that number, as every file numbers its lines.
fn numbered(mut line: Row, number: u8) -> Row {
    let units = number.into();
    let number = Value::Decimal(Decimal { units, scale: 0 });
    for column in [LINE_NUM, CLM_LINE_NUM] {
        if line.columns().contains(&column) {
            line.set(column, Some(number));
        }
    }
    line
}

#[test]
fn no_column_each_column_alone_and_all_columns_keep_the_rules_of_fhir() {
    for claim_type in ClaimType::ALL {
        assert_sound(&claim(claim_type, &[], &[]));
        assert_sound(&filled(claim_type, || true));
        for (part, column) in columns(claim_type) {
            let value = telling(column.kind()).0;
            assert_sound(&alone(claim_type, part, column, value));
        }
    }
}

proptest! {
    #[test]
    fn any_columns_keep_the_rules_of_fhir(
        claim_type in prop::sample::select(ClaimType::ALL.to_vec()),
        picks in prop::collection::vec(any::<bool>(), 1..97),
    ) {
        let mut picks = picks.iter().cycle();
        let claim = filled(claim_type, || *picks.next().unwrap());
        assert_sound(&claim);
    }

    #[test]
    fn any_values_keep_the_rules_of_fhir(
        claim_type in prop::sample::select(ClaimType::ALL.to_vec()),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..400),
        numbers in prop::collection::btree_set(1_u8..60, 1..5),
    ) {
        let mut picks = picks.iter().cycle();
        assert_sound(&generated(claim_type, &numbers, |values| picks.next().unwrap().get(values)));
    }

    #[test]
    fn any_text_is_written_as_it_is(text in "[ -~¡-ÿ]{1,40}") {
        prop_assume!(!text.trim().is_empty());
        let mut claim = claim(ClaimType::Carrier, &[], &[]);
        claim.header.set(CARR_NUM, Some(Value::Text(&text)));
        let found = json_of(&claim);
        prop_assert_eq!(&found["extension"][0]["valueIdentifier"]["value"], text.trim());
    }
}

/// What holds for every answer, whatever stood in the row.
fn assert_sound(claim: &Claim) {
    for version in VERSIONS {
        let resource = json_in(version, claim);
        assert_well_formed("", &resource);
        assert_sequences_count(version, &resource);
        assert_links_refer(&resource);
        assert_references_resolve(&resource);
        assert_each_comes_once(&resource);
        assert_amounts_stand_in(claim, &resource);
    }
}

/// No id or number is given twice, nobody is twice in the team in one role, no code twice among diagnoses and
/// procedures, each by itself.
fn assert_each_comes_once(resource: &Json) {
    for (list, of) in [
        ("contained", &["/id"][..]),
        ("item", &["/sequence"]),
        ("careTeam", &["/provider/identifier", "/role"]),
        ("diagnosis", &["/diagnosisCodeableConcept", "/packageCode"]),
        ("procedure", &["/procedureCodeableConcept"]),
    ] {
        let mut seen = BTreeSet::new();
        for element in elements(resource, list) {
            let parts = of.iter().map(|pointer| element.pointer(pointer));
            let what = format!("{:?}", parts.collect::<Vec<_>>());
            assert!(seen.insert(what.clone()), "{list} repeats {what}");
        }
    }
}

fn assert_sequences_count(version: Version, resource: &Json) {
    for list in [
        "careTeam",
        "supportingInfo",
        "information",
        "diagnosis",
        "procedure",
    ] {
        let first = match (version, list) {
            // As CMS counts them.
            (Version::Stu3, "careTeam") => 2,
            _ => 1,
        };
        let counted: Vec<u64> = (first..).take(elements(resource, list).count()).collect();
        assert_eq!(sequences(resource, list), counted, "{list}");
    }
}

fn assert_links_refer(resource: &Json) {
    for item in elements(resource, "item") {
        for (link, list) in [
            ("careTeamSequence", "careTeam"),
            ("careTeamLinkId", "careTeam"),
            ("informationSequence", "supportingInfo"),
            ("diagnosisSequence", "diagnosis"),
            ("diagnosisLinkId", "diagnosis"),
        ] {
            let known = sequences(resource, list);
            let mut links = elements(item, link).filter_map(Json::as_u64);
            assert!(
                links.all(|sequence| known.contains(&sequence)),
                "{link} refers to nothing"
            );
        }
    }
}

fn sequences(resource: &Json, list: &str) -> Vec<u64> {
    elements(resource, list)
        .map(|element| element["sequence"].as_u64().expect("a sequence"))
        .collect()
}

fn assert_references_resolve(resource: &Json) {
    let text = resource.to_string();
    for contained in elements(resource, "contained") {
        let reference = json!(format!("#{}", contained["id"].as_str().expect("an id")));
        assert!(
            text.contains(&reference.to_string()),
            "nothing refers to {reference}"
        );
    }
    let references = text.split("\"reference\":\"#").skip(1);
    for id in references.filter_map(|rest| rest.split('"').next()) {
        let mut contained = elements(resource, "contained");
        assert!(
            contained.any(|one| one["id"] == id),
            "#{id} refers to nothing"
        );
    }
}

/// Amounts are copied, never computed: each stands in the row, or is the zero of a required one that is blank.
fn assert_amounts_stand_in(claim: &Claim, resource: &Json) {
    let rows = std::iter::once(&claim.header).chain(&claim.lines);
    let mut written: Vec<f64> = rows
        .flat_map(|row| {
            let columns = columns(claim.claim_type).map(|(_, column)| column);
            columns.filter_map(|column| row.decimal(column)?.to_string().parse().ok())
        })
        .collect();
    written.push(0.0);
    each_amount(resource, &mut |amount| {
        let value = amount["value"].as_f64().expect("an amount has a value");
        assert!(written.contains(&value), "{value} stands in no column");
    });
}

fn each_amount(value: &Json, with: &mut impl FnMut(&Json)) {
    if value.get("currency").is_some() || value["system"] == "urn:iso:std:iso:4217" {
        with(value);
    }
    match value {
        Json::Array(elements) => elements.iter().for_each(|one| each_amount(one, with)),
        Json::Object(members) => members.values().for_each(|one| each_amount(one, with)),
        _ => {}
    }
}

fn elements<'a>(resource: &'a Json, list: &str) -> impl Iterator<Item = &'a Json> {
    resource[list].as_array().into_iter().flatten()
}
