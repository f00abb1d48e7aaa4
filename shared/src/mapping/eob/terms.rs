//! The codes that FHIR, CARIN and Blue Button give to parts of a resource, spelt once.

/// A code of a code system with its display, as it stands in an answer.
#[derive(Debug)]
pub(super) struct Coding {
    pub(super) system: &'static str,
    pub(super) code: &'static str,
    /// Empty where the answers show none.
    pub(super) display: &'static str,
}

impl Coding {
    /// Whether the two are the same code.
    pub(super) const fn is(&self, other: &Coding) -> bool {
        is_same(self.system, other.system) && is_same(self.code, other.code)
    }
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

const fn coding(system: &'static str, code: &'static str, display: &'static str) -> Coding {
    assert!(is_plain(system) && is_plain(code) && is_plain(display));
    Coding {
        system,
        code,
        display,
    }
}

/// Whether the text is written in JSON as it is.
const fn is_plain(text: &str) -> bool {
    let mut at = 0;
    while at < text.len() && !matches!(text.as_bytes()[at], b'"' | b'\\' | 0..0x20) {
        at += 1;
    }
    at == text.len()
}

/// What a member of the care team does.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) r4: Coding,
    /// STU3 knows fewer roles; some are none of the team.
    pub(super) stu3: Option<&'static Coding>,
}

pub(super) const PROFILE_BASE: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-";
pub(super) const CLAIM_GROUP: &str = "https://bluebutton.cms.gov/resources/identifier/claim-group";
pub(super) const EOB_TYPE: &str = "https://bluebutton.cms.gov/resources/codesystem/eob-type";
pub(super) const INFORMATION: &str = "https://bluebutton.cms.gov/resources/codesystem/information";
pub(super) const ADJUDICATION: &str =
    "https://bluebutton.cms.gov/resources/codesystem/adjudication";
pub(super) const BENEFIT_BALANCE: &str =
    "https://bluebutton.cms.gov/resources/codesystem/benefit-balance";
pub(super) const HCPCS: &str = "https://bluebutton.cms.gov/resources/codesystem/hcpcs";
pub(super) const NDC: &str = "http://hl7.org/fhir/sid/ndc";
pub(super) const US_NPI: &str = "http://hl7.org/fhir/sid/us-npi";
/// The systems of a pharmacy's identifier by its qualifier; identifiers of other kinds are left out.
pub(super) const PHARMACY_SYSTEMS: &[(&str, &str)] = &[
    ("01", US_NPI),
    ("06", "http://hl7.org/fhir/sid/us-upin"),
    ("07", "http://hl7.org/fhir/sid/us-ncpdp"),
    ("08", "http://hl7.org/fhir/sid/us-sl"),
    ("11", "http://hl7.org/fhir/sid/us-tax"),
];
pub(super) const NUCC: &str = "http://nucc.org/provider-taxonomy";
pub(super) const UNITS: &str = "http://unitsofmeasure.org";
pub(super) const NUBC_REVENUE: &str = "https://www.nubc.org/CodeSystem/RevenueCodes";
pub(super) const NUBC_ADMISSION: &str =
    "https://www.nubc.org/CodeSystem/PriorityTypeOfAdmitOrVisit";
pub(super) const ICD_9_CM: &str = "http://hl7.org/fhir/sid/icd-9-cm";
pub(super) const ICD_10: &str = "http://hl7.org/fhir/sid/icd-10";
pub(super) const ICD_10_CM: &str = "http://hl7.org/fhir/sid/icd-10-cm";
pub(super) const ICD_10_PCS: &str = "http://www.cms.gov/Medicare/Coding/ICD10";
pub(super) const ICD_UNKNOWN: &str = "http://hl7.org/fhir/sid/unknown-icd-version";
pub(super) const SUB_TYPE: &str =
    "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBInstitutionalClaimSubType";
pub(super) const DATA_ABSENT_REASON: &str =
    "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

const CLAIM_TYPE: &str = "http://terminology.hl7.org/CodeSystem/claim-type";
pub(super) const PROFESSIONAL: Coding = coding(CLAIM_TYPE, "professional", "Professional");
pub(super) const INSTITUTIONAL: Coding = coding(CLAIM_TYPE, "institutional", "Institutional");
pub(super) const PHARMACY: Coding = coding(CLAIM_TYPE, "pharmacy", "Pharmacy");

const STU3_CLAIM_TYPE: &str = "http://hl7.org/fhir/ex-claimtype";
pub(super) const STU3_PROFESSIONAL: Coding =
    coding(STU3_CLAIM_TYPE, "professional", "Professional");
pub(super) const STU3_INSTITUTIONAL: Coding =
    coding(STU3_CLAIM_TYPE, "institutional", "Institutional");
pub(super) const STU3_PHARMACY: Coding = coding(STU3_CLAIM_TYPE, "pharmacy", "Pharmacy");

