//! What stands before the value of a row in an answer: the same for every claim, and so put together at compile time.
//!
//! What comes after the value (a display, a currency) depends on the value, and is written by the engine.

use super::rule::{Category, Fact, Form, Measure, Rule, System, Target};
use super::terms::{
    ADJUDICATION, BENEFIT_BALANCE, Coding, DENIAL_REASON, INFO, INFORMATION, UNIQUE_CLAIM,
};
use crate::mapping::Version;
use crate::mapping::codes::{VARIABLE_BASE, variable};
use crate::rif::Column;

/// Constant text in parts that follow each other.
#[derive(Clone, Copy)]
pub(super) struct Head {
    parts: [&'static str; PARTS_MAX],
    count: usize,
}

/// The longest head has fewer parts; a longer one does not compile.
const PARTS_MAX: usize = 24;

/// The text before the value of that row, up to the quotation mark that begins a string; empty for the targets whose
/// values are first gathered from several rows.
pub(super) const fn head(rule: &Rule, version: Version) -> Head {
    let column = rule.column;
    match rule.target(version) {
        Target::Extension(form)
        | Target::HospitalizationExtension(form)
        | Target::PlaceExtension(form)
        | Target::ProductExtension(form) => extension(column, form),
        Target::ExtensionAs(variable) => extension(variable, Form::Code),
        Target::PeriodExtension | Target::Facility | Target::RevenueExtension => {
            extension(column, Form::Code)
        }
        Target::CoverageExtension => extension(column, Form::Identifier),
        Target::QuantityExtension => extension(column, Form::Quantity),
        Target::Identifier(system) => identifier(version, system, column),
        Target::Type | Target::TypeToo | Target::ItemCategory | Target::Place => {
            EMPTY.code(System::Variable, column)
        }
        Target::Revenue(system) | Target::Product(system) | Target::Modifier(system, _) => {
            EMPTY.code(system, column)
        }
        Target::ProductOf(system, _) => EMPTY.code(System::Bare(system), column),
        Target::Observation(_) => match version {
            Version::Stu3 => {
                url(variable(column).name).and(r##""valueReference":{"reference":"#"##)
            }
            Version::R4 => info(version, Category::Named(&INFO), column)
                .and(r##","valueReference":{"reference":"#"##),
        },
        Target::Info(category, fact) => info(version, category, column).fact(fact, column),
        Target::Total(category, label) => EMPTY.and("{").r4_category(category, label).and(AMOUNT),
        Target::TotalOfNothing(category) => EMPTY.and("{").r4_category(category, None).and(AMOUNT),
        Target::Benefit(measure) => EMPTY
            .and(r#"{"type":"#)
            .variable_concept(BENEFIT_BALANCE, column)
            .and(match measure {
                Measure::Money => r#","usedMoney":{"value":"#,
                Measure::Count => r#","usedUnsignedInt":"#,
            }),
        Target::Adjudication(category) | Target::AdjudicationWith(category, _) => {
            EMPTY.category(version, category, column).and(AMOUNT)
        }
        Target::AdjudicationAs(category, label) => {
            EMPTY.category(version, category, label).and(AMOUNT)
        }
        // The reason stands between the category and the amount.
        Target::AdjudicationBecause(category, _) => EMPTY.category(version, category, column),
        Target::Denial => EMPTY
            .and(r#"{"category":"#)
            .concept(&DENIAL_REASON)
            .and(REASON)
            .code(System::Variable, column),
        Target::Reason => EMPTY
            .and(r#"{"category":"#)
            .variable_concept(ADJUDICATION, column)
            .and(REASON)
            .code(System::Variable, column),
        _ => EMPTY,
    }
}

const AMOUNT: &str = r#","amount":{"value":"#;
const REASON: &str = r#","reason":{"coding":["#;

const EMPTY: Head = Head {
    parts: [""; PARTS_MAX],
    count: 0,
};

const fn extension(column: Column, form: Form) -> Head {
    let name = match form {
        Form::IdentifierOf(name) => name,
        _ => variable(column).name,
    };
    let head = url(name);
    match form {
        Form::Code => head.and(r#""valueCoding":"#).code(System::Variable, column),
        Form::Identifier | Form::IdentifierOf(_) => head
            .and(r#""valueIdentifier":{"system":""#)
            .and(VARIABLE_BASE)
            .and(name)
            .and(r#"","value":""#),
        Form::Date => head.and(r#""valueDate":"#),
        Form::Money => head.and(r#""valueMoney":{"value":"#),
        Form::Quantity | Form::QuantityOf(..) => head.and(r#""valueQuantity":{"value":"#),
    }
}

/// An extension under the URL of the variable of that name.
const fn url(name: &'static str) -> Head {
    EMPTY
        .and(r#"{"url":""#)
        .and(VARIABLE_BASE)
        .and(name)
        .and(r#"","#)
}

const fn identifier(version: Version, system: Option<&'static str>, column: Column) -> Head {
    let head = match version {
        Version::Stu3 => EMPTY.and("{"),
        Version::R4 => EMPTY.and(r#"{"type":"#).concept(&UNIQUE_CLAIM).and(","),
    };
    let head = head.and(r#""system":""#);
    let head = match system {
        Some(system) => head.and(system),
        None => head.and(VARIABLE_BASE).and(variable(column).name),
    };
    head.and(r#"","value":""#)
}

const fn info(version: Version, category: Category, column: Column) -> Head {
    let head = EMPTY.and(r#""category":"#);
    match (version, category) {
        (Version::Stu3, _) => head.variable_concept(INFORMATION, column),
        (Version::R4, Category::Only(coding)) => head.concept(coding),
        (Version::R4, Category::Named(coding)) => head
            .and(r#"{"coding":["#)
            .coding(coding)
            .and(",")
            .variable_coding(INFORMATION, column)
            .and("]}"),
    }
}

impl Head {
    /// The parts in their order.
    pub(super) const fn parts(&self) -> &[&'static str] {
        self.parts.split_at(self.count).0
    }

    /// How many bytes the text has.
    pub(super) const fn len(&self) -> usize {
        let (mut len, mut at) = (0, 0);
        while at < self.count {
            len += self.parts[at].len();
            at += 1;
        }
        len
    }

    const fn and(mut self, part: &'static str) -> Self {
        self.parts[self.count] = part;
        self.count += 1;
        self
    }

    const fn coding(self, coding: &'static Coding) -> Self {
        self.and(r#"{"system":""#)
            .and(coding.system)
            .and(r#"","code":""#)
            .and(coding.code)
            .end_coding(coding.display)
    }

    /// A coding whose code is the URL of a variable and whose display is its label.
    const fn variable_coding(self, system: &'static str, column: Column) -> Self {
        self.and(r#"{"system":""#)
            .and(system)
            .and(r#"","code":""#)
            .and(VARIABLE_BASE)
            .and(variable(column).name)
            .end_coding(variable(column).label)
    }

    const fn end_coding(self, display: &'static str) -> Self {
        if display.is_empty() {
            self.and(r#""}"#)
        } else {
            self.and(r#"","display":""#).and(display).and(r#""}"#)
        }
    }

    const fn concept(self, coding: &'static Coding) -> Self {
        self.and(r#"{"coding":["#).coding(coding).and("]}")
    }

    const fn variable_concept(self, system: &'static str, column: Column) -> Self {
        self.and(r#"{"coding":["#)
            .variable_coding(system, column)
            .and("]}")
    }

    /// The category of an amount of a line.
    const fn category(self, version: Version, category: &'static Coding, label: Column) -> Self {
        match version {
            Version::Stu3 => self
                .and(r#""category":"#)
                .variable_concept(ADJUDICATION, label),
            Version::R4 => self.r4_category(category, Some(label)),
        }
    }

    /// The standard's coding, then the variable's where there is a label.
    const fn r4_category(self, category: &'static Coding, label: Option<Column>) -> Self {
        let head = self.and(r#""category":{"coding":["#).coding(category);
        let head = match label {
            Some(label) => head.and(",").variable_coding(ADJUDICATION, label),
            None => head,
        };
        head.and("]}")
    }

    /// A coding up to its code.
    const fn code(self, system: System, column: Column) -> Self {
        let head = self.and(r#"{"system":""#);
        let head = match system {
            System::Variable => head.and(VARIABLE_BASE).and(variable(column).name),
            System::Other(system) | System::Bare(system) => head.and(system),
        };
        head.and(r#"","code":""#)
    }

    const fn fact(self, fact: Fact, column: Column) -> Self {
        match fact {
            Fact::Code(system) => self.and(r#","code":{"coding":["#).code(system, column),
            Fact::Translated(_) => self.and(r#","code":{"coding":["#),
            Fact::Date => self.and(r#","timingDate":"#),
            Fact::Period(_) | Fact::PeriodStart => self.and(r#","timingPeriod":{"#),
            Fact::Quantity | Fact::Pints => self.and(r#","valueQuantity":{"value":"#),
        }
    }
}
