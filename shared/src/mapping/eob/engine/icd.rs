//! Diagnoses and procedures: gathered from their columns, each code once, first come first kept.

use std::borrow::Cow;

use super::elements;
use super::part::{Part, variable_code, variable_extension};
use crate::fhir::json::Writer;
use crate::mapping::Version;
use crate::mapping::codes;
use crate::mapping::eob::plan::Element;
use crate::mapping::eob::rule::{Label, Numbers, Target};
use crate::mapping::eob::tables::Kind;
use crate::mapping::eob::terms::{Coding, ICD_9_CM, ICD_10, ICD_10_CM, ICD_10_PCS, ICD_UNKNOWN};
use crate::rif::Column;

/// The room that is made for diagnoses beforehand.
const DIAGNOSES_USUAL: usize = 12;

/// An ICD code with the version that says which ICD it is from; what is no letter or digit says nothing.
#[derive(PartialEq, Eq)]
struct IcdCode<'a> {
    code: Cow<'a, str>,
    version: Option<Cow<'a, str>>,
}

/// The diagnoses of a claim and of its lines, in STU3 after the group that they put it in (DRG).
pub(super) struct Diagnoses<'a> {
    version: Version,
    packages: Vec<(Column, Cow<'a, str>)>,
    found: Vec<Diagnosis<'a>>,
    /// The place of each line's diagnosis among those found.
    lines: Vec<Option<usize>>,
}

struct Diagnosis<'a> {
    icd: IcdCode<'a>,
    label: Label,
    present_on_admission: Option<(Column, Cow<'a, str>)>,
}

/// The procedures of a claim.
pub(super) struct Procedures<'a> {
    claim: &'a Part<'a>,
    found: Vec<(IcdCode<'a>, Option<Column>)>,
}

