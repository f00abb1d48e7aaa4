//! The exchange that the functions of FHIR resources have in common: the order of the checks, and how answers leave.
//!
//! Method and version, then the access token, then its scope, and only then the parameters and the first read of a
//! table. Whose data is read follows from the token alone.

mod freshness;

use aws_config::SdkConfig;
use jiff::Timestamp;

use self::freshness::Validators;
use crate::audit::{Action, AuditTable, Event};
use crate::config::{self, ConfigError};
use crate::fhir::bundle::{Entry, Page, Searchset};
use crate::fhir::json::Writer;
use crate::fhir::media_type;
use crate::fhir::outcome::Refusal;
use crate::fhir::search::{Handling, Parameter, Query, Sent};
use crate::http::{ApiVersion, Call, FormError, HeaderName, Method, Response, StatusCode, header};
use crate::identity::BeneId;
use crate::mapping::Version;
use crate::metrics::{self, Metric};
use crate::oauth::Resource;
use crate::oauth::access::{Access, AccessError, VerifiedToken, Verifier};
use crate::rate_limit::{self, RateLimits};
use crate::rif::{Beneficiary, Claim};
use crate::store::{ClaimsTable, StoreError, Transfer, Transfers, UsageTable, day_of};

/// The methods of every path that serves FHIR or says how it is served, but for searches in a body.
pub const METHODS: &str = "GET, OPTIONS";
/// The methods of the paths of searches in a body.
const SEARCH_METHODS: &str = "POST, OPTIONS";
/// Where searches in a body are posted to, below the resource type.
const POSTED_SEARCH: &str = "_search";

/// What a resource function holds.
pub struct State {
    /// Says whether a token gives access.
    pub verifier: Verifier,
    /// The claims, read by the token's subject.
    pub claims: ClaimsTable,
    /// The record of who saw what.
    pub audit: AuditTable,
    /// How often a token and an application may ask.
    pub limits: RateLimits,
    /// Of how many people data go out in a year.
    pub usage: UsageTable,
}

/// A call for a resource type, before its parameters are read.
pub struct Exchange<'a> {
    call: &'a Call,
    version: Version,
    resource: Resource,
    /// What is asked for.
    pub interaction: Interaction<'a>,
    /// The parameters in the body of a POST.
    form: Vec<(String, String)>,
    /// How the answer is spelled.
    media_type: &'static str,
    /// The token, verified but not yet confirmed.
    token: VerifiedToken,
    now: Timestamp,
}

/// What a call asks of a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction<'a> {
    /// One resource by the id in the path.
    Read(&'a str),
    /// Those that match.
    Search,
}

/// Why a call gets no resource.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The token gives no access.
    Access(AccessError),
    /// Anything else.
    Refused(Refusal),
}

impl State {
    /// The stores that the environment names.
    ///
    /// # Errors
    /// When the environment is incomplete or a key cannot be read.
    pub async fn from_environment(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let client = config::dynamodb(aws);
        Ok(Self {
            verifier: Verifier::from_environment(aws).await?,
            claims: ClaimsTable::new(client.clone(), config::variable("CLAIMS_TABLE")?),
            audit: AuditTable::new(client.clone(), config::variable("AUDIT_TABLE")?),
            limits: RateLimits::from_environment(aws)?,
            usage: UsageTable::new(client, config::variable("TRANSIENT_TABLE")?),
        })
    }

