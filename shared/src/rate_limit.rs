//! Rate limits: how many requests an access token, an application and an address may send.
//!
//! Requests are counted in the transient table, so that the limit holds across all instances of all functions: one
//! atomic update for each of them, beside the reads that the request needs anyway and never before them. Windows are
//! fixed: a request counts in the window of its time, and the next window begins at zero.
//!
//! A count that cannot be written limits nobody. The limits share the API fairly among honest callers; who may read
//! what is decided by other reads, which fail closed. Were it otherwise, one busy counter would take the whole API
//! down.

use aws_config::SdkConfig;
use jiff::{Timestamp, ToSpan};

use crate::{
    config::{self, ConfigError, Limits},
    http::{Call, HeaderName, Response, header},
    oauth::access::VerifiedToken,
    store::{RequestCountsTable, StoreError, day_of},
};

/// How long requests are counted together. Limits are stated per second and hold on the average of a window, so that an
/// app may open with a dozen requests at once.
pub const WINDOW_SECONDS: i64 = 10;

/// Blue Button's names of the headers that tell a client how far it may go.
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What requests are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject<'a> {
    /// An access token, by its id.
    Token(&'a str),
    /// An application, by its client id.
    Client(&'a str),
    /// Where requests come from, as the gateway saw it.
    Address(&'a str),
}

/// The counters and the limits of a deployment.
#[derive(Clone, Debug)]
pub struct RateLimits {
    counts: RequestCountsTable,
    limits: Limits,
}

/// How far a caller may go in the present window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The requests of a window.
    limit: i64,
    /// Those sent in the present one, this one among them.
    sent: i64,
    /// When the next window begins, in whole seconds from now, at least one.
    reset_seconds: i64,
}

impl RateLimits {
    /// The counters and limits that the environment names.
    ///
    /// # Errors
    /// When the environment is incomplete or its limits cannot be read.
    pub fn from_environment(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Self::of(aws, Limits::from_environment()?)
    }

    /// The counters that the environment names, with those limits.
    ///
    /// # Errors
    /// When the environment is incomplete.
    pub fn of(aws: &SdkConfig, limits: Limits) -> Result<Self, ConfigError> {
        let table = config::variable("TRANSIENT_TABLE")?;
        let counts = RequestCountsTable::new(config::dynamodb(aws), table);
        Ok(Self::new(counts, limits))
    }

    /// Those counters and limits.
    #[must_use]
    pub fn new(counts: RequestCountsTable, limits: Limits) -> Self {
        Self { counts, limits }
    }

    /// Counts a request for resources by its token and by its application, and tells the tighter of their allowances:
    /// nothing where no count can be written.
    pub async fn count_token(&self, token: &VerifiedToken, now: Timestamp) -> Option<Allowance> {
        let (of_token, of_client) = tokio::join!(
            self.count(Subject::Token(&token.jti), now),
            self.count(Subject::Client(&token.client_id), now),
        );
        let known = of_token.into_iter().chain(of_client);
        known.min_by_key(|allowance| allowance.limit - allowance.sent)
    }

    /// Counts a call by the address that the gateway saw, where it saw one.
    pub async fn count_address(&self, call: &Call, now: Timestamp) -> Option<Allowance> {
        let address = call.source_ip.as_deref()?;
        self.count(Subject::Address(address), now).await
    }

    async fn count(&self, subject: Subject<'_>, now: Timestamp) -> Option<Allowance> {
        let window = now.as_second().div_euclid(WINDOW_SECONDS);
        let end = Timestamp::from_second((window + 1) * WINDOW_SECONDS).ok()?;
        let counted = match subject {
            Subject::Client(id) => self.counts.add_of_client(id, day_of(now), window).await,
            Subject::Token(id) => self.add(("token", id), window, end).await,
            Subject::Address(address) => self.add(("address", address), window, end).await,
        };
        match counted {
            Ok(sent) => Some(Allowance {
                limit: self.per_second(subject) * WINDOW_SECONDS,
                sent,
                reset_seconds: end.as_second() - now.as_second(),
            }),
            Err(error) => {
                tracing::warn!(cause = %error, "a request is not counted");
                None
            }
        }
    }

    async fn add(
        &self,
        counted: (&'static str, &str),
        window: i64,
        end: Timestamp,
    ) -> Result<i64, StoreError> {
        let key = key(counted, window);
        self.counts.add(key, end + 1.seconds()).await
    }

    fn per_second(&self, subject: Subject<'_>) -> i64 {
        i64::from(match subject {
            Subject::Token(_) => self.limits.token_requests_per_second,
            Subject::Client(_) => self.limits.client_requests_per_second,
            Subject::Address(_) => self.limits.address_requests_per_second,
        })
    }
}

/// What a counter is called: its kind, and the rest for hashing, because addresses are personal data.
fn key((kind, id): (&'static str, &str), window: i64) -> (&'static str, String) {
    (kind, format!("{id} {window}"))
}

impl Allowance {
    /// Whether this request is one too many.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.sent > self.limit
    }

    /// The answer with what the caller has left, and when to come back if that is nothing (RFC 6585 section 4).
    #[must_use]
    pub fn add_headers(&self, response: Response) -> Response {
        let remaining = (self.limit - self.sent).max(0);
        let reset = self.reset_seconds.to_string();
        let response = response
            .with_header(LIMIT, &self.limit.to_string())
            .with_header(REMAINING, &remaining.to_string())
            .with_header(RESET, &reset);
        match self.is_exceeded() {
            true => response.with_header(header::RETRY_AFTER, &reset),
            false => response,
        }
    }
}

/// The answer with the headers of the limit that ran, if one did.
#[must_use]
pub fn add_headers(allowance: Option<Allowance>, response: Response) -> Response {
    match allowance {
        Some(allowance) => allowance.add_headers(response),
        None => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::StatusCode;

    #[test]
    fn tells_what_is_left_and_when_to_come_back() {
        let check = |sent: i64, expected: [Option<&str>; 4]| {
            let allowance = Allowance {
                limit: 100,
                sent,
                reset_seconds: 7,
            };
            let response = allowance.add_headers(Response::empty(StatusCode::OK));
            let names = [
                "x-ratelimit-limit",
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
                "retry-after",
            ];
            assert_eq!(names.map(|name| response.header(name)), expected, "{sent}");
            assert_eq!(allowance.is_exceeded(), expected[3].is_some());
        };
        check(1, [Some("100"), Some("99"), Some("7"), None]);
        check(100, [Some("100"), Some("0"), Some("7"), None]);
        check(101, [Some("100"), Some("0"), Some("7"), Some("7")]);
        check(5000, [Some("100"), Some("0"), Some("7"), Some("7")]);
    }

    #[test]
    fn subjects_of_one_name_and_windows_are_counted_apart() {
        let keys = [
            key(("token", "1"), 1),
            key(("address", "1"), 1),
            key(("token", "1"), 2),
            key(("token", "2"), 1),
            key(("token", "1 1"), 2),
        ];
        for (at, one) in keys.iter().enumerate() {
            assert!(!keys[at + 1..].contains(one), "{one:?}");
        }
    }
}
