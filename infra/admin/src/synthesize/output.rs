//! The files in the output folder, all open at once, so that people stream through and nothing is kept in memory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use bluebutton::rif::{ClaimType, FileType};

use super::record::{Record, write_names};

/// The open files.
pub(super) struct Output {
    years: BTreeMap<i16, BufWriter<File>>,
    history: BufWriter<File>,
    claims: BTreeMap<ClaimType, BufWriter<File>>,
}

impl Output {
    /// Creates the folder and in it every file with its names of columns, replacing files of an earlier run.
    pub(super) fn create(folder: &Path, years: impl Iterator<Item = i16>) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let open = |name: String, file: FileType| {
            let mut out = BufWriter::new(File::create(folder.join(name))?);
            write_names(&mut out, file)?;
            io::Result::Ok(out)
        };
        let years = years.map(|year| {
            Ok((
                year,
                open(format!("beneficiary_{year}.csv"), FileType::Beneficiary)?,
            ))
        });
        let claims = ClaimType::ALL.into_iter().map(|claim_type| {
            let file = open(
                format!("{}.csv", claim_type.name()),
                FileType::Claim(claim_type),
            )?;
            Ok((claim_type, file))
        });
        Ok(Self {
            years: years.collect::<io::Result<_>>()?,
            history: open(
                "beneficiary_history.csv".to_owned(),
                FileType::BeneficiaryHistory,
            )?,
            claims: claims.collect::<io::Result<_>>()?,
        })
    }

    pub(super) fn reference_year(&mut self, year: i16, record: &Record) -> io::Result<()> {
        let file = self.years.get_mut(&year);
        record.write(file.expect("reference years lie within the period"))
    }

    pub(super) fn history(&mut self, record: &Record) -> io::Result<()> {
        record.write(&mut self.history)
    }

    pub(super) fn claim(&mut self, claim_type: ClaimType, record: &Record) -> io::Result<()> {
        let file = self.claims.get_mut(&claim_type);
        record.write(file.expect("every claim type has its file"))
    }

    /// Writes out what is still buffered.
    pub(super) fn finish(self) -> io::Result<()> {
        let files = self.years.into_values().chain(self.claims.into_values());
        for mut file in files.chain([self.history]) {
            file.flush()?;
        }
        Ok(())
    }
}
