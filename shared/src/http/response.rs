//! An answer: status, headers, body, with the headers that every answer of ours has.

use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// An answer to the caller. Personal data may be in it, so nothing is cached and `Debug` shows the status only.
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers; `X-Request-Id` is added by [`super::serve`].
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// What the protocol calls the error, if the answer is one; for the log.
    pub error_code: Option<&'static str>,
}

impl Response {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        Self {
            status,
            headers,
            body: Vec::new(),
            error_code: None,
        }
    }

    /// An answer with a body of that content type.
    #[must_use]
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let mut response = Self::empty(status);
        response.body = body.into();
        response
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    /// `application/json`.
    #[must_use]
    pub fn json(status: StatusCode, value: &serde_json::Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    /// `application/fhir+json`, as every FHIR answer of all versions.
    #[must_use]
    pub fn fhir(status: StatusCode, body: Vec<u8>) -> Self {
        Self::new(status, "application/fhir+json", body)
    }

    /// Plain text.
    #[must_use]
    pub fn text(status: StatusCode, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    /// The same answer, which the log knows by that error code.
    #[must_use]
    pub fn with_error_code(mut self, code: &'static str) -> Self {
        self.error_code = Some(code);
        self
    }

    /// The same answer with that header; a value that no header may have is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The same answer with one more header of that name, as `Set-Cookie` needs.
    #[must_use]
    pub fn with_added_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// The same answer for browsers of any origin, as SMART apps in browsers need it. Nothing of ours rests on cookies
    /// there, so that any origin may ask.
    #[must_use]
    pub fn with_cors(self, methods: &str) -> Self {
        self.with_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
            .with_header(header::ACCESS_CONTROL_ALLOW_METHODS, methods)
            .with_header(
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "Accept, Authorization, Content-Type, If-Modified-Since, If-None-Match, Prefer, X-BLUEBUTTON-APP, \
                 X-BLUEBUTTON-APP-VERSION, X-BLUEBUTTON-SDK, X-BLUEBUTTON-SDK-VERSION",
            )
            .with_header(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                "ETag, Last-Modified, Retry-After, WWW-Authenticate, X-Data-Last-Loaded, X-RateLimit-Limit, \
                 X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id",
            )
    }

    /// A header's value as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
