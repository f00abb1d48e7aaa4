//! Part D events.

use bluebutton::rif::ClaimType;
use bluebutton::rif::Column::*;
use jiff::civil::Date;

use super::super::calendar::plus_days;
use super::super::plan::PRIMARY_CARE;
use super::super::providers::PHARMACY;
use super::super::record::{Fields, Record};
use super::super::tables::drugs::{Class, Drug};
use super::{Biller, FIRST_CLAIM_ID, FIRST_GROUP_ID, record};

/// Plans report an event within so many days.
const DAYS_TO_PAY: i64 = 6;

impl Biller<'_> {
    pub(super) fn prescription(
        &mut self,
        day: Date,
        drug: &Drug,
        (fill, therapy_change): (i64, bool),
    ) -> Record {
        let number = self.claim_number();
        let (contract, package) = self.person.drug_contract(day);
        let brand = matches!(drug.class, Class::Brand | Class::Specialty);
        let mut event = Fields::default();
        event
            .text(DML_IND, "INSERT")
            .text(PDE_ID, format!("-{}", FIRST_CLAIM_ID + number))
            .text(CLM_GRP_ID, format!("-{}", FIRST_GROUP_ID + number))
            .text(FINAL_ACTION, "F")
            .text(BENE_ID, &self.person.id)
            .date(SRVC_DT, day)
            .date(PD_DT, plus_days(day, DAYS_TO_PAY))
            .text(SRVC_PRVDR_ID_QLFYR_CD, "01")
            .text(SRVC_PRVDR_ID, self.provider(PHARMACY).npi)
            .text(PRSCRBR_ID_QLFYR_CD, "01")
            .text(PRSCRBR_ID, self.provider(PRIMARY_CARE).npi)
            .text(RX_SRVC_RFRNC_NUM, number.to_string())
            .text(PROD_SRVC_ID, drug.ndc)
            .text(PLAN_CNTRCT_REC_ID, contract)
            .text(PLAN_PBP_REC_NUM, package)
            .text(CMPND_CD, "1")
            .text(DAW_PROD_SLCTN_CD, "0")
            .decimal(QTY_DSPNSD_NUM, drug.quantity * 1_000, 3)
            .number(DAYS_SUPLY_NUM, drug.days)
            .number(FILL_NUM, fill)
            .text(DRUG_CVRG_STUS_CD, "C")
            .text(RX_ORGN_CD, "3")
            .text(BRND_GNRC_CD, if brand { "B" } else { "G" })
            .text(PHRMCY_SRVC_TYPE_CD, pharmacy_type(drug))
            .text(PTNT_RSDNC_CD, "01")
            .text(SUBMSN_CLR_CD, if therapy_change { "05" } else { "" });
        self.drug_cost(&mut event, day, drug);
        record(ClaimType::Pde, event, Vec::new())
    }

    fn drug_cost(&mut self, event: &mut Fields, day: Date, drug: &Drug) {
        // Prices rise by about three per cent a year.
        let years = i64::from(day.year()) - 2022;
        let cost = drug.cost + drug.cost * 3 * years / 100;
        let share = self.ledger.drug(day, drug, cost, self.person.medicaid);
        let (below, above) = if share.catastrophic {
            (0, share.cost)
        } else {
            (share.cost, 0)
        };
        event
            .text(CTSTRPHC_CVRG_CD, if share.catastrophic { "C" } else { "" })
            .money(GDC_BLW_OOPT_AMT, below)
            .money(GDC_ABV_OOPT_AMT, above)
            .money(PTNT_PAY_AMT, share.patient)
            .money(LICS_AMT, share.low_income_subsidy)
            .money(CVRD_D_PLAN_PD_AMT, share.plan)
            .money(TOT_RX_CST_AMT, share.cost)
            .money(RPTD_GAP_DSCNT_NUM, share.gap_discount)
            .nothing(&[OTHR_TROOP_AMT, PLRO_AMT, NCVRD_PLAN_PD_AMT]);
    }
}

/// Community pharmacy, mail order for long supplies, specialty pharmacy for the dearest drugs.
fn pharmacy_type(drug: &Drug) -> &'static str {
    match drug.class {
        Class::Specialty => "08",
        _ if drug.days > 34 => "06",
        _ => "01",
    }
}
