//! `measure`: what claims cost to store and to read, by AWS's rules, and how fast they are read from files.

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::iter::repeat_n;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bluebutton::rif::reader::Reader;
use bluebutton::rif::{Claim, ClaimType, Column, Record};
use bluebutton::store::read_units::{self, AttributeSize};
use bluebutton::store::{Facts, ItemKey, stored_claim};
use jiff::Timestamp;

use crate::Outcome;
use crate::print::say;
use crate::sources::{self, Source};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// RIF files, and folders of RIF files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

/// The claims of a person at which the Query is measured, the usual, the many and the most, with the read units that
/// it may cost.
const QUERY_GOALS: [(usize, &str); 3] = [(40, "1.5"), (400, "14"), (4000, "135")];

/// Of 1,000 claims of a person, so many of each type, in the order of [`ClaimType::ALL`]: what Medicare's whole
/// population has, reckoned from the sizes of CMS's own indexes.
const USUAL_MIX: [usize; ClaimType::ALL.len()] = [289, 21, 2, 1, 3, 57, 625, 2];

/// The mean that the stored bytes of a claim may reach.
const STORED_BYTES_GOAL: usize = 330;

/// What the claims of one type add up to.
#[derive(Clone, Copy, Default)]
struct Sizes {
    claims: usize,
    lines: usize,
    stored_bytes: usize,
    item_bytes: usize,
}

/// Prints a table per claim type, then the read units and the speed.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let mut sizes = [Sizes::default(); ClaimType::ALL.len()];
    let (mut rows, mut time) = (0, Duration::ZERO);
    for source in sources::plan(&arguments.paths)? {
        let start = Instant::now();
        rows += measure(&source, &mut sizes)?;
        time += start.elapsed();
    }
    let all = sizes.into_iter().fold(Sizes::default(), Sizes::plus);
    if all.claims == 0 {
        return Err("these files hold no claims".into());
    }
    say!("type        claims  lines/claim  stored bytes/claim  item bytes/claim");
    for (claim_type, sizes) in ClaimType::ALL.iter().zip(&sizes) {
        sizes.print(claim_type.name());
    }
    all.print("all");
    say!("goal {STORED_BYTES_GOAL:>43}");
    print_read_units(
        all.item_bytes / all.claims,
        "claims of the mean size of these files",
    );
    if let Some(bytes) = usual_item_bytes(&sizes) {
        print_read_units(bytes, "claims of the types that people usually have");
    }
    let per_second = u128::from(rows) * 1_000_000 / time.as_micros().max(1);
    say!("\n{rows} rows read and encoded, {per_second} rows/s on one core");
    Ok(ExitCode::SUCCESS)
}

/// The mean item of a person with claims of all types, if the files have them all.
fn usual_item_bytes(sizes: &[Sizes]) -> Option<usize> {
    let mut bytes = 0;
    for (sizes, weight) in sizes.iter().zip(USUAL_MIX) {
        bytes += weight * sizes.item_bytes.checked_div(sizes.claims)?;
    }
    Some(bytes / USUAL_MIX.iter().sum::<usize>())
}

fn print_read_units(item_bytes: usize, of_what: &str) {
    say!("\n{of_what}: {item_bytes} bytes per item");
    say!("claims of a person  read units of the Query  goal");
    for (claims, goal) in QUERY_GOALS {
        let units = read_units::query(repeat_n(item_bytes, claims)).to_string();
        say!("{claims:>18}  {units:>23}  {goal:>4}");
    }
}

/// Reads and encodes a file as a load does, adds up the sizes, and counts the rows.
fn measure(source: &Source, sizes: &mut [Sizes]) -> Result<u64, Box<dyn Error>> {
    let file = BufReader::new(File::open(&source.path)?);
    let mut reader = Reader::open(file, &source.path.to_string_lossy())?;
    // Loads keep milliseconds, so that the time has as many characters here.
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond())?;
    let mut rows = 0;
    while let Some(entry) = reader.read()? {
        let Ok(entry) = entry else { continue };
        rows += entry.rows;
        match entry.record {
            Record::Claim(claim) => sizes[claim.claim_type as usize].add(&claim, now),
            Record::Beneficiary(row) | Record::History(row) => {
                black_box(stored_claim::encode_row(&row));
            }
        }
    }
    Ok(rows)
}

impl Sizes {
    fn add(&mut self, claim: &Claim, now: Timestamp) {
        let bytes = stored_claim::encode(claim, &Facts::of(claim, now));
        let text = |column| claim.header.get(column).map(|value| value.to_string());
        let beneficiary = text(Column::BENE_ID).unwrap_or_default();
        let id = text(claim.claim_type.id_column()).unwrap_or_default();
        let attributes = [
            ("pk", AttributeSize::Text(&beneficiary)),
            (
                "sk",
                AttributeSize::Text(&ItemKey::Claim(claim.claim_type, id).text()),
            ),
            ("d", AttributeSize::Binary(bytes.len())),
            ("lu", AttributeSize::Text(&now.to_string())),
            ("fmt", AttributeSize::Number("1")),
        ];
        self.claims += 1;
        self.lines += claim.lines.len();
        self.stored_bytes += bytes.len();
        self.item_bytes += read_units::item_bytes(&attributes);
    }

    fn plus(self, other: Self) -> Self {
        Self {
            claims: self.claims + other.claims,
            lines: self.lines + other.lines,
            stored_bytes: self.stored_bytes + other.stored_bytes,
            item_bytes: self.item_bytes + other.item_bytes,
        }
    }

    fn print(&self, name: &str) {
        if self.claims == 0 {
            return;
        }
        let tenths = self.lines * 10 / self.claims;
        let lines = format!("{}.{}", tenths / 10, tenths % 10);
        let stored = self.stored_bytes / self.claims;
        let item = self.item_bytes / self.claims;
        let claims = self.claims;
        say!("{name:<10} {claims:>7}  {lines:>11}  {stored:>18}  {item:>16}");
    }
}
