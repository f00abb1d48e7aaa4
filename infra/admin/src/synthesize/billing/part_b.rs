//! Claims of physicians, therapists and laboratories.

use bluebutton::rif::ClaimType;
use bluebutton::rif::Column::*;

use super::super::calendar::plus_days;
use super::super::plan::{Event, PRIMARY_CARE};
use super::super::providers::{GROUP_PRACTICE, Provider};
use super::super::record::{Cents, Fields, Record};
use super::super::tables::services::Service;
use super::ledger::Share;
use super::{Biller, ICD_10, record, total};

/// What physicians charge above what Medicare allows.
const CHARGE_PERCENT: Cents = 165;
/// CMS type of service: diagnostic laboratory.
const LABORATORY_SERVICE: &str = "5";

/// One priced Part B line.
pub(super) struct PricedLine {
    pub(super) service: &'static Service,
    pub(super) share: Share,
    pub(super) submitted: Cents,
}

impl Biller<'_> {
    pub(super) fn services(
        &mut self,
        event: &Event,
        (specialty, place): (&str, &str),
        services: &[&'static Service],
    ) -> Record {
        let lines = self.price(event, services, CHARGE_PERCENT);
        let mut header = self.header(event, ("O", "71"));
        self.part_b_totals(&mut header, event, &lines);
        header
            .text(CARR_NUM, self.person.place.carrier)
            .text(CARR_CLM_RFRNG_PIN_NUM, self.provider(PRIMARY_CARE).pin())
            .text(CARR_CLM_BLG_NPI_NUM, self.provider(GROUP_PRACTICE).npi);
        let performing = self.provider(specialty);
        let lines = (0..).zip(&lines).map(|(position, line)| {
            let mut fields = self.part_b_line(event, position, line);
            self.carrier_line(&mut fields, &performing, line);
            fields
                .text(PRVDR_SPCLTY, specialty)
                .text(LINE_PLACE_OF_SRVC_CD, place);
            fields
        });
        let lines = lines.collect();
        record(ClaimType::Carrier, header, lines)
    }

    pub(super) fn price(
        &mut self,
        event: &Event,
        services: &[&'static Service],
        charge_percent: Cents,
    ) -> Vec<PricedLine> {
        let price = |service: &&'static Service| PricedLine {
            service,
            share: self
                .ledger
                .part_b(event.from, service.allowed, service.free),
            submitted: service.allowed * charge_percent / 100,
        };
        services.iter().map(price).collect()
    }

    /// The header columns that physicians' and suppliers' claims share.
    pub(super) fn part_b_totals(&self, header: &mut Fields, event: &Event, lines: &[PricedLine]) {
        let paid = total(lines, |line| line.share.paid);
        header
            .text(CARR_CLM_ENTRY_CD, "1")
            .text(CLM_DISP_CD, "01")
            .text(CARR_CLM_PMT_DNL_CD, "1")
            .money(CLM_PMT_AMT, paid)
            .text(CARR_CLM_PRVDR_ASGNMT_IND_SW, "A")
            .money(NCH_CLM_PRVDR_PMT_AMT, paid)
            .money(
                NCH_CARR_CLM_SBMTD_CHRG_AMT,
                total(lines, |line| line.submitted),
            )
            .money(
                NCH_CARR_CLM_ALOWD_AMT,
                total(lines, |line| line.share.allowed),
            )
            .money(
                CARR_CLM_CASH_DDCTBL_APLD_AMT,
                total(lines, |line| line.share.deductible),
            )
            .text(RFR_PHYSN_NPI, self.provider(PRIMARY_CARE).npi)
            .number(CARR_CLM_HCPCS_YR_CD, i64::from(event.from.year() % 10))
            .text(CARR_CLM_CNTL_NUM, format!("4{:014}", self.claim_number()))
            .nothing(&[CARR_CLM_PRMRY_PYR_PD_AMT, NCH_CLM_BENE_PMT_AMT]);
    }

    /// The line columns that physicians' and suppliers' claims share. Services of several days stand one day each.
    pub(super) fn part_b_line(&self, event: &Event, position: i64, line: &PricedLine) -> Fields {
        let day = plus_days(event.from, position).min(event.thru);
        let PricedLine {
            service,
            share,
            submitted,
        } = line;
        let mut fields = Fields::default();
        fields
            .number(LINE_NUM, position + 1)
            .text(PRTCPTNG_IND_CD, "1")
            .decimal(LINE_SRVC_CNT, service.units * 10, 1)
            .text(LINE_CMS_TYPE_SRVC_CD, service.kind)
            .date(LINE_1ST_EXPNS_DT, day)
            .date(LINE_LAST_EXPNS_DT, day)
            .text(HCPCS_CD, service.hcpcs)
            .text(HCPCS_1ST_MDFR_CD, service.modifier)
            .text(BETOS_CD, service.betos)
            .text(LINE_NDC_CD, service.ndc)
            .money(LINE_NCH_PMT_AMT, share.paid)
            .money(LINE_PRVDR_PMT_AMT, share.paid)
            .money(LINE_BENE_PTB_DDCTBL_AMT, share.deductible)
            .money(LINE_COINSRNC_AMT, share.coinsurance)
            .money(LINE_SBMTD_CHRG_AMT, *submitted)
            .money(LINE_ALOWD_CHRG_AMT, share.allowed)
            .text(LINE_PRCSG_IND_CD, "A")
            .text(LINE_PMT_80_100_CD, if service.free { "1" } else { "0" })
            .text(
                LINE_SERVICE_DEDUCTIBLE,
                if service.free { "1" } else { "0" },
            )
            .text(LINE_ICD_DGNS_CD, line_diagnosis(event, service))
            .text(LINE_ICD_DGNS_VRSN_CD, ICD_10)
            .nothing(&[LINE_BENE_PMT_AMT, LINE_BENE_PRMRY_PYR_PD_AMT]);
        self.blood_result(&mut fields, service);
        fields
    }

    /// The haemoglobin that a blood count found, in grams per decilitre; zero where nothing was counted.
    fn blood_result(&self, fields: &mut Fields, service: &Service) {
        const BLOOD_COUNT: &str = "85025";
        if service.hcpcs == BLOOD_COUNT {
            let tenths = 112 + i64::try_from(self.claim_number() % 40).expect("below forty");
            fields
                .decimal(LINE_HCT_HGB_RSLT_NUM, tenths, 1)
                .text(LINE_HCT_HGB_TYPE_CD, "R1");
        } else {
            fields.text(LINE_HCT_HGB_RSLT_NUM, "0.0");
        }
    }

    fn carrier_line(&self, fields: &mut Fields, performing: &Provider, line: &PricedLine) {
        let place = self.person.place;
        let laboratory = line.service.kind == LABORATORY_SERVICE;
        fields
            .text(CARR_PRFRNG_PIN_NUM, performing.pin())
            .text(PRF_PHYSN_NPI, &performing.npi)
            .text(ORG_NPI_NUM, self.provider(GROUP_PRACTICE).npi)
            .text(CARR_LINE_PRVDR_TYPE_CD, if laboratory { "4" } else { "1" })
            .text(TAX_NUM, performing.tax_number())
            .text(PRVDR_STATE_CD, place.ssa_state)
            .text(PRVDR_ZIP, format!("{}{:02}", place.zip, place.zip_last.0))
            .text(CARR_LINE_RDCD_PMT_PHYS_ASTN_C, "0")
            .text(CARR_LINE_PRCNG_LCLTY_CD, place.locality)
            .number(CARR_LINE_MTUS_CNT, line.service.units)
            .text(CARR_LINE_MTUS_CD, "3")
            .number(
                CARR_LINE_ANSTHSA_UNIT_CNT,
                if line.service.kind == "7" {
                    line.service.units
                } else {
                    0
                },
            );
        if laboratory {
            fields.text(CARR_LINE_CLIA_LAB_NUM, performing.laboratory_number(place));
        }
    }
}

/// What the line is for: the claim's principal diagnosis, but immunization for a vaccine given on the way.
fn line_diagnosis(event: &Event, service: &Service) -> &'static str {
    const VACCINE: &str = "V";
    const IMMUNIZATION: &str = "Z23";
    if service.kind == VACCINE {
        IMMUNIZATION
    } else {
        event.diagnoses[0]
    }
}
