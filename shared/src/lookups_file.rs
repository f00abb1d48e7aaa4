//! Names of providers and drugs in a file of the operator's, searched where it stands.
//!
//! Public registries know millions of providers, so nothing is read when a function starts and no table is built: a
//! look-up is a binary search by positioned reads, which the page cache answers. The file is a header, an index of
//! entries of one size sorted by key, and the texts that the entries point at. Numbers are big-endian.
//!
//! | part | bytes |
//! |---|---|
//! | header | 8 `BBNAMES1`, 8 number of entries, 8 length of the file |
//! | entry | 12 key (`P` and an NPI, or `D` and labeller and product of an NDC, filled up with zeros), 6 position, 2 length |
//! | text | of a drug its name; of a provider name, taxonomy code and taxonomy display, parted by tabs |

mod source;

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

pub use self::source::{Names, SourceError};
use crate::mapping::lookups::{self, BuiltIn, Lookups, Provider, Taxonomy};

const MAGIC: [u8; 8] = *b"BBNAMES1";
const HEADER_BYTES: u64 = 24;
const KEY_BYTES: usize = 12;
const ENTRY_BYTES: usize = 20;
/// So many entries are read at once: fewer reads than going on by halves.
const BLOCK_ENTRIES: u64 = 200;

type Key = [u8; KEY_BYTES];

/// Why a file of names cannot be searched.
#[derive(Debug, thiserror::Error)]
pub enum LookupsError {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// The file is not one of ours, or not whole.
    #[error("{0}")]
    Damaged(&'static str),
}

/// What a function looks names up in: the operator's file, if there is one, then the names that are built in.
#[derive(Debug)]
pub struct Installed {
    path: Option<PathBuf>,
    file: OnceLock<Option<NamesFile>>,
    has_complained: AtomicBool,
}

impl Installed {
    /// The file at that path, which is opened when the first name is looked up. It may be missing.
    #[must_use]
    pub fn at(path: Option<PathBuf>) -> Self {
        Self {
            path,
            file: OnceLock::new(),
            has_complained: AtomicBool::new(false),
        }
    }

    fn find(&self, key: Option<Key>) -> Option<String> {
        let file = self.file.get_or_init(|| self.open()).as_ref()?;
        match file.find(&key?) {
            Ok(found) => found,
            Err(error) => self.complain(&error),
        }
    }

    fn open(&self) -> Option<NamesFile> {
        match NamesFile::open(self.path.as_deref()?) {
            Ok(file) => Some(file),
            Err(LookupsError::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => self.complain(&error),
        }
    }

    /// Says once what is wrong. Claims are answered all the same: a name is an addition, not a fact of the claim.
    fn complain<T>(&self, error: &LookupsError) -> Option<T> {
        if !self.has_complained.swap(true, Ordering::Relaxed) {
            let path = self.path.as_deref().unwrap_or(Path::new("")).display();
            tracing::error!(file = %path, cause = %error, "the names of providers and drugs cannot be used; make the file again");
        }
        None
    }
}

impl Lookups for Installed {
    fn provider(&self, npi: &str) -> Option<Provider<'_>> {
        let found = self.find(provider_key(npi));
        found.map(provider).or_else(|| BuiltIn.provider(npi))
    }

    fn drug(&self, ndc: &str) -> Option<Cow<'_, str>> {
        let key = lookups::product(ndc).and_then(drug_key);
        let found = self.find(key);
        found.map(Cow::Owned).or_else(|| BuiltIn.drug(ndc))
    }
}

fn provider(text: String) -> Provider<'static> {
    let mut parts = text.split('\t');
    let mut next = || Cow::Owned(parts.next().unwrap_or_default().to_owned());
    let (name, code, display): (Cow<str>, Cow<str>, _) = (next(), next(), next());
    let taxonomy = (!code.is_empty()).then_some(Taxonomy { code, display });
    Provider { name, taxonomy }
}

fn provider_key(npi: &str) -> Option<Key> {
    key(b'P', npi)
}

/// The key of a drug by its nine digits of labeller and product.
fn drug_key(product: &str) -> Option<Key> {
    key(b'D', product)
}

/// `None` for what is too long or empty to stand in a file.
fn key(kind: u8, id: &str) -> Option<Key> {
    let mut key = [0; KEY_BYTES];
    key[0] = kind;
    key.get_mut(1..=id.len())?.copy_from_slice(id.as_bytes());
    (!id.is_empty()).then_some(key)
}

/// A file of names, open.
#[derive(Debug)]
pub struct NamesFile {
    file: File,
    entries: u64,
    length: u64,
}

impl NamesFile {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// [`LookupsError`] where it is missing, of another kind or cut short.
    pub fn open(path: &Path) -> Result<Self, LookupsError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        if length < HEADER_BYTES {
            return Err(LookupsError::Damaged("the file is too short"));
        }
        let mut header = [0; HEADER_BYTES as usize];
        file.read_exact_at(&mut header, 0)?;
        let (magic, numbers) = header.split_at(MAGIC.len());
        let (entries, said_length) = (number(&numbers[..8]), number(&numbers[8..]));
        if magic != MAGIC {
            return Err(LookupsError::Damaged("the file holds no names"));
        }
        let index_ends = entries.checked_mul(ENTRY_BYTES as u64);
        let index_ends = index_ends.and_then(|bytes| bytes.checked_add(HEADER_BYTES));
        if said_length != length || index_ends.is_none_or(|end| end > length) {
            return Err(LookupsError::Damaged("the file is not whole"));
        }
        Ok(Self {
            file,
            entries,
            length,
        })
    }

    fn find(&self, key: &Key) -> Result<Option<String>, LookupsError> {
        let (mut low, mut high) = (0, self.entries);
        while high - low > BLOCK_ENTRIES {
            let middle = low + (high - low) / 2;
            let entry = self.read(entry_at(middle), ENTRY_BYTES)?;
            if entry[..KEY_BYTES] <= key[..] {
                low = middle;
            } else {
                high = middle;
            }
        }
        let block = self.read(entry_at(low), (high - low) as usize * ENTRY_BYTES)?;
        let mut entries = block.chunks_exact(ENTRY_BYTES);
        match entries.find(|entry| entry[..KEY_BYTES] == key[..]) {
            Some(entry) => self.text(&entry[KEY_BYTES..]).map(Some),
            None => Ok(None),
        }
    }

    /// The text that an entry points at.
    fn text(&self, pointer: &[u8]) -> Result<String, LookupsError> {
        let (position, length) = (number(&pointer[..6]), number(&pointer[6..]));
        if position + length > self.length {
            return Err(LookupsError::Damaged("an entry points behind the end"));
        }
        let text = self.read(position, length as usize)?;
        String::from_utf8(text).map_err(|_| LookupsError::Damaged("a name is not UTF-8"))
    }

    fn read(&self, position: u64, bytes: usize) -> Result<Vec<u8>, LookupsError> {
        let mut read = vec![0; bytes];
        self.file.read_exact_at(&mut read, position)?;
        Ok(read)
    }
}

fn entry_at(number: u64) -> u64 {
    HEADER_BYTES + number * ENTRY_BYTES as u64
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
