//! A row of values together with the tables that apply to it.

use std::borrow::Cow;

use super::elements;
use crate::fhir::json::Writer;
use crate::mapping::Version;
use crate::mapping::codes::{VARIABLE_BASE, variable};
use crate::mapping::eob::plan::{Element, Plan, Step};
use crate::mapping::eob::rule::{Blank, Form, Rule, System, Target};
use crate::rif::{Column, Decimal, Row, Value};

/// The claim's columns or a line's, with their rows.
pub(super) struct Part<'a> {
    pub(super) version: Version,
    plan: &'static Plan,
    pub(super) row: &'a Row<'a>,
}

impl<'a> Part<'a> {
    pub(super) fn new(version: Version, plan: &'static Plan, row: &'a Row<'a>) -> Self {
        Self { version, plan, row }
    }

    /// The rows of an element that apply, with where they send their value, in the order of the answer.
    pub(super) fn rules(
        &self,
        element: Element,
    ) -> impl Iterator<Item = (&'static Rule, Target)> + '_ {
        self.steps(element).map(|step| (step.rule, step.target))
    }

    /// The same with what stands before each value.
    pub(super) fn steps(&self, element: Element) -> impl Iterator<Item = &'static Step> + '_ {
        let steps = self.plan.steps(element).iter();
        steps.filter(|step| step.rule.applies(self.row))
    }

    /// The text of any column without the blanks around it; `None` where nothing is left.
    pub(super) fn text(&self, column: Column) -> Option<Cow<'a, str>> {
        match self.row.get(column)? {
            Value::Text(text) => Some(trimmed(text))
                .filter(|text| !text.is_empty())
                .map(Cow::Borrowed),
            Value::Decimal(number) => Some(Cow::Owned(number.to_text())),
            date => Some(Cow::Owned(date.to_string())),
        }
    }

    /// The number of a row's column, by what the row says about blanks.
    pub(super) fn number(&self, rule: &Rule) -> Option<Decimal> {
        let number = self.row.decimal(rule.column);
        match rule.blank {
            Blank::Zero => Some(number.unwrap_or(Decimal::ZERO)),
            Blank::Nothing => number,
        }
    }

    /// The number of a column that CMS never leaves out: blank reads as zero.
    pub(super) fn number_or_zero(&self, column: Column) -> Decimal {
        self.row.decimal(column).unwrap_or(Decimal::ZERO)
    }

    /// The member `key` with an object of what the rows of that element say, left out where they say nothing.
    #[inline]
    pub(super) fn object(
        &self,
        w: &mut Writer,
        key: &str,
        element: Element,
        members: impl FnOnce(&mut Writer),
    ) {
        if !self.plan.steps(element).is_empty() {
            w.object_unless_empty(key, members);
        }
    }

    /// The same with an array.
    #[inline]
    pub(super) fn array(
        &self,
        w: &mut Writer,
        key: &str,
        element: Element,
        elements: impl FnOnce(&mut Writer),
    ) {
        if !self.plan.steps(element).is_empty() {
            w.array_unless_empty(key, elements);
        }
    }

    /// Whether the column holds a date.
    pub(super) fn has_date(&self, column: Column) -> bool {
        self.row.date(column).is_some()
    }

    /// The member `key` with the day, where there is one.
    pub(super) fn date(&self, w: &mut Writer, key: &str, column: Column) {
        if let Some(date) = self.row.date(column) {
            w.key(key);
            w.date(date);
        }
    }

    /// The member `key` with midnight of the day, where there is one.
    pub(super) fn date_time(&self, w: &mut Writer, key: &str, column: Column) {
        if let Some(date) = self.row.date(column) {
            w.key(key);
            w.date_time(date);
        }
    }

    /// The column's code under the URL of its variable, where there is one.
    pub(super) fn code(&self, w: &mut Writer, column: Column) {
        if let Some(code) = self.text(column) {
            variable_code(w, column, &code);
        }
    }

    /// A row's code, where there is one, in a coding of that system.
    pub(super) fn coding(&self, w: &mut Writer, step: &Step, system: System) {
        let column = step.rule.column;
        if let Some(code) = self.text(column) {
            w.raw(step.head);
            elements::end_coding(w, &code, system.display(column, &code));
        }
    }

    /// The extensions of this part, those of observations and drugs aside.
    pub(super) fn extensions(&self, w: &mut Writer) {
        for step in self.steps(Element::Extension) {
            match step.target {
                Target::Extension(form) => self.extension(w, step, form),
                Target::ExtensionAs(variable) => self.code_extension(w, step, variable),
                _ => {}
            }
        }
    }

    /// An extension under the URL of the variable.
    pub(super) fn extension(&self, w: &mut Writer, step: &Step, form: Form) {
        match form {
            Form::Code => self.code_extension(w, step, step.rule.column),
            Form::Identifier | Form::IdentifierOf(_) => self.identifier_extension(w, step),
            Form::Date => {
                if let Some(date) = self.row.date(step.rule.column) {
                    w.raw(step.head);
                    w.date(date);
                    w.append("}");
                }
            }
            Form::Money => {
                if let Some(amount) = self.number(step.rule) {
                    w.raw(step.head);
                    elements::end_money(w, self.version, amount);
                    w.append("}");
                }
            }
            Form::Quantity => self.quantity_extension(w, step, |_| ()),
            Form::QuantityOf(system, unit) => {
                self.quantity_extension(w, step, |w| self.unit(w, system, unit));
            }
        }
    }

    /// The code of a row under the URL of a variable, which need not be its own.
    pub(super) fn code_extension(&self, w: &mut Writer, step: &Step, under: Column) {
        if let Some(code) = self.text(step.rule.column) {
            w.raw(step.head);
            elements::end_coding(w, &code, variable(under).display(&code));
            w.append("}");
        }
    }

    pub(super) fn identifier_extension(&self, w: &mut Writer, step: &Step) {
        if let Some(value) = self.text(step.rule.column) {
            w.raw(step.head);
            w.escaped(&value);
            w.append(r#""}}"#);
        }
    }

    fn quantity_extension(&self, w: &mut Writer, step: &Step, unit: impl FnOnce(&mut Writer)) {
        if let Some(number) = self.number(step.rule) {
            w.raw(step.head);
            w.number(number);
            unit(w);
            w.append("}}");
        }
    }

    /// The members of a quantity that say its unit, where the column says one.
    fn unit(&self, w: &mut Writer, system: System, unit: Column) {
        let Some(code) = self.text(unit) else {
            return;
        };
        if let Some(display) = variable(unit).display(&code) {
            w.text("unit", display);
        }
        w.key("system");
        match system {
            System::Variable => elements::url(w, unit),
            System::Other(system) | System::Bare(system) => w.string(system),
        }
        w.text("code", &code);
    }
}

/// The text without the blanks around it, of which most texts have none.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        [one] if one.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// A code under the URL of a variable, with what it means there.
pub(super) fn variable_code(w: &mut Writer, column: Column, code: &str) {
    let variable = variable(column);
    w.raw_of(&[
        r#"{"system":""#,
        VARIABLE_BASE,
        variable.name,
        r#"","code":""#,
    ]);
    elements::end_coding(w, code, variable.display(code));
}

/// A code as an extension under the URL of its variable.
pub(super) fn variable_extension(w: &mut Writer, column: Column, code: &str) {
    w.raw_of(&[
        r#"{"url":""#,
        VARIABLE_BASE,
        variable(column).name,
        r#"","valueCoding":"#,
    ]);
    variable_code(w, column, code);
    w.append("}");
}
