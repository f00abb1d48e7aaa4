//! `load`: RIF files into the claims and identity tables.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use bluebutton::store::load::{Loader, Observer, RejectedRow, Summary};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::Outcome;
use crate::environment::Environment;
use crate::print::say;
use crate::sources::{self, Source};

/// What to load.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Empty the claims and identity tables first (sandbox only).
    #[arg(long)]
    reset: bool,
    /// RIF files, and folders of which the RIF files are loaded.
    #[arg(required_unless_present = "reset")]
    paths: Vec<PathBuf>,
}

/// How many bytes are read from a file at a time.
const BUFFER_BYTES: usize = 1 << 18;

/// How many rows pass between two counts on the progress bar.
const ROWS_PER_COUNT: u64 = 256;

/// Loads what the arguments name; succeeds only when no row was rejected.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let files = sources::plan(&arguments.paths)?;
    let environment = Environment::read().await;
    if arguments.reset {
        refuse_outside_sandbox(&environment).await?;
    }
    let loader = environment.loader().await?;
    if arguments.reset {
        reset(&environment).await?;
    }
    let start = Instant::now();
    let mut total = Summary::default();
    for file in &files {
        let summary = load(&loader, file).await?;
        let usage = environment.usage()?;
        // What is loaded is loaded, whether or not it is known how old it is.
        if let Err(error) = usage.note_load(&summary, Timestamp::now()).await {
            say!("the time of the load is not noted: {error}");
        }
        total += summary;
    }
    if files.len() > 1 {
        say!("total: {total}{}", rate(&total, start));
    }
    Ok(match total.rejected {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

async fn refuse_outside_sandbox(environment: &Environment) -> Result<(), Box<dyn Error>> {
    let stage = environment.configuration().await?.stage;
    if stage.is_sandbox() {
        return Ok(());
    }
    Err(format!(
        "--reset deletes every claim, which only a sandbox allows; the stage of this deployment is {stage}"
    )
    .into())
}

async fn reset(environment: &Environment) -> Result<(), Box<dyn Error>> {
    let claims = environment.claims()?.delete_all().await?;
    let identities = environment.identity()?.delete_all().await?;
    say!("emptied: {claims} items of people and claims, {identities} of identities");
    Ok(())
}

async fn load(loader: &Loader, source: &Source) -> Result<Summary, Box<dyn Error>> {
    let name = source.path.display().to_string();
    let start = Instant::now();
    let display = Arc::new(Display::new(source.bytes));
    let file = display.bar.wrap_read(File::open(&source.path)?);
    let file = BufReader::with_capacity(BUFFER_BYTES, file);
    let summary = loader.load(file, &name, display.clone()).await;
    display.bar.finish_and_clear();
    let summary = summary.map_err(|error| format!("{name}: {error}"))?;
    say!("{name}: {summary}{}", rate(&summary, start));
    Ok(summary)
}

fn rate(summary: &Summary, start: Instant) -> String {
    let milliseconds = start.elapsed().as_millis().max(1);
    let rows_per_second = u128::from(summary.rows) * 1000 / milliseconds;
    format!(" ({rows_per_second} rows/s)")
}

/// Shows how far a load is: a bar on a terminal, nothing elsewhere; rejected rows in both.
struct Display {
    bar: ProgressBar,
}

impl Display {
    fn new(bytes: u64) -> Self {
        const TEMPLATE: &str = "{wide_bar} {percent:>3}% {msg} {elapsed}";
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well-formed");
        let bar = ProgressBar::new(bytes).with_style(style);
        Self { bar }
    }
}

impl Observer for Display {
    fn rejected(&self, rejected: &RejectedRow) {
        self.bar.suspend(|| say!("{rejected}"));
    }

    fn unknown_columns(&self, file: &str, columns: &[String]) {
        let columns = columns.join(", ");
        self.bar
            .suspend(|| say!("{file}: left out, because they are not known: {columns}"));
    }

    fn rows(&self, rows: u64) {
        if rows.is_multiple_of(ROWS_PER_COUNT) {
            self.bar.set_message(format!("{rows} rows"));
        }
    }
}
