//! Reference files for tests: `BLUEBUTTON_REFERENCE` names the folder that holds them in `rif/`.

use std::path::PathBuf;
use std::{env, fs};

/// A file's name and content.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The files of one folder by name, or nothing where there is no reference to compare with.
///
/// # Panics
/// Panics without the reference when `BLUEBUTTON_REFERENCE_REQUIRED=1`, and where the folder is missing.
pub(crate) fn files(folder: &str) -> Vec<File> {
    let Some(reference) = env::var_os("BLUEBUTTON_REFERENCE") else {
        let required = env::var("BLUEBUTTON_REFERENCE_REQUIRED").is_ok_and(|value| value == "1");
        assert!(!required, "BLUEBUTTON_REFERENCE is not set");
        eprintln!("skipped: BLUEBUTTON_REFERENCE is not set, so there are no files to read");
        return Vec::new();
    };
    let folder = PathBuf::from(reference).join("rif").join(folder);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let file = |path: PathBuf| File {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        bytes: fs::read(&path).unwrap(),
    };
    paths.into_iter().map(file).collect()
}
