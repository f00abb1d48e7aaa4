//! The people and organisations of a claim: `provider`, `referral`, `facility` and `careTeam`.

use std::borrow::Cow;

use super::part::{Part, variable_code, variable_extension};
use super::{Engine, elements};
use crate::fhir::json::Writer;
use crate::mapping::eob::plan::Element;
use crate::mapping::eob::rule::{Form, Target};
use crate::mapping::eob::terms::{
    Coding, NPI, NUCC, ORGANIZATION_NPI, PERFORMING, PHARMACY_SYSTEMS, STU3_NPI, US_NPI,
};
use crate::mapping::{Context, Version};
use crate::rif::Column;

/// The members of the team, each once, and which of them each line names.
pub(super) struct CareTeam<'a> {
    version: Version,
    members: Vec<Member<'a>>,
    /// The places in the team of the lines' members, line after line, and where those of each line end.
    named: Vec<usize>,
    ends: Vec<usize>,
}

struct Member<'a> {
    id_type: &'static Coding,
    id: Cow<'a, str>,
    role: &'static Coding,
    responsible: bool,
    extensions: Vec<(Column, Cow<'a, str>)>,
    organizations: Vec<Cow<'a, str>>,
    specialties: Vec<(Column, Cow<'a, str>)>,
}

impl<'a> CareTeam<'a> {
    pub(super) fn gather(claim: &Part<'a>, lines: &[Part<'a>]) -> Self {
        let mut team = Self {
            version: claim.version,
            members: Vec::new(),
            named: Vec::with_capacity(lines.len() + 1),
            ends: Vec::with_capacity(lines.len()),
        };
        team.add_all(claim);
        team.named.clear();
        for line in lines {
            team.add_all(line);
            team.ends.push(team.named.len());
        }
        team
    }

    /// The sequences of the members that a line names.
    pub(super) fn of_line(&self, at: usize) -> impl Iterator<Item = u64> + '_ {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        let named = &self.named[start..self.ends[at]];
        named.iter().map(|at| self.sequence(*at))
    }

    pub(super) fn write(&self, w: &mut Writer, context: &Context) {
        for (at, member) in self.members.iter().enumerate() {
            w.object(|w| member.write(w, self.sequence(at), context));
        }
    }

    /// Quirk: in STU3 the first member of the team is number 2.
    fn sequence(&self, at: usize) -> u64 {
        let first = match self.version {
            Version::Stu3 => 2,
            Version::R4 => 1,
        };
        at as u64 + first
    }

    /// Adds a part's members, and the places of those it names.
    fn add_all(&mut self, part: &Part<'a>) {
        let start = self.named.len();
        for (rule, target) in part.rules(Element::Member) {
            let (id_type, role, performs) = match target {
                Target::Member(id_type, role) => (id_type, role, false),
                Target::Performer(id_type) => (id_type, &PERFORMING, true),
                _ => continue,
            };
            let role = match part.version {
                Version::Stu3 => role.stu3,
                Version::R4 => Some(&role.r4),
            };
            let (Some(role), Some(id)) = (role, part.text(rule.column)) else {
                continue;
            };
            let at = self.find_or_add(id_type, id, role);
            if performs {
                self.members[at].take_performance(part);
            }
            if !self.named[start..].contains(&at) {
                self.named.push(at);
            }
        }
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
            organizations: Vec::new(),
            specialties: Vec::new(),
        });
        self.members.len() - 1
    }
}

impl<'a> Member<'a> {
    /// Takes what a line says about its performer; what several lines repeat, once.
    fn take_performance(&mut self, line: &Part<'a>) {
        self.responsible = true;
        for (rule, target) in line.rules(Element::Performance) {
            let Some(code) = line.text(rule.column) else {
                continue;
            };
            match target {
                Target::PerformerExtension => add_new(&mut self.extensions, (rule.column, code)),
                Target::PerformerOrganization => add_new(&mut self.organizations, code),
                Target::PerformerQualification => {
                    // No approved answer has lines that differ in this: we let the last one decide.
                    if line.version == Version::Stu3 {
                        self.specialties.clear();
                    }
                    add_new(&mut self.specialties, (rule.column, code));
                }
                _ => {}
            }
        }
    }

    fn write(&self, w: &mut Writer, sequence: u64, context: &Context) {
        w.array_unless_empty("extension", |w| self.extensions(w, context));
        w.key("sequence");
        w.unsigned(sequence);
        w.key("provider");
        w.object(|w| match context.version {
            Version::Stu3 => npi_reference(w, &self.id, context),
            Version::R4 => named_identifier(w, self.id_type, &self.id, context),
        });
        if self.responsible {
            w.key("responsible");
            w.boolean(true);
        }
        w.key("role");
        elements::concept(w, self.role);
        w.object_unless_empty("qualification", |w| {
            w.array_unless_empty("coding", |w| self.qualifications(w, context));
        });
    }

