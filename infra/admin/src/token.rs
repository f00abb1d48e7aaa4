//! `token`: an access token, got as an application and a beneficiary get one: sign-in, consent and exchange over HTTP.

use std::path::PathBuf;
use std::process::ExitCode;

use bluebutton::identity::BeneId;
use bluebutton::oauth::random_token;

use crate::Outcome;
use crate::client::Client;
use crate::print::say;

/// Whose token, what it may do, and where the sandbox is described.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The patient who signs in; any loaded one.
    #[arg(long, allow_hyphen_values = true)]
    patient: String,
    /// The scopes to ask for; by default all that the application has.
    #[arg(long)]
    scope: Option<String>,
    /// The name of the sandbox's application that asks; by default its first one.
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// The description that the running sandbox wrote.
    #[arg(long, default_value = "target/sandbox/sandbox.json")]
    sandbox_json: PathBuf,
}

/// Prints the access token and nothing else.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let patient = BeneId::parse(&arguments.patient).ok_or("--patient is not a patient id")?;
    let client = Client::read(&arguments.sandbox_json, arguments.application.as_deref())?;
    let verifier = random_token();
    let code = client.code(&patient, verifier.expose(), arguments.scope.as_deref())?;
    say!("{}", client.exchange(&code, verifier.expose())?);
    Ok(ExitCode::SUCCESS)
}
