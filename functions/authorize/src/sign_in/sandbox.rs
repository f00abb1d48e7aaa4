//! The sandbox's own sign-in: user name and password by a published rule, with a lock after failures.

use aws_config::SdkConfig;
use bluebutton::{
    config::{ConfigError, Limits, dynamodb, variable},
    http::{Call, Response},
    identity::{BeneId, sandbox},
    oauth::{Application, Person},
    secret::Secret,
    store::{SignIn as Counted, SignInFailuresTable},
};
use jiff::Timestamp;

use super::{SignIn, application};
use crate::{
    Refusal, State, in_language,
    pages::{self, Attempt},
    path,
    session::Step,
};

/// The longest user name that is looked at.
const USERNAME_BYTES_MAX: usize = 100;

/// Sign-in by user name and password. It exists in a sandbox only.
pub(crate) struct SandboxSignIn {
    failures: SignInFailuresTable,
}

impl SandboxSignIn {
    pub(super) fn new(aws: &SdkConfig, limits: Limits) -> Result<Self, ConfigError> {
        let table = variable("SIGN_IN_FAILURES_TABLE")?;
        let failures = SignInFailuresTable::new(dynamodb(aws), table, limits);
        Ok(Self { failures })
    }

    /// The sign-in page.
    pub(super) fn show(sign_in: &SignIn<'_>, application: &Application) -> Response {
        page(sign_in, application, Attempt::First)
    }

    /// Signs the beneficiary in, under a new session, and sends the browser to the consent page.
    pub(super) async fn submit(
        &self,
        state: &State,
        call: &Call,
        now: Timestamp,
    ) -> Result<Response, Refusal> {
        let form = call.form().await?;
        let id = form.last("approval").ok_or(Refusal::Forged)?;
        let sign_in = SignIn::open(state, call, id, now).await?;
        let csrf_token = Secret::new(form.last("csrf_token").unwrap_or_default());
        if csrf_token != sign_in.session.csrf_token(id, Step::SignIn) {
            return Err(Refusal::Forged);
        }
        let application = application(state, &sign_in.approval).await?;
        let username = form.last("username").unwrap_or_default().trim();
        let password = Secret::new(form.last("password").unwrap_or_default());
        let counted = Counted {
            username,
            address: call.source_ip.as_deref(),
            now,
        };
        let Some(patient) = self.patient(state, counted, &password).await? else {
            let is_short = username.len() <= USERNAME_BYTES_MAX;
            let attempt = Attempt::Failed(if is_short { username } else { "" });
            return Ok(page(&sign_in, &application, attempt));
        };
        let username = username.to_owned();
        let person = Person { patient, username };
        sign_in.finish(&person, &sign_in.consent_path()).await
    }

    /// The beneficiary of a user name and password, if they are right, loaded, and not locked.
    async fn patient(
        &self,
        state: &State,
        counted: Counted<'_>,
        password: &Secret,
    ) -> Result<Option<BeneId>, Refusal> {
        let username = counted.username;
        if username.is_empty() || username.len() > USERNAME_BYTES_MAX {
            return Ok(None);
        }
        if !self.failures.begin(counted).await? {
            return Ok(None);
        }
        let Some(patient) = sandbox::patient_of(username, password) else {
            return Ok(None);
        };
        if !state.claims.exists(&patient).await? {
            return Ok(None);
        }
        self.failures.clear(counted).await?;
        Ok(Some(patient))
    }
}

fn page(sign_in: &SignIn<'_>, application: &Application, attempt: Attempt<'_>) -> Response {
    let (call, id, language) = (sign_in.call, sign_in.id, sign_in.approval.language);
    let csrf_token = sign_in.session.csrf_token(id, Step::SignIn);
    let action = in_language(call, language, path(call, "/login"));
    pages::sign_in(application, (&action, id, language), &csrf_token, attempt)
}