const IDENTIFIER_TYPE: &str = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBIdentifierType";
const V2_0203: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
pub(super) const UNIQUE_CLAIM: Coding = coding(IDENTIFIER_TYPE, "uc", "Unique Claim ID");
pub(super) const NPI: Coding = coding(IDENTIFIER_TYPE, "npi", "National Provider Identifier");
pub(super) const UPIN: Coding = coding(
    V2_0203,
    "UPIN",
    "Medicare/CMS (formerly HCFA)'s Universal Physician Identification numbers",
);
pub(super) const STU3_NPI: Coding = coding(US_NPI, "NPI", "National Provider Identifier");
/// Identifiers of organisations come without a display.
pub(super) const ORGANIZATION_NPI: Coding = coding(IDENTIFIER_TYPE, "npi", "");
pub(super) const ORGANIZATION_PRN: Coding = coding(V2_0203, "PRN", "");

const STU3_ROLE: &str = "http://hl7.org/fhir/claimcareteamrole";
const STU3_ASSIST: Coding = coding(STU3_ROLE, "assist", "Assisting Provider");
const STU3_OTHER: Coding = coding(STU3_ROLE, "other", "Other");
const STU3_PRIMARY: Coding = coding(STU3_ROLE, "primary", "Primary provider");

const ROLE: &str = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBClaimCareTeamRole";
const fn role(code: &'static str, display: &'static str, stu3: Option<&'static Coding>) -> Role {
    Role {
        r4: coding(ROLE, code, display),
        stu3,
    }
}
pub(super) const ATTENDING: Role = role("attending", "Attending", Some(&STU3_PRIMARY));
pub(super) const OPERATING: Role = role("operating", "Operating", Some(&STU3_ASSIST));
pub(super) const OTHER_OPERATING: Role =
    role("otheroperating", "Other Operating", Some(&STU3_OTHER));
pub(super) const PERFORMING: Role = role("performing", "Performing provider", Some(&STU3_PRIMARY));
pub(super) const PRESCRIBING: Role =
    role("prescribing", "Prescribing provider", Some(&STU3_PRIMARY));
pub(super) const REFERRING: Role = role("referring", "Referring", None);
pub(super) const PRIMARY: Role = Role {
    r4: coding(
        "http://terminology.hl7.org/CodeSystem/claimcareteamrole",
        "primary",
        "Primary provider",
    ),
    stu3: Some(&STU3_PRIMARY),
};

const HL7_DIAGNOSIS: &str = "http://terminology.hl7.org/CodeSystem/ex-diagnosistype";
const C4BB_DIAGNOSIS: &str = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBClaimDiagnosisType";
pub(super) const ADMITTING_DX: Coding = coding(HL7_DIAGNOSIS, "admitting", "Admitting Diagnosis");
pub(super) const PRINCIPAL_DX: Coding = coding(HL7_DIAGNOSIS, "principal", "Principal Diagnosis");
/// Professional claims spell the display of the same code like the code.
pub(super) const PRINCIPAL_DX_LOWER: Coding = coding(HL7_DIAGNOSIS, "principal", "principal");
pub(super) const SECONDARY_DX: Coding = coding(C4BB_DIAGNOSIS, "secondary", "Secondary");
pub(super) const OTHER_DX: Coding = coding(C4BB_DIAGNOSIS, "other", "Other");
pub(super) const REASON_DX: Coding = coding(
    C4BB_DIAGNOSIS,
    "patientreasonforvisit",
    "Patient Reason for Visit",
);
pub(super) const EXTERNAL_DX: Coding = coding(
    C4BB_DIAGNOSIS,
    "externalcauseofinjury",
    "External Cause of Injury",
);

const BLUE_BUTTON_DIAGNOSIS: &str =
    "https://bluebutton.cms.gov/resources/codesystem/diagnosis-type";
pub(super) const STU3_ADMITTING_DX: Coding = coding(
    BLUE_BUTTON_DIAGNOSIS,
    "admitting",
    "The diagnosis given as the reason why the patient was admitted to the hospital.",
);
pub(super) const STU3_PRINCIPAL_DX: Coding = coding(
    BLUE_BUTTON_DIAGNOSIS,
    "principal",
    "The single medical diagnosis that is most relevant to the patient's chief complaint or need for treatment.",
);
pub(super) const STU3_OTHER_DX: Coding = coding(
    BLUE_BUTTON_DIAGNOSIS,
    "other",
    "Required when other conditions coexist or develop subsequently during the treatment",
);
pub(super) const STU3_EXTERNAL_FIRST_DX: Coding = coding(
    BLUE_BUTTON_DIAGNOSIS,
    "external-first",
    "The code used to identify the 1st external cause of injury, poisoning, or other adverse effect.",
);
pub(super) const STU3_EXTERNAL_DX: Coding = coding(
    BLUE_BUTTON_DIAGNOSIS,
    "external",
    "A code used to identify an external cause of injury, poisoning, or other adverse effect.",
);
pub(super) const STU3_REASON_DX: Coding = coding(
    BLUE_BUTTON_DIAGNOSIS,
    "reason-for-visit",
    "A diagnosis code used to identify the patient's reason for the visit.",
);

