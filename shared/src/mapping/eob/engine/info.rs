//! `supportingInfo`, in STU3 `information`, numbered in the order in which it is written, and the observations it refers to.

use super::part::Part;
use super::{Engine, elements};
use crate::fhir::json::Writer;
use crate::mapping::eob::plan::{Element, Step};
use crate::mapping::eob::rule::{Fact, Target};
use crate::rif::Column;

impl Engine<'_> {
    /// Writes what the claim's columns say; the last sequence.
    pub(super) fn claim_infos(&self, w: &mut Writer) -> u64 {
        let mut last = 0;
        for step in self.claim.steps(Element::Info) {
            if let Target::Info(_, fact) = step.target {
                self.claim.info(w, step, fact, &mut last);
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
    fn info(&self, w: &mut Writer, step: &Step, fact: Fact, last: &mut u64) {
        let column = step.rule.column;
        match fact {
            Fact::Code(system) => {
                if let Some(code) = self.text(column) {
                    begin(w, step, last);
                    elements::end_coding(w, &code, system.display(column, &code));
                    w.append("]}}");
                }
            }
            Fact::Translated(codes) => {
                let found = self.text(column);
                let is_found = |code: &str| found.as_deref() == Some(code);
                if let Some((_, coding)) = codes.iter().find(|(code, _)| is_found(code)) {
                    begin(w, step, last);
                    elements::coding(w, coding);
                    w.append("]}}");
                }
            }
            Fact::Date => {
                if let Some(date) = self.row.date(column) {
                    begin(w, step, last);
                    w.date(date);
                    w.append("}");
                }
            }
            Fact::Period(end) => {
                if self.has_date(column) || self.has_date(end) {
                    begin(w, step, last);
                    self.date(w, "start", column);
                    self.date(w, "end", end);
                    w.append("}}");
                }
            }
            Fact::PeriodStart => {
                if self.has_date(column) {
                    begin(w, step, last);
                    self.date(w, "start", column);
                    w.append("}}");
                }
            }
            Fact::Quantity => self.counted(w, step, last, "}}"),
            Fact::Pints => self.counted(w, step, last, PINTS),
        }
    }

    fn counted(&self, w: &mut Writer, step: &Step, last: &mut u64, end: &str) {
        if let Some(number) = self.number(step.rule) {
            begin(w, step, last);
            w.number(number);
            w.append(end);
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
            w.raw(r#""valueQuantity":{"value":"#);
            w.number(self.number_or_zero(result.rule.column));
            w.append("}");
        });
    }

    /// The `supportingInfo` that refers to a line's observation; its sequence.
    fn observation_info(&self, w: &mut Writer, line: u64, last: &mut u64) -> Option<u64> {
        let (_, step) = self.measured()?;
        begin(w, step, last);
        w.escaped(&observation_id(line));
        w.append(r#""}}"#);
        Some(*last)
    }

    /// The column that says what was measured, and the row of the result.
    pub(super) fn measured(&self) -> Option<(Column, &'static Step)> {
        self.steps(Element::Observation)
            .find_map(|step| match step.target {
                Target::Observation(type_code) => {
                    self.text(type_code)?;
                    Some((type_code, step))
                }
                _ => None,
            })
    }
}

/// The unit of blood, behind the number.
const PINTS: &str = r#","unit":"pint","system":"http://unitsofmeasure.org","code":"[pt_us]"}}"#;

/// Begins the next piece of information, up to its value.
fn begin(w: &mut Writer, step: &Step, last: &mut u64) {
    *last += 1;
    w.raw(r#"{"sequence":"#);
    w.unsigned(*last);
    w.raw(step.head);
}

/// The id of the observation of the line with that sequence.
pub(super) fn observation_id(line: u64) -> String {
    format!("line-observation-{line}")
}
