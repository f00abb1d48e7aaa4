//! Patient: who the beneficiary is.

use super::codes::VARIABLE_BASE;
use super::coverage::{DUAL, REFERENCE_YEAR};
use super::enrollment::Target::*;
use super::enrollment::{self, Person, Rule, filled, row};
use super::{Context, Version};
use crate::fhir::json::Writer;
use crate::rif::Column::*;
use crate::rif::{Beneficiary, Row};

const PROFILE: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-Patient";
const US_CORE_SEX: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-sex";
const US_CORE_RACE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race";
const NULL_FLAVOR: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";
const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
const IDENTIFIER_CURRENCY: &str =
    "https://bluebutton.cms.gov/resources/codesystem/identifier-currency";

/// The system of a Medicare number (MBI).
pub const US_MBI: &str = "http://hl7.org/fhir/sid/us-mbi";
/// The system of a Medicare number's hash.
pub const MBI_HASH: &str = "https://bluebutton.cms.gov/resources/identifier/mbi-hash";

#[rustfmt::skip]
pub(super) const TABLE: &[Rule] = &[
    row(BENE_ID,            Id),
    row(BENE_SEX_IDENT_CD,  Sex),
    row(BENE_RACE_CD,       Race).stu3(Code),
    REFERENCE_YEAR,
    DUAL,
    row(MBI_NUM,            MedicareNumber).stu3(MedicareNumberHash),
    row(EFCTV_BGN_DT,       NumberSince),
    row(EFCTV_END_DT,       NumberUntil),
    row(BENE_SRNM_NAME,     Family),
    row(BENE_GVN_NAME,      Given),
    row(BENE_MDL_NAME,      Given),
    row(BENE_BIRTH_DT,      BirthDate),
    row(DEATH_DT,           Deceased),
    row(STATE_CODE,         State),
    row(BENE_ZIP_CD,        PostalCode),
];

/// A sex as the beneficiary file codes it, and as FHIR and US Core (SNOMED CT) do.
const SEXES: &[(&str, &str, &str)] = &[("1", "male", "248153007"), ("2", "female", "248152002")];

/// Whether a Medicare number is the person's present one.
#[derive(Clone, Copy)]
enum Currency {
    Current,
    Historic,
}

/// Writes the person as a Patient.
pub fn write(w: &mut Writer, beneficiary: &Beneficiary, context: &Context) {
    let person = Person::new(beneficiary, TABLE, context.version);
    w.object(|w| {
        w.text("resourceType", "Patient");
        person.text(w, "id", Id);
        enrollment::meta(w, context, PROFILE);
        w.array_unless_empty("extension", |w| extensions(w, &person));
        w.array_unless_empty("identifier", |w| match context.version {
            Version::Stu3 => stu3_identifiers(w, &person, beneficiary),
            Version::R4 => r4_identifiers(w, &person, beneficiary),
        });
        w.array_unless_empty("name", |w| w.object(|w| name(w, &person)));
        let gender = sex(&person).map_or("unknown", |(_, gender, _)| gender);
        w.text("gender", gender);
        person.date(w, "birthDate", BirthDate);
        deceased(w, &person, context.version);
        w.array_unless_empty("address", |w| address(w, &person));
    });
}

fn extensions(w: &mut Writer, person: &Person) {
    for (rule, target) in person.rules() {
        if let (Sex, Some((_, _, code))) = (target, sex(person)) {
            w.object(|w| {
                w.text("url", US_CORE_SEX);
                w.text("valueCode", code);
            });
        }
        person.extension(w, rule, target);
        if target == Race {
            unknown_race(w);
        }
    }
}

/// CMS's race codes have no exact counterpart among the OMB categories, so CMS answers "unknown" for everyone.
fn unknown_race(w: &mut Writer) {
    w.object(|w| {
        w.text("url", US_CORE_RACE);
        w.key("extension");
        w.array(|w| {
            w.object(|w| {
                w.text("url", "ombCategory");
                w.key("valueCoding");
                w.object(|w| {
                    w.text("system", NULL_FLAVOR);
                    w.text("code", "UNK");
                    w.text("display", "Unknown");
                });
            });
            w.object(|w| {
                w.text("url", "text");
                w.text("valueString", "Unknown");
            });
        });
    });
}

