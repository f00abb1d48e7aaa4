//! A proxy between functions and the local AWS that does to their calls what networks and services do to them.
//!
//! It speaks HTTP/1.1 on loopback, one thread for each connection, and records every call that it sees.

use std::io::{self, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use serde_json::{Value, json};

use crate::http::{Message, Upstream};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// AWS asks for fewer calls.
    Throttling,
    /// The table asks for fewer calls.
    ThroughputExceeded,
    /// Another transaction holds an item.
    TransactionConflict,
    /// AWS blames itself.
    InternalError,
    /// Something in front of AWS answers, without an error code.
    ServiceUnavailable,
    /// The call is carried out that much later, whether or not somebody still waits for it.
    Latency(Duration),
    /// The connection ends before the call is carried out.
    ResetBeforeSend,
    /// The call is carried out and the connection ends without an answer.
    CommitThenDrop,
    /// The call is carried out and half of the answer arrives.
    TruncatedBody,
    /// The call is carried out and the answer is not JSON.
    InvalidJson,
    /// Nobody ever answers.
    BlackHole,
}

/// Which of the calls that fit a rule it strikes, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// That one.
    Nth(usize),
    /// That one and all that follow.
    From(usize),
    /// Any with that probability.
    Percent(u64),
}

/// The operations that change a table.
pub const WRITES: &[&str] = &["DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"];

/// A fault and the calls that it strikes.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Operations as in `X-Amz-Target`, after the dot: `TransactWriteItems`. None stands for all.
    pub operations: &'static [&'static str],
    /// A table that the call names.
    pub table: Option<String>,
    /// Which of them.
    pub when: When,
    /// What happens.
    pub fault: Fault,
}

/// A call that the proxy saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `TransactWriteItems`, `Sign`.
    pub operation: String,
    /// The tables that it names.
    pub tables: Vec<String>,
    /// The user agent that it came with.
    pub agent: String,
    /// What happened to it.
    pub fault: Option<Fault>,
}

/// The proxy; it listens until the test ends.
#[derive(Clone)]
pub struct Proxy {
    url: String,
    upstream: String,
    region: String,
    own_region: String,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    rules: Vec<(Rule, usize)>,
    seen: Vec<Seen>,
    random: u64,
}

/// How long a test's SDK waits: short, so that a call that nobody answers costs little.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For each attempt.
    pub attempt: Duration,
    /// For all attempts together.
    pub operation: Duration,
}

impl Patience {
    /// As the SDK's settings.
    #[must_use]
    pub fn timeouts(self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect)
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(self.operation)
            .build()
    }
}

impl Fault {
    /// Every fault, with that latency.
    #[must_use]
    pub fn all(latency: Duration) -> [Self; 11] {
        [
            Self::Throttling,
            Self::ThroughputExceeded,
            Self::TransactionConflict,
            Self::InternalError,
            Self::ServiceUnavailable,
            Self::Latency(latency),
            Self::ResetBeforeSend,
            Self::CommitThenDrop,
            Self::TruncatedBody,
            Self::InvalidJson,
            Self::BlackHole,
        ]
    }

    /// The answer of an AWS that refuses, if this fault is one.
    fn refusal(self, call: &Seen) -> Option<Message> {
        let (status, code) = match self {
            Self::Throttling => (400, "ThrottlingException"),
            Self::ThroughputExceeded => (400, "ProvisionedThroughputExceededException"),
            Self::TransactionConflict if call.operation == "TransactWriteItems" => {
                (400, "TransactionCanceledException")
            }
            Self::TransactionConflict => (400, "TransactionConflictException"),
            Self::InternalError => (500, "InternalServerError"),
            Self::ServiceUnavailable => return Some(Message::answer(503, "Service Unavailable")),
            _ => return None,
        };
        let reasons = vec![json!({"Code": "TransactionConflict"}); call.tables.len()];
        let mut body = json!({
            "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "for the test",
        });
        if code == "TransactionCanceledException" {
            body["CancellationReasons"] = reasons.into();
        }
        Some(Message::answer(status, &body.to_string()))
    }
}

impl Rule {
    /// The fault for those of the operations' calls, of all calls if none is named.
    #[must_use]
    pub fn of(operations: &'static [&'static str], when: When, fault: Fault) -> Self {
        Self {
            operations,
            table: None,
            when,
            fault,
        }
    }

    /// The same on that table only.
    #[must_use]
    pub fn on(self, table: impl Into<String>) -> Self {
        let table = Some(table.into());
        Self { table, ..self }
    }

    fn fits(&self, call: &Seen) -> bool {
        let any = self.operations.is_empty();
        (any || self.operations.contains(&call.operation.as_str()))
            && self.table.iter().all(|table| call.tables.contains(table))
    }
}

