//! `supportingInfo`, in STU3 `information`, numbered in the order in which it is written, and the observations it refers to.

use super::part::Part;
use super::{Engine, elements};
use crate::fhir::json::Writer;
use crate::mapping::Version;
use crate::mapping::eob::plan::Element;
use crate::mapping::eob::rule::{Category, Fact, Rule, Target};
use crate::mapping::eob::terms::{INFO, INFORMATION};
use crate::rif::Column;

impl Engine<'_> {
    /// Writes what the claim's columns say; the last sequence.
    pub(super) fn claim_infos(&self, w: &mut Writer) -> u64 {
        let mut last = 0;
        for (rule, target) in self.claim.rules(Element::Info) {
            if let Target::Info(category, fact) = target {
                self.claim.info(w, rule, category, fact, &mut last);
            }
        }
        last
    }

    /// Writes all of it; the sequences that belong to each line.
    pub(super) fn infos(&self, w: &mut Writer) -> Vec<Option<u64>> {
        let mut last = self.claim_infos(w);
        let lines = self.lines.iter().enumerate();
        lines
            .map(|(at, line)| line.observation_info(w, line.sequence(at), &mut last))
            .collect()
    }
}

impl Part<'_> {
    fn info(&self, w: &mut Writer, rule: &Rule, category: Category, fact: Fact, last: &mut u64) {
        if !self.has_fact(rule, fact) {
            return;
        }
        *last += 1;
        w.object(|w| {
            w.key("sequence");
            w.unsigned(*last);
            match self.version {
                Version::Stu3 => {
                    w.key("category");
                    elements::variable_concept(w, INFORMATION, rule.column);
                }
                Version::R4 => info_category(w, rule.column, category),
            }
            self.fact(w, rule, fact);
        });
    }

    fn has_fact(&self, rule: &Rule, fact: Fact) -> bool {
        let column = rule.column;
        match fact {
            Fact::Code(_) => self.text(column).is_some(),
            Fact::Translated(codes) => self
                .text(column)
                .is_some_and(|code| codes.iter().any(|(known, _)| *known == code)),
            Fact::Date | Fact::PeriodStart => self.has_date(column),
            Fact::Period(end) => self.has_date(column) || self.has_date(end),
            Fact::Quantity | Fact::Pints => self.number(rule).is_some(),
        }
    }

    fn fact(&self, w: &mut Writer, rule: &Rule, fact: Fact) {
        let column = rule.column;
        match fact {
            Fact::Code(system) => code(w, |w| self.code_in(w, system, column)),
            Fact::Translated(codes) => code(w, |w| {
                let found = self.text(column);
                for (_, coding) in codes
                    .iter()
                    .filter(|(code, _)| Some(*code) == found.as_deref())
                {
                    elements::coding(w, coding);
                }
            }),
            Fact::Date => self.date(w, "timingDate", column),
            Fact::Period(end) => {
                w.key("timingPeriod");
                w.object(|w| {
                    self.date(w, "start", column);
                    self.date(w, "end", end);
                });
            }
            Fact::PeriodStart => {
                w.key("timingPeriod");
                w.object(|w| self.date(w, "start", column));
            }
            Fact::Quantity => {
                w.key("valueQuantity");
                elements::quantity(w, self.number_or_zero(column));
            }
            Fact::Pints => {
                w.key("valueQuantity");
                w.object(|w| {
                    w.key("value");
                    w.number(self.number_or_zero(column));
                    w.raw(r#""unit":"pint","system":"http://unitsofmeasure.org","code":"[pt_us]""#);
                });
            }
        }
    }

    /// The contained observation of a line under that id, which few lines need.
    pub(super) fn observation(&self, w: &mut Writer, id: impl FnOnce() -> String) {
        let Some((type_code, result)) = self.measured() else {
            return;
        };
        w.object(|w| {
            w.raw(r#""resourceType":"Observation""#);
            w.text("id", &id());
            w.raw(r#""status":"unknown""#);
            w.key("code");
            w.object(|w| {
                w.key("coding");
                w.array(|w| self.code(w, type_code));
            });
            w.key("valueQuantity");
            elements::quantity(w, self.number_or_zero(result));
        });
    }

    /// The `supportingInfo` that refers to a line's observation; its sequence.
    fn observation_info(&self, w: &mut Writer, line: u64, last: &mut u64) -> Option<u64> {
        let (_, result) = self.measured()?;
        *last += 1;
        w.object(|w| {
            w.key("sequence");
            w.unsigned(*last);
            info_category(w, result, Category::Named(&INFO));
            w.key("valueReference");
            w.object(|w| elements::reference(w, &["#", &observation_id(line)]));
        });
        Some(*last)
    }

    /// The columns of type and result of what was measured.
    pub(super) fn measured(&self) -> Option<(Column, Column)> {
        self.rules(Element::Observation)
            .find_map(|(rule, target)| match target {
                Target::Observation(type_code) => {
                    self.text(type_code)?;
                    Some((type_code, rule.column))
                }
                _ => None,
            })
    }
}

/// The id of the observation of the line with that sequence.
pub(super) fn observation_id(line: u64) -> String {
    format!("line-observation-{line}")
}

fn info_category(w: &mut Writer, column: Column, category: Category) {
    w.key("category");
    match category {
        Category::Only(coding) => elements::concept(w, coding),
        Category::Named(coding) => w.object(|w| {
            w.key("coding");
            w.array(|w| {
                elements::coding(w, coding);
                elements::variable_coding(w, INFORMATION, column);
            });
        }),
    }
}

/// The member `code` of one coding.
fn code(w: &mut Writer, coding: impl FnOnce(&mut Writer)) {
    w.key("code");
    w.object(|w| {
        w.key("coding");
        w.array(coding);
    });
}
