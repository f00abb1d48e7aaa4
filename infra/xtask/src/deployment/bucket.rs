//! Files that arrive in the bucket of the deployed stack: those that are loaded, and one that nobody can load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;

use super::{Deployment, STACK};
use crate::failure::{Failure, Outcome};
use crate::processes;
use crate::sandbox;
use crate::step::Step;

const INGEST_SECONDS_MAX: u64 = 300;
/// The first, and as many more as template.yaml says (`MaximumRetryAttempts`).
const INGEST_ATTEMPTS: u64 = 3;
/// A file that nobody can load; what it holds may stand in no message about it.
const BROKEN_FILE: &str = "broken.csv";
const BROKEN_CONTENT: &str = "NOT|A|RIF|FILE|BUT-SOMEBODYS-DATA\n";

impl Deployment<'_> {
    /// Puts a file of people and one of inpatient claims into the bucket, and waits until the first person and the
    /// first claim are there; then a broken one, and waits for the message about it.
    pub(super) fn load_through_the_bucket(
        &self,
        rif: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Outcome {
        let step = Step::start("Loading files through the bucket and the ingest function");
        let bucket = self.output("RifBucket")?;
        for (kind, item) in [
            ("beneficiary_", first_person as FirstItem),
            ("inpatient", first_claim),
        ] {
            let file = first_file(rif, kind)
                .ok_or_else(|| Failure::new(format!("{} holds no {kind} file", rif.display())))?;
            let item = item(&fs::read_to_string(&file).unwrap_or_default())
                .ok_or_else(|| Failure::new(format!("{} holds no row", file.display())))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            self.script(&["upload", &file.display().to_string(), &bucket, &name])?;
            self.wait_for(&item, environment)?;
        }
        self.check_dead_letters(&bucket)?;
        step.done();
        Ok(())
    }

    /// The broken file has become a message that names it and holds nothing of it.
    fn check_dead_letters(&self, bucket: &str) -> Outcome {
        let file = self.state.join(BROKEN_FILE);
        sandbox::write(&file, BROKEN_CONTENT)?;
        let given_up = self.script(&[
            "give_up",
            STACK,
            &file.display().to_string(),
            bucket,
            BROKEN_FILE,
        ])?;
        let attempts = &given_up["attempts"];
        if *attempts != INGEST_ATTEMPTS {
            return Err(Failure::new(format!(
                "a broken file was tried {attempts} times"
            )));
        }
        let messages = given_up["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let [message] = messages.collect::<Vec<_>>()[..] else {
            return Err(Failure::new(
                "a broken file did not become one message among the dead letters",
            ));
        };
        let holds = |part: &str| message.contains(part.trim_end());
        let content = BROKEN_CONTENT
            .split('|')
            .any(|word| word.len() > 4 && holds(word));
        match holds(bucket) && holds(BROKEN_FILE) && holds("NotRif") && !content {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "the message about a broken file: {message}"
            ))),
        }
    }

    /// Waits until an item is stored.
    fn wait_for(&self, item: &[String; 2], environment: &BTreeMap<String, String>) -> Outcome {
        let deadline = Instant::now() + Duration::from_secs(INGEST_SECONDS_MAX);
        let log = self.state.join("inspect.log");
        loop {
            let mut inspect = self.workspace.admin();
            inspect.envs(environment).arg("inspect").args(item);
            match processes::run("bluebutton-admin inspect", &mut inspect, &log, |_| ()) {
                Err(failure) if Instant::now() > deadline => return Err(failure),
                Err(_) => thread::sleep(Duration::from_secs(1)),
                Ok(()) => return Ok(()),
            }
        }
    }
}

/// The first file whose name begins so.
fn first_file(folder: &Path, kind: &str) -> Option<PathBuf> {
    let files = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    let is_kind = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(kind))
    };
    files.filter(is_kind).min()
}

/// Patient id and item key of the first item of a file, as `bluebutton-admin inspect` takes them.
type FirstItem = fn(&str) -> Option<[String; 2]>;

fn first_person(rif: &str) -> Option<[String; 2]> {
    let [patient] = first_row(rif, ["BENE_ID"])?;
    Some([patient, "B".to_owned()])
}

fn first_claim(rif: &str) -> Option<[String; 2]> {
    let [patient, claim] = first_row(rif, ["BENE_ID", "CLM_ID"])?;
    Some([patient, format!("C#{claim}#inpatient")])
}

/// Those columns of a file's first row.
fn first_row<const N: usize>(rif: &str, columns: [&str; N]) -> Option<[String; N]> {
    let mut lines = rif.lines().map(|line| line.split('|').collect::<Vec<_>>());
    let (header, row) = (lines.next()?, lines.next()?);
    let column = |name: &&str| {
        let position = header.iter().position(|found| found == name)?;
        row.get(position).map(|value| (*value).to_owned())
    };
    let values: Option<Vec<_>> = columns.iter().map(column).collect();
    values?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_item_of_a_file() {
        let check = |item: FirstItem, rif: &str, expected: Option<[&str; 2]>| {
            assert_eq!(item(rif), expected.map(|found| found.map(str::to_owned)));
        };
        let header = "DML_IND|BENE_ID|CLM_ID";
        let rif = format!("{header}\nINSERT|-1|-22|");
        check(first_claim, &rif, Some(["-1", "C#-22#inpatient"]));
        check(first_person, &rif, Some(["-1", "B"]));
        for rif in [header, "", "DML_IND\nINSERT"] {
            check(first_claim, rif, None);
            check(first_person, rif, None);
        }
    }
}
