//! `inspect`: an item of the claims table in readable form.

use std::process::ExitCode;

use bluebutton::identity::BeneId;
use bluebutton::store::ItemKey;

use crate::{Outcome, environment};

/// What to print.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The patient id (beneficiary id).
    #[arg(allow_negative_numbers = true)]
    patient: String,
    /// The sort key of one item (`B`, `Y#2021`, `C#1234#carrier`).
    #[arg(default_value = "B")]
    item: String,
}

/// Prints the item.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let beneficiary = BeneId::parse(&arguments.patient).ok_or("that is not a patient id")?;
    let key = ItemKey::parse(&arguments.item).ok_or("that is not the key of an item")?;
    let aws = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let claims = environment::claims_table(&aws)?;
    let Some(item) = claims.stored(&beneficiary, &key).await? else {
        return Err("there is no such item".into());
    };
    println!(
        "{} bytes, last updated {}",
        item.bytes.len(),
        item.last_updated
    );
    Ok(ExitCode::SUCCESS)
}
