//! The `metrics` function: once a day, how much the API is used, as a report and as metrics. Numbers and no identities.
//!
//! How it is counted, and what it costs:
//! * grants and applications by a walk through their tables, which are small beside the claims: a quarter of a kilobyte
//!   for each consent, half a read unit for each 4 kilobytes. No other role may Scan; this one gets only the attributes
//!   that are counted, stands behind no route, and of a beneficiary's id keeps a hash with a key that ends with the run;
//! * calls by one read for each application, from the counts that its rate limit keeps anyway;
//! * the numbers that regulators ask for by sixteen reads (see the store of usage).

mod report;

use aws_config::SdkConfig;
use bluebutton::config::{self, ConfigError};
use bluebutton::metrics::{self, Metric};
use bluebutton::runs::{self, Panicked};
use bluebutton::store::{
    ApplicationsTable, GrantsTable, RequestCountsTable, StoreError, UsageTable, day_of,
};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;

pub use report::{Counted, Report};

/// What the function reads, and where it keeps its reports.
pub struct State {
    /// The grants.
    pub grants: GrantsTable,
    /// The applications.
    pub applications: ApplicationsTable,
    /// How many requests they sent.
    pub counts: RequestCountsTable,
    /// Transfers, loads and reports.
    pub usage: UsageTable,
}

/// Why there is no report. Lambda tries again.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A table does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The program has a fault.
    #[error(transparent)]
    Panicked(#[from] Panicked),
    /// The event does not say when it is.
    #[error("the event has no time")]
    NoTime,
}

impl State {
    /// The tables that the environment names.
    ///
    /// # Errors
    /// When one is not named.
    pub fn from_environment(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let client = config::dynamodb(aws);
        let short_lived = config::variable("TRANSIENT_TABLE")?;
        let (grants, applications) = (
            config::variable("GRANTS_TABLE")?,
            config::variable("APPLICATIONS_TABLE")?,
        );
        Ok(Self {
            grants: GrantsTable::new(client.clone(), grants),
            applications: ApplicationsTable::new(client.clone(), applications),
            counts: RequestCountsTable::new(client.clone(), short_lived.clone()),
            usage: UsageTable::new(client, short_lived),
        })
    }
}

/// Answers a run of Lambda: makes the report of the day before and keeps it; its line is the report and the metrics.
///
/// # Errors
/// When there is no report.
pub async fn run(state: &State, event: LambdaEvent<Value>) -> Result<(), MetricsError> {
    // On the heap: the compiler follows futures of futures only so deep.
    let work = || Box::pin(async { handle(state, time_of(&event.payload)?).await });
    let tell = |done: &Result<Report, MetricsError>| match done {
        Ok(report) => {
            count(report);
            vec![("report", report.to_json())]
        }
        Err(error) => {
            tracing::error!(cause = %error, "no report is made");
            Vec::new()
        }
    };
    let done = runs::run(&event.context, "counted", work, tell).await;
    done.map(drop)
}

/// The time of a scheduled event: a run that is tried again after midnight is about the same day as the first, and an
/// operator can send the event of another day.
fn time_of(event: &Value) -> Result<Timestamp, MetricsError> {
    let time = event["time"].as_str().and_then(|time| time.parse().ok());
    time.ok_or(MetricsError::NoTime)
}

/// Makes the report of the day before that moment, and keeps it.
///
/// # Errors
/// When a table does not answer.
pub async fn handle(state: &State, now: Timestamp) -> Result<Report, MetricsError> {
    let day = day_of(now).checked_sub(1.day());
    let day = day.map_err(|_| MetricsError::NoTime)?;
    let report = report(state, day, now).await?;
    let text = report.to_json().to_string();
    state.usage.put_report(day, &text).await?;
    Ok(report)
}

async fn report(state: &State, day: Date, now: Timestamp) -> Result<Report, MetricsError> {
    let mut counted = Counted::new(now);
    let mut calls = 0;
    let mut registered = Vec::new();
    let see = |application| registered.push(application);
    state.applications.for_each(see).await?;
    for application in registered {
        let sent = state.counts.calls_of_day(&application.client_id, day);
        calls += sent.await?;
        counted.add_application(application);
    }
    let see = |grant| counted.add_grant(&grant);
    state.grants.for_each(see).await?;
    let loaded = state.usage.last_load().await?;
    Ok(Report {
        day,
        calls,
        patient_access: state.usage.patient_access(day.year()).await?,
        data_age_hours: loaded.map(|loaded| hours_between(loaded, now)),
        counted,
    })
}

fn hours_between(earlier: Timestamp, later: Timestamp) -> u64 {
    const SECONDS_PER_HOUR: u64 = 3600;
    let seconds = later.as_second() - earlier.as_second();
    seconds.max(0).unsigned_abs() / SECONDS_PER_HOUR
}

fn count(report: &Report) {
    let counted = &report.counted;
    for (metric, count) in [
        (Metric::PeopleConnected, counted.people()),
        (Metric::ApplicationsActive, counted.applications_active),
        (Metric::ApplicationsInactive, counted.applications_inactive),
        (
            Metric::ApplicationsConnected,
            counted.applications_connected(),
        ),
        (Metric::Grants, counted.grants()),
        (Metric::Calls, report.calls),
    ] {
        metrics::add(metric, count);
    }
    if let Some(hours) = report.data_age_hours {
        metrics::add(Metric::DataAgeHours, hours);
    }
}

/// What Lambda shows of a failure: the kind and the sentence, neither of which holds data.
impl From<MetricsError> for Diagnostic {
    fn from(error: MetricsError) -> Self {
        let kind = match &error {
            MetricsError::NoTime => "NoTime",
            MetricsError::Panicked(_) => "Panicked",
            MetricsError::Store(_) => "NotCounted",
        };
        Self {
            error_type: kind.to_owned(),
            error_message: error.to_string(),
        }
    }
}
