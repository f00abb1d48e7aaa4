//! `inspect`: an item of the claims table in readable form.

use std::process::ExitCode;

use bluebutton::identity::BeneId;
use bluebutton::rif::Row;
use bluebutton::store::stored_claim::decode_rows;
use bluebutton::store::{ItemKey, StoreError, StoredClaim, StoredItem};

use crate::Outcome;
use crate::environment::Environment;
use crate::print::say;

/// What to print.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The patient id (beneficiary id).
    #[arg(allow_hyphen_values = true)]
    patient: String,
    /// The key of one item: `B` the person, `Y#2021` a reference year, `C#1234#carrier` a claim. Without it, the keys
    /// of all claims and the person are printed.
    item: Option<String>,
}

/// Prints the item, or what there is to print.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let beneficiary = BeneId::parse(&arguments.patient).ok_or("that is not a patient id")?;
    let claims = Environment::read().await.claims()?;
    let text = arguments.item.as_deref().unwrap_or("B");
    let key = ItemKey::parse(text).ok_or("that is not the key of an item")?;
    if arguments.item.is_none() {
        for claim in claims.claims(&beneficiary).await? {
            print_facts(&claim)?;
        }
    }
    let item = claims.stored(&beneficiary, &key).await?;
    let item = item.ok_or("there is no such item")?;
    say!(
        "{} bytes, last updated {}",
        item.bytes.len(),
        item.last_updated
    );
    print_content(&key, item)?;
    Ok(ExitCode::SUCCESS)
}

fn print_content(key: &ItemKey, item: StoredItem) -> Result<(), StoreError> {
    let ItemKey::Claim(_, id) = key else {
        for (number, row) in decode_rows(&item.bytes)?.iter().enumerate() {
            print_row(&format!("row {number}"), row);
        }
        return Ok(());
    };
    let stored = StoredClaim::new(id.clone(), item.bytes);
    print_facts(&stored)?;
    let claim = stored.claim()?;
    print_row("claim", &claim.header);
    for (index, line) in claim.lines.iter().enumerate() {
        print_row(&format!("line {}", index + 1), line);
    }
    Ok(())
}

fn print_facts(claim: &StoredClaim) -> Result<(), StoreError> {
    let facts = claim.facts()?;
    let claim_type = facts.claim_type;
    let key = ItemKey::Claim(claim_type, claim.claim_id.clone()).text();
    let through = facts.service_through.map(|day| day.to_string());
    let through = through.unwrap_or_default();
    let sensitive = if facts.sensitive { " sensitive" } else { "" };
    say!("{key} service through {through}{sensitive}");
    Ok(())
}

fn print_row(title: &str, row: &Row) {
    say!("{title}");
    for (column, value) in row.columns().iter().zip(row.values()) {
        if let Some(value) = value {
            say!("  {:32} {value}", column.name());
        }
    }
}
