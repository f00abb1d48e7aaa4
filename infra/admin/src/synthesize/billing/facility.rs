//! Claims of hospitals, skilled nursing facilities, home health agencies and hospices.

use bluebutton::rif::ClaimType;
use bluebutton::rif::Column::*;
use jiff::civil::Date;

use super::super::calendar::{Period, days_between, plus_days};
use super::super::plan::{ANESTHESIOLOGY, Event, PRIMARY_CARE};
use super::super::providers::{HOME_HEALTH_AGENCY, HOSPICE, HOSPITAL, NURSING_FACILITY};
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
/// What thirty days of home health bring.
const HOME_HEALTH_PERIOD: Cents = 1_986_40;
/// Home visits: revenue centre, HCPCS, charge, and on which days of a period.
const HOME_VISITS: [(&str, &str, Cents, &[i64]); 3] = [
    ("0551", "G0299", 210_00, &[0, 4, 9, 16, 23]),
    ("0421", "G0151", 195_00, &[1, 5, 8, 12, 15, 19]),
    ("0571", "G0156", 96_00, &[2, 7, 14, 21]),
];
/// What a day of hospice at home brings, for the first sixty days and after.
const HOSPICE_DAY: [Cents; 2] = [218_30, 172_60];
const HOSPICE_HIGH_RATE_DAYS: i64 = 60;

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

    pub(super) fn home_health(&mut self, event: &Event, since: Date, last: bool) -> Record {
        let facility = Facility {
            near_line: "V",
            claim_type: "10",
            organization: HOME_HEALTH_AGENCY,
            facility_type: "3",
            classification: "2",
            frequency: "9",
            discharge_status: if last { "01" } else { "30" },
        };
        let days = days_between(event.from, event.thru);
        let mut grouped = self.home_health_line(1, event.from, ("0023", "2FC21", 0));
        grouped
            .text(REV_CNTR_APC_HIPPS_CD, "2FC21")
            .money(REV_CNTR_PMT_AMT_AMT, HOME_HEALTH_PERIOD);
        let mut lines = vec![grouped];
        let mut charged = 0;
        for (center, hcpcs, charge, visits) in HOME_VISITS {
            for day in visits.iter().filter(|day| **day <= days) {
                let number = lines.len() + 1;
                lines.push(self.home_health_line(
                    number,
                    plus_days(event.from, *day),
                    (center, hcpcs, charge),
                ));
                charged += charge;
            }
        }
        let visits = lines.len() - 1;
        let mut sum = total_charge_line(lines.len(), charged);
        sum.nothing(&[REV_CNTR_PMT_AMT_AMT]);
        lines.push(sum);
        let mut header = self.facility_header(event, &facility);
        header
            .money(CLM_PMT_AMT, HOME_HEALTH_PERIOD)
            .money(CLM_TOT_CHRG_AMT, charged)
            .text(CLM_PPS_IND_CD, "2")
            .text(CLM_HHA_RFRL_CD, "4")
            .text(CLM_HHA_TOT_VISIT_CNT, visits.to_string())
            .date(CLM_ADMSN_DT, since);
        record(ClaimType::Hha, header, lines)
    }

    fn home_health_line(
        &self,
        number: usize,
        day: Date,
        (center, hcpcs, charge): (&str, &str, Cents),
    ) -> Fields {
        let mut fields = self.revenue_line(number, (center, charge), 1);
        fields
            .date(REV_CNTR_DT, day)
            .text(HCPCS_CD, hcpcs)
            .text(HCPCS_1ST_MDFR_CD, if center == "0421" { "GP" } else { "" })
            .text(REV_CNTR_PMT_MTHD_IND_CD, "0")
            .text(REV_CNTR_STUS_IND_CD, "A")
            .nothing(&[REV_CNTR_PMT_AMT_AMT]);
        fields
    }

    pub(super) fn hospice(&mut self, event: &Event, since: Date, last: bool) -> Record {
        let facility = Facility {
            near_line: "V",
            claim_type: "50",
            organization: HOSPICE,
            facility_type: "8",
            classification: "1",
            frequency: match (event.from == since, last) {
                (true, true) => "1",
                (true, false) => "2",
                (false, false) => "3",
                (false, true) => "4",
            },
            discharge_status: if last { "40" } else { "30" },
        };
        let days = days_between(event.from, event.thru) + 1;
        let rates = (0..days).map(|day| {
            let early = days_between(since, plus_days(event.from, day)) < HOSPICE_HIGH_RATE_DAYS;
            HOSPICE_DAY[usize::from(!early)]
        });
        let paid: Cents = rates.sum();
        let home = self.hospice_line(1, event.from, ("0651", "Q5001", paid), days);
        let nurse = self.hospice_line(2, event.from, ("0551", "G0299", 0), days / 3 + 1);
        let aide = self.hospice_line(3, event.from, ("0571", "G0156", 0), days / 2 + 1);
        let mut sum = total_charge_line(3, paid);
        sum.nothing(&[
            REV_CNTR_PRVDR_PMT_AMT,
            REV_CNTR_BENE_PMT_AMT,
            REV_CNTR_PMT_AMT_AMT,
        ]);
        let mut header = self.facility_header(event, &facility);
        header
            .money(CLM_PMT_AMT, paid)
            .money(CLM_TOT_CHRG_AMT, paid)
            .text(NCH_PTNT_STATUS_IND_CD, if last { "B" } else { "C" })
            .number(CLM_UTLZTN_DAY_CNT, days)
            .date(CLM_HOSPC_START_DT_ID, since)
            .number(BENE_HOSPC_PRD_CNT, 1);
        if last {
            header.date(NCH_BENE_DSCHRG_DT, event.thru);
        }
        record(ClaimType::Hospice, header, vec![home, nurse, aide, sum])
    }

    fn hospice_line(
        &self,
        number: usize,
        day: Date,
        (center, hcpcs, paid): (&str, &str, Cents),
        units: i64,
    ) -> Fields {
        let mut fields = self.revenue_line(number, (center, paid), units);
        fields
            .date(REV_CNTR_DT, day)
            .text(HCPCS_CD, hcpcs)
            .money(REV_CNTR_PRVDR_PMT_AMT, paid)
            .money(REV_CNTR_PMT_AMT_AMT, paid)
            .nothing(&[REV_CNTR_BENE_PMT_AMT]);
        fields
    }

    fn revenue_line(&self, number: usize, (center, charge): (&str, Cents), units: i64) -> Fields {
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
