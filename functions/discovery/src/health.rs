//! Health, at Blue Button's addresses and in its words: whether what the API rests on answers now.
//!
//! Blue Button's database is here the tables of authorization, its data server (BFD) the tables of claims and
//! identities, its sign-in (SLSx) the identity provider. What is asked is remembered for a few seconds, so that nobody
//! can load what is behind by asking how it is.

use std::fmt;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use bluebutton::config::{self, ConfigError, Stage};
use bluebutton::http::{Call, Method, Response, StatusCode, header};
use bluebutton::identity::provider::{Provider, Settings};
use bluebutton::oauth::keys::Keys;
use bluebutton::store::Probe;
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long an answer is believed.
const REMEMBERED_SECONDS: u64 = 5;

/// How long a check may take; Blue Button waits as long for its data server.
const CHECK_SECONDS_MAX: u64 = 5;

/// What is checked, by the name that an answer gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Table(Table),
    SigningKey,
    IdentityProvider,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Applications,
    Grants,
    Transient,
    RefreshTokens,
    Audit,
    Claims,
    Identity,
    SignInFailures,
}

/// Each table's check, the environment variable that names it, and its key.
#[rustfmt::skip]
const TABLES: [(Table, &str, &str, &[&str]); 8] = [
    (Table::Applications,   "applications_table",     "APPLICATIONS_TABLE",     &["client_id"]),
    (Table::Grants,         "grants_table",           "GRANTS_TABLE",           &["patient", "client_id"]),
    (Table::Transient,      "transient_table",        "TRANSIENT_TABLE",        &["pk"]),
    (Table::RefreshTokens,  "refresh_tokens_table",   "REFRESH_TOKENS_TABLE",   &["pk"]),
    (Table::Audit,          "audit_table",            "AUDIT_TABLE",            &["pk", "sk"]),
    (Table::Claims,         "claims_table",           "CLAIMS_TABLE",           &["pk", "sk"]),
    (Table::Identity,       "identity_table",         "IDENTITY_TABLE",         &["pk", "sk"]),
    (Table::SignInFailures, "sign_in_failures_table", "SIGN_IN_FAILURES_TABLE", &["pk"]),
];

const DATABASE: &[Check] = &[
    Check::Table(Table::Applications),
    Check::Table(Table::Grants),
    Check::Table(Table::Transient),
    Check::Table(Table::RefreshTokens),
    Check::Table(Table::Audit),
];
const DATA_SERVER: &[Check] = &[Check::Table(Table::Claims), Check::Table(Table::Identity)];
const SIGN_IN: &[Check] = &[Check::IdentityProvider, Check::Table(Table::SignInFailures)];
const EVERYTHING: &[&[Check]] = &[DATABASE, DATA_SERVER, &[Check::SigningKey], SIGN_IN];

/// Blue Button's addresses, and what each stands for.
const ADDRESSES: [(&str, &[&[Check]]); 7] = [
    ("/health", &[DATABASE]),
    ("/health/db", &[DATABASE]),
    ("/health/bfd", &[DATA_SERVER]),
    ("/health/bfd_v2", &[DATA_SERVER]),
    ("/health/sls", &[SIGN_IN]),
    ("/health/external", EVERYTHING),
    ("/health/external_v2", EVERYTHING),
];

const UNAVAILABLE: &str = "Service temporarily unavailable, try again later.";
const METHODS: &str = "GET, HEAD, OPTIONS";

/// The checks of an address.
#[derive(Clone, Copy)]
pub struct Address(&'static [&'static [Check]]);

impl Address {
    /// The address of that path, if it is one.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let found = ADDRESSES.iter().find(|(address, _)| *address == path);
        found.map(|(_, checks)| Self(checks))
    }
}

/// What is checked, and what was found last.
pub struct Health {
    dependencies: Dependencies,
    remembered: Mutex<Vec<(Check, Instant, Finding)>>,
}

struct Dependencies {
    aws: SdkConfig,
    stage: Stage,
    probes: Vec<(Table, Probe)>,
}

/// What is wrong, if anything: words of our own and of AWS's error codes.
type Finding = Result<(), String>;

impl Health {
    /// The dependencies that the environment names.
    ///
    /// # Errors
    /// When the environment is incomplete.
    pub fn new(aws: &SdkConfig, stage: Stage) -> Result<Self, ConfigError> {
        Self::of(aws, stage, config::variable)
    }