/// The member number, and the present Medicare number as the hash that was made at load: STU3 never shows the number.
fn stu3_identifiers(w: &mut Writer, person: &Person, beneficiary: &Beneficiary) {
    w.object(|w| member_number(w, person));
    if person.values(MedicareNumberHash).next().is_some()
        && let Some(hash) = beneficiary.mbi_hash
    {
        w.object(|w| {
            w.text("system", MBI_HASH);
            w.text("value", hash);
            period(w, person);
        });
    }
}

/// The member number, the present Medicare number, and each other one that the person ever had, once.
fn r4_identifiers(w: &mut Writer, person: &Person, beneficiary: &Beneficiary) {
    w.object(|w| {
        identifier_type(w, "MB", "Member Number", None);
        member_number(w, person);
    });
    let mut seen = Vec::new();
    for number in person.values(MedicareNumber) {
        let number = number.to_string();
        w.object(|w| {
            medicare_number(w, &number, Currency::Current);
            period(w, person);
        });
        seen.push(number);
    }
    // CMS answers the period of the present number only.
    for number in beneficiary
        .earlier
        .iter()
        .flat_map(|row| numbers(person, row))
    {
        if !seen.contains(&number) {
            w.object(|w| medicare_number(w, &number, Currency::Historic));
            seen.push(number);
        }
    }
}

fn numbers(person: &Person, row: &Row) -> Vec<String> {
    let columns = person.columns(MedicareNumber);
    let values = columns.filter_map(|column| filled(row, column));
    values.map(|value| value.to_string()).collect()
}

fn member_number(w: &mut Writer, person: &Person) {
    w.key("system");
    w.string_of(&[VARIABLE_BASE, "bene_id"]);
    person.text(w, "value", Id);
}

fn medicare_number(w: &mut Writer, number: &str, currency: Currency) {
    identifier_type(w, "MC", "Patient's Medicare number", Some(currency));
    w.text("system", US_MBI);
    w.text("value", number);
}

fn period(w: &mut Writer, person: &Person) {
    w.object_unless_empty("period", |w| {
        person.date(w, "start", NumberSince);
        person.date(w, "end", NumberUntil);
    });
}

fn identifier_type(w: &mut Writer, code: &str, display: &str, currency: Option<Currency>) {
    w.key("type");
    w.object(|w| {
        w.array_unless_empty("coding", |w| {
            w.object(|w| {
                if let Some(currency) = currency {
                    w.array_unless_empty("extension", |w| currency.extension(w));
                }
                w.text("system", IDENTIFIER_TYPE);
                w.text("code", code);
                w.text("display", display);
            });
        });
    });
}

impl Currency {
    fn extension(self, w: &mut Writer) {
        let (code, display) = match self {
            Currency::Current => ("current", "Current"),
            Currency::Historic => ("historic", "Historic"),
        };
        w.object(|w| {
            w.text("url", IDENTIFIER_CURRENCY);
            w.key("valueCoding");
            w.object(|w| {
                w.text("system", IDENTIFIER_CURRENCY);
                w.text("code", code);
                w.text("display", display);
            });
        });
    }
}

fn name(w: &mut Writer, person: &Person) {
    w.text("use", "usual");
    person.text(w, "family", Family);
    w.array_unless_empty("given", |w| {
        for given in person.values(Given) {
            w.string(&given.to_string());
        }
    });
}

/// R4 says of the living that they live, STU3 says nothing.
fn deceased(w: &mut Writer, person: &Person, version: Version) {
    if person.values(Deceased).next().is_some() {
        person.date(w, "deceasedDateTime", Deceased);
    } else if version == Version::R4 {
        w.key("deceasedBoolean");
        w.boolean(false);
    }
}

fn address(w: &mut Writer, person: &Person) {
    if person
        .values(State)
        .chain(person.values(PostalCode))
        .next()
        .is_some()
    {
        w.object(|w| {
            person.text(w, "state", State);
            person.text(w, "postalCode", PostalCode);
        });
    }
}

fn sex(person: &Person) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let code = person.values(Sex).next()?.to_string();
    SEXES.iter().find(|(candidate, _, _)| *candidate == code)
}
