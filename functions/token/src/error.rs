//! What the token endpoints answer instead of a token: one table.

use bluebutton::{
    http::{Call, Duplicate, FormError, Response, StatusCode, header},
    oauth::{client::ClientError, token::SigningFailed},
    store::StoreError,
};
use serde_json::json;

/// Why a call gets no token.
#[derive(Debug)]
pub(crate) enum TokenError {
    Client(ClientError),
    Form(FormError),
    Duplicate,
    GrantTypeUnsupported,
    CodeMissing,
    VerifierMissing,
    /// A code or refresh token that is unknown, ended, used, or another client's.
    InvalidGrant,
    RefreshTokenMissing,
    RefreshTokenUnknown,
    RefreshTokenOfAnotherClient,
    RefreshNotAllowed,
    GrantExpired,
    GrantMissing,
    InvalidScope,
    TokenMissing,
    TokenOfAnotherClient,
    /// Blue Button's answer of the revocation endpoint to an application that is switched off.
    RevocationByInactive,
    /// Blue Button's answer to who may not expire a grant: nothing but the status.
    ExpirationByStranger,
    MethodNotAllowed,
    NotFound,
    /// The address sends more than it may.
    TooManyRequests,
    Throttled,
    Unavailable,
}

const REAUTHENTICATE: &str =
    "To refresh Medicare data, end user must re-authenticate and consent to share their data.";

const CONTACT: &str =
    "If your application needs to refresh tokens, contact us at BlueButtonAPI@cms.hhs.gov.";

/// The forms of an error's body.
enum Body<'a> {
    /// RFC 6749 section 5.2.
    Oauth(&'a str, Option<&'a str>),
    /// The same with the status in it, where Blue Button sends it so.
    WithStatus(&'a str, String),
    /// Blue Button's revocation endpoint.
    Description(&'a str),
    /// Nothing.
    Empty,
}

impl TokenError {
    pub(crate) fn render(self, call: &Call) -> Response {
        let (status, body) = self.answer();
        let status_code = status.as_u16();
        let code = match body {
            Body::Oauth(error, _) | Body::WithStatus(error, _) => error,
            Body::Description(_) | Body::Empty => "refused",
        };
        let body = match body {
            Body::Oauth(error, None) => json!({"error": error}),
            Body::Oauth(error, Some(text)) => json!({"error": error, "error_description": text}),
            Body::WithStatus(error, text) => {
                json!({"status_code": status_code, "error": error, "error_description": text})
            }
            Body::Description(text) => json!({"status_code": status_code, "description": text}),
            Body::Empty => return Response::empty(status).with_error_code(code),
        };
        let response = Response::json(status, &body)
            .with_header(header::PRAGMA, "no-cache")
            .with_error_code(code);
        match status {
            // RFC 6749 section 5.2: to who tried Basic, the challenge says so.
            StatusCode::UNAUTHORIZED if call.headers.contains_key(header::AUTHORIZATION) => {
                response.with_header(header::WWW_AUTHENTICATE, r#"Basic realm="api""#)
            }
            StatusCode::METHOD_NOT_ALLOWED => response.with_header(header::ALLOW, "POST"),
            StatusCode::SERVICE_UNAVAILABLE => response.with_header(header::RETRY_AFTER, "1"),
            _ => response,
        }
    }

    #[rustfmt::skip]
    fn answer(&self) -> (StatusCode, Body<'static>) {
        use Body::{Description, Empty, Oauth, WithStatus};
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
        const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
        match self {
            Self::Client(error) => client(error),
            Self::Form(error) => (error.status(), Oauth("invalid_request", Some("The body is not a form."))),
            Self::Duplicate => (BAD, Oauth("invalid_request", Some("A parameter was sent more than once."))),
            Self::GrantTypeUnsupported => (BAD, Oauth("unsupported_grant_type", None)),
            Self::CodeMissing => (BAD, Oauth("invalid_request", Some("Missing code parameter."))),
            Self::VerifierMissing => (BAD, Oauth("invalid_request", Some("Code verifier required."))),
            Self::InvalidGrant => (BAD, Oauth("invalid_grant", None)),
            Self::RefreshTokenMissing => (BAD, WithStatus("invalid_request", "Missing refresh token parameter".into())),
            Self::RefreshTokenUnknown => (BAD, WithStatus("invalid_request", "Refresh token not found.".into())),
            Self::RefreshTokenOfAnotherClient => (BAD, WithStatus("invalid_request", "Token does not match client_id".into())),
            Self::RefreshNotAllowed => (FORBIDDEN, WithStatus("invalid_client", format!("Your application is not allowed to refresh tokens. {REAUTHENTICATE} {CONTACT}"))),
            Self::GrantExpired => (UNAUTHORIZED, WithStatus("invalid_grant", format!("User access has timed out. {REAUTHENTICATE}"))),
            Self::GrantMissing => (FORBIDDEN, WithStatus("invalid_grant", format!("User access cannot be found. {REAUTHENTICATE}"))),
            Self::InvalidScope => (BAD, Oauth("invalid_scope", None)),
            Self::TokenMissing => (BAD, Oauth("invalid_request", Some("Missing token parameter."))),
            Self::TokenOfAnotherClient => (FORBIDDEN, Description("Application did not have access to the provided token.")),
            Self::RevocationByInactive => (FORBIDDEN, Description("Application is not active or does not exist.")),
            Self::ExpirationByStranger => (FORBIDDEN, Empty),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, Oauth("invalid_request", Some("Only POST."))),
            Self::NotFound => (StatusCode::NOT_FOUND, Oauth("invalid_request", Some("Not found."))),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, Oauth("temporarily_unavailable", Some("Too many requests."))),
            Self::Throttled => (StatusCode::SERVICE_UNAVAILABLE, Oauth("temporarily_unavailable", None)),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Oauth("temporarily_unavailable", None)),
        }
    }
}

