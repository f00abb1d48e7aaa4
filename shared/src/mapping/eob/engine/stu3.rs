//! What only STU3 has: the order of its elements, and those that R4 writes otherwise.

use std::borrow::Cow;

use uuid::Uuid;

use super::care_team::npi_reference;
use super::icd::Procedures;
use super::part::Part;
use super::{Engine, elements, item};
use crate::fhir::json::Writer;
use crate::mapping::eob::plan::Element;
use crate::mapping::eob::rule::Target;
use crate::mapping::eob::terms::STU3_MEDICAL;

impl Engine<'_> {
    pub(super) fn stu3_document(&self, w: &mut Writer) {
        w.key("meta");
        w.object(|w| {
            w.key("lastUpdated");
            w.instant(self.context.last_updated);
        });
        w.array_unless_empty("contained", |w| self.stu3_contained(w));
        w.array_unless_empty("extension", |w| self.claim.extensions(w));
        w.array_unless_empty("identifier", |w| self.identifiers(w));
        w.text("status", self.status());
        self.types(w);
        w.object_unless_empty("patient", |w| {
            elements::reference(w, &["Patient/", &self.patient]);
        });
        w.object_unless_empty("billablePeriod", |w| self.billable_period(w));
        w.object_unless_empty("provider", |w| self.provider(w));
        w.object_unless_empty("organization", |w| self.place_of_care(w));
        w.object_unless_empty("referral", |w| self.referral_reference(w));
        w.object_unless_empty("facility", |w| self.facility(w));
        self.disposition(w);
        w.array_unless_empty("information", |w| {
            self.claim_infos(w);
        });
        w.array_unless_empty("careTeam", |w| self.care_team.write(w, self.context));
        w.array_unless_empty("diagnosis", |w| self.diagnoses.write(w, self.kind));
        w.array_unless_empty("procedure", |w| Procedures::gather(&self.claim).write(w));
        if !self.patient.is_empty() {
            w.key("insurance");
            w.object(|w| self.coverage(w, self.kind.stu3.coverage));
        }
        w.object_unless_empty("hospitalization", |w| self.hospitalization(w));
        w.array_unless_empty("item", |w| {
            for (at, line) in self.lines.iter().enumerate() {
                w.object(|w| self.stu3_item(w, at, line));
            }
        });
        self.total_cost(w);
        w.object_unless_empty("payment", |w| self.payment(w));
        w.array_unless_empty("benefitBalance", |w| {
            self.benefit_balance(w, &STU3_MEDICAL);
        });
    }

    fn stu3_contained(&self, w: &mut Writer) {
        if let Some(npi) = self.referrer() {
            w.object(|w| self.referral_request(w, &npi));
        }
        for (at, line) in self.lines.iter().enumerate() {
            line.observation(w, || contained_id(at + 1));
        }
    }

    fn referral_request(&self, w: &mut Writer, npi: &str) {
        w.raw(r#""resourceType":"ReferralRequest""#);
        w.text("id", &contained_id(REFERRAL));
        w.raw(r#""status":"completed""#);
        w.object_unless_empty("subject", |w| {
            elements::reference(w, &["Patient/", &self.patient]);
        });
        w.key("requester");
        w.object(|w| {
            w.key("agent");
            w.object(|w| npi_reference(w, npi, self.context));
        });
        w.key("recipient");
        w.array(|w| w.object(|w| npi_reference(w, npi, self.context)));
    }

    fn referral_reference(&self, w: &mut Writer) {
        if self.referrer().is_some() {
            elements::reference(w, &["#", &contained_id(REFERRAL)]);
        }
    }

    fn referrer(&self) -> Option<Cow<'_, str>> {
        self.claim
            .rules(Element::Referral)
            .find_map(|(rule, target)| match target {
                Target::Referral(_) => self.claim.text(rule.column),
                _ => None,
            })
    }

    fn hospitalization(&self, w: &mut Writer) {
        w.array_unless_empty("extension", |w| {
            for step in self.claim.steps(Element::Hospitalization) {
                if let Target::HospitalizationExtension(form) = step.target {
                    self.claim.extension(w, step, form);
                }
            }
        });
        for (rule, target) in self.claim.rules(Element::Hospitalization) {
            match target {
                Target::HospitalizationStart => self.claim.date(w, "start", rule.column),
                Target::HospitalizationEnd => self.claim.date(w, "end", rule.column),
                _ => {}
            }
        }
    }

    fn total_cost(&self, w: &mut Writer) {
        for (rule, target) in self.claim.rules(Element::TotalCost) {
            if matches!(target, Target::TotalCost)
                && let Some(amount) = self.claim.number(rule)
            {
                w.key("totalCost");
                elements::money(w, self.context.version, amount);
            }
        }
    }

    fn stu3_item(&self, w: &mut Writer, at: usize, line: &Part) {
        w.array_unless_empty("extension", |w| {
            line.extensions(w);
            line.observation_extension(w, || contained_id(at + 1));
            self.drug_extension(w, line);
        });
        w.key("sequence");
        w.unsigned(line.sequence(at));
        item::sequences(w, "careTeamLinkId", self.care_team.of_line(at));
        item::sequences(w, "diagnosisLinkId", self.diagnoses.of_line(at));
        line.object(w, "revenue", Element::Revenue, |w| line.revenue(w));
        line.object(w, "category", Element::ItemCategory, |w| line.category(w));
        w.object_unless_empty("service", |w| {
            line.array(w, "extension", Element::ProductExtension, |w| {
                line.service_extensions(w);
            });
            w.array_unless_empty("coding", |w| self.product(w, line));
        });
        line.array(w, "modifier", Element::Modifier, |w| {
            self.modifiers(w, line)
        });
        line.serviced(w);
        line.object(w, "locationCodeableConcept", Element::Place, |w| {
            line.place(w)
        });
        self.claim
            .object(w, "locationAddress", Element::State, |w| self.state(w));
        line.quantity(w);
        w.array_unless_empty("adjudication", |w| line.adjudications(w));
        line.array(w, "detail", Element::Detail, |w| line.details(w));
    }
}

impl Part<'_> {
    fn observation_extension(&self, w: &mut Writer, id: impl FnOnce() -> String) {
        if let Some((_, step)) = self.measured() {
            w.raw(step.head);
            w.escaped(&id());
            w.append(r#""}}"#);
        }
    }

    fn service_extensions(&self, w: &mut Writer) {
        for step in self.steps(Element::ProductExtension) {
            if let Target::ProductExtension(form) = step.target {
                self.extension(w, step, form);
            }
        }
    }

    fn details(&self, w: &mut Writer) {
        for (rule, target) in self.rules(Element::Detail) {
            let Target::DetailType(codings) = target else {
                continue;
            };
            let Some(code) = self.text(rule.column) else {
                continue;
            };
            for (_, coding) in codings.iter().filter(|(known, _)| *known == code) {
                w.object(|w| {
                    w.key("type");
                    elements::concept(w, coding);
                });
            }
        }
    }
}

/// The number of the contained referral; the observations have those of their lines, counted from 1.
const REFERRAL: usize = 0;

/// The id of a contained resource: a UUID as in Blue Button, but the same one each time.
fn contained_id(number: usize) -> String {
    Uuid::from_u128(CONTAINED | number as u128).to_string()
}

/// A UUID of version 8, which leaves its bits to us (RFC 9562 section 5.8).
const CONTAINED: u128 = 0xb1be_b077_0000_8000_8000_0000_0000_0000;
