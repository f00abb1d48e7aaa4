//! `item`: the lines of a claim, or an event's one service.

use super::part::{Part, variable_code, variable_extension};
use super::{Engine, elements};
use crate::fhir::json::Writer;
use crate::mapping::codes::variable;
use crate::mapping::eob::plan::{Element, Step};
use crate::mapping::eob::rule::{Form, System, Target};
use crate::mapping::eob::terms::{DATA_ABSENT_REASON, NDC};
use crate::rif::{Column, Decimal, Value};

impl Engine<'_> {
    pub(super) fn items(&self, w: &mut Writer, information: &[Option<u64>]) {
        for (at, line) in self.lines.iter().enumerate() {
            w.object(|w| self.item(w, at, line, information[at]));
        }
    }

    fn item(&self, w: &mut Writer, at: usize, line: &Part, information: Option<u64>) {
        line.array(w, "extension", Element::Extension, |w| line.extensions(w));
        w.key("sequence");
        w.unsigned(line.sequence(at));
        sequences(w, "careTeamSequence", self.care_team.of_line(at));
        sequences(w, "diagnosisSequence", self.diagnoses.of_line(at));
        sequences(w, "informationSequence", information);
        line.object(w, "revenue", Element::Revenue, |w| line.revenue(w));
        line.object(w, "category", Element::ItemCategory, |w| line.category(w));
        w.key("productOrService");
        w.object(|w| {
            w.array_unless_empty("extension", |w| self.product_extensions(w, line));
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
    }

    /// The drug beside the service. R4 wants a service, so that what is missing is said to be.
    fn product_extensions(&self, w: &mut Writer, line: &Part) {
        self.drug_extension(w, line);
        let is_coded = line.rules(Element::Product).any(|(rule, target)| {
            matches!(
                target,
                Target::Product(_) | Target::ProductOf(..) | Target::Drug
            ) && line.text(rule.column).is_some()
        });
        if !is_coded {
            w.object(|w| {
                w.plain("url", DATA_ABSENT_REASON);
                w.text("valueCode", "unknown");
            });
        }
    }

    /// The codings of the service or drug.
    pub(super) fn product(&self, w: &mut Writer, line: &Part) {
        for step in line.steps(Element::Product) {
            match step.target {
                Target::Product(system) => line.coding(w, step, system),
                Target::ProductOf(system, version) => {
                    self.coding_of_version(w, line, step, System::Bare(system), Some(version));
                }
                Target::Drug => self.drug(w, line, step.rule.column),
                _ => {}
            }
        }
    }

    pub(super) fn drug_extension(&self, w: &mut Writer, line: &Part) {
        for (rule, target) in line.rules(Element::ProductDrug) {
            if matches!(target, Target::ProductDrug) && line.text(rule.column).is_some() {
                w.object(|w| {
                    w.plain("url", NDC);
                    w.key("valueCoding");
                    self.drug(w, line, rule.column);
                });
            }
        }
    }

    /// A National Drug Code with the name of the drug, where it is known.
    fn drug(&self, w: &mut Writer, line: &Part, column: Column) {
        if let Some(code) = line.text(column) {
            let name = self.context.lookups.drug(&code).unwrap_or_default();
            elements::bare_coding(w, NDC, &code, &name);
        }
    }

    pub(super) fn modifiers(&self, w: &mut Writer, line: &Part) {
        for step in line.steps(Element::Modifier) {
            if let Target::Modifier(system, version) = step.target
                && line.text(step.rule.column).is_some()
            {
                w.raw(r#"{"coding":["#);
                self.coding_of_version(w, line, step, system, version);
                w.append("]}");
            }
        }
    }

    /// A line's code of a system whose version stands in a column of the claim.
    fn coding_of_version(
        &self,
        w: &mut Writer,
        line: &Part,
        step: &Step,
        system: System,
        version: Option<Column>,
    ) {
        let version = version.and_then(|column| self.claim.text(column));
        match (system, version, line.text(step.rule.column)) {
            (System::Bare(system), Some(version), Some(code)) => w.object(|w| {
                w.plain("system", system);
                w.text("version", &version);
                w.text("code", &code);
            }),
            _ => line.coding(w, step, system),
        }
    }

    /// The provider's state, which stands in the columns of the claim.
    pub(super) fn state(&self, w: &mut Writer) {
        for (rule, target) in self.claim.rules(Element::State) {
            if matches!(target, Target::State)
                && let Some(state) = self.claim.text(rule.column)
            {
                w.text("state", &state);
            }
        }
    }
}

impl Part<'_> {
    /// The line's own number, else its place.
    pub(super) fn sequence(&self, at: usize) -> u64 {
        let numbered = self
            .rules(Element::Sequence)
            .find_map(|(rule, target)| match target {
                // Asked for many times, and nearly always a number.
                Target::Sequence => match self.row.get(rule.column)? {
                    Value::Decimal(Decimal { units, scale: 0 }) => u64::try_from(units).ok(),
                    _ => self.text(rule.column)?.parse().ok(),
                },
                _ => None,
            });
        numbered.unwrap_or(at as u64 + 1)
    }

    pub(super) fn revenue(&self, w: &mut Writer) {
        w.array_unless_empty("extension", |w| {
            for step in self.steps(Element::Revenue) {
                if matches!(step.target, Target::RevenueExtension) {
                    self.extension(w, step, Form::Code);
                }
            }
        });
        w.array_unless_empty("coding", |w| {
            for step in self.steps(Element::Revenue) {
                if let Target::Revenue(system) = step.target {
                    self.coding(w, step, system);
                }
            }
        });
    }

    pub(super) fn category(&self, w: &mut Writer) {
        w.array_unless_empty("coding", |w| {
            for step in self.steps(Element::ItemCategory) {
                self.coding(w, step, System::Variable);
            }
        });
    }

    pub(super) fn serviced(&self, w: &mut Writer) {
        for (rule, target) in self.rules(Element::Serviced) {
            match target {
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

    pub(super) fn place(&self, w: &mut Writer) {
        w.array_unless_empty("extension", |w| {
            for step in self.steps(Element::Place) {
                if let Target::PlaceExtension(form) = step.target {
                    self.extension(w, step, form);
                }
            }
        });
        w.array_unless_empty("coding", |w| {
            for step in self.steps(Element::Place) {
                if matches!(step.target, Target::Place) {
                    self.coding(w, step, System::Variable);
                }
            }
        });
    }

    pub(super) fn quantity(&self, w: &mut Writer) {
        w.object_unless_empty("quantity", |w| {
            w.array_unless_empty("extension", |w| {
                for step in self.steps(Element::Quantity) {
                    if matches!(step.target, Target::QuantityExtension) {
                        self.extension(w, step, Form::Quantity);
                    }
                }
            });
            for (rule, target) in self.rules(Element::Quantity) {
                if matches!(target, Target::Quantity)
                    && let Some(number) = self.number(rule)
                {
                    w.key("value");
                    w.number(number);
                }
            }
        });
    }

    pub(super) fn adjudications(&self, w: &mut Writer) {
        for step in self.steps(Element::Adjudication) {
            match step.target {
                Target::Denial | Target::Reason => self.denial(w, step),
                Target::AdjudicationWith(_, with) => {
                    self.amount(w, step, |w| {
                        if let Some(code) = self.text(with) {
                            w.raw(r#""extension":["#);
                            variable_extension(w, with, &code);
                            w.append("]");
                        }
                        w.raw(step.head);
                    });
                }
                Target::AdjudicationBecause(_, why) => {
                    self.amount(w, step, |w| {
                        w.raw(step.head);
                        if let Some(code) = self.text(why) {
                            w.append(r#","reason":{"coding":["#);
                            variable_code(w, why, &code);
                            w.append("]}");
                        }
                        w.append(r#","amount":{"value":"#);
                    });
                }
                _ => self.amount(w, step, |w| w.raw(step.head)),
            }
        }
    }

    /// An amount, with what stands before it.
    fn amount(&self, w: &mut Writer, step: &Step, before: impl FnOnce(&mut Writer)) {
        if let Some(amount) = self.number(step.rule) {
            w.begin_object();
            before(w);
            elements::end_money(w, self.version, amount);
            w.append("}");
        }
    }

    fn denial(&self, w: &mut Writer, step: &Step) {
        let column = step.rule.column;
        if let Some(code) = self.text(column) {
            w.raw(step.head);
            elements::end_coding(w, &code, variable(column).display(&code));
            w.append("]}}");
        }
    }
}

pub(super) fn sequences(w: &mut Writer, key: &str, sequences: impl IntoIterator<Item = u64>) {
    w.array_unless_empty(key, |w| {
        for sequence in sequences {
            w.unsigned(sequence);
        }
    });
}
