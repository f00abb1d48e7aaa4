//! The one interpreter of the mapping tables: writes the elements in FHIR's order, each from the rows that aim at it.

mod care_team;
mod elements;
mod icd;
mod info;
mod item;
mod part;
mod stu3;

use std::borrow::Cow;

use self::care_team::CareTeam;
use self::icd::{Diagnoses, Procedures};
use self::part::Part;
use super::plan::{self, Element, Step};
use super::rule::{Form, Measure, Rule, System, Target};
use super::tables::{Items, Kind};
use super::terms::{Coding, EOB_TYPE, MEDICAL_CARE, ORGANIZATION_NPI, PROFILE_BASE, SUB_TYPE};
use crate::fhir::json::Writer;
use crate::mapping::{Context, Version};
use crate::rif::{Claim, Column, Decimal};

/// A claim on its way to becoming an ExplanationOfBenefit.
struct Engine<'a> {
    kind: &'static Kind,
    context: &'a Context<'a>,
    claim: Part<'a>,
    lines: Vec<Part<'a>>,
    patient: Cow<'a, str>,
    care_team: CareTeam<'a>,
    diagnoses: Diagnoses<'a>,
}

/// Writes the claim by the tables of its kind.
pub(super) fn write(w: &mut Writer, kind: &'static Kind, claim: &Claim, context: &Context) {
    let version = context.version;
    let plans = plan::plans(claim.claim_type, version);
    let header = Part::new(version, &plans.claim, &claim.header);
    let lines: Vec<Part> = match kind.items {
        Items::Lines(_) => (claim.lines.iter())
            .map(|line| Part::new(version, &plans.items, line))
            .collect(),
        Items::Claim(_) => vec![Part::new(version, &plans.items, &claim.header)],
    };
    let engine = Engine {
        kind,
        context,
        patient: header.text(Column::BENE_ID).unwrap_or_default(),
        care_team: CareTeam::gather(&header, &lines),
        diagnoses: Diagnoses::gather(&header, &lines),
        claim: header,
        lines,
    };
    let claim_id = engine.claim.text(claim.claim_type.id_column());
    w.object(|w| {
        w.text("resourceType", "ExplanationOfBenefit");
        w.key("id");
        w.string_of(&[claim.claim_type.name(), "-", &claim_id.unwrap_or_default()]);
        match version {
            Version::Stu3 => engine.stu3_document(w),
            Version::R4 => engine.r4_document(w),
        }
    });
}

