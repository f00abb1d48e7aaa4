//! Names of providers and drugs, which no RIF row carries.
//!
//! An operator has them from public registries (NPPES and the FDA's drug directory) and puts them into a file, see
//! `lookups_file`. A renderer asks a [`Lookups`]; the built-in one knows the providers and drugs of CMS's published test claims and the drugs of the synthetic people,
//! compiled in and sorted, so that the sandbox answers as CMS does and a function that never asks pays nothing.

use std::borrow::Cow;

/// What is known about a provider number (NPI).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider<'a> {
    /// The organisation's name, or the person's with title and credential; empty where only the taxonomy is known.
    pub name: Cow<'a, str>,
    /// The provider's line of work, where it is known.
    pub taxonomy: Option<Taxonomy<'a>>,
}

/// A code of the NUCC provider taxonomy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taxonomy<'a> {
    /// For example `207R00000X`.
    pub code: Cow<'a, str>,
    /// For example `Internal Medicine Physician`.
    pub display: Cow<'a, str>,
}

/// A source of names. What it does not know is left out of the resource.
pub trait Lookups: Send + Sync {
    /// The provider behind an NPI.
    fn provider(&self, npi: &str) -> Option<Provider<'_>>;
    /// The drug behind a National Drug Code.
    fn drug(&self, ndc: &str) -> Option<Cow<'_, str>>;
}

/// The names of CMS's published test claims and of the synthetic people's drugs.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn;

impl Lookups for BuiltIn {
    fn provider(&self, npi: &str) -> Option<Provider<'_>> {
        let found = PROVIDERS.binary_search_by(|row| row.0.cmp(npi)).ok()?;
        let (_, name, code, display) = PROVIDERS[found];
        let taxonomy = (!code.is_empty()).then_some(Taxonomy {
            code: code.into(),
            display: display.into(),
        });
        Some(Provider {
            name: name.into(),
            taxonomy,
        })
    }

    fn drug(&self, ndc: &str) -> Option<Cow<'_, str>> {
        let product = product(ndc)?;
        let found = DRUGS.binary_search_by(|row| row.0.cmp(product)).ok()?;
        Some(DRUGS[found].1.into())
    }
}

/// Labeller and product, the first nine digits of a National Drug Code; the rest is the size of the package.
pub(crate) fn product(ndc: &str) -> Option<&str> {
    ndc.get(..9)
        .filter(|product| product.bytes().all(|byte| byte.is_ascii_digit()))
}

/// NPI, name, taxonomy code and display, sorted by NPI.
#[rustfmt::skip]
const PROVIDERS: &[(&str, &str, &str, &str)] = &[
    ("0000000000", "Fake ORG Name", "", ""),
    ("1023011079", "ADVANTAGE HOME HEALTH CARE, INC.", "", ""),
    ("1244444444", "DR. DAVID SMITH MD", "207ZH0000X", "Hematology (Pathology) Physician"),
    ("1306849450", "DR. HAROLD LEROY SMITSON II M.D.", "204D00000X", "Neuromusculoskeletal Medicine & OMM Physician"),
    ("1497758544", "CUMBERLAND COUNTY HOSPITAL SYSTEM, INC", "251G00000X", "Community Based Hospice Care Agency"),
    ("1679576722", "DAVID A WIEBE M.D.", "207X00000X", "Orthopaedic Surgery Physician"),
    ("1750384806", "DR. ROBERT BISBEE MD", "207T00000X", "Neurological Surgery Physician"),
    ("1923124", "", "390200000X", "Health Care"),
    ("1992903249", "CAMPBELL CLINIC", "207X00000X", "Orthopaedic Surgery Physician"),
    ("2222222222", "", "207R00000X", "Internal Medicine Physician"),
    ("3333333333", "", "207T00000X", "Neurological Surgery Physician"),
    ("345345345", "", "207ZH0000X", "Hematology (Pathology) Physician"),
    ("4444", "", "204D00000X", "Neuromusculoskeletal Medicine & OMM Physician"),
    ("4444444444", "", "207R00000X", "Internal Medicine Physician"),
];

/// The first nine digits of a National Drug Code and the drug, sorted.
#[rustfmt::skip]
const DRUGS: &[(&str, &str)] = &[
    ("000000000", "Fake Diluent - WATER"),
    ("000030894", "Eliquis - APIXABAN"),
    ("000540018", "Prednisone - PREDNISONE"),
    ("000544299", "Furosemide - FUROSEMIDE"),
    ("000780696", "Entresto - SACUBITRIL AND VALSARTAN"),
    ("000882219", "Lantus - INSULIN GLARGINE"),
    ("000931048", "Metformin Hydrochloride - METFORMIN HYDROCHLORIDE"),
    ("000933109", "Amoxicillin - AMOXICILLIN"),
    ("000935171", "Alendronate Sodium - ALENDRONATE SODIUM"),
    ("000937314", "Clopidogrel - CLOPIDOGREL BISULFATE"),
    ("000937365", "Losartan Potassium - LOSARTAN POTASSIUM"),
    ("001696438", "Levemir - INSULIN DETEMIR"),
    ("001850122", "Nitrofurantoin - NITROFURANTOIN"),
    ("003781803", "Levothyroxine Sodium - LEVOTHYROXINE SODIUM"),
    ("003784597", "Metoprolol Succinate - METOPROLOL SUCCINATE"),
    ("005550902", "Naltrexone Hydrochloride - NALTREXONE HYDROCHLORIDE"),
    ("005970075", "Spiriva - TIOTROPIUM BROMIDE MONOHYDRATE"),
    ("136680103", "Donepezil Hydrochloride - DONEPEZIL HYDROCHLORIDE"),
    ("167290035", "Anastrozole - ANASTROZOLE"),
    ("501110433", "Trazodone Hydrochloride - TRAZODONE HYDROCHLORIDE"),
    ("501110787", "Azithromycin - AZITHROMYCIN MONOHYDRATE"),
    ("551110158", "Omeprazole - OMEPRAZOLE"),
    ("551110321", "Glimepiride - GLIMEPIRIDE"),
    ("593100579", "ProAir HFA - ALBUTEROL SULFATE"),
    ("597621517", "Celecoxib - CELECOXIB"),
    ("597621530", "Amlodipine Besylate - AMLODIPINE BESYLATE"),
    ("597623060", "Azithromycin - AZITHROMYCIN DIHYDRATE"),
    ("597624900", "Sertraline Hydrochloride - SERTRALINE HYDROCHLORIDE"),
    ("605052579", "Atorvastatin Calcium - ATORVASTATIN CALCIUM"),
    ("681800980", "Lisinopril - LISINOPRIL"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_so_that_binary_search_finds_every_row() {
        assert!(PROVIDERS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(DRUGS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn a_drug_is_known_by_its_product_whatever_the_package() {
        for (ndc, known) in [
            ("000000000", true),
            ("00000000012", true),
            ("00000000", false),
            ("00000-000", false),
            ("53506014524", false),
            ("ééééé", false),
        ] {
            assert_eq!(BuiltIn.drug(ndc).is_some(), known, "{ndc}");
        }
    }
}
