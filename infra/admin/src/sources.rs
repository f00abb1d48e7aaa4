//! The RIF files that a command line names.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use bluebutton::rif::FileType;
use bluebutton::rif::reader::Reader;

use crate::print::say;

/// A file to load.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    file_type: FileType,
}

/// The files to load, in the order in which they build on one another: people, their history, claims. Files of the same
/// type keep the order in which they were named, or that of their names in a folder.
pub(crate) fn plan(paths: &[PathBuf]) -> Result<Vec<Source>, Box<dyn Error>> {
    let mut sources = Vec::new();
    for path in paths {
        if path.is_dir() {
            sources.extend(plan_folder(path)?);
            continue;
        }
        match recognise(path) {
            Ok(source) => sources.push(source),
            Err(error) => return Err(format!("{}: {error}", path.display()).into()),
        }
    }
    sources.sort_by_key(|source| {
        FileType::ALL
            .iter()
            .position(|kind| *kind == source.file_type)
    });
    Ok(sources)
}

/// The RIF files of a folder by name. Exports come with summaries and notes, so what is not RIF is named and skipped.
fn plan_folder(folder: &Path) -> Result<Vec<Source>, Box<dyn Error>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.retain(|path| path.is_file());
    let mut sources = Vec::new();
    for path in paths {
        match recognise(&path) {
            Ok(source) => sources.push(source),
            Err(error) => say!("{}: skipped, {error}", path.display()),
        }
    }
    if sources.is_empty() {
        return Err(format!("{}: holds no RIF file", folder.display()).into());
    }
    Ok(sources)
}

fn recognise(path: &Path) -> Result<Source, Box<dyn Error>> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let reader = Reader::open(BufReader::new(file), &path.to_string_lossy())?;
    Ok(Source {
        path: path.to_owned(),
        file_type: reader.file_type(),
        bytes,
    })
}
