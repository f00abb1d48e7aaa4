//! `item`: the lines of a claim, or an event's one service.

use super::part::Part;
use super::{Engine, elements};
use crate::fhir::json::Writer;
use crate::mapping::eob::rule::{Rule, System, Target};
use crate::mapping::eob::terms::{Coding, DATA_ABSENT_REASON, DENIAL_REASON, NDC};
use crate::rif::Column;

impl Engine<'_> {
    pub(super) fn items(&self, w: &mut Writer, information: &[Option<u64>]) {
        for (at, line) in self.lines.iter().enumerate() {
            w.object(|w| self.item(w, at, line, information[at]));
        }
    }

    fn item(&self, w: &mut Writer, at: usize, line: &Part, information: Option<u64>) {
        w.array_unless_empty("extension", |w| line.extensions(w));
        w.key("sequence");
        w.unsigned(line.sequence(at));
        let members = self.care_team.of_line(at).iter();
        sequences(
            w,
            "careTeamSequence",
            members.map(|sequence| *sequence as u64),
        );
        let diagnosis = self.diagnoses.of_line(at);
        sequences(
            w,
            "diagnosisSequence",
            diagnosis.map(|sequence| sequence as u64),
        );
        sequences(w, "informationSequence", information);
        w.object_unless_empty("revenue", |w| line.revenue(w));
        w.object_unless_empty("category", |w| line.category(w));
        w.key("productOrService");
        w.object(|w| self.product(w, line));
        w.array_unless_empty("modifier", |w| self.modifiers(w, line));
        line.serviced(w);
        w.object_unless_empty("locationCodeableConcept", |w| line.place(w));
        w.object_unless_empty("locationAddress", |w| self.state(w));
        line.quantity(w);
        w.array_unless_empty("adjudication", |w| line.adjudications(w));
    }

    /// The service or drug. FHIR wants one, so that what is missing is said to be.
    fn product(&self, w: &mut Writer, line: &Part) {
        let is_coded = line.rules().any(|rule| {
            matches!(rule.r4, Target::Product(_) | Target::Drug) && line.text(rule.column).is_some()
        });
        w.array_unless_empty("extension", |w| {
            for rule in line.rules() {
                if let (Target::ProductDrug, Some(_)) = (&rule.r4, line.text(rule.column)) {
                    w.object(|w| {
                        w.plain("url", NDC);
                        w.key("valueCoding");
                        self.drug(w, line, rule.column);
                    });
                }
            }
            if !is_coded {
                w.object(|w| {
                    w.plain("url", DATA_ABSENT_REASON);
                    w.text("valueCode", "unknown");
                });
            }
        });
        w.array_unless_empty("coding", |w| {
            for rule in line.rules() {
                match rule.r4 {
                    Target::Product(system) => line.code_in(w, system, rule.column),
                    Target::Drug => self.drug(w, line, rule.column),
                    _ => {}
                }
            }
        });
    }

    /// A National Drug Code with the name of the drug, where it is known.
    fn drug(&self, w: &mut Writer, line: &Part, column: Column) {
        if let Some(code) = line.text(column) {
            let name = self.context.lookups.drug(&code).unwrap_or_default();
            elements::bare_coding(w, NDC, &code, name);
        }
    }

    fn modifiers(&self, w: &mut Writer, line: &Part) {
        for rule in line.rules() {
            let Target::Modifier(system, version) = rule.r4 else {
                continue;
            };
            let Some(code) = line.text(rule.column) else {
                continue;
            };
            let version = version.and_then(|column| self.claim.text(column));
            w.object(|w| {
                w.key("coding");
                w.array(|w| match (system, version) {
                    (System::Bare(system), Some(version)) => w.object(|w| {
                        w.plain("system", system);
                        w.text("version", &version);
                        w.text("code", &code);
                    }),
                    _ => line.code_in(w, system, rule.column),
                });
            });
        }
    }

    /// The provider's state, which stands in the columns of the claim.
    fn state(&self, w: &mut Writer) {
        for rule in self.claim.rules() {
            if let (Target::State, Some(state)) = (&rule.r4, self.claim.text(rule.column)) {
                w.text("state", &state);
            }
        }
    }
}

