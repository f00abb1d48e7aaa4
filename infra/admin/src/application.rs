//! `application`: what an operator does with an application: register it, see it, switch it off and on, end what people
//! allowed it.
//!
//! Nothing of a beneficiary is printed: grants are counted, not listed.

use std::error::Error;
use std::process::ExitCode;

use bluebutton::audit::{Action, Event};
use bluebutton::config;
use bluebutton::oauth::{Application, ClientType, DataAccess, Description};
use bluebutton::store::{ApplicationsTable, AuthorizationTables, Transaction};
use jiff::Timestamp;

use crate::Outcome;
use crate::environment::Environment;
use crate::print::say;
use crate::registration;

/// What audit records of an operator's doing say, where others name a request.
const OPERATOR: &str = "operator";

const MISSING: &str = "there is no such application";

/// What to do.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    step: Step,
}

#[derive(clap::Subcommand)]
enum Step {
    /// Register an application. Prints its client id; its secret goes into a file.
    Register(Box<registration::Arguments>),
    /// List all applications.
    List,
    /// Show one application, and how many people it has a grant of.
    Show(Which),
    /// Switch an application off: it is refused everywhere from its next request on, and every grant stays.
    Deactivate(Which),
    /// Switch an application on again.
    Activate(Which),
    /// End every grant of an application: all its tokens die, and people who still want it consent again.
    EndGrants(Which),
}

#[derive(clap::Args)]
struct Which {
    /// The application's client id.
    client_id: String,
}

/// Takes the step.
pub(crate) async fn run(arguments: Arguments) -> Outcome {
    let environment = Environment::read().await;
    let applications = environment.applications()?;
    match arguments.step {
        Step::Register(new) => registration::register(&applications, *new).await?,
        Step::List => list(&applications).await?,
        Step::Show(which) => show(&applications, &which.client_id).await?,
        Step::Deactivate(which) => say_state(applications.deactivate(&which.client_id).await?)?,
        Step::Activate(which) => say_state(applications.activate(&which.client_id).await?)?,
        Step::EndGrants(which) => end_grants(&which.client_id).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(applications: &ApplicationsTable) -> Result<(), Box<dyn Error>> {
    for application in applications.all().await? {
        say!(
            "{} {:8} {}",
            application.client_id,
            state(&application),
            application.name
        );
    }
    Ok(())
}

async fn show(applications: &ApplicationsTable, client_id: &str) -> Result<(), Box<dyn Error>> {
    let application = find(applications, client_id).await?;
    let kind = match application.client_type {
        ClientType::Confidential => "confidential",
        ClientType::Public => "public",
    };
    say!("{}: {kind}, {}", application.name, state(&application));
    for line in terms(&application) {
        say!("{line}");
    }
    for secret in &application.secrets {
        match secret.ends_at {
            Some(end) => say!("a secret that works until {end:.0}"),
            None => say!("a secret"),
        }
    }
    for redirect_uri in &application.redirect_uris {
        say!("redirect URI {redirect_uri}");
    }
    let grants = tables().await?.grants.of_application(client_id).await?;
    let newest = grants.iter().map(|grant| grant.approved_at).max();
    let newest = newest.map(|time| format!(", the newest of {time:.0}"));
    say!("{} grants{}", grants.len(), newest.unwrap_or_default());
    Ok(())
}

/// What it may have, and what the consent page says of it.
fn terms(application: &Application) -> Vec<String> {
    let access = match application.data_access {
        DataAccess::OneTime => "one-time access",
        DataAccess::ThirteenMonth => "access for thirteen months",
        DataAccess::ResearchStudy => "access until it is revoked",
    };
    let mut lines = vec![access.to_owned(), format!("scopes {}", application.scopes)];
    let limits = [
        (
            !application.require_demographic_scopes,
            "never who the beneficiary is",
        ),
        (
            application.part_d_eob_only,
            "prescription drug claims and no others",
        ),
        (application.token_management, "lists and removes grants"),
    ];
    let limits = limits.into_iter().filter(|(is_so, _)| *is_so);
    lines.extend(limits.map(|(_, limit)| limit.to_owned()));
    let said = [
        (
            "description",
            application.description.as_ref().map(Description::as_str),
        ),
        ("privacy policy", application.policy_uri.as_deref()),
        ("terms of service", application.tos_uri.as_deref()),
        ("logo", application.logo_uri.as_deref()),
        ("support", application.support_email.as_deref()),
    ];
    let said = said
        .into_iter()
        .filter_map(|(name, text)| Some(format!("{name} {}", text?)));
    lines.extend(said);
    lines
}

fn say_state(switched: Option<Application>) -> Result<(), Box<dyn Error>> {
    let application = switched.ok_or(MISSING)?;
    say!("{} is {}", application.name, state(&application));
    Ok(())
}

/// Each grant goes in one transaction with its audit record. One that its person renewed or ended meanwhile stays as it
/// is now, and another run finds what is there.
async fn end_grants(client_id: &str) -> Result<(), Box<dyn Error>> {
    let tables = tables().await?;
    let (mut ended, mut left) = (0_u64, 0_u64);
    for grant in tables.grants.of_application(client_id).await? {
        let event = Event {
            at: Timestamp::now(),
            patient: &grant.patient,
            client_id,
            action: Action::GrantRevoked,
            detail: OPERATOR,
            request_id: OPERATOR,
        };
        match tables.remove_grant(&grant.grant_id, &event).await? {
            Transaction::Done => ended += 1,
            Transaction::Refused => left += 1,
        }
    }
    say!("{ended} grants ended, {left} had changed meanwhile");
    Ok(())
}

async fn find(
    applications: &ApplicationsTable,
    client_id: &str,
) -> Result<Application, Box<dyn Error>> {
    let found = applications.get(client_id).await?;
    found.ok_or_else(|| MISSING.into())
}

async fn tables() -> Result<AuthorizationTables, Box<dyn Error>> {
    Ok(AuthorizationTables::from_environment(
        &config::aws_of_operator(env!("CARGO_PKG_NAME")).await,
    )?)
}

fn state(application: &Application) -> &'static str {
    match application.active {
        true => "active",
        false => "inactive",
    }
}
