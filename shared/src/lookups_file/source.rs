//! Making a file of names from registries' rows.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{ENTRY_BYTES, HEADER_BYTES, Key, MAGIC, drug_key, provider_key};
use crate::mapping::lookups;

/// The longest text of an entry; registries allow 300 characters for an organisation.
const TEXT_BYTES_MAX: usize = 2_000;

/// Why a registry's rows cannot become a file of names.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file is not JSON, or cannot be read.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
    /// A row that lacks a member or could not be looked up, counted from 1.
    #[error("row {row}: {reason}")]
    Row {
        /// Which row.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// The names that become a file. Of several rows for one number the last holds.
#[derive(Debug, Default)]
pub struct Names {
    texts: BTreeMap<Key, String>,
}

/// A provider as the public registry (NPPES) has it, a member for each of its columns that is used.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProviderRow {
    npi: String,
    provider_organization_name: Option<String>,
    provider_name_prefix: Option<String>,
    provider_first_name: Option<String>,
    provider_middle_name: Option<String>,
    provider_last_name: Option<String>,
    provider_name_suffix: Option<String>,
    provider_credential: Option<String>,
    taxonomy_code: Option<String>,
    taxonomy_display: Option<String>,
}

/// A drug: labeller and product of its National Drug Code, with or without a hyphen, and its name.
#[derive(Deserialize)]
struct DrugRow {
    code: String,
    display: String,
}

impl Names {
    /// Adds providers: JSON objects one after another, or a list of them. Returns how many rows there were.
    ///
    /// # Errors
    /// [`SourceError`] at the first row that cannot be used.
    pub fn add_providers(&mut self, input: impl BufRead) -> Result<usize, SourceError> {
        each_row(input, |provider: ProviderRow| {
            let key = provider_key(&provider.npi).ok_or("an NPI has 1 to 11 characters")?;
            self.add(key, provider.text())
        })
    }

    /// Adds drugs, as [`Names::add_providers`] does providers.
    ///
    /// # Errors
    /// [`SourceError`] at the first row that cannot be used.
    pub fn add_drugs(&mut self, input: impl BufRead) -> Result<usize, SourceError> {
        each_row(input, |drug: DrugRow| {
            let product = product(&drug.code).ok_or("a drug's code has labeller and product")?;
            let key = drug_key(&product).ok_or("a drug's code has labeller and product")?;
            self.add(key, one_line(&drug.display))
        })
    }

    /// How many numbers have a name.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether nothing has a name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Writes the file: beside its place first, so that whoever reads there finds the old one or the new one.
    ///
    /// # Errors
    /// As writing and renaming a file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let mut out = BufWriter::new(File::create(&unfinished)?);
        self.write_to(&mut out)?;
        out.into_inner()?.sync_all()?;
        fs::rename(unfinished, path)
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut position = HEADER_BYTES + (self.texts.len() * ENTRY_BYTES) as u64;
        let texts: usize = self.texts.values().map(String::len).sum();
        out.write_all(&MAGIC)?;
        out.write_all(&(self.texts.len() as u64).to_be_bytes())?;
        out.write_all(&(position + texts as u64).to_be_bytes())?;
        for (key, text) in &self.texts {
            out.write_all(key)?;
            out.write_all(&position.to_be_bytes()[2..])?;
            out.write_all(&(text.len() as u64).to_be_bytes()[6..])?;
            position += text.len() as u64;
        }
        let mut texts = self.texts.values();
        texts.try_for_each(|text| out.write_all(text.as_bytes()))
    }

    fn add(&mut self, key: Key, text: String) -> Result<(), &'static str> {
        if text.len() > TEXT_BYTES_MAX {
            return Err("a name is longer than 2000 bytes");
        }
        if !text.trim().is_empty() {
            self.texts.insert(key, text);
        }
        Ok(())
    }
}

impl ProviderRow {
    /// The organisation's name, or the person's as CMS writes it: prefix, names, suffix, credential.
    fn name(&self) -> String {
        let organization = self.provider_organization_name.as_deref();
        let person = [
            &self.provider_name_prefix,
            &self.provider_first_name,
            &self.provider_middle_name,
            &self.provider_last_name,
            &self.provider_name_suffix,
            &self.provider_credential,
        ];
        let person = person.into_iter().flatten().map(|part| one_line(part));
        match organization.map(one_line) {
            Some(name) if !name.is_empty() => name,
            _ => {
                let parts: Vec<String> = person.filter(|part| !part.is_empty()).collect();
                parts.join(" ")
            }
        }
    }

    fn text(&self) -> String {
        let taxonomy = [&self.taxonomy_code, &self.taxonomy_display];
        let [code, display] = taxonomy.map(|part| one_line(part.as_deref().unwrap_or_default()));
        [self.name(), code, display].join("\t")
    }
}

fn each_row<T: DeserializeOwned>(
    input: impl BufRead,
    mut with: impl FnMut(T) -> Result<(), &'static str>,
) -> Result<usize, SourceError> {
    let mut row = 0;
    for value in serde_json::Deserializer::from_reader(input).into_iter() {
        let values = match value? {
            Json::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            row += 1;
            let read = T::deserialize(value).map_err(|error| error.to_string());
            let added = read.and_then(|read| with(read).map_err(str::to_owned));
            added.map_err(|reason| SourceError::Row { row, reason })?;
        }
    }
    Ok(row)
}

/// Labeller and product as nine digits: a hyphen stands where leading zeros were left out.
fn product(code: &str) -> Option<String> {
    let Some((labeller, rest)) = code.split_once('-') else {
        return lookups::product(code).map(str::to_owned);
    };
    let product = rest.split('-').next().unwrap_or_default();
    let padded = format!("{labeller:0>5}{product:0>4}");
    let is_whole = padded.len() == 9 && !labeller.is_empty() && !product.is_empty();
    lookups::product(&padded)
        .filter(|_| is_whole)
        .map(str::to_owned)
}

/// Without the tabs and line ends that part texts.
fn one_line(text: &str) -> String {
    let is_break = |c: char| c.is_control();
    text.replace(is_break, " ").trim().to_owned()
}
