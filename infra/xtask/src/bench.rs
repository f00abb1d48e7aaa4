//! `cargo xtask bench`: how fast stored claims become FHIR, in a release build, beside the goals.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::failure::{Failure, Outcome};
use crate::processes;
use crate::workspace::Workspace;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// RIF files or folders; without any, generated people, and CMS's samples where BLUEBUTTON_REFERENCE names them
    paths: Vec<PathBuf>,
    /// Count instructions, too (needs valgrind; takes a minute)
    #[arg(long)]
    callgrind: bool,
}

/// How many people are generated, besides the two that always are.
const PEOPLE: &str = "20";
/// The instructions that a byte of FHIR may take, in tenths.
const INSTRUCTIONS_GOAL_TENTHS: u64 = 45;

/// Measures each set of files by itself.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Outcome {
    eprintln!("… Building the release (the first time takes minutes)");
    // Tools that count instructions name functions by the symbols that releases do without.
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "bluebutton-admin"]);
    build.args(["--config", r#"profile.release.strip="none""#]);
    processes::run_in_view("cargo build", &mut build)?;
    let bench = Bench {
        program: workspace.target.join("release/bluebutton-admin"),
        folder: workspace.target.join("bench"),
    };
    for paths in bench.sets(&options.paths)? {
        let names: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
        println!("\n== {}", names.join(" "));
        let mut timed = Command::new(&bench.program);
        processes::run_in_view("bench", timed.arg("bench").args(&paths))?;
        if options.callgrind {
            bench.count(&paths)?;
        }
    }
    Ok(())
}

struct Bench {
    program: PathBuf,
    folder: PathBuf,
}

impl Bench {
    /// The files that are measured together.
    fn sets(&self, named: &[PathBuf]) -> Outcome<Vec<Vec<PathBuf>>> {
        if !named.is_empty() {
            return Ok(vec![named.to_vec()]);
        }
        let generated = self.folder.join("people");
        let mut synthesize = Command::new(&self.program);
        synthesize.args(["synthesize", "--beneficiaries", PEOPLE, "--out"]);
        processes::run_in_view("synthesize", synthesize.arg(&generated))?;
        let reference = env::var_os("BLUEBUTTON_REFERENCE").map(PathBuf::from);
        let samples = reference.map(|folder| folder.join("rif/synthea"));
        Ok([Some(generated), samples]
            .into_iter()
            .flatten()
            .map(|folder| vec![folder])
            .collect())
    }

    /// Prints the instructions per byte: what a second round of rendering adds, over the bytes that it renders.
    fn count(&self, paths: &[PathBuf]) -> Outcome {
        println!("\n       instructions/byte (goal: at most 4.5)");
        for version in ["v1", "v2"] {
            let (once, bytes) = self.instructions(paths, version, "1")?;
            let (twice, _) = self.instructions(paths, version, "2")?;
            let tenths = (twice - once) * 10 / bytes.max(1);
            let verdict = if tenths <= INSTRUCTIONS_GOAL_TENTHS {
                "reached"
            } else {
                "not reached"
            };
            println!("{version:<4} {:>6}.{}  {verdict}", tenths / 10, tenths % 10);
        }
        Ok(())
    }

    /// The instructions of so many rounds, reading and encoding the files included, and the bytes of one round.
    fn instructions(&self, paths: &[PathBuf], version: &str, rounds: &str) -> Outcome<(u64, u64)> {
        let counts = self.folder.join(format!("callgrind.{version}.{rounds}"));
        fs::create_dir_all(&self.folder).map_err(|error| cannot_use(&self.folder, &error))?;
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--quiet"]);
        valgrind.arg(format!("--callgrind-out-file={}", counts.display()));
        valgrind.arg(&self.program).arg("bench").args(paths);
        valgrind.args(["--only", version, "--rounds", rounds]);
        let output = valgrind.output().map_err(|_| {
            Failure::machine(
                "valgrind is missing: install it (Debian: valgrind) to count instructions.",
            )
        })?;
        let counted = fs::read_to_string(&counts).map_err(|error| cannot_use(&counts, &error))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let instructions = number_after(&counted, "totals: ");
        let bytes = said
            .lines()
            .rev()
            .find_map(|line| line.strip_suffix(" bytes")?.parse().ok());
        instructions
            .zip(bytes)
            .ok_or_else(|| Failure::new("valgrind did not count the instructions."))
    }
}

fn number_after(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.trim().parse().ok()
}

fn cannot_use(path: &Path, error: &std::io::Error) -> Failure {
    Failure::machine(format!("{} cannot be used: {error}", path.display()))
}
