//! Synthetic people: RIF files of all ten layouts, invented from a seed, the same on every machine.
//!
//! A person is a pure function of seed, number and end of the period: `random` gives the person's own numbers, `person`
//! says who it is, `plan` what happens to them, `billing` and `enrollment` turn that into records. `tables` is the
//! world they live in. Nobody depends on anybody else, so that person five is the same among ten people and ten
//! thousand.

mod billing;
mod calendar;
mod enrollment;
mod known_people;
mod output;
mod person;
mod plan;
mod providers;
mod random;
mod record;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use bluebutton::rif::{ClaimType, FileType};
use jiff::civil::{Date, date};

use self::billing::Biller;
use self::calendar::Period;
use self::output::Output;
use self::person::Person;
use self::plan::Event;
use self::random::Random;
use self::record::Record;

use crate::print::say;

/// Last day of the four years, unless another is named: fixed, so that equal arguments give equal bytes on any day.
const UNTIL_DEFAULT: &str = "2026-10-31";
/// Before this day the four years would reach into the time of ICD-9, which is not written here.
const UNTIL_MIN: Date = date(2020, 1, 1);
const UNTIL_MAX: Date = date(2099, 12, 31);
/// Numbers up to 29,999 have sign-ins, and the last two belong to Jack and Jane.
const BENEFICIARIES_MAX: i64 = known_people::JACK as i64;

/// Write RIF files about synthetic people: the first N people, and always Jack (BBUser29998) and Jane (BBUser29999).
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many people besides Jack and Jane: BBUser00000 and on
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=BENEFICIARIES_MAX))]
    pub(crate) beneficiaries: u32,
    /// Other seeds give other people
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder for the files; it is created, and files of an earlier run are replaced
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Last day of the four years; a fixed date, so that the same command writes the same bytes on any day
    #[arg(long, value_name = "YYYY-MM-DD", default_value = UNTIL_DEFAULT, value_parser = until)]
    pub(crate) until: Date,
}

/// How much was written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Beneficiaries, Jack and Jane among them.
    pub(crate) people: u32,
    /// Claims by type.
    pub(crate) claims: BTreeMap<ClaimType, usize>,
}

/// Writes the files and prints how many claims of each type they hold.
pub(crate) fn run(arguments: &Arguments) -> crate::Outcome {
    let summary = write(arguments)?;
    say!("{} people in {}", summary.people, arguments.out.display());
    for (claim_type, count) in &summary.claims {
        say!("{count:>9} {}", claim_type.name());
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the files, one person after the other.
pub(crate) fn write(arguments: &Arguments) -> io::Result<Summary> {
    let period = Period::until(arguments.until);
    let mut output = Output::create(&arguments.out, period.years())?;
    let mut summary = Summary::default();
    let numbers = (0..arguments.beneficiaries).chain([known_people::JACK, known_people::JANE]);
    for number in numbers {
        let life = Life::of(arguments.seed, number, period);
        for (year, row) in &life.years {
            output.reference_year(*year, row)?;
        }
        if let Some(row) = &life.history {
            output.history(row)?;
        }
        for claim in &life.claims {
            let FileType::Claim(claim_type) = claim.file else {
                unreachable!("bills are claims");
            };
            output.claim(claim_type, claim)?;
            *summary.claims.entry(claim_type).or_default() += 1;
        }
        summary.people += 1;
    }
    output.finish()?;
    Ok(summary)
}

/// All records of one person.
struct Life {
    years: Vec<(i16, Record)>,
    history: Option<Record>,
    claims: Vec<Record>,
}

impl Life {
    fn of(seed: u64, number: u32, period: Period) -> Self {
        let mut random = Random::of(seed, number);
        let (person, events): (Person, Vec<Event>) = match number {
            known_people::JACK => known_people::jack(&mut random, period),
            known_people::JANE => known_people::jane(&mut random, period),
            _ => {
                let person = Person::of_number(number, &mut random, period);
                let events = plan::plan(&person, &mut random, period);
                (person, events)
            }
        };
        let mut biller = Biller::new(&person);
        Self {
            years: enrollment::reference_years(&person, period),
            history: enrollment::history(&person),
            claims: events.iter().map(|event| biller.bill(event)).collect(),
        }
    }
}

fn until(text: &str) -> Result<Date, String> {
    let until: Date = text
        .parse()
        .map_err(|_| "expected a date such as 2026-10-31".to_owned())?;
    if (UNTIL_MIN..=UNTIL_MAX).contains(&until) {
        Ok(until)
    } else {
        Err(format!("expected a date from {UNTIL_MIN} to {UNTIL_MAX}"))
    }
}
