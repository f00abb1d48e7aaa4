//! `renew-secret`: a new secret for an application, beside the old one for a day or in its place.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use bluebutton::oauth::{Application, ClientType};
use bluebutton::secret::Secret;
use bluebutton::store::{ApplicationsTable, StoreError};
use jiff::Timestamp;

use crate::Outcome;
use crate::environment::Environment;
use crate::print::say;
use crate::secret_file::SecretFile;

/// How often the secrets are read again because another operator was faster.
const ATTEMPTS_MAX: u32 = 8;

/// Whose secret.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The application's client id.
    client_id: String,
    /// The file to write the new secret to: it must not be there yet, and only you can read it.
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// End the old secret at once, because somebody else may have it.
    #[arg(long)]
    end_old: bool,
}

/// Puts the new secret into its file, and in its place: it is known only now.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let applications = Environment::read().await.applications()?;
    let application = find(&applications, &arguments.client_id).await?;
    if application.client_type == ClientType::Public {
        return Err("a public application has no secret".into());
    }
    let mut file = SecretFile::create(&arguments.secret_file)?;
    let renewed = renew(&applications, application, &arguments, &mut file).await?;
    file.settle(renewed)?;
    let path = arguments.secret_file.display();
    say!("the new secret of {} is in {path}", arguments.client_id);
    Ok(ExitCode::SUCCESS)
}

/// Two operators may do this at once, as after a leak. The second one reads again and begins from what the first one
/// has left, so that no secret comes back that was ended. A conflict may also be with an attempt of one's own whose
/// answer was lost: then what was wanted is there.
async fn renew(
    applications: &ApplicationsTable,
    mut read: Application,
    arguments: &Arguments,
    file: &mut SecretFile,
) -> Result<Result<(), StoreError>, Box<dyn Error>> {
    for _ in 0..ATTEMPTS_MAX {
        let (wanted, secret) = renewed(&read, arguments);
        file.write(&secret)?;
        match applications.replace_secrets(&read, &wanted.secrets).await {
            Err(StoreError::Conflict) => {}
            outcome => return Ok(outcome),
        }
        read = find(applications, &arguments.client_id).await?;
        if read.secrets.first() == wanted.secrets.first() {
            return Ok(Ok(()));
        }
    }
    Ok(Err(StoreError::Conflict))
}

/// The application with the secrets that it is to have, and the new one in clear.
fn renewed(read: &Application, arguments: &Arguments) -> (Application, Secret) {
    let mut application = read.clone();
    let secret = application.renew_secret(Timestamp::now());
    if arguments.end_old {
        application.end_old_secrets();
    }
    (application, secret)
}

async fn find(
    applications: &ApplicationsTable,
    client_id: &str,
) -> Result<Application, Box<dyn Error>> {
    let found = applications.get(client_id).await?;
    found.ok_or_else(|| "there is no such application".into())
}
