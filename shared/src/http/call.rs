//! A request as the functions see it: version and path apart, query decoded, body as bytes.

use lambda_http::http::{HeaderMap, Method, header};
use serde_json::Value;
use std::fmt;

use super::{
    event::Event,
    form::{self, FormError, Parameters},
    routes,
};

/// The version of the API, the first segment of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiVersion {
    /// FHIR STU3.
    V1,
    /// FHIR R4 with the CARIN Blue Button profiles.
    V2,
    /// As V2 for OAuth, with `scope` required; no FHIR data yet.
    V3,
}

impl ApiVersion {
    /// `v1`, `v2`, `v3` as they stand in paths.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }

    /// The version of such a path segment.
    #[must_use]
    pub fn parse(segment: &str) -> Option<Self> {
        [Self::V1, Self::V2, Self::V3]
            .into_iter()
            .find(|version| version.as_str() == segment)
    }
}

/// One parsed request. `Debug` shows the method and the request id only.
#[derive(Clone)]
pub struct Call {
    /// The HTTP method.
    pub method: Method,
    /// The API version that the path names, if it names one.
    pub version: Option<ApiVersion>,
    /// The path after `/vN`, without its one trailing slash: `/fhir/Patient`. The root is `/`.
    pub path: String,
    /// The query's pairs, decoded, in the order sent where the event keeps it.
    pub query: Vec<(String, String)>,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The body's bytes, already out of the event's base64.
    pub body: Vec<u8>,
    /// The id that the answer's `X-Request-Id` and the log carry.
    pub request_id: String,
    /// The public base URL without a trailing slash, never taken from a header of the request.
    pub base_url: String,
    /// The caller's address as the gateway saw it.
    pub source_ip: Option<String>,
}

impl Call {
    /// Parses an API Gateway event, of a REST API or of payload version 2. Whatever a client sent, there is a call.
    /// `public_base_url` is the deployment's own, which wins over the gateway's domain and stage.
    #[must_use]
    pub fn new(event: &Value, request_id: &str, public_base_url: Option<&str>) -> Self {
        let event = Event(event);
        let (version, path) = split_path(event.path());
        let base_url = public_base_url
            .filter(|url| !url.is_empty())
            .map_or_else(|| event.gateway_base_url(), str::to_owned);
        // The gateway's id is the one in its access log and in what it answers itself.
        let mut ids = [event.request_id(), request_id].into_iter();
        let request_id = ids
            .find(|id| is_request_id(id))
            .map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned);
        Self {
            method: event.method(),
            version,
            path,
            query: event.query(),
            headers: event.headers(),
            body: event.body(),
            request_id,
            base_url: base_url.trim_end_matches('/').to_owned(),
            source_ip: event.source_ip(),
        }
    }

    /// A header's value, if it is sent exactly once and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        match values.next() {
            Some(_) => None,
            None => first.to_str().ok(),
        }
    }

    /// The query as parameters.
    #[must_use]
    pub fn query_parameters(&self) -> Parameters {
        Parameters::new(self.query.clone())
    }

    /// The body as a form: `application/x-www-form-urlencoded` or `multipart/form-data`.
    ///
    /// # Errors
    /// When the body is too large, of another type, or not readable as its type says.
    pub async fn form(&self) -> Result<Parameters, FormError> {
        let content_type = self.header(header::CONTENT_TYPE.as_str());
        form::parse(content_type.unwrap_or_default(), &self.body).await
    }

    /// The template of the route that the call took, which holds nothing of what was sent.
    #[must_use]
    pub fn route(&self) -> &'static str {
        routes::of(self.version, &self.path)
    }

    /// The path with its version: `/v2/fhir/Patient`.
    #[must_use]
    pub fn versioned_path(&self) -> String {
        match self.version {
            Some(version) => format!("/{}{}", version.as_str(), self.path),
            None => self.path.clone(),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// Whether a text can be a request id, and with that the id of a searchset (FHIR's `id`): gateways' ids of the other
/// form hold characters that one may not.
fn is_request_id(id: &str) -> bool {
    const CHARS_MAX: usize = 64;
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (1..=CHARS_MAX).contains(&id.len()) && id.bytes().all(is_part)
}

/// The version and the rest of a path; older spellings become the present ones.
fn split_path(raw: &str) -> (Option<ApiVersion>, String) {
    let path = raw.strip_suffix('/').unwrap_or(raw);
    let segment = path.split('/').nth(1).unwrap_or_default();
    let Some(version) = ApiVersion::parse(segment) else {
        let path = if path.is_empty() { "/" } else { path };
        return (None, path.to_owned());
    };
    let rest = &path[1 + segment.len()..];
    // CMS's first documents spelled FHIR paths /v1/protected/bluebutton/fhir/v1/...
    let rest = match rest.strip_prefix("/protected/bluebutton/fhir/v1") {
        Some(older) if older.is_empty() || older.starts_with('/') => format!("/fhir{older}"),
        _ => rest.to_owned(),
    };
    let rest = if rest.is_empty() { "/".into() } else { rest };
    (Some(version), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateways_request_id_goes_before_lambdas() {
        let check = |gateway: &str, lambda: &str, expected: Option<&str>| {
            let event = serde_json::json!({"requestContext": {"requestId": gateway}});
            let id = Call::new(&event, lambda, None).request_id;
            match expected {
                Some(expected) => assert_eq!(id, expected),
                None => assert!(uuid::Uuid::try_parse(&id).is_ok(), "{id}"),
            }
        };
        check("g-1", "l-1", Some("g-1"));
        check("", "l-1", Some("l-1"));
        check("JKJaXmPLvHcESHA=", "l-1", Some("l-1"));
        check(&"g".repeat(65), "l-1", Some("l-1"));
        check("g\r\nX: y", "", None);
        check("", "", None);
    }

    #[test]
    fn splits_version_and_path_and_drops_one_trailing_slash() {
        use ApiVersion::{V1, V2, V3};
        let check = |raw: &str, version, path: &str| {
            assert_eq!(split_path(raw), (version, path.to_owned()), "{raw}");
        };
        check("/v2/fhir/Patient", Some(V2), "/fhir/Patient");
        check("/v2/fhir/Patient/", Some(V2), "/fhir/Patient");
        check("/v2/fhir/Patient//", Some(V2), "/fhir/Patient/");
        check("/v3/o/token/", Some(V3), "/o/token");
        check("/v1", Some(V1), "/");
        check("/v1/", Some(V1), "/");
        check("/v4/fhir", None, "/v4/fhir");
        check("/", None, "/");
        check("", None, "/");
        check("/connect/userinfo", None, "/connect/userinfo");
        check(
            "/v1/protected/bluebutton/fhir/v1/Patient/1",
            Some(V1),
            "/fhir/Patient/1",
        );
        check(
            "/v1/protected/bluebutton/fhir/v1x",
            Some(V1),
            "/protected/bluebutton/fhir/v1x",
        );
    }
}
