//! A request as the functions see it: version and path apart, query decoded, body as bytes.

use lambda_http::{
    Body, Request, RequestExt,
    http::{HeaderMap, Method, header},
    request::RequestContext,
};
use std::fmt;

use super::form::{self, FormError, Parameters};

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
    /// Parses a Lambda event. `public_base_url` is the deployment's own, which wins over the gateway's domain and stage.
    #[must_use]
    pub fn new(request: Request, public_base_url: Option<&str>) -> Self {
        let request_id = request_id(&request);
        let context = request.request_context_ref();
        let base_url = public_base_url
            .filter(|url| !url.is_empty())
            .map_or_else(|| gateway_base_url(context), str::to_owned);
        let source_ip = source_ip(context);
        let (version, path) = split_path(request.raw_http_path());
        let query = request.uri().query().map(form::pairs).unwrap_or_default();
        let (parts, body) = request.into_parts();
        Self {
            method: parts.method,
            version,
            path,
            query,
            headers: parts.headers,
            body: bytes(body),
            request_id,
            base_url: base_url.trim_end_matches('/').to_owned(),
            source_ip,
        }
    }

    /// A header's value, if it is sent exactly once and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        // API Gateway REST events list each header twice, once in each of the event's two maps.
        values
            .all(|other| other == first)
            .then(|| first.to_str().ok())?
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

fn request_id(request: &Request) -> String {
    request
        .lambda_context_ref()
        .map(|context| context.request_id.clone())
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

fn gateway_base_url(context: Option<&RequestContext>) -> String {
    let (domain, stage) = match context {
        Some(RequestContext::ApiGatewayV1(v1)) => (v1.domain_name.as_deref(), v1.stage.as_deref()),
        Some(RequestContext::ApiGatewayV2(v2)) => (v2.domain_name.as_deref(), v2.stage.as_deref()),
        _ => (None, None),
    };
    let domain = domain.unwrap_or("localhost");
    match stage {
        None | Some("" | "$default") => format!("https://{domain}"),
        Some(stage) => format!("https://{domain}/{stage}"),
    }
}

fn source_ip(context: Option<&RequestContext>) -> Option<String> {
    match context? {
        RequestContext::ApiGatewayV1(v1) => v1.identity.source_ip.clone(),
        RequestContext::ApiGatewayV2(v2) => v2.http.source_ip.clone(),
        _ => None,
    }
}

fn bytes(body: Body) -> Vec<u8> {
    match body {
        Body::Text(text) => text.into_bytes(),
        Body::Binary(bytes) => bytes,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::request::from_str;

    fn v1_event(path: &str) -> String {
        serde_json::json!({
            "resource": "/{proxy+}", "path": path, "httpMethod": "GET",
            "headers": {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Accept": "a/b"},
            "multiValueHeaders": {"Host": ["evil.example"], "Accept": ["a/b"]},
            "queryStringParameters": {"_count": "5"},
            "multiValueQueryStringParameters": {"_count": ["4", "5"]},
            "pathParameters": null, "stageVariables": null,
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "api.example", "stage": "Prod",
                "httpMethod": "GET", "path": path, "protocol": "HTTP/1.1", "requestId": "r",
                "resourceId": "x", "resourcePath": "/{proxy+}", "identity": {"sourceIp": "192.0.2.7"}
            },
            "body": null, "isBase64Encoded": false
        })
        .to_string()
    }

    fn v2_event(path: &str, body: &str, base64: bool) -> String {
        serde_json::json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "a=1&b=%2B+c",
            "headers": {"host": "evil.example", "content-type": "application/x-www-form-urlencoded"},
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "localhost", "stage": "$default",
                "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x"},
                "requestId": "r", "routeKey": "$default", "time": "12/Mar/2020:19:03:58 +0000", "timeEpoch": 1583348638390_i64
            },
            "body": body, "isBase64Encoded": base64
        })
        .to_string()
    }

    fn call(event: &str, public: Option<&str>) -> Call {
        Call::new(from_str(event).expect("an API Gateway event"), public)
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

    #[test]
    fn takes_the_base_url_from_configuration_or_the_gateway_and_never_from_a_header() {
        let event = v1_event("/v2/fhir/Patient");
        assert_eq!(call(&event, None).base_url, "https://api.example/Prod");
        assert_eq!(call(&event, Some("")).base_url, "https://api.example/Prod");
        assert_eq!(
            call(&event, Some("http://localhost:8000/")).base_url,
            "http://localhost:8000"
        );
        assert_eq!(
            call(&v2_event("/v2/o/token", "", false), None).base_url,
            "https://localhost"
        );
    }

    #[test]
    fn reads_both_event_forms() {
        let v1 = call(&v1_event("/v2/fhir/Patient/"), None);
        assert_eq!(v1.path, "/fhir/Patient");
        assert_eq!(v1.source_ip.as_deref(), Some("192.0.2.7"));
        assert_eq!(v1.header("accept"), Some("a/b"));
        let counts = [("_count".into(), "4".into()), ("_count".into(), "5".into())];
        assert_eq!(v1.query, counts);

        for (body, base64) in [("x=1", false), ("eD0x", true)] {
            let v2 = call(&v2_event("/v2/o/token/", body, base64), None);
            assert_eq!(v2.body, b"x=1");
            assert_eq!(v2.versioned_path(), "/v2/o/token");
            assert_eq!(v2.method, Method::POST);
            let pairs = [("a".into(), "1".into()), ("b".into(), "+ c".into())];
            assert_eq!(v2.query, pairs);
        }
    }
}
