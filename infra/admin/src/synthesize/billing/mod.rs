//! Bills: each event becomes one claim, with amounts that add up.

// Amounts are cents; the last group of their digits stands where people expect the cents.
#![allow(clippy::inconsistent_digit_grouping)]

mod equipment;
mod home_care;
mod hospital;
mod ledger;
mod outpatient;
mod part_b;
mod pharmacy;

use bluebutton::rif::Column::*;
use bluebutton::rif::{ClaimType, FileType};

use self::ledger::Ledger;
use super::calendar::{plus_days, weekly_processing};
use super::person::Person;
use super::plan::{Care, Event};
use super::providers::Provider;
use super::record::{Cents, Fields, Record, column};

/// Writes a person's bills, in order of time, because deductibles are used up on the way.
pub(super) struct Biller<'a> {
    person: &'a Person,
    ledger: Ledger,
    count: u64,
}

/// How many claims a person may have before ids of two people could meet.
const CLAIMS_PER_PERSON_MAX: u64 = 10_000;
/// Ids begin here, so that they are as long as CMS's.
const FIRST_CLAIM_ID: u64 = 10_000_000_000_000;
const FIRST_GROUP_ID: u64 = 50_000_000_000_000;

impl<'a> Biller<'a> {
    /// A biller for this person.
    pub(super) fn new(person: &'a Person) -> Self {
        Self {
            person,
            ledger: Ledger::default(),
            count: 0,
        }
    }

    /// The claim for what happened.
    pub(super) fn bill(&mut self, event: &Event) -> Record {
        self.count += 1;
        match &event.care {
            Care::Services {
                specialty,
                place,
                services,
            } => self.services(event, (specialty, place), services),
            Care::Equipment { supplier, items } => self.equipment(event, supplier, items),
            Care::Admission {
                admission,
                discharged_to,
            } => self.admission(event, admission, discharged_to),
            Care::NursingFacility {
                hospital,
                admission,
            } => self.nursing_facility(event, *hospital, admission),
            Care::HomeHealth { since, last } => self.home_health(event, *since, *last),
            Care::Hospice { since, last } => self.hospice(event, *since, *last),
            Care::Department(department) => self.department(event, department),
            Care::Prescription {
                drug,
                fill,
                therapy_change,
            } => self.prescription(event.from, drug, (*fill, *therapy_change)),
        }
    }

    /// A number of this claim that no other claim has.
    fn claim_number(&self) -> u64 {
        debug_assert!(self.count < CLAIMS_PER_PERSON_MAX);
        u64::from(self.person.number) * CLAIMS_PER_PERSON_MAX + self.count
    }

    fn provider(&self, kind: &str) -> Provider {
        Provider::of(self.person.place, kind, self.person.number)
    }

    /// The columns that all claims but Part D events begin with.
    fn header(&self, event: &Event, (near_line, claim_type): (&str, &str)) -> Fields {
        let number = self.claim_number();
        let mut header = Fields::default();
        header
            .text(DML_IND, "INSERT")
            .text(BENE_ID, &self.person.id)
            .text(CLM_ID, format!("-{}", FIRST_CLAIM_ID + number))
            .text(CLM_GRP_ID, format!("-{}", FIRST_GROUP_ID + number))
            .text(FINAL_ACTION, "F")
            .text(NCH_NEAR_LINE_REC_IDENT_CD, near_line)
            .text(NCH_CLM_TYPE_CD, claim_type)
            .date(CLM_FROM_DT, event.from)
            .date(CLM_THRU_DT, event.thru)
            .date(NCH_WKLY_PROC_DT, weekly_processing(event.thru));
        diagnoses(&mut header, &event.diagnoses);
        header
    }

    /// The columns that all institutional claims share.
    fn facility_header(&self, event: &Event, facility: &Facility) -> Fields {
        let mut header = self.header(event, (facility.near_line, facility.claim_type));
        let place = self.person.place;
        let organization = self.provider(facility.organization);
        header
            .date(FI_CLM_PROC_DT, plus_days(weekly_processing(event.thru), -4))
            .text(CLAIM_QUERY_CODE, "3")
            .text(
                PRVDR_NUM,
                organization.certification(place, facility.organization),
            )
            .text(CLM_FAC_TYPE_CD, facility.facility_type)
            .text(CLM_SRVC_CLSFCTN_TYPE_CD, facility.classification)
            .text(CLM_FREQ_CD, facility.frequency)
            .text(FI_NUM, place.carrier)
            .text(PRVDR_STATE_CD, place.ssa_state)
            .text(ORG_NPI_NUM, organization.npi)
            .text(AT_PHYSN_NPI, self.provider(super::plan::PRIMARY_CARE).npi)
            .text(PTNT_DSCHRG_STUS_CD, facility.discharge_status)
            .text(FI_DOC_CLM_CNTL_NUM, format!("3{:014}", self.claim_number()))
            .nothing(&[NCH_PRMRY_PYR_CLM_PD_AMT]);
        external_cause(&mut header, event);
        header
    }
}

/// What tells kinds of institutional claims apart.
struct Facility {
    near_line: &'static str,
    claim_type: &'static str,
    organization: &'static str,
    facility_type: &'static str,
    classification: &'static str,
    frequency: &'static str,
    discharge_status: &'static str,
}

fn record(claim_type: ClaimType, header: Fields, lines: Vec<Fields>) -> Record {
    Record {
        file: FileType::Claim(claim_type),
        header,
        lines,
    }
}

fn diagnoses(header: &mut Fields, codes: &[&str]) {
    let Some(principal) = codes.first() else {
        return;
    };
    header
        .text(PRNCPAL_DGNS_CD, *principal)
        .text(PRNCPAL_DGNS_VRSN_CD, ICD_10);
    for (code, number) in codes.iter().zip(1..) {
        header
            .text(column(&format!("ICD_DGNS_CD{number}")), *code)
            .text(column(&format!("ICD_DGNS_VRSN_CD{number}")), ICD_10);
    }
}

/// How an injury came about: here always by a fall, with the encounter (initial or subsequent) of the injury's own
/// code.
fn external_cause(header: &mut Fields, event: &Event) {
    let injury = event.diagnoses.iter().find(|code| is_injury(code));
    if let Some(encounter) = injury.and_then(|code| code.chars().last()) {
        let cause = format!("W1830X{encounter}");
        header
            .each(&[FST_DGNS_E_CD, ICD_DGNS_E_CD1], &cause)
            .each(&[FST_DGNS_E_VRSN_CD, ICD_DGNS_E_VRSN_CD1], ICD_10);
    }
}

/// Injuries have their own chapter of ICD-10-CM, and want a cause beside them.
fn is_injury(diagnosis: &str) -> bool {
    diagnosis.starts_with('S')
}

/// ICD version code for the tenth revision.
const ICD_10: &str = "0";

/// Adds up one amount of all lines.
fn total<T>(lines: &[T], amount: impl Fn(&T) -> Cents) -> Cents {
    lines.iter().map(amount).sum()
}
