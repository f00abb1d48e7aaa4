//! `sign-ins`: who can sign in to the sandbox, as a CSV file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bluebutton::identity::{BeneId, sandbox};
use bluebutton::rif::ClaimType;
use bluebutton::store::ItemKey;

use crate::Outcome;
use crate::environment::Environment;
use crate::print::say;

/// Where to write.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
}

/// Claims of a person by type, in the order of [`ClaimType::ALL`].
type Counts = [u64; ClaimType::ALL.len()];

/// Writes one row per loaded beneficiary.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let environment = Environment::read().await;
    if !environment.configuration().await?.stage.is_sandbox() {
        return Err("only a sandbox has people who sign in by rule".into());
    }
    let mut people = BTreeSet::new();
    let mut claims = BTreeMap::<BeneId, Counts>::new();
    let count = |beneficiary: BeneId, key: ItemKey| match key {
        ItemKey::Person => drop(people.insert(beneficiary)),
        ItemKey::Claim(claim_type, _) => {
            claims.entry(beneficiary).or_default()[claim_type as usize] += 1;
        }
        ItemKey::Year(_) => {}
    };
    environment.claims()?.for_each_key(count).await?;

    let mut out = BufWriter::new(File::create(&arguments.out)?);
    writeln!(
        out,
        "user_name,password,patient,{}",
        ClaimType::ALL.map(ClaimType::name).join(",")
    )?;
    for (user_name, beneficiary) in by_user_name(&people) {
        let password = sandbox::password_of(&user_name);
        let counts = claims.get(beneficiary).copied().unwrap_or_default();
        let counts = counts.map(|count| count.to_string()).join(",");
        writeln!(
            out,
            "{user_name},{password},{},{counts}",
            beneficiary.as_str()
        )?;
    }
    out.flush()?;
    say!("{}: {} sign-ins", arguments.out.display(), people.len());
    Ok(ExitCode::SUCCESS)
}

fn by_user_name(people: &BTreeSet<BeneId>) -> BTreeMap<String, &BeneId> {
    let user_name = |beneficiary| (sandbox::user_name_of(beneficiary), beneficiary);
    people.iter().map(user_name).collect()
}