const HL7_INFO: &str = "http://terminology.hl7.org/CodeSystem/claiminformationcategory";
const C4BB_INFO: &str = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBSupportingInfoType";
pub(super) const INFO: Coding = coding(HL7_INFO, "info", "Information");
pub(super) const ADMISSION_PERIOD: Coding =
    coding(C4BB_INFO, "admissionperiod", "Admission Period");
/// The display is CMS's, not CARIN's "Admission Type".
pub(super) const ADMISSION_TYPE: Coding = coding(C4BB_INFO, "admtype", "Information");
pub(super) const BRAND_GENERIC: Coding = coding(
    C4BB_INFO,
    "brandgenericindicator",
    "Brand Generic Indicator",
);
pub(super) const RECEIVED_DATE: Coding = coding(C4BB_INFO, "clmrecvddate", "Claim Received Date");
pub(super) const COMPOUND_CODE: Coding = coding(C4BB_INFO, "compoundcode", "Compound Code");
pub(super) const DAYS_SUPPLY: Coding = coding(C4BB_INFO, "dayssupply", "Days Supply");
pub(super) const DISCHARGE_STATUS: Coding =
    coding(C4BB_INFO, "discharge-status", "Discharge Status");
pub(super) const REFILL_NUMBER: Coding = coding(C4BB_INFO, "refillnum", "Refill Number");
pub(super) const RX_ORIGIN: Coding = coding(C4BB_INFO, "rxorigincode", "Rx Origin Code");
pub(super) const TYPE_OF_BILL: Coding = coding(C4BB_INFO, "typeofbill", "Type of Bill");

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
pub(super) const DISPENSE_INVOICE: Coding = coding(ACT_CODE, "RXDINV", "Rx dispense invoice");
pub(super) const COMPOUND_INVOICE: Coding = coding(ACT_CODE, "RXCINV", "Rx compound invoice");

const STU3_ACT_CODE: &str = "http://hl7.org/fhir/v3/ActCode";
pub(super) const STU3_DISPENSE_INVOICE: Coding =
    coding(STU3_ACT_CODE, "RXDINV", "Rx dispense invoice");
pub(super) const STU3_COMPOUND_INVOICE: Coding =
    coding(STU3_ACT_CODE, "RXCINV", "Rx compound invoice");

const HL7_ADJUDICATION: &str = "http://terminology.hl7.org/CodeSystem/adjudication";
const C4BB_ADJUDICATION: &str = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudication";
pub(super) const BENEFIT: Coding = coding(HL7_ADJUDICATION, "benefit", "Benefit Amount");
pub(super) const DEDUCTIBLE: Coding = coding(HL7_ADJUDICATION, "deductible", "Deductible");
pub(super) const ELIGIBLE: Coding = coding(HL7_ADJUDICATION, "eligible", "Eligible Amount");
pub(super) const SUBMITTED: Coding = coding(HL7_ADJUDICATION, "submitted", "Submitted Amount");
pub(super) const COINSURANCE: Coding = coding(C4BB_ADJUDICATION, "coinsurance", "Co-insurance");
pub(super) const DISCOUNT: Coding = coding(C4BB_ADJUDICATION, "discount", "Discount");
pub(super) const DRUG_COST: Coding = coding(C4BB_ADJUDICATION, "drugcost", "Drug Cost");
pub(super) const NONCOVERED: Coding = coding(C4BB_ADJUDICATION, "noncovered", "Noncovered");
pub(super) const PAID_BY_PATIENT: Coding =
    coding(C4BB_ADJUDICATION, "paidbypatient", "Paid by patient");
pub(super) const PAID_TO_PATIENT: Coding =
    coding(C4BB_ADJUDICATION, "paidtopatient", "Paid to patient");
pub(super) const PAID_TO_PROVIDER: Coding =
    coding(C4BB_ADJUDICATION, "paidtoprovider", "Paid to provider");
pub(super) const PRIOR_PAYER_PAID: Coding =
    coding(C4BB_ADJUDICATION, "priorpayerpaid", "Prior payer paid");
pub(super) const DENIAL_REASON: Coding = coding(
    "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudicationDiscriminator",
    "denialreason",
    "Denial Reason",
);
pub(super) const OTHER_STATUS: Coding = coding(
    "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBPayerAdjudicationStatus",
    "other",
    "Other",
);

pub(super) const MEDICAL_CARE: Coding = coding(
    "http://terminology.hl7.org/CodeSystem/ex-benefitcategory",
    "1",
    "Medical Care",
);
pub(super) const STU3_MEDICAL: Coding = coding(
    "http://hl7.org/fhir/benefit-category",
    "medical",
    "Medical Health Coverage",
);
