//! FHIR's data types: codings, identifiers, references, money.

use crate::fhir::json::Writer;
use crate::mapping::Version;
use crate::mapping::codes::{VARIABLE_BASE, variable};
use crate::mapping::eob::terms::Coding;
use crate::rif::{Column, Decimal};

pub(super) fn coding(w: &mut Writer, coding: &Coding) {
    let Coding {
        system,
        code,
        display,
    } = coding;
    w.raw_of(&[r#"{"system":""#, system, r#"","code":""#, code]);
    if !display.is_empty() {
        w.append(r#"","display":""#);
        w.append(display);
    }
    w.append(r#""}"#);
}

/// The code of a coding that is open up to it, and the rest: the display where there is one, which is ours and needs no
/// escaping.
pub(super) fn end_coding(w: &mut Writer, code: &str, display: Option<&str>) {
    w.escaped(code);
    if let Some(display) = display {
        w.append(r#"","display":""#);
        w.append(display);
    }
    w.append(r#""}"#);
}

/// A coding; a display that is not ours is escaped, an empty one left out.
pub(super) fn bare_coding(w: &mut Writer, system: &str, code: &str, display: &str) {
    w.raw_of(&[r#"{"system":""#, system, r#"","code":""#]);
    w.escaped(code);
    if !display.is_empty() {
        w.append(r#"","display":""#);
        w.escaped(display);
    }
    w.append(r#""}"#);
}

/// A CodeableConcept of one coding.
pub(super) fn concept(w: &mut Writer, one: &Coding) {
    w.append(r#"{"coding":["#);
    coding(w, one);
    w.append("]}");
}

/// The URL of a column's variable, as a value.
pub(super) fn url(w: &mut Writer, column: Column) {
    w.raw_of(&[r#"""#, VARIABLE_BASE, variable(column).name, r#"""#]);
}

/// An amount; in STU3 money is a quantity of a currency.
pub(super) fn money(w: &mut Writer, version: Version, amount: Decimal) {
    w.raw(r#"{"value":"#);
    end_money(w, version, amount);
}

/// An amount that is open up to its value.
pub(super) fn end_money(w: &mut Writer, version: Version, amount: Decimal) {
    w.number(amount);
    w.append(match version {
        Version::Stu3 => r#","system":"urn:iso:std:iso:4217","code":"USD"}"#,
        Version::R4 => r#","currency":"USD"}"#,
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