    /// Those dependencies, with the tables that stand for the environment's variables.
    ///
    /// # Errors
    /// When there is no table for one.
    pub fn of(
        aws: &SdkConfig,
        stage: Stage,
        table: impl Fn(&'static str) -> Result<String, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let client = config::dynamodb(aws);
        let probe = |(known, _, variable, key): (Table, &str, &'static str, _)| {
            Ok((known, Probe::new(client.clone(), table(variable)?, key)))
        };
        Ok(Self {
            dependencies: Dependencies {
                aws: aws.clone(),
                stage,
                probes: TABLES.into_iter().map(probe).collect::<Result<_, _>>()?,
            },
            remembered: Mutex::default(),
        })
    }

    /// Answers a call for an address.
    pub async fn answer(&self, address: Address, call: &Call) -> Response {
        if !matches!(call.method, Method::GET | Method::HEAD) {
            let text = format!("Method \"{}\" not allowed.", call.method);
            return Response::json(StatusCode::METHOD_NOT_ALLOWED, &json!({"detail": text}))
                .with_header(header::ALLOW, METHODS)
                .with_error_code("not-supported");
        }
        let failed = self.first_failure(address).await;
        let Some((check, reason)) = failed else {
            return Response::json(StatusCode::OK, &json!({"message": "all's well"}));
        };
        tracing::error!(operation = %check, cause = reason, "a dependency is not well");
        let detail = format!(
            "{UNAVAILABLE} There is an issue with the - {check} - service check. Reason: {reason}"
        );
        Response::json(StatusCode::SERVICE_UNAVAILABLE, &json!({"detail": detail}))
            .with_header(header::RETRY_AFTER, &REMEMBERED_SECONDS.to_string())
            .with_error_code("transient")
    }

    /// The first check of the address that fails, in the order of the table. Who asks while another asks waits, and is
    /// told the same.
    async fn first_failure(&self, address: Address) -> Option<(Check, String)> {
        let mut remembered = self.remembered.lock().await;
        let age = Duration::from_secs(REMEMBERED_SECONDS);
        remembered.retain(|(_, at, _)| at.elapsed() < age);
        let checks = || address.0.iter().copied().flatten().copied();
        let is_known = |check: &Check| remembered.iter().any(|(known, ..)| known == check);
        let unknown = checks().filter(|check| !is_known(check));
        let found = join_all(unknown.map(|check| self.dependencies.check(check))).await;
        // From when the slowest is known: while one is waited for, the others do not grow old.
        let at = Instant::now();
        remembered.extend(
            found
                .into_iter()
                .map(|(check, finding)| (check, at, finding)),
        );
        checks().find_map(|check| {
            let finding = remembered.iter().find(|(known, ..)| *known == check);
            finding.and_then(|(_, _, finding)| Some((check, finding.clone().err()?)))
        })
    }
}

impl Dependencies {
    async fn check(&self, check: Check) -> (Check, Finding) {
        let limit = Duration::from_secs(CHECK_SECONDS_MAX);
        let finding = timeout(limit, self.ask(check)).await;
        let finding = finding.unwrap_or_else(|_| Err("it takes too long".to_owned()));
        (check, finding)
    }

    async fn ask(&self, check: Check) -> Finding {
        match check {
            // Who signs in at a provider is counted there.
            Check::Table(Table::SignInFailures) if !self.stage.is_sandbox() => Ok(()),
            Check::Table(table) => self.ask_table(table).await,
            Check::SigningKey => {
                let readable = Keys::check(&self.aws).await;
                readable.map_err(|error| error.to_string())
            }
            Check::IdentityProvider => self.ask_provider().await,
        }
    }

    async fn ask_table(&self, table: Table) -> Finding {
        let mut probes = self.probes.iter();
        let (_, probe) = probes
            .find(|(known, _)| *known == table)
            .expect("every table has a row");
        probe.ask().await.map_err(|error| error.to_string())
    }

    /// The provider is read from its secret each time: whoever has just put it in place is told how it does.
    async fn ask_provider(&self) -> Finding {
        let settings = Settings::read(&self.aws, self.stage).await;
        match settings.map_err(|error| error.to_string())? {
            Some(settings) => {
                let provider = Provider::new(settings).map_err(|error| error.to_string())?;
                provider.check().await.map_err(|error| error.to_string())
            }
            // A sandbox whose people sign in by rule.
            None => Ok(()),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table(table) => {
                let row = TABLES.iter().find(|row| row.0 == *table);
                row.expect("every table has a row").1
            }
            Self::SigningKey => "signing_key",
            Self::IdentityProvider => "identity_provider",
        })
    }
}
