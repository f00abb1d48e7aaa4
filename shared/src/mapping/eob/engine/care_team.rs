//! The people and organisations of a claim: `provider`, `referral`, `facility` and `careTeam`.

use std::borrow::Cow;

use super::part::{Part, extension, variable_code};
use super::{Engine, elements};
use crate::fhir::json::Writer;
use crate::mapping::Context;
use crate::mapping::eob::rule::Target;
use crate::mapping::eob::terms::{
    Coding, NPI, NUCC, ORGANIZATION_NPI, PERFORMING, PHARMACY_SYSTEMS, US_NPI,
};
use crate::rif::Column;

/// The members of the team, each once, and which of them each line names.
pub(super) struct CareTeam<'a> {
    members: Vec<Member<'a>>,
    /// The sequences of each line's members.
    lines: Vec<Vec<usize>>,
}

struct Member<'a> {
    id_type: &'static Coding,
    id: Cow<'a, str>,
    role: &'static Coding,
    responsible: bool,
    extensions: Vec<(Column, Cow<'a, str>)>,
    specialties: Vec<(Column, Cow<'a, str>)>,
}

impl<'a> CareTeam<'a> {
    pub(super) fn gather(claim: &Part<'a>, lines: &[Part<'a>]) -> Self {
        let mut team = Self {
            members: Vec::new(),
            lines: Vec::with_capacity(lines.len()),
        };
        team.add_all(claim);
        for line in lines {
            let named = team.add_all(line);
            team.lines.push(named);
        }
        team
    }

    /// The sequences of the members that a line names.
    pub(super) fn of_line(&self, at: usize) -> &[usize] {
        &self.lines[at]
    }

    pub(super) fn write(&self, w: &mut Writer, context: &Context) {
        for (at, member) in self.members.iter().enumerate() {
            w.object(|w| member.write(w, at + 1, context));
        }
    }

    /// Adds a part's members; the sequences of those it names.
    fn add_all(&mut self, part: &Part<'a>) -> Vec<usize> {
        let mut named = Vec::new();
        for rule in part.rules() {
            let (id_type, role, performs) = match rule.r4 {
                Target::Member(id_type, role) => (id_type, role, false),
                Target::Performer(id_type) => (id_type, &PERFORMING, true),
                _ => continue,
            };
            let Some(id) = part.text(rule.column) else {
                continue;
            };
            let at = self.find_or_add(id_type, id, role);
            if performs {
                self.members[at].take_performance(part);
            }
            if !named.contains(&(at + 1)) {
                named.push(at + 1);
            }
        }
        named
    }

    fn find_or_add(
        &mut self,
        id_type: &'static Coding,
        id: Cow<'a, str>,
        role: &'static Coding,
    ) -> usize {
        let same = |member: &Member| {
            member.id == id && member.id_type.code == id_type.code && member.role.code == role.code
        };
        if let Some(at) = self.members.iter().position(same) {
            return at;
        }
        self.members.push(Member {
            id_type,
            id,
            role,
            responsible: false,
            extensions: Vec::new(),
            specialties: Vec::new(),
        });
        self.members.len() - 1
    }
}

impl<'a> Member<'a> {
    /// Takes what a line says about its performer; what several lines repeat, once.
    fn take_performance(&mut self, line: &Part<'a>) {
        self.responsible = true;
        for rule in line.rules() {
            let facts = match rule.r4 {
                Target::PerformerExtension => &mut self.extensions,
                Target::PerformerQualification => &mut self.specialties,
                _ => continue,
            };
            if let Some(code) = line.text(rule.column) {
                let fact = (rule.column, code);
                if !facts.contains(&fact) {
                    facts.push(fact);
                }
            }
        }
    }

