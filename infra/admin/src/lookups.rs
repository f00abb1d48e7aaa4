//! `lookups`: the file of provider and drug names that the `eob` function searches.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bluebutton::lookups_file::{Names, SourceError};

use crate::Outcome;
use crate::print::say;

/// What to make the file from.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Providers, JSON objects one after another: npi, providerOrganizationName or providerFirstName, providerLastName
    /// and so on, taxonomyCode, taxonomyDisplay. May be repeated; the last row for a number holds.
    #[arg(long, required_unless_present = "drugs")]
    providers: Vec<PathBuf>,
    /// Drugs, JSON objects one after another: code (labeller and product of the National Drug Code), display. May be
    /// repeated.
    #[arg(long)]
    drugs: Vec<PathBuf>,
    /// Where to write the file.
    #[arg(long)]
    out: PathBuf,
}

/// Makes the file.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let mut names = Names::default();
    for path in &arguments.providers {
        read(path, |rows| names.add_providers(rows))?;
    }
    for path in &arguments.drugs {
        read(path, |rows| names.add_drugs(rows))?;
    }
    let out = arguments.out.display();
    (names.write(&arguments.out)).map_err(|error| format!("{out}: {error}"))?;
    say!("{out}: {} names", names.len());
    Ok(ExitCode::SUCCESS)
}

fn read(
    path: &Path,
    add: impl FnOnce(Box<dyn BufRead>) -> Result<usize, SourceError>,
) -> Result<(), Box<dyn Error>> {
    let name = path.display();
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    let rows = add(Box::new(BufReader::new(file))).map_err(|error| format!("{name}: {error}"))?;
    say!("{name}: {rows} rows");
    Ok(())
}
