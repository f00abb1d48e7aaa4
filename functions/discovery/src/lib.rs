//! The `discovery` function: what the API says about itself, and the answer to every path that nothing else answers.

mod documents;
mod health;

use bluebutton::exchange;
use bluebutton::fhir::capability::{self, Api, Served};
use bluebutton::fhir::media_type;
use bluebutton::fhir::outcome::Refusal;
use bluebutton::http::{ApiVersion, Call, Method, Response, StatusCode, header};
use bluebutton::mapping::Version;
use bluebutton::oauth::keys::Keys;
use jiff::Timestamp;
use serde_json::json;

pub use health::Health;

/// What the function holds: the public keys that verify access tokens, and what it asks how the rest does.
pub struct State {
    /// The current, next and previous keys.
    pub keys: Keys,
    /// What the API rests on.
    pub health: Health,
}

/// A document about the API.
#[derive(Clone, Copy)]
enum Document {
    Index,
    Jwks,
    OauthMetadata,
    OpenidConfiguration(ApiVersion),
    SmartConfiguration(ApiVersion),
    CapabilityStatement(ApiVersion),
}

/// What a path leads to.
enum Target {
    Document(Document),
    Health(health::Address),
    /// Part of Blue Button, but not built here yet.
    NotBuilt,
    Unknown,
}

/// Paths of Blue Button that are not built yet, after the version, with everything below them.
const NOT_BUILT: &[&str] = &[
    "/.well-known/applications",
    "/.well-known/application-labels",
    "/.well-known/public-applications",
    "/accounts",
    "/docs",
    "/o/applications",
    "/o/authorized_tokens",
    "/o/permission-logout",
];

/// Answers one call.
pub async fn handle(state: &State, call: Call) -> Response {
    let target = target(&call);
    let response = match target {
        _ if call.method == Method::OPTIONS => exchange::preflight(&call),
        Target::Document(_) if call.method != Method::GET => {
            refuse(&call, &Refusal::MethodNotAllowed)
        }
        Target::Document(document) => document.answer(state, &call).await,
        Target::Health(address) => state.health.answer(address, &call).await,
        Target::NotBuilt => refuse(&call, &Refusal::NotImplemented),
        Target::Unknown if call.version == Some(ApiVersion::V3) && is_fhir(&call) => {
            refuse(&call, &Refusal::NotSupported)
        }
        Target::Unknown => refuse(&call, &Refusal::UnknownPath),
    };
    response.with_cors(exchange::METHODS)
}

fn target(call: &Call) -> Target {
    use Document::{CapabilityStatement, Index, Jwks, OauthMetadata};
    use Document::{OpenidConfiguration, SmartConfiguration};
    let document = match (call.version, call.path.as_str()) {
        (None, "/") => Index,
        (None, "/.well-known/jwks.json") => Jwks,
        // The first version's tokens come from the second's endpoints, as CMS's documents say.
        (None, "/.well-known/openid-configuration" | "/.well-known/openid-configuration-v2") => {
            OpenidConfiguration(ApiVersion::V2)
        }
        (None, path) if is_oauth_metadata(path, &call.base_url) => OauthMetadata,
        (None, "/.well-known/openid-configuration-v3") => OpenidConfiguration(ApiVersion::V3),
        (Some(version), "/connect/.well-known/openid-configuration") => {
            OpenidConfiguration(version.max(ApiVersion::V2))
        }
        (Some(version), "/fhir/.well-known/smart-configuration") => {
            SmartConfiguration(version.max(ApiVersion::V2))
        }
        (Some(version), "/fhir/metadata") => CapabilityStatement(version),
        (version, path) => {
            if let (None, Some(address)) = (version, health::Address::of(path)) {
                return Target::Health(address);
            }
            let is_at = |base: &&str| {
                let below = path.strip_prefix(*base);
                below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
            };
            return match NOT_BUILT.iter().any(is_at) {
                true => Target::NotBuilt,
                false => Target::Unknown,
            };
        }
    };
    Target::Document(document)
}

/// The metadata of an issuer with a path lie before that path (RFC 8414 section 3.1).
fn is_oauth_metadata(path: &str, issuer: &str) -> bool {
    const METADATA: &str = "/.well-known/oauth-authorization-server";
    let after_scheme = issuer.split_once("://").map_or("", |(_, rest)| rest);
    let issuer_path = after_scheme.find('/').map_or("", |at| &after_scheme[at..]);
    let after = path.strip_prefix(METADATA);
    after.is_some_and(|after| after.is_empty() || after == issuer_path)
}

impl Document {
    async fn answer(self, state: &State, call: &Call) -> Response {
        let base = call.base_url.as_str();
        let json = match self {
            Document::Index => documents::index(base),
            Document::OauthMetadata => documents::oauth(base, ApiVersion::V2),
            Document::OpenidConfiguration(version) => documents::openid(base, version),
            Document::SmartConfiguration(version) => documents::smart(base, version),
            Document::Jwks => return jwks(state).await,
            Document::CapabilityStatement(version) => return capability(call, version),
        };
        Response::json(StatusCode::OK, &json)
    }
}

/// The public keys. Clients may keep them for an hour: a new key is published for a day before it signs.
async fn jwks(state: &State) -> Response {
    match state.keys.published(Timestamp::now()).await {
        Ok(keys) => Response::json(StatusCode::OK, &keys.to_jwks())
            .with_header(header::CACHE_CONTROL, "public, max-age=3600"),
        Err(error) => {
            tracing::error!(cause = %error, "no keys are published");
            let body = json!({"detail": "Service temporarily unavailable, try again later."});
            Response::json(StatusCode::SERVICE_UNAVAILABLE, &body)
                .with_header(header::RETRY_AFTER, "1")
        }
    }
}

fn capability(call: &Call, version: ApiVersion) -> Response {
    let Some(media_type) = media_type::negotiate(&call.query, accept(call)) else {
        return refuse(call, &Refusal::NotAcceptable);
    };
    let url = |version: ApiVersion| format!("{}/{}", call.base_url, version.as_str());
    let api = Api {
        version: match version {
            ApiVersion::V1 => Version::Stu3,
            ApiVersion::V2 | ApiVersion::V3 => Version::R4,
        },
        served: match version {
            ApiVersion::V1 | ApiVersion::V2 => Served::Resources,
            ApiVersion::V3 => Served::Nothing,
        },
        fhir_url: &url(version),
        oauth_url: &url(version.max(ApiVersion::V2)),
    };
    Response::new(StatusCode::OK, media_type, capability::statement(&api))
}

/// A refusal in the form of the path's protocol.
fn refuse(call: &Call, refusal: &Refusal) -> Response {
    if is_fhir(call) {
        return exchange::refused(call, refusal);
    }
    let status = StatusCode::from_u16(refusal.status()).expect("refusals have HTTP statuses");
    let detail = match refusal {
        Refusal::NotImplemented => "Not implemented yet.",
        Refusal::MethodNotAllowed => "Method not allowed.",
        _ => "Not found.",
    };
    let response =
        Response::json(status, &json!({"detail": detail})).with_error_code(refusal.kind());
    match refusal {
        Refusal::MethodNotAllowed => response.with_header(header::ALLOW, exchange::METHODS),
        _ => response,
    }
}

fn is_fhir(call: &Call) -> bool {
    call.path == "/fhir" || call.path.starts_with("/fhir/")
}

fn accept(call: &Call) -> impl Iterator<Item = &str> {
    let values = call.headers.get_all(header::ACCEPT).iter();
    values.filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests;
