//! `renew-secret`: a new secret for an application, beside the old one for a day or in its place.

use std::process::ExitCode;

use bluebutton::oauth::ClientType;
use jiff::Timestamp;

use crate::Outcome;
use crate::environment::Environment;
use crate::print::say;

/// Whose secret.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The application's client id.
    client_id: String,
    /// End the old secret at once, because somebody else may have it.
    #[arg(long)]
    end_old: bool,
}

/// Prints the new secret and nothing else: it is known only now.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let applications = Environment::read().await.applications()?;
    let application = applications.get(&arguments.client_id).await?;
    let mut application = application.ok_or("there is no such application")?;
    if application.client_type == ClientType::Public {
        return Err("a public application has no secret".into());
    }
    let secret = application.renew_secret(Timestamp::now());
    if arguments.end_old {
        application.end_old_secrets();
    }
    applications.put(&application).await?;
    say!("{}", secret.expose());
    Ok(ExitCode::SUCCESS)
}
