//! The `check` function: before a new version of a function gets its first caller, CodeDeploy asks this one whether it
//! may. Every new version is called, as the API Gateway calls it, and nothing else: no alias, and no back door of the
//! functions. A deployment whose check fails is rolled back before anybody noticed.
//!
//! CodeDeploy shifts one function after the other, so callers meet old and new versions beside each other for a while;
//! the check meets the new ones alone. What they have in common are tables and tokens, and both are read as written by
//! the version before (infra/docs/deploy.md).

mod aws;
mod browser;
mod deployment;
mod functions;
mod walk;

use std::fmt;

use aws_config::SdkConfig;
pub use bluebutton::aws_call::CallError;
use bluebutton::config::{ConfigError, variable};
use bluebutton::http;
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use tracing::{error, info};

use self::aws::{ACCOUNT_SECRET, Aws};
pub use self::functions::{Answer, Call, Function, Functions, Unanswered};
pub use self::walk::{Account, Failure, Stage, walk};

/// How often a sign-in is tried: the deployments of several functions are checked at the same time, and an approval of
/// the same person ends the tokens of another check.
const WALKS_MAX: u32 = 3;

/// The function whose check also uses up the refresh token of dev and prod: one check of all, because a token that is
/// refreshed twice at once looks like one that was stolen.
const REFRESHING_FUNCTION: &str = "TokenFunction";

/// What CodeDeploy sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LifecycleEvent {
    deployment_id: String,
    lifecycle_event_hook_execution_id: String,
}

/// What the function needs: the calls of AWS, and what the template says of this deployment.
pub struct Check {
    aws: Aws,
    stage: Stage,
    account_secret: Option<String>,
}

impl Check {
    /// The calls and settings of the environment.
    ///
    /// # Errors
    /// When the environment is incomplete.
    pub fn from_environment(aws: SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            aws: Aws::new(aws),
            stage: Stage::named(&variable("STAGE")?),
            account_secret: variable(ACCOUNT_SECRET).ok(),
        })
    }

    /// Walks through the new versions.
    async fn result(&self, event: &LifecycleEvent) -> Result<(), Failed> {
        let deployment = self.aws.deployment(&event.deployment_id).await?;
        let checked = Function::ALL.map(|function| variable(function.variable()));
        let checked: Vec<_> = checked.into_iter().flatten().collect();
        if let Some(name) = deployment.unchecked(&checked) {
            return Err(Failed::OtherVersion(name.to_owned()));
        }
        let mut account = self.account().await?;
        if !deployment.group.contains(REFRESHING_FUNCTION) {
            account = account.map(Account::without_refresh_token);
        }
        for _ in 1..WALKS_MAX {
            match self.walk(account.as_ref()).await {
                Err(Failed::Walk(failure)) if self.stage.is_sandbox() => {
                    info!(cause = %failure, "the walk is tried again");
                }
                result => return result,
            }
        }
        self.walk(account.as_ref()).await
    }

    /// Walks once.
    async fn walk(&self, account: Option<&Account>) -> Result<(), Failed> {
        let keep = async |renewed: &Account| match &self.account_secret {
            Some(secret) => self.aws.keep_account(secret, &renewed.to_json()).await,
            None => Ok(()),
        };
        Ok(walk(&self.aws, self.stage, account, keep).await?)
    }

    /// Who signs in, from the secret that the operator keeps; nobody, where there is none yet.
    async fn account(&self) -> Result<Option<Account>, Failed> {
        match self.account_secret {
            Some(_) => Ok(Account::from_json(self.aws.account().await?.expose())?),
            None => Ok(None),
        }
    }
}

/// Checks, and tells CodeDeploy.
///
/// # Errors
/// When CodeDeploy cannot be told: it then waits for its hour and rolls back, too.
pub async fn handle(check: &Check, event: LifecycleEvent) -> Result<(), Untold> {
    let result = http::or_panic(|| Box::pin(check.result(&event))).await;
    let status = match result.unwrap_or(Err(Failed::Panicked)) {
        Ok(()) => "Succeeded",
        Err(failed) => {
            error!(cause = %failed, "the new version is not let in");
            "Failed"
        }
    };
    info!(reason = status, "checked");
    let LifecycleEvent {
        deployment_id,
        lifecycle_event_hook_execution_id: execution,
    } = event;
    Ok(check.aws.report(&deployment_id, &execution, status).await?)
}

/// CodeDeploy was not told.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Untold(#[from] CallError);

/// What Lambda notes of a report that did not arrive: its kind.
impl From<Untold> for Diagnostic {
    fn from(error: Untold) -> Self {
        Self {
            error_type: "Untold".to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// Why a version is not let in.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Walk(#[from] Failure),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the check calls another version of {0} than the one that comes in")]
    OtherVersion(String),
    #[error("the check itself has a fault")]
    Panicked,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_event_of_a_deployment_and_refuses_one_without() {
        let event = include_str!("../../../events/check_deployment.json");
        let event: LifecycleEvent = serde_json::from_str(event).expect("an event of CodeDeploy");
        assert_eq!(event.deployment_id, "d-EXAMPLE11");
        let expected = "example-execution";
        assert_eq!(event.lifecycle_event_hook_execution_id, expected);
        let event = include_str!("../../../events/check_without_deployment.json");
        assert!(serde_json::from_str::<LifecycleEvent>(event).is_err());
    }
}
