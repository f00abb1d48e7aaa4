//! Claims of hospitals for stays, and of skilled nursing facilities.

use bluebutton::rif::ClaimType;
use bluebutton::rif::Column::*;

use super::super::calendar::{Period, days_between, plus_days};
use super::super::plan::{ANESTHESIOLOGY, Event, PRIMARY_CARE};
use super::super::providers::{HOSPITAL, NURSING_FACILITY};
use super::super::record::{Cents, Fields, Record, column};
use super::super::tables::facilities::Admission;
use super::{Biller, Facility, ICD_10, is_injury, record, total};

/// What Medicare pays a hospital for a group of weight one, capital included.
const BASE_RATE: Cents = 7_120_00;
/// The parts of it that are for capital: federal rate, low-income share, teaching.
const CAPITAL_PER_THOUSAND: [Cents; 3] = [68, 4, 8];
/// What a day in a nursing facility brings, and what the facility charges for bed and therapies.
const NURSING_DAY: Cents = 582_00;
const NURSING_CHARGES: [(&str, Cents); 4] = [
    ("0120", 640_00),
    ("0250", 48_50),
    ("0420", 182_00),
    ("0430", 164_00),
];
/// From this day on in a nursing facility the person pays coinsurance.
const NURSING_FREE_DAYS: i64 = 20;

impl Biller<'_> {
    pub(super) fn admission(
        &mut self,
        event: &Event,
        admission: &Admission,
        discharged_to: &'static str,
    ) -> Record {
        let facility = Facility {
            near_line: "V",
            claim_type: "60",
            organization: HOSPITAL,
            facility_type: "1",
            classification: "1",
            frequency: "1",
            discharge_status: discharged_to,
        };
        let days = days_between(event.from, event.thru);
        let room = (admission.room.0, admission.room.1 * days);
        let mut lines = vec![self.revenue_line(1, room, days)];
        lines.extend(
            (2..)
                .zip(admission.charges)
                .map(|(number, charge)| self.revenue_line(number, *charge, 1)),
        );
        lines[0].money(REV_CNTR_RATE_AMT, admission.room.1);
        let charged = room.1 + total(admission.charges, |(_, charge)| *charge);
        lines.push(total_charge_line(lines.len(), charged));
        let mut header = self.facility_header(event, &facility);
        stay_columns(&mut header, event, (admission.kind, "1"));
        admission_columns(&mut header, event, admission);
        self.admission_amounts(&mut header, event, admission);
        header.money(CLM_TOT_CHRG_AMT, charged);
        if let Some((surgeon, _)) = admission.surgery {
            header
                .text(OP_PHYSN_NPI, self.provider(surgeon).npi)
                .text(OT_PHYSN_NPI, self.provider(ANESTHESIOLOGY).npi);
        }
        record(ClaimType::Inpatient, header, lines)
    }

    fn admission_amounts(&mut self, header: &mut Fields, event: &Event, admission: &Admission) {
        let price = BASE_RATE * admission.weight / 10_000;
        let deductible = self.ledger.hospital_deductible(event.from, event.thru);
        let [federal, low_income, teaching] =
            CAPITAL_PER_THOUSAND.map(|share| price * share / 1_000);
        header
            .money(CLM_PMT_AMT, price - deductible)
            .money(NCH_BENE_IP_DDCTBL_AMT, deductible)
            .money(NCH_IP_TOT_DDCTN_AMT, deductible)
            .money(CLM_TOT_PPS_CPTL_AMT, federal + low_income + teaching)
            .money(CLM_PPS_CPTL_FSP_AMT, federal)
            .money(CLM_PPS_CPTL_DSPRPRTNT_SHR_AMT, low_income)
            .money(CLM_PPS_CPTL_IME_AMT, teaching)
            .decimal(CLM_PPS_CPTL_DRG_WT_NUM, admission.weight, 4)
            .money(IME_OP_CLM_VAL_AMT, price * 5 / 100)
            .money(DSH_OP_CLM_VAL_AMT, price * 3 / 100)
            .money(CLM_UNCOMPD_CARE_PMT_AMT, price * 2 / 100)
            .nothing(&[
                NCH_BENE_PTA_COINSRNC_LBLTY_AM,
                CLM_PASS_THRU_PER_DIEM_AMT,
                NCH_PROFNL_CMPNT_CHRG_AMT,
                NCH_DRG_OUTLIER_APRVD_PMT_AMT,
            ]);
    }

    pub(super) fn nursing_facility(
        &mut self,
        event: &Event,
        hospital: Period,
        admission: &Admission,
    ) -> Record {
        let facility = Facility {
            near_line: "V",
            claim_type: "20",
            organization: NURSING_FACILITY,
            facility_type: "2",
            classification: "1",
            frequency: "1",
            discharge_status: "06",
        };
        let days = days_between(event.from, event.thru);
        let coinsurance_days = (days - NURSING_FREE_DAYS).max(0);
        let coinsurance =
            coinsurance_days * self.ledger.nursing_day_coinsurance(event.from, event.thru);
        let charged = days * total(&NURSING_CHARGES, |(_, charge)| *charge);
        let mut grouped = self.revenue_line(1, ("0022", 0), days);
        grouped.text(HCPCS_CD, "KAXD1");
        let mut lines = vec![grouped];
        for (number, (center, charge)) in (2..).zip(NURSING_CHARGES) {
            let mut line = self.revenue_line(number, (center, charge * days), days);
            line.money(REV_CNTR_RATE_AMT, charge);
            lines.push(line);
        }
        lines.push(total_charge_line(lines.len(), charged));
        let mut header = self.facility_header(event, &facility);
        stay_columns(&mut header, event, ("3", "4"));
        header
            .money(CLM_PMT_AMT, days * NURSING_DAY - coinsurance)
            .money(CLM_TOT_CHRG_AMT, charged)
            .money(NCH_BENE_PTA_COINSRNC_LBLTY_AM, coinsurance)
            .money(NCH_IP_TOT_DDCTN_AMT, coinsurance)
            .number(BENE_TOT_COINSRNC_DAYS_CNT, coinsurance_days)
            .text(CLM_DRG_CD, admission.group)
            .date(NCH_QLFYD_STAY_FROM_DT, hospital.from)
            .date(NCH_QLFYD_STAY_THRU_DT, hospital.thru)
            .text(ADMTG_DGNS_CD, event.diagnoses[0])
            .text(ADMTG_DGNS_VRSN_CD, ICD_10)
            .nothing(&[
                NCH_BENE_IP_DDCTBL_AMT,
                CLM_PPS_CPTL_FSP_AMT,
                CLM_PPS_CPTL_DSPRPRTNT_SHR_AMT,
                CLM_PPS_CPTL_IME_AMT,
            ]);
        record(ClaimType::Snf, header, lines)
    }

    pub(super) fn revenue_line(
        &self,
        number: usize,
        (center, charge): (&str, Cents),
        units: i64,
    ) -> Fields {
        let mut fields = Fields::default();
        fields
            .text(CLM_LINE_NUM, number.to_string())
            .text(REV_CNTR, center)
            .number(REV_CNTR_UNIT_CNT, units)
            .money(REV_CNTR_RATE_AMT, 0)
            .money(REV_CNTR_TOT_CHRG_AMT, charge)
            .money(REV_CNTR_NCVRD_CHRG_AMT, 0)
            .text(REV_CNTR_DDCTBL_COINSRNC_CD, "0")
            .text(RNDRNG_PHYSN_NPI, self.provider(PRIMARY_CARE).npi);
        fields
    }
}

