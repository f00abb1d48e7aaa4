//! Times and counts the start of each function up to its first answer, beside a bare function with the same SDK.
//!
//! `start-up FOLDER [--callgrind]`: the folder holds the programs. The services behind them are a stand on loopback, so
//! that AWS's times are not part of it; TLS is, with all the certificates that the system trusts.
#![allow(clippy::print_stdout, reason = "the table is what it is for")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use stand::first_start::{FIRST_EVENTS, FirstStart};

/// How often each program starts. The shortest time counts, because the machine may be busy.
const ROUNDS: usize = 20;

/// How often the event comes when a warm call is measured.
const WARM_CALLS: u32 = 100;

/// What a start costs, and a call after it.
struct Cost {
    instructions: Option<u64>,
    cpu_of_call: Duration,
    ready: Duration,
    answered: Duration,
    /// Connections to AWS before it was ready, and until it had answered.
    connections: [usize; 2],
    status: Value,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("start-up FOLDER [--callgrind]")?);
    let tool = arguments
        .next()
        .is_some()
        .then(|| folder.join("callgrind.start-up"));
    let stand = FirstStart::new().await;
    let measure =
        |name: &str, event: &Value| measure(&stand, &folder.join(name), event, tool.as_deref());
    let bare = measure("bare", &stand.event(Some("patient_read_stu3_v1.json")))?;
    println!(
        "| function | answer | million instructions | of bare | ready, ms | answered, ms | of bare | connections | processor of a later call, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    println!("{}", row("bare", &bare, &bare));
    for (name, file) in FIRST_EVENTS {
        let cost = measure(name, &stand.event(file))?;
        println!("{}", row(name, &cost, &bare));
    }
    Ok(())
}

fn measure(
    stand: &FirstStart,
    program: &Path,
    event: &Value,
    counts: Option<&Path>,
) -> Result<Cost, Box<dyn Error>> {
    let name = program.display();
    let run = |command, times| {
        stand
            .run(command, event, times)
            .map_err(|error| format!("{name}: {error}"))
    };
    let (warm, _) = run(Command::new(program), WARM_CALLS)?;
    let (mut shortest, connections) = run(Command::new(program), 1)?;
    for _ in 1..ROUNDS {
        let (start, _) = run(Command::new(program), 1)?;
        shortest.ready = shortest.ready.min(start.ready);
        shortest.answered = shortest.answered.min(start.answered);
    }
    let instructions = match counts {
        Some(file) => {
            let mut valgrind = Command::new("valgrind");
            valgrind.args(["--tool=callgrind", "--quiet"]);
            valgrind.arg(format!("--callgrind-out-file={}", file.display()));
            valgrind.arg(program);
            run(valgrind, 1)?;
            total(&fs::read_to_string(file)?)
        }
        None => None,
    };
    Ok(Cost {
        instructions,
        cpu_of_call: warm.cpu_of_later.unwrap_or_default(),
        ready: shortest.ready,
        answered: shortest.answered,
        connections,
        status: shortest.answer["statusCode"].clone(),
    })
}

/// The instructions that callgrind counted.
fn total(counts: &str) -> Option<u64> {
    let line = counts
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))?;
    line.trim().parse().ok()
}

fn row(name: &str, cost: &Cost, bare: &Cost) -> String {
    let instructions = cost.instructions.map(|count| tenths(count, 1_000_000));
    let of_bare = cost.instructions.zip(bare.instructions);
    let of_bare = of_bare.map(|(own, bare)| tenths(own, bare));
    let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let (ready, answered) = (microseconds(cost.ready), microseconds(cost.answered));
    let [before, in_all] = cost.connections;
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {before} + {} | {} |",
        cost.status,
        instructions.unwrap_or_default(),
        of_bare.unwrap_or_default(),
        tenths(ready, 1000),
        tenths(answered, 1000),
        tenths(answered, microseconds(bare.answered)),
        in_all - before,
        hundredths(microseconds(cost.cpu_of_call), 1000),
    )
}

/// A quotient with two decimals.
fn hundredths(number: u64, of: u64) -> String {
    let hundredths = number * 100 / of.max(1);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// A quotient with one decimal.
fn tenths(number: u64, of: u64) -> String {
    let tenths = number * 10 / of.max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}
