//! `item`: the lines of a claim, or an event's one service.

use super::part::Part;
use super::{Engine, elements};
use crate::fhir::json::Writer;
use crate::mapping::Version;
use crate::mapping::eob::plan::Element;
use crate::mapping::eob::rule::{Form, Rule, System, Target};
use crate::mapping::eob::terms::{ADJUDICATION, Coding, DATA_ABSENT_REASON, DENIAL_REASON, NDC};
use crate::rif::{Column, Decimal, Value};

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
        sequences(w, "careTeamSequence", self.care_team.of_line(at));
        sequences(w, "diagnosisSequence", self.diagnoses.of_line(at));
        sequences(w, "informationSequence", information);
        w.object_unless_empty("revenue", |w| line.revenue(w));
        w.object_unless_empty("category", |w| line.category(w));
        w.key("productOrService");
        w.object(|w| {
            w.array_unless_empty("extension", |w| self.product_extensions(w, line));
            w.array_unless_empty("coding", |w| self.product(w, line));
        });
        w.array_unless_empty("modifier", |w| self.modifiers(w, line));
        line.serviced(w);
        w.object_unless_empty("locationCodeableConcept", |w| line.place(w));
        w.object_unless_empty("locationAddress", |w| self.state(w));
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
        for (rule, target) in line.rules(Element::Product) {
            match target {
                Target::Product(system) => line.code_in(w, system, rule.column),
                Target::ProductOf(system, version) => {
                    self.code_of_version(w, line, rule.column, System::Bare(system), Some(version));
                }
                Target::Drug => self.drug(w, line, rule.column),
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
        for (rule, target) in line.rules(Element::Modifier) {
            let Target::Modifier(system, version) = target else {
                continue;
            };
            if line.text(rule.column).is_none() {
                continue;
            }
            w.object(|w| {
                w.key("coding");
                w.array(|w| self.code_of_version(w, line, rule.column, system, version));
            });
        }
    }

    /// A line's code of a system whose version stands in a column of the claim.
    fn code_of_version(
        &self,
        w: &mut Writer,
        line: &Part,
        column: Column,
        system: System,
        version: Option<Column>,
    ) {
        let version = version.and_then(|column| self.claim.text(column));
        match (system, version, line.text(column)) {
            (System::Bare(system), Some(version), Some(code)) => w.object(|w| {
                w.plain("system", system);
                w.text("version", &version);
                w.text("code", &code);
            }),
            _ => line.code_in(w, system, column),
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

/// What is said of an amount.
struct Amount {
    category: &'static Coding,
    /// The variable that names it.
    label: Column,
    extension: Option<Column>,
    reason: Option<Column>,
}

impl Amount {
    fn of(category: &'static Coding, label: Column) -> Self {
        Self {
            category,
            label,
            extension: None,
            reason: None,
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
            for (rule, target) in self.rules(Element::Revenue) {
                if matches!(target, Target::RevenueExtension) {
                    self.code_extension(w, rule.column, rule.column);
                }
            }
        });
        w.array_unless_empty("coding", |w| {
            for (rule, target) in self.rules(Element::Revenue) {
                if let Target::Revenue(system) = target {
                    self.code_in(w, system, rule.column);
                }
            }
        });
    }

    pub(super) fn category(&self, w: &mut Writer) {
        w.array_unless_empty("coding", |w| {
            for (rule, target) in self.rules(Element::ItemCategory) {
                if matches!(target, Target::ItemCategory) {
                    self.code(w, rule.column);
                }
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
            for (rule, target) in self.rules(Element::Place) {
                if let Target::PlaceExtension(form) = target {
                    self.extension(w, rule, form);
                }
            }
        });
        w.array_unless_empty("coding", |w| {
            for (rule, target) in self.rules(Element::Place) {
                if matches!(target, Target::Place) {
                    self.code(w, rule.column);
                }
            }
        });
    }

    pub(super) fn quantity(&self, w: &mut Writer) {
        w.object_unless_empty("quantity", |w| {
            w.array_unless_empty("extension", |w| {
                for (rule, target) in self.rules(Element::Quantity) {
                    if matches!(target, Target::QuantityExtension) {
                        self.extension(w, rule, Form::Quantity);
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
        for (rule, target) in self.rules(Element::Adjudication) {
            let own = rule.column;
            match target {
                Target::Adjudication(category) => self.amount(w, rule, Amount::of(category, own)),
                Target::AdjudicationAs(category, label) => {
                    self.amount(w, rule, Amount::of(category, label));
                }
                Target::AdjudicationWith(category, with) => {
                    let extension = Some(with);
                    let amount = Amount::of(category, own);
                    self.amount(
                        w,
                        rule,
                        Amount {
                            extension,
                            ..amount
                        },
                    );
                }
                Target::AdjudicationBecause(category, why) => {
                    let reason = Some(why);
                    let amount = Amount::of(category, own);
                    self.amount(w, rule, Amount { reason, ..amount });
                }
                Target::Denial if self.text(own).is_some() => w.object(|w| {
                    w.key("category");
                    elements::concept(w, &DENIAL_REASON);
                    self.reason(w, own);
                }),
                Target::Reason if self.text(own).is_some() => w.object(|w| {
                    w.key("category");
                    elements::variable_concept(w, ADJUDICATION, own);
                    self.reason(w, own);
                }),
                _ => {}
            }
        }
    }

    fn amount(&self, w: &mut Writer, rule: &Rule, amount: Amount) {
        let Some(number) = self.number(rule) else {
            return;
        };
        w.object(|w| {
            if let Some(column) = amount.extension {
                w.array_unless_empty("extension", |w| self.code_extension(w, column, column));
            }
            match self.version {
                Version::Stu3 => {
                    w.key("category");
                    elements::variable_concept(w, ADJUDICATION, amount.label);
                }
                Version::R4 => elements::amount_category(w, amount.category, Some(amount.label)),
            }
            if let Some(column) = amount.reason {
                self.reason(w, column);
            }
            w.key("amount");
            elements::money(w, self.version, number);
        });
    }

    fn reason(&self, w: &mut Writer, column: Column) {
        w.object_unless_empty("reason", |w| {
            w.array_unless_empty("coding", |w| self.code(w, column));
        });
    }
}

pub(super) fn sequences(w: &mut Writer, key: &str, sequences: impl IntoIterator<Item = u64>) {
    w.array_unless_empty(key, |w| {
        for sequence in sequences {
            w.unsigned(sequence);
        }
    });
}
