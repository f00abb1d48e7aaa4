//! FHIR's data types: codings, identifiers, references, money.

use crate::fhir::json::Writer;
use crate::mapping::Version;
use crate::mapping::codes::{VARIABLE_BASE, variable};
use crate::mapping::eob::terms::{ADJUDICATION, Coding};
use crate::rif::{Column, Decimal};

pub(super) fn coding(w: &mut Writer, coding: &Coding) {
    let Coding {
        system,
        code,
        display,
    } = coding;
    w.raw_of(&[r#"{"system":""#, system, r#"","code":""#, code, r#"""#]);
    end_coding(w, display);
}

/// The display of a coding of ours, which needs no escaping, and the end of the coding.
pub(super) fn end_coding(w: &mut Writer, display: &str) {
    if display.is_empty() {
        w.end_object();
    } else {
        w.raw_of(&[r#""display":""#, display, r#""}"#]);
    }
}

/// A coding; an empty display is left out.
pub(super) fn bare_coding(w: &mut Writer, system: &str, code: &str, display: &str) {
    w.raw_of(&[r#"{"system":""#, system, r#"","code":"#]);
    w.string(code);
    if !display.is_empty() {
        w.text("display", display);
    }
    w.end_object();
}

/// A CodeableConcept of one coding.
pub(super) fn concept(w: &mut Writer, one: &Coding) {
    w.raw(r#"{"coding":["#);
    coding(w, one);
    w.end_array();
    w.end_object();
}

/// The URL of a column's variable, as a value.
pub(super) fn url(w: &mut Writer, column: Column) {
    w.raw_of(&[r#"""#, VARIABLE_BASE, variable(column).name, r#"""#]);
}

/// A coding whose code is the URL of a variable and whose display is its label.
pub(super) fn variable_coding(w: &mut Writer, system: &str, column: Column) {
    let variable = variable(column);
    w.raw_of(&[
        r#"{"system":""#,
        system,
        r#"","code":""#,
        VARIABLE_BASE,
        variable.name,
        r#"""#,
    ]);
    end_coding(w, variable.label);
}

/// A CodeableConcept of the coding of a variable.
pub(super) fn variable_concept(w: &mut Writer, system: &str, column: Column) {
    w.raw(r#"{"coding":["#);
    variable_coding(w, system, column);
    w.end_array();
    w.end_object();
}

/// The category of an amount: the standard's coding, then the variable's where there is a label.
pub(super) fn amount_category(w: &mut Writer, category: &Coding, label: Option<Column>) {
    w.raw(r#""category":{"coding":["#);
    coding(w, category);
    if let Some(column) = label {
        variable_coding(w, ADJUDICATION, column);
    }
    w.end_array();
    w.end_object();
}

pub(super) fn total(w: &mut Writer, category: &Coding, label: Option<Column>, amount: Decimal) {
    w.object(|w| {
        amount_category(w, category, label);
        w.key("amount");
        money(w, Version::R4, amount);
    });
}

/// An amount; in STU3 money is a quantity of a currency.
pub(super) fn money(w: &mut Writer, version: Version, amount: Decimal) {
    w.raw(r#"{"value":"#);
    w.number(amount);
    w.raw(match version {
        Version::Stu3 => r#""system":"urn:iso:std:iso:4217","code":"USD"}"#,
        Version::R4 => r#""currency":"USD"}"#,
    });
}

pub(super) fn quantity(w: &mut Writer, number: Decimal) {
    w.object(|w| {
        w.key("value");
        w.number(number);
    });
}

/// The whole part of a number, as CMS writes counts.
pub(super) fn whole(number: Decimal) -> Decimal {
    let divisor = 10_i64.checked_pow(u32::from(number.scale));
    Decimal {
        units: divisor.map_or(0, |divisor| number.units / divisor),
        scale: 0,
    }
}

/// The members of an Identifier.
pub(super) fn identifier(
    w: &mut Writer,
    id_type: Option<&Coding>,
    system: Option<&str>,
    value: &str,
) {
    if let Some(id_type) = id_type {
        w.key("type");
        concept(w, id_type);
    }
    if let Some(system) = system {
        w.plain("system", system);
    }
    w.text("value", value);
}

/// The member `reference`; nothing where the last part, the id, is empty.
pub(super) fn reference(w: &mut Writer, parts: &[&str]) {
    if parts.last().is_some_and(|id| !id.is_empty()) {
        w.key("reference");
        w.string_of(parts);
    }
}