impl Plan {
    fn decide(&mut self, call: &Seen) -> Option<Fault> {
        let Self { rules, random, .. } = self;
        let mut found = None;
        for (rule, count) in rules.iter_mut().filter(|(rule, _)| rule.fits(call)) {
            let number = *count;
            *count += 1;
            let strikes = match rule.when {
                When::Nth(nth) => number == nth,
                When::From(first) => number >= first,
                When::Percent(percent) => next(random) % 100 < percent,
            };
            found = found.or(strikes.then_some(rule.fault));
        }
        found
    }
}

/// The next number of Knuth's MMIX generator: the same faults in every run.
fn next(random: &mut u64) -> u64 {
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *random >> 33
}

impl Proxy {
    /// A proxy in front of the AWS that the configuration names.
    ///
    /// # Panics
    /// When the configuration has no endpoint on plain http, or there is no free port.
    #[must_use]
    pub fn before(aws: &SdkConfig) -> Self {
        let endpoint = aws.endpoint_url().expect("a local AWS has an endpoint");
        let upstream = endpoint.strip_prefix("http://").expect("plain http");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let proxy = Self {
            url: format!("http://{address}"),
            upstream: upstream.trim_end_matches('/').to_owned(),
            region: aws.region().expect("a region").to_string(),
            own_region: format!("proxy-{}", address.port()),
            plan: Arc::default(),
        };
        let listening = proxy.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let proxy = listening.clone();
                // A connection that breaks is what this is about.
                thread::spawn(move || proxy.converse(connection).unwrap_or_default());
            }
        });
        proxy
    }

    /// The configuration of functions whose calls go through the proxy.
    ///
    /// The SDK keeps one budget of retries for each region in a whole process. A region of the proxy's own, which the
    /// proxy takes out of the requests again, keeps its faults from using up the budget of other tests.
    pub async fn aws(&self, patience: Patience) -> SdkConfig {
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(10));
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(self.own_region.clone()))
            .endpoint_url(&self.url)
            .timeout_config(patience.timeouts())
            .retry_config(retries)
            .load()
            .await
    }

    /// The same for a program of its own, as variables of its environment.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_REGION", self.own_region.clone()),
        ]
    }

    /// From now on these faults and no others.
    pub fn set(&self, rules: impl IntoIterator<Item = Rule>) {
        self.plan().rules = rules.into_iter().map(|rule| (rule, 0)).collect();
    }

    /// From now on no fault.
    pub fn heal(&self) {
        self.set([]);
    }

    /// The calls since the last time.
    #[must_use]
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.plan().seen)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the requests of one connection, each over one connection of its own to AWS.
    fn converse(&self, connection: TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection.try_clone()?);
        let mut writer = connection;
        let mut upstream = Upstream::at(&self.upstream);
        while let Some(mut request) = Message::read(&mut reader)? {
            request.rename_region(&self.own_region, &self.region);
            let mut seen = seen(&request);
            let fault = {
                let mut plan = self.plan();
                seen.fault = plan.decide(&seen);
                plan.seen.push(seen.clone());
                seen.fault
            };
            if let Some(refusal) = fault.and_then(|fault| fault.refusal(&seen)) {
                refusal.write(&mut writer)?;
                continue;
            }
            match fault {
                Some(Fault::ResetBeforeSend) => return Ok(()),
                // The caller gives up some time.
                Some(Fault::BlackHole) => return reader.read(&mut [0]).map(drop),
                Some(Fault::Latency(latency)) => thread::sleep(latency),
                _ => {}
            }
            let mut answer = upstream.answer(&request)?;
            match fault {
                Some(Fault::CommitThenDrop) => return Ok(()),
                Some(Fault::TruncatedBody) => return answer.write_half(&mut writer),
                Some(Fault::InvalidJson) => answer.body = b"{\"Item\": {".to_vec(),
                _ => {}
            }
            answer.write(&mut writer)?;
        }
        Ok(())
    }
}

/// What the request asks for.
fn seen(request: &Message) -> Seen {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let parts = body["TransactItems"].as_array().into_iter().flatten();
    let parts = parts.filter_map(|part| part.as_object()?.values().next());
    let tables = std::iter::once(&body).chain(parts);
    let tables = tables.filter_map(|part| part["TableName"].as_str());
    Seen {
        operation: request.operation().unwrap_or_default().to_owned(),
        tables: tables.map(str::to_owned).collect(),
        agent: request.header("user-agent").unwrap_or_default().to_owned(),
        fault: None,
    }
}
