//! Patient: who the beneficiary is.

use super::codes::VARIABLE_BASE;
use super::enrollment::{self, DUAL, Extension, RACE, REFERENCE_YEAR, date, filled};
use super::{Context, Version};
use crate::fhir::json::Writer;
use crate::rif::Column::{self, *};
use crate::rif::{Beneficiary, Row};

const PROFILE: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/C4BB-Patient";
const US_CORE_SEX: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-sex";
const US_CORE_RACE: &str = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race";
const NULL_FLAVOR: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";
const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
const IDENTIFIER_CURRENCY: &str =
    "https://bluebutton.cms.gov/resources/codesystem/identifier-currency";
const MEDICARE_NUMBER: &str = "http://hl7.org/fhir/sid/us-mbi";
const MEDICARE_NUMBER_HASH: &str = "https://bluebutton.cms.gov/resources/identifier/mbi-hash";

/// The extensions made of columns, between those of sex and race that US Core defines.
pub(super) const EXTENSIONS: &[&Extension] = &[&RACE, &REFERENCE_YEAR, &DUAL];

/// The columns that the elements below read, besides those of the extensions.
#[rustfmt::skip]
pub(super) const COLUMNS: &[Column] = &[
    BENE_ID, MBI_NUM, EFCTV_BGN_DT, EFCTV_END_DT, BENE_SRNM_NAME, BENE_GVN_NAME, BENE_MDL_NAME,
    BENE_SEX_IDENT_CD, BENE_BIRTH_DT, DEATH_DT, STATE_CODE, BENE_ZIP_CD,
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
    let row = &beneficiary.row;
    w.object(|w| {
        w.text("resourceType", "Patient");
        text(w, "id", row, BENE_ID);
        enrollment::meta(w, context, PROFILE);
        w.array_unless_empty("extension", |w| extensions(w, beneficiary, context.version));
        w.array_unless_empty("identifier", |w| match context.version {
            Version::Stu3 => stu3_identifiers(w, beneficiary),
            Version::R4 => identifiers(w, beneficiary),
        });
        w.array_unless_empty("name", |w| w.object(|w| name(w, row)));
        w.text(
            "gender",
            sex(row).map_or("unknown", |(_, gender, _)| gender),
        );
        date(w, "birthDate", row, BENE_BIRTH_DT);
        if row.date(DEATH_DT).is_some() {
            date(w, "deceasedDateTime", row, DEATH_DT);
        } else if context.version == Version::R4 {
            w.key("deceasedBoolean");
            w.boolean(false);
        }
        w.array_unless_empty("address", |w| address(w, row));
    });
}

fn extensions(w: &mut Writer, beneficiary: &Beneficiary, version: Version) {
    if let Some((_, _, code)) = sex(&beneficiary.row) {
        w.object(|w| {
            w.text("url", US_CORE_SEX);
            w.text("valueCode", code);
        });
    }
    let (race, others) = EXTENSIONS.split_at(1);
    enrollment::extensions(w, beneficiary, race);
    if version == Version::R4 {
        unknown_race(w);
    }
    enrollment::extensions(w, beneficiary, others);
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

/// The member number, the present Medicare number, and each other one that the person ever had, once.
fn identifiers(w: &mut Writer, beneficiary: &Beneficiary) {
    let row = &beneficiary.row;
    w.object(|w| {
        identifier_type(w, "MB", "Member Number", None);
        member_number(w, row);
    });
    let mut seen = Vec::new();
    if let Some(number) = filled(row, MBI_NUM) {
        medicare_number(w, row, Currency::Current);
        seen.push(number.to_string());
    }
    for row in &beneficiary.earlier {
        let Some(number) = filled(row, MBI_NUM).map(|number| number.to_string()) else {
            continue;
        };
        if !seen.contains(&number) {
            medicare_number(w, row, Currency::Historic);
            seen.push(number);
        }
    }
}

fn medicare_number(w: &mut Writer, row: &Row, currency: Currency) {
    w.object(|w| {
        identifier_type(w, "MC", "Patient's Medicare number", Some(currency));
        w.text("system", MEDICARE_NUMBER);
        text(w, "value", row, MBI_NUM);
        // CMS answers the period of the present number only.
        if matches!(currency, Currency::Current) {
            period(w, row);
        }
    });
}

/// The member number, and the present Medicare number as a hash: STU3 never shows the number itself.
fn stu3_identifiers(w: &mut Writer, beneficiary: &Beneficiary) {
    let row = &beneficiary.row;
    w.object(|w| member_number(w, row));
    if let Some(hash) = beneficiary.mbi_hash {
        w.object(|w| {
            w.text("system", MEDICARE_NUMBER_HASH);
            w.text("value", hash);
            period(w, row);
        });
    }
}

fn member_number(w: &mut Writer, row: &Row) {
    w.key("system");
    w.string_of(&[VARIABLE_BASE, "bene_id"]);
    text(w, "value", row, BENE_ID);
}

fn period(w: &mut Writer, row: &Row) {
    w.object_unless_empty("period", |w| {
        date(w, "start", row, EFCTV_BGN_DT);
        date(w, "end", row, EFCTV_END_DT);
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

fn name(w: &mut Writer, row: &Row) {
    w.text("use", "usual");
    text(w, "family", row, BENE_SRNM_NAME);
    w.array_unless_empty("given", |w| {
        for column in [BENE_GVN_NAME, BENE_MDL_NAME] {
            if let Some(given) = filled(row, column) {
                w.string(&given.to_string());
            }
        }
    });
}

fn address(w: &mut Writer, row: &Row) {
    let known = [STATE_CODE, BENE_ZIP_CD].map(|column| filled(row, column));
    if known.iter().any(Option::is_some) {
        w.object(|w| {
            text(w, "state", row, STATE_CODE);
            text(w, "postalCode", row, BENE_ZIP_CD);
        });
    }
}

fn sex(row: &Row) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let code = row.text(BENE_SEX_IDENT_CD)?;
    SEXES.iter().find(|(candidate, _, _)| *candidate == code)
}

fn text(w: &mut Writer, key: &str, row: &Row, column: Column) {
    if let Some(value) = filled(row, column) {
        w.text(key, &value.to_string());
    }
}
