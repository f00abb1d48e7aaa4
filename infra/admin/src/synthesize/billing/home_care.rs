//! Claims of home health agencies and hospices.

use bluebutton::rif::ClaimType;
use bluebutton::rif::Column::*;
use jiff::civil::Date;

use super::super::calendar::{days_between, plus_days};
use super::super::plan::Event;
use super::super::providers::{HOME_HEALTH_AGENCY, HOSPICE};
use super::super::record::{Cents, Fields, Record};
use super::hospital::total_charge_line;
use super::{Biller, Facility, record, total};

/// What thirty days of home health bring.
const HOME_HEALTH_PERIOD: Cents = 1_986_40;
/// Kinds of home visits: revenue centre, HCPCS, charge.
const NURSE: (&str, &str, Cents) = ("0551", "G0299", 210_00);
const THERAPIST: (&str, &str, Cents) = ("0421", "G0151", 195_00);
const AIDE: (&str, &str, Cents) = ("0571", "G0156", 96_00);
/// Who comes on which day of a period.
const HOME_VISITS: [(i64, (&str, &str, Cents)); 15] = [
    (0, NURSE),
    (1, THERAPIST),
    (2, AIDE),
    (4, NURSE),
    (5, THERAPIST),
    (7, AIDE),
    (8, THERAPIST),
    (9, NURSE),
    (12, THERAPIST),
    (14, AIDE),
    (15, THERAPIST),
    (16, NURSE),
    (19, THERAPIST),
    (21, AIDE),
    (23, NURSE),
];
/// What a day of hospice at home brings, for the first sixty days and after.
const HOSPICE_DAY: [Cents; 2] = [218_30, 172_60];
const HOSPICE_HIGH_RATE_DAYS: i64 = 60;

impl Biller<'_> {
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
        let mut grouped = self.home_health_line(1, event.from, ("0023", "2FC21", 0));
        grouped
            .text(REV_CNTR_APC_HIPPS_CD, "2FC21")
            .money(REV_CNTR_PMT_AMT_AMT, HOME_HEALTH_PERIOD);
        let mut lines = vec![grouped];
        for (number, (day, visit)) in (2..).zip(HOME_VISITS) {
            lines.push(self.home_health_line(number, plus_days(event.from, day), visit));
        }
        let visits = HOME_VISITS.len();
        let charged = total(&HOME_VISITS, |(_, (_, _, charge))| *charge);
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
            .text(
                HCPCS_1ST_MDFR_CD,
                if center == THERAPIST.0 { "GP" } else { "" },
            )
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
}