    fn write(&self, w: &mut Writer, sequence: usize, context: &Context) {
        let provider = (self.id_type.code == NPI.code)
            .then(|| context.lookups.provider(&self.id))
            .flatten();
        w.array_unless_empty("extension", |w| {
            for (column, code) in &self.extensions {
                extension(w, *column, |w| {
                    w.key("valueCoding");
                    variable_code(w, *column, code);
                });
            }
        });
        w.key("sequence");
        w.unsigned(sequence as u64);
        w.key("provider");
        w.object(|w| named_identifier(w, self.id_type, &self.id, context));
        if self.responsible {
            w.key("responsible");
            w.boolean(true);
        }
        w.key("role");
        elements::concept(w, self.role);
        w.object_unless_empty("qualification", |w| {
            w.array_unless_empty("coding", |w| {
                if let Some(taxonomy) = provider.and_then(|found| found.taxonomy) {
                    elements::bare_coding(w, NUCC, taxonomy.code, taxonomy.display);
                }
                for (column, code) in &self.specialties {
                    variable_code(w, *column, code);
                }
            });
        });
    }
}

fn provider_identifier(w: &mut Writer, id: &str, system: impl FnOnce(&mut Writer)) {
    w.key("identifier");
    w.object(|w| {
        w.key("system");
        system(w);
        w.text("value", id);
    });
}

/// The members of a reference by identifier, with the provider's name where it is known.
fn named_identifier(w: &mut Writer, id_type: &Coding, id: &str, context: &Context) {
    w.key("identifier");
    w.object(|w| elements::identifier(w, Some(id_type), None, id));
    if id_type.code == NPI.code {
        display_name(w, id, context);
    }
}

fn display_name(w: &mut Writer, npi: &str, context: &Context) {
    if let Some(name) = context.provider_name(npi) {
        w.text("display", name);
    }
}

impl Engine<'_> {
    pub(super) fn provider(&self, w: &mut Writer) {
        if self.has_organization() {
            elements::reference(w, &["#", "provider-org"]);
            return;
        }
        for rule in self.claim.rules() {
            let Some(id) = self.claim.text(rule.column) else {
                continue;
            };
            match rule.r4 {
                Target::Provider => provider_identifier(w, &id, |w| elements::url(w, rule.column)),
                Target::Pharmacy(qualifier) => {
                    if let Some(system) = self.pharmacy_system(qualifier) {
                        provider_identifier(w, &id, |w| w.string(system));
                    }
                }
                _ => {}
            }
        }
        self.line_provider(w);
    }

    fn line_provider(&self, w: &mut Writer) {
        let named = self.lines.iter().find_map(|line| {
            let mut rules = line.rules();
            let rule = rules.find(|rule| matches!(rule.r4, Target::LineProvider))?;
            line.text(rule.column)
        });
        if let Some(npi) = named {
            w.text("type", "Practitioner");
            provider_identifier(w, &npi, |w| w.string(US_NPI));
            display_name(w, &npi, self.context);
        }
    }

    pub(super) fn referral(&self, w: &mut Writer) {
        for rule in self.claim.rules() {
            if let (Target::Referral(id_type), Some(id)) = (&rule.r4, self.claim.text(rule.column))
            {
                named_identifier(w, id_type, &id, self.context);
            }
        }
    }

    pub(super) fn facility(&self, w: &mut Writer) {
        w.array_unless_empty("extension", |w| {
            for rule in self.claim.rules() {
                if matches!(rule.r4, Target::Facility) {
                    self.claim.code_extension(w, rule.column, rule.column);
                }
            }
        });
        for rule in self.claim.rules() {
            let Target::Pharmacy(qualifier) = rule.r4 else {
                continue;
            };
            let (Some(id), Some(system)) = (
                self.claim.text(rule.column),
                self.pharmacy_system(qualifier),
            ) else {
                continue;
            };
            w.key("identifier");
            if system == US_NPI {
                w.object(|w| elements::identifier(w, Some(&ORGANIZATION_NPI), None, &id));
                display_name(w, &id, self.context);
            } else {
                w.object(|w| elements::identifier(w, None, Some(system), &id));
            }
        }
    }

    fn pharmacy_system(&self, qualifier: Column) -> Option<&'static str> {
        let qualifier = self.claim.text(qualifier)?;
        let mut systems = PHARMACY_SYSTEMS.iter();
        systems.find_map(|(code, system)| (*code == qualifier).then_some(*system))
    }
}