    fn extensions(&self, w: &mut Writer, context: &Context) {
        for (column, code) in &self.extensions {
            variable_extension(w, *column, code);
        }
        for npi in &self.organizations {
            w.object(|w| {
                w.plain("url", US_NPI);
                w.key("valueCoding");
                let name = context.provider_name(npi).unwrap_or_default();
                elements::bare_coding(w, US_NPI, npi, &name);
            });
        }
    }

    /// In R4 the taxonomy of the look-up comes first.
    fn qualifications(&self, w: &mut Writer, context: &Context) {
        if context.version == Version::R4 && self.id_type.code == NPI.code {
            let provider = context.lookups.provider(&self.id);
            if let Some(taxonomy) = provider.and_then(|found| found.taxonomy) {
                elements::bare_coding(w, NUCC, &taxonomy.code, &taxonomy.display);
            }
        }
        for (column, code) in &self.specialties {
            variable_code(w, *column, code);
        }
    }
}

fn add_new<T: PartialEq>(list: &mut Vec<T>, fact: T) {
    if !list.contains(&fact) {
        list.push(fact);
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
        w.text("display", &name);
    }
}

/// The members of a reference by NPI, as STU3 has it: without a type.
pub(super) fn npi_reference(w: &mut Writer, npi: &str, context: &Context) {
    w.key("identifier");
    w.object(|w| elements::identifier(w, None, Some(US_NPI), npi));
    display_name(w, npi, context);
}

impl Engine<'_> {
    pub(super) fn provider(&self, w: &mut Writer) {
        if self.has_organization() {
            elements::reference(w, &["#", "provider-org"]);
            return;
        }
        for (rule, target) in self.claim.rules(Element::Provider) {
            let Some(id) = self.claim.text(rule.column) else {
                continue;
            };
            match target {
                Target::Provider => provider_identifier(w, &id, |w| elements::url(w, rule.column)),
                Target::Pharmacy(qualifier) if self.context.version == Version::R4 => {
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
            let mut rules = line.rules(Element::LineProvider);
            let (rule, _) = rules.find(|(_, target)| matches!(target, Target::LineProvider))?;
            line.text(rule.column)
        });
        if let Some(npi) = named {
            w.text("type", "Practitioner");
            provider_identifier(w, &npi, |w| w.string(US_NPI));
            display_name(w, &npi, self.context);
        }
    }

    pub(super) fn referral(&self, w: &mut Writer) {
        for (rule, target) in self.claim.rules(Element::Referral) {
            if let Target::Referral(id_type) = target
                && let Some(id) = self.claim.text(rule.column)
            {
                named_identifier(w, id_type, &id, self.context);
            }
        }
    }

    pub(super) fn facility(&self, w: &mut Writer) {
        w.array_unless_empty("extension", |w| {
            for step in self.claim.steps(Element::Facility) {
                self.claim.extension(w, step, Form::Code);
            }
        });
        self.place_of_care(w);
    }

    /// The members of `facility`, and of STU3's `organization`, that say which it is.
    pub(super) fn place_of_care(&self, w: &mut Writer) {
        for (rule, target) in self.claim.rules(Element::Provider) {
            let Some(id) = self.claim.text(rule.column) else {
                continue;
            };
            match target {
                Target::OrganizationNpi => npi_reference(w, &id, self.context),
                Target::Pharmacy(qualifier) => {
                    if let Some(system) = self.pharmacy_system(qualifier) {
                        self.pharmacy(w, system, &id);
                    }
                }
                _ => {}
            }
        }
    }

    fn pharmacy(&self, w: &mut Writer, system: &str, id: &str) {
        let (id_type, system) = match self.context.version {
            Version::R4 if system == US_NPI => (Some(&ORGANIZATION_NPI), None),
            Version::Stu3 if system == US_NPI => (Some(&STU3_NPI), Some(system)),
            _ => (None, Some(system)),
        };
        w.key("identifier");
        w.object(|w| elements::identifier(w, id_type, system, id));
        if id_type.is_some() {
            display_name(w, id, self.context);
        }
    }

    fn pharmacy_system(&self, qualifier: Column) -> Option<&'static str> {
        let qualifier = self.claim.text(qualifier)?;
        let mut systems = PHARMACY_SYSTEMS.iter();
        systems.find_map(|(code, system)| (*code == qualifier).then_some(*system))
    }
}
