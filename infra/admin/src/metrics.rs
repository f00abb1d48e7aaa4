//! `metrics`: the daily reports of use, as the scheduled function keeps them.

use std::process::ExitCode;

use bluebutton::store::day_of;
use jiff::{Timestamp, ToSpan};

use crate::Outcome;
use crate::environment::Environment;
use crate::print::say;

/// Which reports.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Of how many days, from yesterday back.
    #[arg(long, default_value_t = 7)]
    days: u16,
}

/// Prints a JSON line for each day that has a report.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let usage = Environment::read().await.usage()?;
    let today = day_of(Timestamp::now());
    let mut found = false;
    for back in 1..=arguments.days {
        let day = today.checked_sub(i32::from(back).days())?;
        if let Some(report) = usage.report(day).await? {
            say!("{report}");
            found = true;
        }
    }
    match found {
        true => Ok(ExitCode::SUCCESS),
        false => {
            Err("no report is kept of these days; the scheduled function writes one a day".into())
        }
    }
}