/// Revenue centre 0001, with which an institutional claim ends: the total of the charges above it.
pub(super) fn total_charge_line(lines: usize, charged: Cents) -> Fields {
    let mut fields = Fields::default();
    fields
        .text(CLM_LINE_NUM, (lines + 1).to_string())
        .text(REV_CNTR, "0001")
        .number(REV_CNTR_UNIT_CNT, 0)
        .money(REV_CNTR_RATE_AMT, 0)
        .money(REV_CNTR_TOT_CHRG_AMT, charged)
        .money(REV_CNTR_NCVRD_CHRG_AMT, 0);
    fields
}

/// The columns that stays in hospitals and nursing facilities share.
fn stay_columns(header: &mut Fields, event: &Event, (kind, source): (&str, &str)) {
    header
        .text(FI_CLM_ACTN_CD, "1")
        .text(CLM_MCO_PD_SW, "0")
        .text(CLM_PPS_IND_CD, "2")
        .date(CLM_ADMSN_DT, event.from)
        .text(CLM_IP_ADMSN_TYPE_CD, kind)
        .text(CLM_SRC_IP_ADMSN_CD, source)
        .text(NCH_PTNT_STATUS_IND_CD, "A")
        .date(NCH_BENE_DSCHRG_DT, event.thru)
        .number(CLM_UTLZTN_DAY_CNT, days_between(event.from, event.thru))
        .number(CLM_NON_UTLZTN_DAYS_CNT, 0)
        .number(NCH_BLOOD_PNTS_FRNSHD_QTY, 0)
        .nothing(&[
            NCH_BENE_BLOOD_DDCTBL_LBLTY_AM,
            NCH_IP_NCVRD_CHRG_AMT,
            CLM_PPS_CPTL_OUTLIER_AMT,
            CLM_PPS_CPTL_EXCPTN_AMT,
            CLM_PPS_OLD_CPTL_HLD_HRMLS_AMT,
        ]);
}

/// The clinical columns of a stay in hospital.
fn admission_columns(header: &mut Fields, event: &Event, admission: &Admission) {
    header
        .text(CLM_DRG_CD, admission.group)
        .text(CLM_DRG_OUTLIER_STAY_CD, "0")
        .text(ADMTG_DGNS_CD, admission.admitting)
        .text(ADMTG_DGNS_VRSN_CD, ICD_10)
        .number(BENE_TOT_COINSRNC_DAYS_CNT, 0)
        .number(BENE_LRD_USED_CNT, 0);
    for number in 1..=event.diagnoses.len() {
        header.text(column(&format!("CLM_POA_IND_SW{number}")), "Y");
    }
    if is_injury(admission.principal) {
        header.text(CLM_E_POA_IND_SW1, "Y");
    }
    for (number, code) in (1..).zip(admission.procedures) {
        let day = plus_days(event.from, number.min(days_between(event.from, event.thru)));
        header
            .text(column(&format!("ICD_PRCDR_CD{number}")), *code)
            .text(column(&format!("ICD_PRCDR_VRSN_CD{number}")), ICD_10)
            .date(column(&format!("PRCDR_DT{number}")), day);
    }
}
