//! A row of values together with the tables that apply to it.

use std::borrow::Cow;

use super::elements;
use crate::fhir::json::Writer;
use crate::mapping::Version;
use crate::mapping::codes::{VARIABLE_BASE, variable};
use crate::mapping::eob::plan::{Element, Plan};
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
        let rules = self.plan.rules(element).iter().copied();
        rules
            .filter(|rule| rule.applies(self.row))
            .map(|rule| (rule, rule.target(self.version)))
    }

    /// The text of any column without the blanks around it; `None` where nothing is left.
    pub(super) fn text(&self, column: Column) -> Option<Cow<'a, str>> {
        match self.row.get(column)? {
            Value::Text(text) => Some(text.trim())
                .filter(|text| !text.is_empty())
                .map(Cow::Borrowed),
            number => Some(Cow::Owned(number.to_string())),
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
        self.code_in(w, System::Variable, column);
    }

    /// The column's code under that system.
    pub(super) fn code_in(&self, w: &mut Writer, system: System, column: Column) {
        let Some(code) = self.text(column) else {
            return;
        };
        let display = || variable(column).display(&code).unwrap_or_default();
        match system {
            System::Variable => variable_code(w, column, &code),
            System::Other(system) => elements::bare_coding(w, system, &code, display()),
            System::Bare(system) => elements::bare_coding(w, system, &code, ""),
        }
    }

    /// The extensions of this part, those of observations and drugs aside.
    pub(super) fn extensions(&self, w: &mut Writer) {
        for (rule, target) in self.rules(Element::Extension) {
            match target {
                Target::Extension(form) => self.extension(w, rule, form),
                Target::ExtensionAs(variable) => self.code_extension(w, variable, rule.column),
                _ => {}
            }
        }
    }

    /// An extension under the URL of the variable.
    pub(super) fn extension(&self, w: &mut Writer, rule: &Rule, form: Form) {
        let column = rule.column;
        match form {
            Form::Code => self.code_extension(w, column, column),
            Form::Identifier => self.identifier_extension(w, column),
            Form::IdentifierOf(name) => self.identifier_extension_of(w, name, column),
            Form::Date => {
                if self.has_date(column) {
                    extension(w, column, |w| self.date(w, "valueDate", column));
                }
            }
            Form::Money => self.number_extension(w, rule, "valueMoney", |w, amount| {
                elements::money(w, self.version, amount);
            }),
            Form::Quantity => self.number_extension(w, rule, "valueQuantity", elements::quantity),
            Form::QuantityOf(system, unit) => {
                self.number_extension(w, rule, "valueQuantity", |w, number| {
                    self.measured_quantity(w, number, system, unit);
                });
            }
        }
    }

    /// The code of a column, under the URL of a variable which need not be its own.
    pub(super) fn code_extension(&self, w: &mut Writer, under: Column, column: Column) {
        if let Some(code) = self.text(column) {
            extension(w, under, |w| {
                w.key("valueCoding");
                variable_code(w, under, &code);
            });
        }
    }

    pub(super) fn identifier_extension(&self, w: &mut Writer, column: Column) {
        self.identifier_extension_of(w, variable(column).name, column);
    }

    /// An identifier under the URL of the variable of that name.
    fn identifier_extension_of(&self, w: &mut Writer, name: &str, column: Column) {
        if let Some(value) = self.text(column) {
            w.object(|w| {
                w.key("url");
                w.string_of(&[VARIABLE_BASE, name]);
                w.key("valueIdentifier");
                w.object(|w| {
                    w.key("system");
                    w.string_of(&[VARIABLE_BASE, name]);
                    w.text("value", &value);
                });
            });
        }
    }

    fn number_extension(
        &self,
        w: &mut Writer,
        rule: &Rule,
        key: &str,
        write: impl FnOnce(&mut Writer, Decimal),
    ) {
        if let Some(number) = self.number(rule) {
            extension(w, rule.column, |w| {
                w.key(key);
                write(w, number);
            });
        }
    }

    /// A quantity with its unit, where the other column says one.
    fn measured_quantity(&self, w: &mut Writer, number: Decimal, system: System, unit: Column) {
        w.object(|w| {
            w.key("value");
            w.number(number);
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
        });
    }
}

/// A code under the URL of a variable, with what it means there.
pub(super) fn variable_code(w: &mut Writer, column: Column, code: &str) {
    let variable = variable(column);
    w.raw_of(&[
        r#"{"system":""#,
        VARIABLE_BASE,
        variable.name,
        r#"","code":"#,
    ]);
    w.string(code);
    elements::end_coding(w, variable.display(code).unwrap_or_default());
}

/// An extension under the URL of a variable.
pub(super) fn extension(w: &mut Writer, column: Column, value: impl FnOnce(&mut Writer)) {
    w.raw_of(&[r#"{"url":""#, VARIABLE_BASE, variable(column).name, r#"""#]);
    value(w);
    w.end_object();
}