impl Engine<'_> {
    fn r4_document(&self, w: &mut Writer) {
        self.meta(w);
        w.array_unless_empty("contained", |w| self.contained(w));
        w.array_unless_empty("extension", |w| self.claim.extensions(w));
        w.array_unless_empty("identifier", |w| self.identifiers(w));
        w.text("status", self.status());
        self.types(w);
        self.sub_type(w);
        w.text("use", "claim");
        w.object_unless_empty("patient", |w| {
            elements::reference(w, &["Patient/", &self.patient]);
        });
        w.object_unless_empty("billablePeriod", |w| self.billable_period(w));
        w.key("created");
        w.instant(self.context.last_updated);
        w.key("insurer");
        w.raw(r#"{"identifier":{"value":"CMS"}}"#);
        w.object_unless_empty("provider", |w| self.provider(w));
        w.object_unless_empty("referral", |w| self.referral(w));
        w.object_unless_empty("facility", |w| self.facility(w));
        w.text("outcome", "complete");
        self.disposition(w);
        w.array_unless_empty("careTeam", |w| self.care_team.write(w, self.context));
        let mut information = Vec::with_capacity(self.lines.len());
        w.array_unless_empty("supportingInfo", |w| information = self.infos(w));
        w.array_unless_empty("diagnosis", |w| self.diagnoses.write(w, self.kind));
        w.array_unless_empty("procedure", |w| Procedures::gather(&self.claim).write(w));
        w.array_unless_empty("insurance", |w| self.insurance(w));
        w.array_unless_empty("item", |w| self.items(w, &information));
        w.array_unless_empty("total", |w| self.totals(w));
        w.object_unless_empty("payment", |w| self.payment(w));
        w.array_unless_empty("benefitBalance", |w| {
            self.benefit_balance(w, &MEDICAL_CARE);
        });
    }

    fn meta(&self, w: &mut Writer) {
        w.key("meta");
        w.object(|w| {
            w.key("lastUpdated");
            w.instant(self.context.last_updated);
            w.key("profile");
            w.array(|w| w.string_of(&[PROFILE_BASE, self.kind.profile]));
        });
    }

    fn contained(&self, w: &mut Writer) {
        if self.has_organization() {
            w.object(|w| self.organization(w));
        }
        for (at, line) in self.lines.iter().enumerate() {
            line.observation(w, || info::observation_id(line.sequence(at)));
        }
    }

    /// The contained provider's identifiers: type, system and value.
    fn organization_identifiers(
        &self,
    ) -> impl Iterator<Item = (&'static Coding, Option<&'static str>, Cow<'_, str>)> {
        self.claim
            .rules(Element::Organization)
            .filter_map(|(rule, target)| match target {
                Target::Organization(id_type, system) => {
                    Some((id_type, system, self.claim.text(rule.column)?))
                }
                _ => None,
            })
    }

    fn has_organization(&self) -> bool {
        self.organization_identifiers().next().is_some()
    }

    fn organization(&self, w: &mut Writer) {
        w.raw(r#""resourceType":"Organization","id":"provider-org""#);
        w.key("meta");
        w.object(|w| {
            w.key("profile");
            w.array(|w| w.string_of(&[PROFILE_BASE, "Organization"]));
        });
        let mut name = None;
        w.array_unless_empty("identifier", |w| {
            for (id_type, system, value) in self.organization_identifiers() {
                w.object(|w| elements::identifier(w, Some(id_type), system, &value));
                if id_type.code == ORGANIZATION_NPI.code {
                    name = self.context.provider_name(&value);
                }
            }
        });
        w.key("active");
        w.boolean(true);
        if let Some(name) = name {
            w.text("name", &name);
        }
    }

    fn identifiers(&self, w: &mut Writer) {
        for step in self.claim.steps(Element::Identifier) {
            if let Some(value) = self.claim.text(step.rule.column) {
                w.raw(step.head);
                w.escaped(&value);
                w.append(r#""}"#);
            }
        }
    }

    /// A claim whose final action is neither final nor cancelled cannot be relied on.
    fn status(&self) -> &'static str {
        let final_action = |(rule, target): (&Rule, Target)| match target {
            Target::Status => self.claim.text(rule.column),
            _ => None,
        };
        match self
            .claim
            .rules(Element::Status)
            .find_map(final_action)
            .as_deref()
        {
            Some("F") => "active",
            Some("N") => "cancelled",
            _ => "entered-in-error",
        }
    }

    fn types(&self, w: &mut Writer) {
        let claim_type = match self.context.version {
            Version::Stu3 => self.kind.stu3.claim_type,
            Version::R4 => Some(self.kind.claim_type),
        };
        w.key("type");
        w.object(|w| {
            w.key("coding");
            w.array(|w| {
                self.type_codes(w, |target| matches!(target, Target::Type));
                elements::bare_coding(w, EOB_TYPE, self.kind.eob_type, "");
                if let Some(coding) = claim_type {
                    elements::coding(w, coding);
                }
                self.type_codes(w, |target| matches!(target, Target::TypeToo));
            });
        });
    }

    fn type_codes(&self, w: &mut Writer, is_here: impl Fn(Target) -> bool) {
        for step in self.claim.steps(Element::Type) {
            if is_here(step.target) {
                self.claim.coding(w, step, System::Variable);
            }
        }
    }

    fn sub_type(&self, w: &mut Writer) {
        if let Some((code, text)) = self.kind.sub_type {
            w.key("subType");
            w.object(|w| {
                w.key("coding");
                w.array(|w| elements::bare_coding(w, SUB_TYPE, code, ""));
                w.text("text", text);
            });
        }
    }

    fn billable_period(&self, w: &mut Writer) {
        w.array_unless_empty("extension", |w| {
            for step in self.claim.steps(Element::Period) {
                if matches!(step.target, Target::PeriodExtension) {
                    self.claim.extension(w, step, Form::Code);
                }
            }
        });
        for (rule, target) in self.claim.rules(Element::Period) {
            let key = match target {
                Target::PeriodStart => "start",
                Target::PeriodEnd => "end",
                _ => continue,
            };
            self.claim.date(w, key, rule.column);
        }
    }

    fn disposition(&self, w: &mut Writer) {
        for (rule, target) in self.claim.rules(Element::Disposition) {
            if matches!(target, Target::Disposition)
                && let Some(text) = self.claim.text(rule.column)
            {
                w.text("disposition", &text);
            }
        }
    }

    fn insurance(&self, w: &mut Writer) {
        if self.patient.is_empty() {
            return;
        }
        w.object(|w| {
            w.key("focal");
            w.boolean(true);
            self.coverage(w, self.kind.coverage);
        });
    }

    /// The beneficiary's coverage by the part of Medicare that pays.
    fn coverage(&self, w: &mut Writer, part: &str) {
        w.key("coverage");
        w.object(|w| {
            w.array_unless_empty("extension", |w| {
                for step in self.claim.steps(Element::CoverageExtension) {
                    self.claim.identifier_extension(w, step);
                }
            });
            elements::reference(w, &["Coverage/", part, "-", &self.patient]);
        });
    }

    fn totals(&self, w: &mut Writer) {
        for step in self.claim.steps(Element::Total) {
            let amount = match step.target {
                Target::TotalOfNothing(_) => Some(Decimal::ZERO),
                _ => self.claim.number(step.rule),
            };
            if let Some(amount) = amount {
                w.raw(step.head);
                elements::end_money(w, self.context.version, amount);
                w.append("}");
            }
        }
    }

    fn payment(&self, w: &mut Writer) {
        for (rule, target) in self.claim.rules(Element::Payment) {
            match target {
                Target::PaymentDate => self.claim.date(w, "date", rule.column),
                Target::PaymentAmount => {
                    if let Some(amount) = self.claim.number(rule) {
                        w.key("amount");
                        elements::money(w, self.context.version, amount);
                    }
                }
                _ => {}
            }
        }
    }

    fn benefit_balance(&self, w: &mut Writer, category: &Coding) {
        let numbered = |step: &'static Step| Some((step, self.claim.number(step.rule)?));
        let steps = self.claim.steps(Element::Benefit);
        let mut financials = steps.filter_map(numbered).peekable();
        if financials.peek().is_none() {
            return;
        }
        w.object(|w| {
            w.key("category");
            elements::concept(w, category);
            w.key("financial");
            w.array(|w| {
                for (step, number) in financials {
                    self.financial(w, step, number);
                }
            });
        });
    }

    fn financial(&self, w: &mut Writer, step: &Step, number: Decimal) {
        w.raw(step.head);
        match step.target {
            Target::Benefit(Measure::Count) => w.number(elements::whole(number)),
            _ => elements::end_money(w, self.context.version, number),
        }
        w.append("}");
    }
}
