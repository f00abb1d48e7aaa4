//! `audit`: who read what of a person, and what became of their consents, so that a support case can be followed.

use std::process::ExitCode;

use bluebutton::audit::AuditRecord;
use bluebutton::identity::BeneId;
use jiff::{Timestamp, ToSpan};

use crate::Outcome;
use crate::environment::Environment;
use crate::print::say;

const HOURS_OF_A_DAY: i64 = 24;

/// Whose records, and from when on.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The patient id (beneficiary id).
    #[arg(allow_hyphen_values = true)]
    patient: String,
    /// Of how many days, from now back.
    #[arg(long, default_value_t = 30)]
    days: u16,
}

/// Prints a line for each record, the newest first: when, the request's id, the application's client id, what happened
/// and to what. The request's id is that of the logs and of the answer's `X-Request-Id`.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let patient = BeneId::parse(&arguments.patient).ok_or("that is not a patient id")?;
    let since = Timestamp::now() - (i64::from(arguments.days) * HOURS_OF_A_DAY).hours();
    let audit = Environment::read().await.audit()?;
    let mut found = false;
    let see = |record: AuditRecord| {
        found = true;
        let at = format!("{:.3}", record.at);
        let (request, client) = (record.request_id, record.client_id);
        say!(
            "{at} {request} {client} {} {}",
            record.action,
            record.detail
        );
    };
    audit.for_each_of(&patient, since, see).await?;
    match found {
        true => Ok(ExitCode::SUCCESS),
        false => Err("there is no record of that person in these days".into()),
    }
}
