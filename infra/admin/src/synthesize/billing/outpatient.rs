//! Claims of hospitals' outpatient departments.

use bluebutton::rif::ClaimType;
use bluebutton::rif::Column::*;

use super::super::plan::{Event, PRIMARY_CARE};
use super::super::providers::HOSPITAL;
use super::super::record::{Fields, Record};
use super::super::tables::facilities::{Department, DepartmentLine};
use super::hospital::total_charge_line;
use super::ledger::Share;
use super::{Biller, Facility, ICD_10, record, total};

static OUTPATIENT: Facility = Facility {
    near_line: "W",
    claim_type: "40",
    organization: HOSPITAL,
    facility_type: "1",
    classification: "3",
    frequency: "1",
    discharge_status: "01",
};

/// Amounts of an outpatient line that are always there and here always zero.
const UNUSED: [bluebutton::rif::Column; 5] = [
    REV_CNTR_BLOOD_DDCTBL_AMT,
    REV_CNTR_1ST_MSP_PD_AMT,
    REV_CNTR_2ND_MSP_PD_AMT,
    REV_CNTR_BENE_PMT_AMT,
    REV_CNTR_NCVRD_CHRG_AMT,
];

impl Biller<'_> {
    pub(super) fn department(&mut self, event: &Event, department: &Department) -> Record {
        let share = |line: &DepartmentLine| self.ledger.part_b(event.from, line.allowed, line.free);
        let shares: Vec<Share> = department.lines.iter().map(share).collect();
        let paid = total(&shares, |share| share.paid);
        let charged = total(department.lines, |line| line.charge);
        let physician = self.provider(
            department
                .physician
                .map_or(PRIMARY_CARE, |(specialty, _)| specialty),
        );
        let mut header = self.facility_header(event, &OUTPATIENT);
        header
            .money(CLM_PMT_AMT, paid)
            .money(CLM_OP_PRVDR_PMT_AMT, paid)
            .money(CLM_TOT_CHRG_AMT, charged)
            .money(
                NCH_BENE_PTB_DDCTBL_AMT,
                total(&shares, |share| share.deductible),
            )
            .money(
                NCH_BENE_PTB_COINSRNC_AMT,
                total(&shares, |share| share.coinsurance),
            )
            .text(OP_PHYSN_NPI, &physician.npi)
            .text(CLM_MCO_PD_SW, "0")
            .text(RSN_VISIT_CD1, event.diagnoses[0])
            .text(RSN_VISIT_VRSN_CD1, ICD_10)
            .nothing(&[
                NCH_BENE_BLOOD_DDCTBL_LBLTY_AM,
                NCH_PROFNL_CMPNT_CHRG_AMT,
                CLM_OP_BENE_PMT_AMT,
            ]);
        let lines = (1..).zip(department.lines.iter().zip(&shares));
        let mut lines: Vec<Fields> = lines
            .map(|(number, (line, share))| {
                let mut fields = department_line(number, line, share);
                fields
                    .date(REV_CNTR_DT, event.from)
                    .text(RNDRNG_PHYSN_NPI, &physician.npi);
                fields
            })
            .collect();
        lines.push(outpatient_total(lines.len(), charged));
        record(ClaimType::Outpatient, header, lines)
    }
}

fn department_line(number: i64, line: &DepartmentLine, share: &Share) -> Fields {
    let packaged = line.status == "N";
    let mut fields = Fields::default();
    fields
        .number(CLM_LINE_NUM, number)
        .text(REV_CNTR, line.revenue_center)
        .text(REV_CNTR_APC_HIPPS_CD, line.payment_class)
        .text(HCPCS_CD, line.hcpcs)
        .text(HCPCS_1ST_MDFR_CD, line.modifier)
        .text(REV_CNTR_PMT_MTHD_IND_CD, payment_method(line.status))
        .text(REV_CNTR_PACKG_IND_CD, if packaged { "1" } else { "0" })
        .number(REV_CNTR_UNIT_CNT, 1)
        .money(REV_CNTR_RATE_AMT, share.allowed)
        .money(REV_CNTR_CASH_DDCTBL_AMT, share.deductible)
        .money(REV_CNTR_COINSRNC_WGE_ADJSTD_C, share.coinsurance)
        .money(REV_CNTR_RDCD_COINSRNC_AMT, 0)
        .money(REV_CNTR_PRVDR_PMT_AMT, share.paid)
        .money(
            REV_CNTR_PTNT_RSPNSBLTY_PMT,
            share.deductible + share.coinsurance,
        )
        .money(REV_CNTR_PMT_AMT_AMT, share.paid)
        .money(REV_CNTR_TOT_CHRG_AMT, line.charge)
        .text(REV_CNTR_STUS_IND_CD, line.status)
        .nothing(&UNUSED);
    // What the charge exceeds the price by is a contractual obligation of the hospital's own.
    if !packaged {
        fields.text(REV_CNTR_1ST_ANSI_CD, "CO45");
    }
    if let Some((code, millilitres)) = line.drug {
        fields
            .text(REV_CNTR_IDE_NDC_UPC_NUM, code)
            .number(REV_CNTR_NDC_QTY, millilitres)
            .text(REV_CNTR_NDC_QTY_QLFR_CD, "ML");
    }
    fields
}

/// How Medicare pays a line of that OPPS status.
fn payment_method(status: &str) -> &'static str {
    match status {
        "A" => "2",
        "N" => "9",
        _ => "1",
    }
}

fn outpatient_total(lines: usize, charged: super::Cents) -> Fields {
    let mut fields = total_charge_line(lines, charged);
    fields.nothing(&UNUSED[..4]).nothing(&[
        REV_CNTR_CASH_DDCTBL_AMT,
        REV_CNTR_COINSRNC_WGE_ADJSTD_C,
        REV_CNTR_RDCD_COINSRNC_AMT,
        REV_CNTR_PRVDR_PMT_AMT,
        REV_CNTR_PTNT_RSPNSBLTY_PMT,
        REV_CNTR_PMT_AMT_AMT,
    ]);
    fields
}
