//! `bench`: how fast stored claims become FHIR and RIF files become stored claims, beside the goals.
//!
//! The machine may be busy, so of each page's times the shortest of all rounds counts.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bluebutton::fhir::bundle::ENTRY_BYTES_USUAL;
use bluebutton::fhir::json::Writer;
use bluebutton::mapping::{self, Context, Version};
use bluebutton::rif::reader::Reader;
use bluebutton::rif::{ClaimType, Record};
use bluebutton::store::{Facts, StoredClaim, stored_claim};
use clap::ValueEnum;
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
    /// How often everything is done
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only render the claims in that version, for a tool that counts instructions
    #[arg(long, value_name = "VERSION")]
    only: Option<Api>,
}

/// The API's version, which decides the FHIR.
#[derive(Clone, Copy, ValueEnum)]
enum Api {
    V1,
    V2,
}

/// A file with its name, in memory so that no disk is measured.
struct File {
    name: String,
    bytes: Vec<u8>,
}

/// The most claims of a page, as searches answer them.
const PAGE_CLAIMS: usize = 50;
/// How many times a copy of the answer's bytes rendering may take.
const COPIES_GOAL: u32 = 15;
/// Loading is slower than rendering and matters less, so that it is not done in every round.
const LOAD_ROUNDS_MAX: u32 = 5;

/// Prints what was measured, or in a tool's hands only how much was rendered.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let files = read(&sources::plan(&arguments.paths)?)?;
    let claims = encode_all(&files)?;
    if claims.is_empty() {
        return Err("these files hold no claims".into());
    }
    if let Some(api) = arguments.only {
        let mut bytes = 0;
        for _ in 0..arguments.rounds {
            let pages = claims.chunks(PAGE_CLAIMS);
            bytes = pages.map(|page| render(page, api.version()).len()).sum();
        }
        say!("{bytes} bytes");
        return Ok(ExitCode::SUCCESS);
    }
    print_claims(&claims)?;
    say!("\n       EOBs/s  bytes/EOB    MB/s  times a copy (goal: at most {COPIES_GOAL})");
    for api in [Api::V1, Api::V2] {
        print_rendering(api, &claims, arguments.rounds);
    }
    print_loading(&files, arguments.rounds.min(LOAD_ROUNDS_MAX))?;
    Ok(ExitCode::SUCCESS)
}

fn read(sources: &[Source]) -> Result<Vec<File>, Box<dyn Error>> {
    let read = |source: &Source| {
        let name = source.path.to_string_lossy().into_owned();
        let bytes = fs::read(&source.path)?;
        Ok(File { name, bytes })
    };
    sources.iter().map(read).collect()
}

/// The claims of the files as a load stores them.
fn encode_all(files: &[File]) -> Result<Vec<StoredClaim>, Box<dyn Error>> {
    let (mut claims, now) = (Vec::new(), Timestamp::now());
    for file in files {
        let mut reader = Reader::open(file.bytes.as_slice(), &file.name)?;
        while let Some(entry) = reader.read()? {
            match entry.map(|entry| entry.record) {
                Ok(Record::Claim(claim)) => {
                    let bytes = stored_claim::encode(&claim, &Facts::of(&claim, now));
                    let id = claim.id().map(|id| id.to_string());
                    claims.push(StoredClaim::new(id.unwrap_or_default(), bytes));
                }
                Ok(Record::Beneficiary(row) | Record::History(row)) => {
                    black_box(stored_claim::encode_row(&row));
                }
                Err(_) => {}
            }
        }
    }
    Ok(claims)
}

fn render(claims: &[StoredClaim], version: Version) -> Vec<u8> {
    let mut w = Writer::with_capacity(claims.len() * ENTRY_BYTES_USUAL);
    w.array(|w| {
        for stored in claims {
            let facts = stored.facts().expect("it was encoded a moment ago");
            let claim = stored.claim().expect("it was encoded a moment ago");
            let context = Context::new(version, facts.last_updated);
            mapping::eob::write(w, &claim, &context);
        }
    });
    w.into_bytes()
}

fn print_claims(claims: &[StoredClaim]) -> Result<(), Box<dyn Error>> {
    let mut counts = [0; ClaimType::ALL.len()];
    for claim in claims {
        counts[claim.facts()?.claim_type as usize] += 1;
    }
    let counted = ClaimType::ALL.iter().zip(counts);
    let counted = counted.filter(|(_, count)| *count > 0);
    let counted: Vec<String> = counted
        .map(|(claim_type, count)| format!("{count} {}", claim_type.name()))
        .collect();
    say!("{} claims: {}", claims.len(), counted.join(", "));
    Ok(())
}

fn print_rendering(api: Api, claims: &[StoredClaim], rounds: u32) {
    let (mut bytes, mut rendering, mut copying) = (0, Duration::ZERO, Duration::ZERO);
    for page in claims.chunks(PAGE_CLAIMS) {
        let answer = render(page, api.version());
        let mut copy = vec![0; answer.len()];
        bytes += answer.len();
        rendering += shortest(rounds, || {
            black_box(render(black_box(page), api.version()));
        });
        copying += shortest(rounds, || {
            copy.copy_from_slice(black_box(&answer));
            black_box(&mut copy);
        });
    }
    let name = api.to_possible_value();
    let name = name.as_ref().map_or("", |value| value.get_name());
    let per_second = per_second(claims.len(), rendering);
    let megabytes = per_second_of_megabytes(bytes, rendering);
    let tenths = rendering.as_nanos() * 10 / copying.as_nanos().max(1);
    let each = bytes / claims.len();
    let times = format!("{}.{}", tenths / 10, tenths % 10);
    say!("{name:<4} {per_second:>8}  {each:>9}  {megabytes:>6}  {times:>12}");
}

fn print_loading(files: &[File], rounds: u32) -> Result<(), Box<dyn Error>> {
    let (mut bytes, mut time) = (0, Duration::ZERO);
    for file in files {
        let file = std::slice::from_ref(file);
        // A file that cannot be read has been refused before anything was measured.
        encode_all(file)?;
        bytes += file[0].bytes.len();
        time += shortest(rounds, || drop(black_box(encode_all(file))));
    }
    let megabytes = per_second_of_megabytes(bytes, time);
    say!("\nRIF files read and encoded: {megabytes} MB/s on one core");
    Ok(())
}

fn shortest(rounds: u32, mut work: impl FnMut()) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..rounds).map(timed).min().unwrap_or_default()
}

fn per_second(count: usize, time: Duration) -> u128 {
    count as u128 * 1_000_000_000 / time.as_nanos().max(1)
}

fn per_second_of_megabytes(bytes: usize, time: Duration) -> u128 {
    per_second(bytes, time) / 1_000_000
}

impl Api {
    fn version(self) -> Version {
        match self {
            Self::V1 => Version::Stu3,
            Self::V2 => Version::R4,
        }
    }
}
