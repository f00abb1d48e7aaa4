//! Claims of suppliers of durable medical equipment.

use bluebutton::rif::ClaimType;
use bluebutton::rif::Column::*;

use super::super::plan::Event;
use super::super::record::{Cents, Fields, Record};
use super::super::tables::services::Service;
use super::part_b::PricedLine;
use super::{Biller, record};

/// What suppliers charge above what Medicare allows.
const CHARGE_PERCENT: Cents = 140;
/// CMS place of service: the person's home.
const HOME: &str = "12";

impl Biller<'_> {
    pub(super) fn equipment(
        &mut self,
        event: &Event,
        supplier: &str,
        items: &[&'static Service],
    ) -> Record {
        let lines = self.price(event, items, CHARGE_PERCENT);
        let mut header = self.header(event, ("M", "82"));
        self.part_b_totals(&mut header, event, &lines);
        header.text(CARR_NUM, self.person.place.equipment_carrier);
        // All items are delivered on one day.
        let lines = (0..).zip(&lines).map(|(position, line)| {
            let mut fields = self.part_b_line(event, position, line);
            self.equipment_line(&mut fields, supplier, line);
            fields
        });
        let lines = lines.collect();
        record(ClaimType::Dme, header, lines)
    }

    fn equipment_line(&self, fields: &mut Fields, supplier: &str, line: &PricedLine) {
        let place = self.person.place;
        let provider = self.provider(supplier);
        fields
            .text(TAX_NUM, provider.tax_number())
            .text(PRVDR_SPCLTY, supplier)
            .text(LINE_PLACE_OF_SRVC_CD, HOME)
            .money(LINE_PRMRY_ALOWD_CHRG_AMT, 0)
            .money(
                LINE_DME_PRCHS_PRICE_AMT,
                if line.service.kind == "P" {
                    line.share.allowed
                } else {
                    0
                },
            )
            .text(PRVDR_NUM, &provider.npi)
            .text(PRVDR_NPI, &provider.npi)
            .text(DMERC_LINE_PRCNG_STATE_CD, place.ssa_state)
            .text(PRVDR_STATE_CD, place.ssa_state)
            .text(DMERC_LINE_SUPPLR_TYPE_CD, "3")
            .number(DMERC_LINE_MTUS_CNT, line.service.units)
            .text(DMERC_LINE_MTUS_CD, "3")
            .nothing(&[DMERC_LINE_SCRN_SVGS_AMT]);
    }
}
