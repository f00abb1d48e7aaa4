//! A file with a client secret that nobody but its owner reads. The secret itself is printed nowhere: what a terminal
//! shows stays in its history and in the records of sessions.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bluebutton::secret::Secret;
use bluebutton::store::StoreError;

/// Read and written by whoever runs the command.
const MODE: u32 = 0o600;

/// The file, from before the secret counts until it does.
pub(crate) struct SecretFile {
    path: PathBuf,
    file: File,
}

impl SecretFile {
    /// A new file; one that is there already stays as it is, because it may hold a secret that nobody else knows.
    pub(crate) fn create(path: &Path) -> Result<Self, String> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(MODE).open(path);
        let file = file.map_err(|error| format!("--secret-file {}: {error}", path.display()))?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    /// Writes the secret in the place of any before it.
    pub(crate) fn write(&mut self, secret: &Secret) -> Result<(), String> {
        let written = self
            .file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| writeln!(self.file, "{}", secret.expose()))
            .and_then(|()| self.file.sync_all());
        written.map_err(|error| format!("--secret-file {}: {error}", self.path.display()))
    }

    /// What became of the secret. One that a table refused is of no use to anybody; one of which the table has not said
    /// whether it took it stays in the file.
    pub(crate) fn settle(self, outcome: Result<(), StoreError>) -> Result<(), String> {
        let path = self.path.display();
        match outcome {
            Ok(()) => Ok(()),
            Err(error) if error.is_transient() => Err(format!(
                "{error}; whether the secret in {path} counts is not known"
            )),
            Err(error) => {
                // A file that stays is in the way of the next try, which says so.
                let _ = fs::remove_file(&self.path);
                Err(error.to_string())
            }
        }
    }
}