    /// Checks what can be checked without reading a table.
    ///
    /// # Errors
    /// When the call is none that this resource answers, or its token does not permit it.
    pub async fn open<'a>(
        &self,
        call: &'a Call,
        resource: Resource,
        now: Timestamp,
    ) -> Result<Exchange<'a>, Failure> {
        let (version, interaction) = interaction(call, resource)?;
        let token = self.verifier.verify(call, now).await?;
        let permitted = match interaction {
            Interaction::Read(_) => token.scopes.permits_read(resource),
            Interaction::Search => token.scopes.permits_search(resource),
        };
        if !permitted {
            return Err(Failure::Access(AccessError::InsufficientScope));
        }
        let form = match call.method {
            Method::POST => call.form().await?.pairs().to_vec(),
            _ => Vec::new(),
        };
        let parameters = call.query.iter().chain(&form);
        let media_type = media_type::negotiate(parameters, texts(call, header::ACCEPT))
            .ok_or(Refusal::NotAcceptable)?;
        Ok(Exchange {
            call,
            version,
            resource,
            interaction,
            form,
            media_type,
            token,
            now,
        })
    }

    /// Answers an exchange while it is counted; one that is too many gets no data, whatever was read meanwhile.
    pub fn limited(
        &self,
        exchange: &Exchange<'_>,
        answer: impl Future<Output = Result<Response, Failure>>,
    ) -> impl Future<Output = Response> {
        // On the heap: the futures of several calls of tables at once are more than a small stack takes.
        let answer = Box::pin(answer);
        async move {
            let counted = self.limits.count_token(&exchange.token, exchange.now);
            let (allowance, answer) = tokio::join!(Box::pin(counted), answer);
            let answer = match allowance {
                Some(allowance) if allowance.is_exceeded() => Err(Refusal::TooManyRequests.into()),
                _ => answer,
            };
            rate_limit::add_headers(allowance, respond(exchange.call, answer))
        }
    }

    /// Reads data of the token's subject while the token is confirmed and the audit record is written.
    ///
    /// # Errors
    /// When the token gives no access now, the record cannot be written, or the data cannot be read.
    pub async fn read<T>(
        &self,
        exchange: &Exchange<'_>,
        data: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<(Access, T), Failure> {
        let detail = exchange.audit_detail();
        let event = exchange.audit_event(&detail);
        let transfer = Transfer {
            patient: &exchange.token.patient,
            client_id: &exchange.token.client_id,
            day: day_of(exchange.now),
        };
        let (access, data, recorded, transfers) = tokio::join!(
            self.verifier.confirm(&exchange.token, exchange.now),
            data,
            self.audit.record(&event),
            self.usage.transfers(transfer.patient, transfer.day),
        );
        let access = access?;
        recorded.map_err(|error| {
            tracing::error!(cause = %error, "the audit record is not written");
            Refusal::Unavailable
        })?;
        let data = data?;
        self.note_transfer(&transfer, transfers).await;
        Ok((access, data))
    }

    /// Notes for the yearly statistics that data go out. What cannot be noted is noted by the person's next call.
    async fn note_transfer(&self, transfer: &Transfer<'_>, known: Result<Transfers, StoreError>) {
        let noted = match known {
            Ok(known) => self.usage.note_transfer(transfer, &known).await,
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            tracing::warn!(cause = %error, "a transfer is not noted");
        }
    }
}

impl<'a> Exchange<'a> {
    /// Whose data may be read: the only source of a partition key.
    #[must_use]
    pub fn subject(&self) -> &BeneId {
        &self.token.patient
    }

    /// The FHIR to answer in.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The parameters of a search.
    ///
    /// # Errors
    /// When there are too many, or unknown ones under strict handling.
    pub fn query(&self, parameters: &'static [Parameter]) -> Result<Query<'_>, Refusal> {
        let handling = Handling::of(texts(self.call, PREFER));
        let sent = Sent {
            url: &self.call.query,
            form: &self.form,
        };
        Query::new(sent, parameters, handling)
    }

    /// One resource, or that it is still what the caller has.
    ///
    /// # Errors
    /// Those of the resource.
    pub fn resource<E: Entry>(&self, resource: &E) -> Result<Response, E::Error> {
        let mut w = Writer::new();
        resource.write(&mut w)?;
        let validators = Validators::of(w.as_bytes(), resource.last_updated());
        let response = match validators.is_known(&self.call.headers) {
            true => Response::empty(StatusCode::NOT_MODIFIED),
            false => self.answer(w.into_bytes()),
        };
        let loaded = Some(resource.last_updated());
        Ok(loaded_at(validators.add_headers(response), loaded))
    }

    /// A page of resources, the newest of all results loaded at that time.
    ///
    /// # Errors
    /// Those of the resources.
    pub fn bundle<E: Entry>(
        &self,
        query: &Query,
        page: &Page<E>,
        last_updated: Option<Timestamp>,
    ) -> Result<Response, E::Error> {
        let version = self.call.version.map_or("", ApiVersion::as_str);
        let name = name(self.resource);
        let url = format!("{}/{version}/fhir/{name}", self.call.base_url);
        let searchset = Searchset {
            id: &self.call.request_id,
            last_updated: last_updated.unwrap_or(self.now),
            url: &url,
            filters: query.filters().collect(),
        };
        let (bundle, entries) = searchset.write(page)?;
        metrics::add(Metric::PageSize, entries as u64);
        Ok(self.answer(bundle))
    }

    fn answer(&self, body: Vec<u8>) -> Response {
        Response::new(StatusCode::OK, self.media_type, body)
    }

    /// Refuses to answer a person who is not the subject, whatever the table held.
    ///
    /// # Errors
    /// When any part of what is stored is somebody else's or nobody's.
    pub fn check_person(&self, person: &Beneficiary<'_>) -> Result<(), Failure> {
        match person.belongs_to(self.subject().as_str()) {
            true => Ok(()),
            false => Err(foreign()),
        }
    }

    /// Refuses to answer a claim that is not the subject's, whatever the table held.
    ///
    /// # Errors
    /// When it is somebody else's or nobody's.
    pub fn check_claim(&self, claim: &Claim<'_>) -> Result<(), Failure> {
        match claim.header.belongs_to(self.subject().as_str()) {
            true => Ok(()),
            false => Err(foreign()),
        }
    }

    fn audit_detail(&self) -> String {
        let version = self.call.version.map_or("", ApiVersion::as_str);
        format!("{version} {}", name(self.resource))
    }

    fn audit_event<'b>(&'b self, detail: &'b str) -> Event<'b> {
        let action = match self.interaction {
            Interaction::Read(_) => Action::Read,
            Interaction::Search => Action::Search,
        };
        let who = (&self.token.patient, self.token.client_id.as_str());
        Event::new(self.call, self.now, who, (action, detail))
    }
}

fn foreign() -> Failure {
    tracing::error!("a stored row is not its partition's");
    Refusal::Internal.into()
}

/// The answer with the time of the last load that changed the data which it was made from.
#[must_use]
pub fn loaded_at(response: Response, time: Option<Timestamp>) -> Response {
    const LAST_LOADED: HeaderName = HeaderName::from_static("x-data-last-loaded");
    match time {
        Some(time) => {
            let instant = time.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string();
            response.with_header(LAST_LOADED, &instant)
        }
        None => response,
    }
}

/// The answer to a call: the resource, or an OperationOutcome.
#[must_use]
pub fn respond(call: &Call, result: Result<Response, Failure>) -> Response {
    let response = match result {
        Ok(response) => response,
        Err(_) if call.method == Method::OPTIONS => preflight(call),
        Err(Failure::Access(error)) => {
            let refusal = access_refusal(&error);
            tracing::info!(reason = %error, "no access");
            error.add_headers(outcome(call, &refusal))
        }
        Err(Failure::Refused(refusal)) => refused(call, &refusal),
    };
    response.with_cors(methods(call))
}

/// An OperationOutcome with the headers that belong to its status.
#[must_use]
pub fn refused(call: &Call, refusal: &Refusal) -> Response {
    let response = outcome(call, refusal);
    match refusal {
        Refusal::MethodNotAllowed => response.with_header(header::ALLOW, methods(call)),
        Refusal::Throttled => response.with_header(header::RETRY_AFTER, "1"),
        Refusal::Unavailable => response.with_header(header::RETRY_AFTER, "5"),
        _ => response,
    }
}

/// The answer to a browser that asks before it sends a request with a token.
#[must_use]
pub fn preflight(call: &Call) -> Response {
    Response::empty(StatusCode::NO_CONTENT).with_header(header::ALLOW, methods(call))
}

/// The methods of the call's path.
fn methods(call: &Call) -> &'static str {
    match call.path.rsplit_once('/') {
        Some((_, POSTED_SEARCH)) => SEARCH_METHODS,
        _ => METHODS,
    }
}

