//! What is counted while a call, a load or a scheduled run is worked on, and the one line that it ends in.
//!
//! The line is the log line and the metrics at once (`line`): CloudWatch takes metrics in its embedded metric format
//! out of log lines, and logs are paid by the byte. infra/docs/observability.md lists metrics and fields.

mod aws_calls;
mod line;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

pub use aws_calls::AwsCalls;
pub use line::{Dimensions, Ending};

/// Everything that is counted. The order is that of [`METRICS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Calls answered.
    Requests,
    /// Answers with a 5xx status.
    ServerErrors,
    /// Answers with a 4xx status.
    ClientErrors,
    /// How long it took.
    Duration,
    /// Requests sent to AWS on the way, each attempt of its own.
    StoreCalls,
    /// Entries of a searchset, as many as were answered.
    PageSize,
    /// Answers with status 401.
    Unauthorized,
    /// Codes and refresh tokens used again, which ended all tokens of the grant.
    TokenReuse,
    /// Sign-ins refused because the name or the address is locked.
    SignInLockouts,
    /// Audit records that could not be written; the answers were withheld.
    AuditFailures,
    /// Reads and writes that a table still throttled after the SDK's attempts.
    StoreThrottles,
    /// Calls of KMS that failed.
    KeyErrors,
    /// Sign-ins that failed at the identity provider, or because of it.
    ProviderErrors,
    /// Rows that a load rejected.
    RejectedRows,
    /// Rows that a load took over, or found taken over.
    LoadedRows,
    /// How long ago the newest data were loaded.
    DataAgeHours,
    /// People with a grant that holds.
    PeopleConnected,
    /// Applications that may be used.
    ApplicationsActive,
    /// Applications that are switched off.
    ApplicationsInactive,
    /// Applications with a grant that holds.
    ApplicationsConnected,
    /// Grants that hold.
    Grants,
    /// Requests for data with an access token, of the day before.
    Calls,
    /// For how many days the current signing key has signed.
    SigningKeyAgeDays,
}

/// How a metric is called and measured.
pub(crate) struct Described {
    pub(crate) metric: Metric,
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
}

/// The units of CloudWatch that are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A number of things.
    Count,
    /// Kept here in microseconds.
    Milliseconds,
    /// CloudWatch has no unit longer than seconds; the name says which.
    None,
}

const fn described(metric: Metric, name: &'static str, unit: Unit) -> Described {
    Described { metric, name, unit }
}

/// Every metric once, in the order of the enum.
#[rustfmt::skip]
pub(crate) const METRICS: [Described; 23] = [
    described(Metric::Requests,              "Requests",              Unit::Count),
    described(Metric::ServerErrors,          "ServerErrors",          Unit::Count),
    described(Metric::ClientErrors,          "ClientErrors",          Unit::Count),
    described(Metric::Duration,              "Duration",              Unit::Milliseconds),
    described(Metric::StoreCalls,            "StoreCalls",            Unit::Count),
    described(Metric::PageSize,              "PageSize",              Unit::Count),
    described(Metric::Unauthorized,          "Unauthorized",          Unit::Count),
    described(Metric::TokenReuse,            "TokenReuse",            Unit::Count),
    described(Metric::SignInLockouts,        "SignInLockouts",        Unit::Count),
    described(Metric::AuditFailures,         "AuditFailures",         Unit::Count),
    described(Metric::StoreThrottles,        "StoreThrottles",        Unit::Count),
    described(Metric::KeyErrors,             "KeyErrors",             Unit::Count),
    described(Metric::ProviderErrors,        "ProviderErrors",        Unit::Count),
    described(Metric::RejectedRows,          "RejectedRows",          Unit::Count),
    described(Metric::LoadedRows,            "LoadedRows",            Unit::Count),
    described(Metric::DataAgeHours,          "DataAgeHours",          Unit::None),
    described(Metric::PeopleConnected,       "PeopleConnected",       Unit::Count),
    described(Metric::ApplicationsActive,    "ApplicationsActive",    Unit::Count),
    described(Metric::ApplicationsInactive,  "ApplicationsInactive",  Unit::Count),
    described(Metric::ApplicationsConnected, "ApplicationsConnected", Unit::Count),
    described(Metric::Grants,                "Grants",                Unit::Count),
    described(Metric::Calls,                 "Calls",                 Unit::Count),
    described(Metric::SigningKeyAgeDays,     "SigningKeyAgeDays",     Unit::None),
];

/// Where lines say that they come from: the deployment and the program.
struct Source {
    stack: String,
    function: &'static str,
}

/// Without it nothing is written: a test of a function is silent.
static SOURCE: OnceLock<Source> = OnceLock::new();

/// From now on lines are written, as coming from that program. The environment variable `STACK` names the deployment.
pub(crate) fn start(function: &'static str) {
    let stack = std::env::var("STACK").unwrap_or_else(|_| "local".to_owned());
    // A second call finds what the first one said and leaves it.
    let _ = SOURCE.set(Source { stack, function });
}

/// The program whose lines are written, once they are.
pub(crate) fn function() -> Option<&'static str> {
    SOURCE.get().map(|source| source.function)
}

/// By which ids the lines of one piece of work are found together, and found in what AWS keeps of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// The id that the caller and the gateway's access log know the call by.
    pub request_id: String,
    /// The id under which Lambda keeps its own lines about the run.
    pub lambda_request_id: Option<String>,
    /// The trace of X-Ray that the run belongs to.
    pub trace_id: Option<String>,
}