impl<'a> Diagnoses<'a> {
    pub(super) fn gather(claim: &Part<'a>, lines: &[Part<'a>]) -> Self {
        let mut diagnoses = Self {
            version: claim.version,
            packages: Vec::new(),
            found: Vec::with_capacity(DIAGNOSES_USUAL),
            lines: Vec::with_capacity(lines.len()),
        };
        for (rule, target) in claim.rules(Element::Diagnosis) {
            match (target, rule.series) {
                (Target::Diagnosis(label), Some(numbers)) => {
                    for (icd, detail) in members(claim, numbers) {
                        let present = detail.and_then(|column| Some((column, claim.text(column)?)));
                        diagnoses.find_or_add(icd, label, present);
                    }
                }
                (Target::Package, _) => {
                    let code = claim.text(rule.column);
                    (diagnoses.packages).extend(code.map(|code| (rule.column, code)));
                }
                _ => {}
            }
        }
        for line in lines {
            let sequence = diagnoses.add_line(line);
            diagnoses.lines.push(sequence);
        }
        diagnoses
    }

    /// The sequence of a line's diagnosis.
    pub(super) fn of_line(&self, at: usize) -> Option<u64> {
        self.lines[at].map(|at| self.sequence(at))
    }

    pub(super) fn write(&self, w: &mut Writer, kind: &Kind) {
        for (at, (column, code)) in self.packages.iter().enumerate() {
            w.raw(r#"{"sequence":"#);
            w.unsigned(at as u64 + 1);
            w.append(r#","packageCode":{"coding":["#);
            variable_code(w, *column, code);
            w.append("]}}");
        }
        for (at, diagnosis) in self.found.iter().enumerate() {
            let type_coding = match self.version {
                Version::Stu3 => diagnosis.label.stu3(),
                Version::R4 => Some(kind.diagnoses.coding(diagnosis.label)),
            };
            w.begin_object();
            diagnosis.write(w, self.version, self.sequence(at), type_coding);
            w.append("}");
        }
    }

    fn sequence(&self, at: usize) -> u64 {
        (self.packages.len() + at) as u64 + 1
    }

    fn add_line(&mut self, line: &Part<'a>) -> Option<usize> {
        line.rules(Element::LineDiagnosis)
            .find_map(|(rule, target)| {
                let Target::LineDiagnosis(version, label) = target else {
                    return None;
                };
                let icd = IcdCode::read(line, rule.column, Some(version))?;
                Some(self.find_or_add(icd, label, None))
            })
    }

    fn find_or_add(
        &mut self,
        icd: IcdCode<'a>,
        label: Label,
        present_on_admission: Option<(Column, Cow<'a, str>)>,
    ) -> usize {
        if let Some(at) = self.found.iter().position(|known| known.icd == icd) {
            return at;
        }
        self.found.push(Diagnosis {
            icd,
            label,
            present_on_admission,
        });
        self.found.len() - 1
    }
}

impl Diagnosis<'_> {
    fn write(
        &self,
        w: &mut Writer,
        version: Version,
        sequence: u64,
        type_coding: Option<&'static Coding>,
    ) {
        if let Some((column, code)) = &self.present_on_admission {
            w.raw(r#""extension":["#);
            variable_extension(w, *column, code);
            w.append("]");
        }
        w.raw(r#""sequence":"#);
        w.unsigned(sequence);
        w.append(r#","diagnosisCodeableConcept":"#);
        let icd_10: &[&str] = match version {
            Version::Stu3 => &[ICD_10],
            // CMS repeats ICD-10-CM codes under the international system.
            Version::R4 => &[ICD_10_CM, ICD_10],
        };
        self.icd.write(w, icd_10, codes::diagnosis(&self.icd.code));
        if let Some(coding) = type_coding {
            w.append(r#","type":["#);
            elements::concept(w, coding);
            w.append("]");
        }
    }
}

impl<'a> Procedures<'a> {
    pub(super) fn gather(claim: &'a Part<'a>) -> Self {
        let mut found: Vec<(IcdCode, Option<Column>)> = Vec::new();
        for (rule, target) in claim.rules(Element::Procedure) {
            if let (Target::Procedure, Some(numbers)) = (target, rule.series) {
                for (icd, date) in members(claim, numbers) {
                    if !found.iter().any(|(known, _)| *known == icd) {
                        found.push((icd, date));
                    }
                }
            }
        }
        Self { claim, found }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        let icd_10: &[&str] = match self.claim.version {
            Version::Stu3 => &[ICD_10],
            Version::R4 => &[ICD_10_PCS, ICD_10],
        };
        for (at, (icd, date)) in self.found.iter().enumerate() {
            w.raw(r#"{"sequence":"#);
            w.unsigned(at as u64 + 1);
            if let Some(column) = date {
                self.claim.date_time(w, "date", *column);
            }
            w.append(r#","procedureCodeableConcept":"#);
            icd.write(w, icd_10, codes::procedure(&icd.code));
            w.append("}");
        }
    }
}

impl<'a> IcdCode<'a> {
    fn read(part: &Part<'a>, code: Column, version: Option<Column>) -> Option<Self> {
        let version = version.and_then(|column| part.text(column));
        Some(Self {
            code: part.text(code)?,
            version: version.filter(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric())),
        })
    }

    /// The CodeableConcept; ICD-10 has different systems for diagnoses and procedures.
    fn write(&self, w: &mut Writer, icd_10: &[&str], display: Option<&str>) {
        let unknown;
        let systems = match self.version.as_deref() {
            Some("9") => &[ICD_9_CM],
            Some("0") => icd_10,
            Some(version) => {
                unknown = [ICD_UNKNOWN, "/", version].concat();
                &[unknown.as_str()]
            }
            None => &[ICD_UNKNOWN],
        };
        w.append(r#"{"coding":["#);
        for system in systems {
            w.raw_of(&[r#"{"system":""#, system, r#"","code":""#]);
            elements::end_coding(w, &self.code, display);
        }
        w.append("]}");
    }
}

/// The codes of a family that are there, each with the column of its detail.
fn members<'a>(
    part: &Part<'a>,
    numbers: Numbers,
) -> impl Iterator<Item = (IcdCode<'a>, Option<Column>)> {
    let Numbers { of, first, last } = numbers;
    (first - 1..last).filter_map(move |at| {
        let icd = IcdCode::read(part, of.codes[at], of.versions.get(at).copied())?;
        Some((icd, of.details.get(at).copied()))
    })
}