impl Part<'_> {
    /// The line's own number, else its place.
    pub(super) fn sequence(&self, at: usize) -> u64 {
        let numbered = self.rules().find_map(|rule| match rule.r4 {
            Target::Sequence => self.text(rule.column)?.parse().ok(),
            _ => None,
        });
        numbered.unwrap_or(at as u64 + 1)
    }

    fn revenue(&self, w: &mut Writer) {
        w.array_unless_empty("extension", |w| {
            for rule in self.rules() {
                if matches!(rule.r4, Target::RevenueExtension) {
                    self.code_extension(w, rule.column, rule.column);
                }
            }
        });
        w.array_unless_empty("coding", |w| {
            for rule in self.rules() {
                if let Target::Revenue(system) = rule.r4 {
                    self.code_in(w, system, rule.column);
                }
            }
        });
    }

    fn category(&self, w: &mut Writer) {
        w.array_unless_empty("coding", |w| {
            for rule in self.rules() {
                if matches!(rule.r4, Target::ItemCategory) {
                    self.code(w, rule.column);
                }
            }
        });
    }

    fn serviced(&self, w: &mut Writer) {
        for rule in self.rules() {
            match rule.r4 {
                Target::ServicedDate => self.date(w, "servicedDate", rule.column),
                Target::ServicedPeriod(end) if self.has_date(rule.column) => {
                    if !self.has_date(end) {
                        self.date(w, "servicedDate", rule.column);
                        continue;
                    }
                    w.key("servicedPeriod");
                    w.object(|w| {
                        self.date(w, "start", rule.column);
                        self.date(w, "end", end);
                    });
                }
                _ => {}
            }
        }
    }

    fn place(&self, w: &mut Writer) {
        w.array_unless_empty("extension", |w| {
            for rule in self.rules() {
                if let Target::PlaceExtension(form) = rule.r4 {
                    self.extension(w, rule, form);
                }
            }
        });
        w.array_unless_empty("coding", |w| {
            for rule in self.rules() {
                if matches!(rule.r4, Target::Place) {
                    self.code(w, rule.column);
                }
            }
        });
    }

    fn quantity(&self, w: &mut Writer) {
        for rule in self.rules() {
            if let (Target::Quantity, Some(number)) = (&rule.r4, self.number(rule)) {
                w.key("quantity");
                elements::quantity(w, number);
            }
        }
    }

    fn adjudications(&self, w: &mut Writer) {
        for rule in self.rules() {
            match rule.r4 {
                Target::Adjudication(category) => {
                    self.adjudication(w, rule, category, rule.column, None);
                }
                Target::AdjudicationWith(category, with) => {
                    self.adjudication(w, rule, category, rule.column, Some(with));
                }
                Target::AdjudicationAs(category, label) => {
                    self.adjudication(w, rule, category, label, None);
                }
                Target::Denial => self.denial(w, rule.column),
                _ => {}
            }
        }
    }

    fn adjudication(
        &self,
        w: &mut Writer,
        rule: &Rule,
        category: &Coding,
        label: Column,
        with: Option<Column>,
    ) {
        let Some(amount) = self.number(rule) else {
            return;
        };
        w.object(|w| {
            w.array_unless_empty("extension", |w| {
                if let Some(column) = with {
                    self.code_extension(w, column, column);
                }
            });
            elements::amount_category(w, category, Some(label));
            w.key("amount");
            elements::money(w, amount);
        });
    }

    fn denial(&self, w: &mut Writer, column: Column) {
        if self.text(column).is_none() {
            return;
        }
        w.object(|w| {
            w.key("category");
            elements::concept(w, &DENIAL_REASON);
            w.key("reason");
            w.object(|w| {
                w.key("coding");
                w.array(|w| self.code(w, column));
            });
        });
    }
}

fn sequences(w: &mut Writer, key: &str, sequences: impl IntoIterator<Item = u64>) {
    w.array_unless_empty(key, |w| {
        for sequence in sequences {
            w.unsigned(sequence);
        }
    });
}