impl Ids {
    /// The ids of a run that only Lambda has names for. `trace` is the header `X-Amzn-Trace-Id` as Lambda hands it on.
    #[must_use]
    pub fn of_run(lambda_request_id: &str, trace: Option<&str>) -> Self {
        Self {
            request_id: lambda_request_id.to_owned(),
            lambda_request_id: Some(lambda_request_id.to_owned()).filter(|id| !id.is_empty()),
            trace_id: trace.and_then(trace_id).map(str::to_owned),
        }
    }
}

/// The id in `Root=1-63441c4a-abcdef012345678912345678;Parent=...`. A caller may send that header, and the gateway
/// hands it on, so that nothing but an id is taken out of it.
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids>
fn trace_id(header: &str) -> Option<&str> {
    let mut parts = header.split(';').map(str::trim);
    let root = parts.find_map(|part| part.strip_prefix("Root="))?;
    let mut groups = root.split('-');
    let is_hex = |group: Option<&str>, digits: usize| {
        group.is_some_and(|group| {
            group.len() == digits && group.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    let is_id = groups.next() == Some("1")
        && is_hex(groups.next(), 8)
        && is_hex(groups.next(), 24)
        && groups.next().is_none();
    is_id.then_some(root)
}

/// What is known of one piece of work until it ends.
pub struct Record {
    ids: Ids,
    started: Instant,
    counts: [AtomicU64; METRICS.len()],
    /// A bit for each metric that was counted, zero of it included.
    counted: AtomicU32,
    client_id: OnceLock<String>,
}

tokio::task_local! {
    static CURRENT: Arc<Record>;
}

impl Record {
    /// The record of work that begins now.
    #[must_use]
    pub fn new(ids: Ids) -> Arc<Self> {
        Arc::new(Self {
            ids,
            started: Instant::now(),
            counts: [const { AtomicU64::new(0) }; METRICS.len()],
            counted: AtomicU32::new(0),
            client_id: OnceLock::new(),
        })
    }

    /// Does the work: whatever it counts, and whatever it logs, is this record's.
    pub async fn of<Work: Future>(self: &Arc<Self>, work: Work) -> Work::Output {
        CURRENT.scope(Arc::clone(self), work).await
    }

    /// So many more. None more is told as zero, where what was never counted is not told at all.
    pub fn add(&self, metric: Metric, more: u64) {
        self.counted.fetch_or(1 << metric as u32, Ordering::Relaxed);
        self.counts[metric as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// So many so far, if it was counted.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<u64> {
        let is_counted = self.counted.load(Ordering::Relaxed) & (1 << metric as u32) != 0;
        is_counted.then(|| self.counts[metric as usize].load(Ordering::Relaxed))
    }

    /// The ids of the work.
    #[must_use]
    pub fn ids(&self) -> &Ids {
        &self.ids
    }
}

/// Counts one more for the work at hand.
pub fn count(metric: Metric) {
    add(metric, 1);
}

/// Counts so many more for the work at hand. Outside of any, which is while a function starts, they are told at once in
/// a line of their own: a start that goes on without a key is answered by no line that could tell of it.
pub fn add(metric: Metric, more: u64) {
    if CURRENT.try_with(|record| record.add(metric, more)).is_err() {
        line::tell_alone(metric, more);
    }
}

/// Notes for which application the work is done, once that is certain.
pub fn note_client(client_id: &str) {
    // The first is as true as any later one.
    let _ = CURRENT.try_with(|record| record.client_id.set(client_id.to_owned()));
}

/// What the work at hand is known by, for its log lines.
pub(crate) fn current() -> Option<Arc<Record>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// The work, done under the record that is current where it is made: tasks of their own do not inherit it.
pub(crate) fn inherited<Work: Future>(work: Work) -> impl Future<Output = Work::Output> {
    let record = current();
    async move {
        match record {
            Some(record) => record.of(work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_metric_at_its_place() {
        for (at, described) in METRICS.iter().enumerate() {
            assert_eq!(described.metric as usize, at, "{}", described.name);
            assert_eq!(described.name, format!("{:?}", described.metric));
        }
    }

    #[test]
    fn a_trace_id_is_taken_and_nothing_else_of_the_header() {
        let check = |header: &str, expected: Option<&str>| {
            assert_eq!(trace_id(header), expected, "{header}");
        };
        let id = "1-63441c4a-abcdef012345678912345678";
        check(&format!("Root={id}"), Some(id));
        check(&format!("Root={id};Parent=0123;Sampled=1"), Some(id));
        check(&format!("Self=1-0-0;Root={id};Lineage=a:0"), Some(id));
        check("", None);
        check("Root=", None);
        check(id, None);
        check("Root=1-63441c4a-abcdef01234567891234567", None);
        check("Root=1-63441c4a-abcdef01234567891234567x", None);
        check("Root=2-63441c4a-abcdef012345678912345678", None);
        check(&format!("Root={id}-1"), None);
    }

    #[tokio::test]
    async fn what_is_counted_is_the_works_at_hand() {
        let [one, other] = [Record::new(Ids::default()), Record::new(Ids::default())];
        count(Metric::TokenReuse);
        let inner = other.of(async { count(Metric::TokenReuse) });
        one.of(async {
            add(Metric::TokenReuse, 2);
            inner.await;
            let spawned = tokio::spawn(inherited(async { count(Metric::StoreCalls) }));
            spawned.await.expect("no panic");
        })
        .await;
        let counted = |record: &Record| {
            (
                record.get(Metric::TokenReuse),
                record.get(Metric::StoreCalls),
            )
        };
        assert_eq!(counted(&one), (Some(2), Some(1)));
        assert_eq!(counted(&other), (Some(1), None));
    }
}