fn outcome(call: &Call, refusal: &Refusal) -> Response {
    let version = match call.version {
        Some(ApiVersion::V1) => Version::Stu3,
        _ => Version::R4,
    };
    let status = StatusCode::from_u16(refusal.status()).expect("refusals have HTTP statuses");
    Response::fhir(status, refusal.outcome(version)).with_error_code(refusal.kind())
}

fn access_refusal(error: &AccessError) -> Refusal {
    Refusal::Access {
        status: error.status().as_u16(),
        issue: error.issue(),
        detail: error.detail(),
    }
}

fn interaction(call: &Call, resource: Resource) -> Result<(Version, Interaction<'_>), Refusal> {
    let rest = call
        .path
        .strip_prefix("/fhir/")
        .and_then(|rest| rest.strip_prefix(name(resource)))
        .ok_or(Refusal::UnknownPath)?;
    let (method, interaction) = match rest.strip_prefix('/') {
        None if rest.is_empty() => (Method::GET, Interaction::Search),
        Some(POSTED_SEARCH) => (Method::POST, Interaction::Search),
        Some(id) if !id.contains('/') => (Method::GET, Interaction::Read(id)),
        _ => return Err(Refusal::UnknownPath),
    };
    let version = match call.version {
        Some(ApiVersion::V1) => Version::Stu3,
        Some(ApiVersion::V2) => Version::R4,
        Some(ApiVersion::V3) => return Err(Refusal::NotSupported),
        None => return Err(Refusal::UnknownPath),
    };
    if call.method != method {
        return Err(Refusal::MethodNotAllowed);
    }
    Ok((version, interaction))
}

/// A request's preferences (RFC 7240).
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The values of a header as text.
fn texts(call: &Call, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = call.headers.get_all(name).iter();
    values.filter_map(|value| value.to_str().ok())
}

const fn name(resource: Resource) -> &'static str {
    match resource {
        Resource::Patient => "Patient",
        Resource::Coverage => "Coverage",
        Resource::ExplanationOfBenefit => "ExplanationOfBenefit",
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        Failure::Access(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::Refused(refusal)
    }
}

impl From<FormError> for Failure {
    fn from(error: FormError) -> Self {
        Failure::Refused(match error {
            FormError::TooLarge => Refusal::BodyTooLarge,
            FormError::UnsupportedType => Refusal::NotAForm,
            FormError::Malformed => Refusal::MalformedForm,
        })
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::error!(cause = %error, "data cannot be read");
        Failure::Refused(match error {
            StoreError::Throttled => Refusal::Throttled,
            StoreError::Corrupt(_) => Refusal::Internal,
            _ => Refusal::Unavailable,
        })
    }
}