#[rustfmt::skip]
fn client(error: &ClientError) -> (StatusCode, Body<'static>) {
    use Body::{Oauth, WithStatus};
    match error {
        ClientError::Unauthenticated => (StatusCode::UNAUTHORIZED, Oauth("invalid_client", None)),
        ClientError::UnknownInHeader => (StatusCode::UNAUTHORIZED, WithStatus("invalid_client", "Application does not exist".into())),
        ClientError::UnknownInBody => (StatusCode::BAD_REQUEST, WithStatus("invalid_client", "Application does not exist (client_id)".into())),
        ClientError::TwoClients => (StatusCode::BAD_REQUEST, Oauth("invalid_request", Some("different app in headers than in request data"))),
        ClientError::TwoWays => (StatusCode::BAD_REQUEST, Oauth("invalid_request", Some("More than one way of client authentication was used."))),
        ClientError::Inactive { name } => (StatusCode::FORBIDDEN, WithStatus("invalid_client", format!("This application, {name}, is temporarily inactive."))),
        ClientError::Duplicate => TokenError::Duplicate.answer(),
        ClientError::Store(_) => TokenError::Unavailable.answer(),
    }
}

impl From<ClientError> for TokenError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Store(error) => error.into(),
            error => Self::Client(error),
        }
    }
}

impl From<FormError> for TokenError {
    fn from(error: FormError) -> Self {
        Self::Form(error)
    }
}

impl From<Duplicate> for TokenError {
    fn from(_: Duplicate) -> Self {
        Self::Duplicate
    }
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        tracing::error!(cause = %error, "a table does not answer");
        match error {
            StoreError::Throttled => Self::Throttled,
            _ => Self::Unavailable,
        }
    }
}

impl From<SigningFailed> for TokenError {
    fn from(error: SigningFailed) -> Self {
        tracing::error!(cause = %error, "no token is issued");
        Self::Unavailable
    }
}
