//! The `rotate` function: each day, the one step of the rotation of the signing keys that is due, if any. It takes the
//! steps that `bluebutton-admin rotate` takes, by the same code (infra/docs/keys.md).
//!
//! It makes keys and names them in the configuration. It may not sign with a key, nor delete one.

use aws_config::SdkConfig;
use bluebutton::config::{self, ConfigError};
use bluebutton::metrics::{self, Metric};
use bluebutton::oauth::rotation::{self, Rotation, RotationError, SIGNING_DAYS};
use bluebutton::runs::{self, Panicked};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

/// How far the time of an event may be from the function's clock. Steps wait for hours and days by that clock, so where
/// it and the schedule's differ nothing is done; an event that waited for Lambda is at most an hour old
/// (template.yaml).
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_hours(2);

/// What the function works on.
pub struct State {
    /// The keys and the configuration that names them.
    pub rotation: Rotation,
    /// What the aliases of the signing keys begin with.
    pub aliases: String,
    /// How long a key signs. Without it no step is taken and the age of the key is told all the same.
    pub signing: Option<SignedDuration>,
}

/// What a run did.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// The step that was taken, or why there was none.
    pub step: &'static str,
    /// For how many days the current key has signed.
    pub age_days: u64,
}

/// Why a run failed. The next one takes the step.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The step could not be taken.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// The event is of another time than the clock says, or of none.
    #[error("the event is not of this time")]
    AnotherTime,
    /// The program has a fault.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

impl State {
    /// What the environment names.
    ///
    /// # Errors
    /// When something is not named, or the days are no number.
    pub fn from_environment(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let days = match config::variable("SIGNING_KEY_DAYS") {
            Ok(days) => days.parse(),
            Err(_) => Ok(SIGNING_DAYS),
        };
        let days: u32 = days.map_err(|_| ConfigError::Malformed("SIGNING_KEY_DAYS"))?;
        Ok(Self {
            rotation: Rotation::new(aws, config::variable("CONFIGURATION_SECRET")?),
            aliases: config::variable("SIGNING_KEYS")?,
            signing: signing(days),
        })
    }
}

/// How long a key signs that is to sign for so many days; 0 leaves the rotation to an operator.
#[must_use]
pub fn signing(days: u32) -> Option<SignedDuration> {
    (days > 0).then(|| rotation::days(days))
}

/// Answers a run of Lambda: takes the step that is due. Its line says which one that was and how old the key is.
///
/// # Errors
/// When the step could not be taken.
pub async fn run(state: &State, event: LambdaEvent<Value>) -> Result<(), RotateError> {
    let work = || Box::pin(handle(state, &event.payload, Timestamp::now()));
    let tell = |done: &Result<Report, RotateError>| match done {
        Ok(report) => {
            metrics::add(Metric::SigningKeyAgeDays, report.age_days);
            vec![("step", report.step.into())]
        }
        Err(error) => {
            tracing::error!(cause = %error, "no key is rotated");
            Vec::new()
        }
    };
    let done = runs::run(&event.context, "rotated", work, tell).await;
    done.map(drop)
}

/// Takes the step that is due now.
///
/// # Errors
/// When the event is of another time, when the keys cannot be read, and when the step fails.
pub async fn handle(state: &State, event: &Value, now: Timestamp) -> Result<Report, RotateError> {
    refuse_another_time(event, now)?;
    let read = state.rotation.read().await?;
    let unchanged = |step| Report {
        step,
        age_days: read.keys.age_days(now),
    };
    let Some(signing) = state.signing else {
        return Ok(unchanged("left to an operator"));
    };
    let Some(step) = read.keys.due(signing, now) else {
        return Ok(unchanged("none"));
    };
    let taken = state.rotation.take(step, &read, &state.aliases, now).await;
    match taken {
        Ok(keys) => Ok(Report {
            step: step.name(),
            age_days: keys.age_days(now),
        }),
        Err(RotationError::Changed) => Ok(unchanged("left to another run")),
        Err(error) => Err(error.into()),
    }
}

fn refuse_another_time(event: &Value, now: Timestamp) -> Result<(), RotateError> {
    let time = event["time"].as_str().and_then(|time| time.parse().ok());
    let time: Timestamp = time.ok_or(RotateError::AnotherTime)?;
    match now.duration_since(time).abs() <= CLOCKS_APART_MAX {
        true => Ok(()),
        false => Err(RotateError::AnotherTime),
    }
}

/// What Lambda shows of a failure: the kind and the sentence, neither of which holds data.
impl From<RotateError> for Diagnostic {
    fn from(error: RotateError) -> Self {
        let kind = match &error {
            RotateError::AnotherTime => "AnotherTime",
            RotateError::Panicked(_) => "Panicked",
            RotateError::Rotation(_) => "NotRotated",
        };
        Self {
            error_type: kind.to_owned(),
            error_message: error.to_string(),
        }
    }
}
