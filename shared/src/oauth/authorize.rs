//! Authorization requests (RFC 6749 section 4.1.1 with PKCE): what is accepted, and exactly what is answered otherwise.

use serde_json::json;
use url::Url;

use super::{Application, Scopes, pkce::CodeChallenge};
use crate::http::{ApiVersion, Duplicate, Parameters, Response, StatusCode, header};

/// The fewest characters of a state that cannot be guessed.
const STATE_CHARS_MIN: usize = 16;

/// The most bytes of a state that are kept and returned.
const STATE_BYTES_MAX: usize = 2048;

/// The parameters that a request may send once only (RFC 6749 section 3.1).
const SINGLE: [&str; 17] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "aud",
    "launch",
    "nonce",
    "prompt",
    "lang",
    "ui_locales",
    "request",
    "request_uri",
    "registration",
];

/// Parameters that change what the others mean, and the error that says that they are not understood
/// (OpenID Connect Core 1.0 section 3.1.2.6, RFC 9101 section 7).
const NOT_SUPPORTED: [(&str, &str); 3] = [
    ("request", "request_not_supported"),
    ("request_uri", "request_uri_not_supported"),
    ("registration", "registration_not_supported"),
];

/// What a client asks for: an application of us, and we of an identity provider.
#[derive(Clone, Copy)]
pub struct AuthorizationQuery<'a> {
    /// The client's name at the server.
    pub client_id: &'a str,
    /// Where the answer goes.
    pub redirect_uri: &'a str,
    /// What the answer is known again by.
    pub state: &'a str,
    /// What the code verifier will fit.
    pub challenge: &'a CodeChallenge,
}

impl<'a> AuthorizationQuery<'a> {
    /// The pairs of the query, in the order of the RFCs.
    #[must_use]
    pub fn pairs(self) -> [(&'static str, &'a str); 6] {
        [
            ("response_type", "code"),
            ("client_id", self.client_id),
            ("redirect_uri", self.redirect_uri),
            ("state", self.state),
            ("code_challenge", self.challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]
    }
}

/// A request that may go on to sign-in.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizeRequest {
    /// Where the answer goes: registered, byte for byte.
    pub redirect_uri: String,
    /// What the application gets at most.
    pub scopes: Scopes,
    /// The application's own text, returned as it came.
    pub state: String,
    /// What the code verifier must fit.
    pub challenge: CodeChallenge,
}

/// Why a request does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// A posted request whose body has no state.
    #[error("no state in the body")]
    StateMissingInBody,
    /// A secret in a URL, where logs and histories see it.
    #[error("client_secret in the request")]
    ClientSecret,
    /// A parameter sent more than once.
    #[error("a parameter sent more than once")]
    Duplicate,
    /// No client id.
    #[error("no client_id")]
    ClientMissing,
    /// A client id that no application can have.
    #[error("malformed client_id")]
    ClientMalformed,
    /// A client id that is not registered.
    #[error("unknown client_id")]
    ClientUnknown,
    /// An application that is switched off.
    #[error("the application is inactive")]
    ClientInactive,
    /// A redirect URI that is not registered. Nothing is ever sent there.
    #[error("redirect_uri is not registered")]
    RedirectUri,
    /// Required parameters that are missing, by name.
    #[error("missing: {0}")]
    Missing(String),
    /// A code challenge method that is not S256.
    #[error("code_challenge_method is not S256")]
    ChallengeMethod,
    /// A code challenge that is not a SHA-256 in base64url.
    #[error("malformed code_challenge")]
    Challenge,
    /// A state that can be guessed.
    #[error("state too short")]
    StateShort,
    /// A state beyond reason.
    #[error("state too long")]
    StateLong,
    /// A scope that does not exist.
    #[error("unknown scope")]
    Scope,
    /// An error that the application is told of at its redirect URI (RFC 6749 section 4.1.2.1).
    #[error("{error}")]
    ToClient {
        /// The registered redirect URI.
        redirect_uri: String,
        /// The request's state.
        state: String,
        /// The error code.
        error: &'static str,
        /// What a developer is told.
        description: &'static str,
    },
}

impl AuthorizeRequest {
    /// The client id of a request, after the checks that come before the look-up of the application.
    ///
    /// # Errors
    /// See [`AuthorizeError`].
    pub fn client_id(parameters: &Parameters) -> Result<&str, AuthorizeError> {
        if parameters.contains("client_secret") {
            return Err(AuthorizeError::ClientSecret);
        }
        for name in SINGLE {
            parameters.one(name)?;
        }
        let client_id = parameters.one("client_id")?;
        let client_id = client_id.ok_or(AuthorizeError::ClientMissing)?;
        match Application::is_client_id(client_id) {
            true => Ok(client_id),
            false => Err(AuthorizeError::ClientMalformed),
        }
    }

    /// The request of an application that was found. First what is answered to whoever sent the browser, in Blue
    /// Button's order; then, when it is known that the redirect URI is the application's, what is answered there.
    ///
    /// # Errors
    /// See [`AuthorizeError`].
    pub fn parse(
        parameters: &Parameters,
        application: &Application,
        version: ApiVersion,
        issuer: &str,
    ) -> Result<Self, AuthorizeError> {
        if !application.active {
            return Err(AuthorizeError::ClientInactive);
        }
        let (state, challenge) = state_and_challenge(parameters, version)?;
        let redirect_uri = redirect_uri(parameters, application)?;
        let scopes = match parameters.one("scope")? {
            Some(scope) => Scopes::parse(scope).ok_or(AuthorizeError::Scope)?,
            None => Scopes::defaults(),
        };
        let to_client = |(error, description)| AuthorizeError::ToClient {
            redirect_uri: redirect_uri.clone(),
            state: state.clone(),
            error,
            description,
        };
        if let Some(refusal) = refusal(parameters, issuer)? {
            return Err(to_client(refusal));
        }
        let scopes = application.requestable(scopes);
        if scopes.is_empty() {
            let nothing = (
                "access_denied",
                "the application may ask for none of these scopes",
            );
            return Err(to_client(nothing));
        }
        Ok(Self {
            redirect_uri,
            scopes,
            state,
            challenge,
        })
    }
}

/// The registered redirect URI that the request names; the only registered one when it names none.
fn redirect_uri(
    parameters: &Parameters,
    application: &Application,
) -> Result<String, AuthorizeError> {
    match (
        parameters.one("redirect_uri")?,
        application.redirect_uris.as_slice(),
    ) {
        (Some(uri), _) if application.has_redirect_uri(uri) => Ok(uri.to_owned()),
        (None, [only]) if !parameters.contains("redirect_uri") => Ok(only.clone()),
        _ => Err(AuthorizeError::RedirectUri),
    }
}

/// State and challenge, without which a request goes nowhere.
fn state_and_challenge(
    parameters: &Parameters,
    version: ApiVersion,
) -> Result<(String, CodeChallenge), AuthorizeError> {
    let method = parameters.one("code_challenge_method")?;
    if method.is_some_and(|method| method != "S256") {
        return Err(AuthorizeError::ChallengeMethod);
    }
    let state = parameters.one("state")?.unwrap_or_default();
    if !state.is_empty() && state.chars().count() < STATE_CHARS_MIN {
        return Err(AuthorizeError::StateShort);
    }
    if state.len() > STATE_BYTES_MAX {
        return Err(AuthorizeError::StateLong);
    }
    refuse_missing(parameters, version)?;
    let challenge = parameters.one("code_challenge")?.unwrap_or_default();
    let challenge = CodeChallenge::parse(challenge).ok_or(AuthorizeError::Challenge)?;
    Ok((state.to_owned(), challenge))
}

fn refuse_missing(parameters: &Parameters, version: ApiVersion) -> Result<(), AuthorizeError> {
    let required: &[&str] = match version {
        ApiVersion::V1 | ApiVersion::V2 => &["code_challenge", "code_challenge_method", "state"],
        ApiVersion::V3 => &["code_challenge", "code_challenge_method", "state", "scope"],
    };
    let mut missing = Vec::new();
    for name in required {
        if parameters.one(name)?.is_none() {
            missing.push(*name);
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(AuthorizeError::Missing(missing.join(", "))),
    }
}

/// What the application is told instead of getting a code: an error and what a developer may read about it.
///
/// `launch`, `nonce` and everything unknown are ignored: there is no launch from an EHR, no id token, and a request may
/// have parameters of its own (RFC 6749 section 3.1).
fn refusal(
    parameters: &Parameters,
    issuer: &str,
) -> Result<Option<(&'static str, &'static str)>, Duplicate> {
    const INVALID: &str = "invalid_request";
    for (name, error) in NOT_SUPPORTED {
        if parameters.one(name)?.is_some() {
            return Ok(Some((
                error,
                "request objects and registrations are not supported",
            )));
        }
    }
    Ok(match parameters.one("response_type")? {
        None => Some((INVALID, "response_type is missing")),
        Some("code") => match parameters.one("response_mode")? {
            // OAuth 2.0 Multiple Response Type Encoding Practices section 2.1: the only one of a code that is served.
            Some(mode) if mode != "query" => Some((INVALID, "response_mode must be query")),
            _ => prompt_refusal(parameters)?.or(aud_refusal(parameters, issuer)?),
        },
        Some(_) => Some(("unsupported_response_type", "response_type must be code")),
    })
}

/// Whoever comes signs in and consents, whatever `prompt` says; so only `none` cannot be had (OpenID Connect Core 1.0
/// section 3.1.2.1).
fn prompt_refusal(
    parameters: &Parameters,
) -> Result<Option<(&'static str, &'static str)>, Duplicate> {
    let prompt = parameters.one("prompt")?.unwrap_or_default();
    let mut prompts = prompt.split(' ').filter(|prompt| !prompt.is_empty());
    Ok(match (prompts.next(), prompts.next()) {
        (Some("none"), None) => Some(("login_required", "nobody is signed in beforehand")),
        _ if prompt.split(' ').any(|prompt| prompt == "none") => {
            Some(("invalid_request", "prompt=none goes with no other prompt"))
        }
        _ => None,
    })
}

/// `aud` is the FHIR server that the application is about to send its token to (SMART App Launch 2.2 section 2.0.8.1).
/// One that is not ours means that the application was led astray by somebody else's server. Its redirect URI is sound,
/// so it is the application that is told, as RFC 6749 section 4.1.2.1 and RFC 8707 section 2 have it.
fn aud_refusal(
    parameters: &Parameters,
    issuer: &str,
) -> Result<Option<(&'static str, &'static str)>, Duplicate> {
    let refusal = (
        "invalid_request",
        "aud is not a FHIR server of this authorization server",
    );
    let aud = parameters.one("aud")?;
    Ok(aud
        .filter(|aud| !is_fhir_base(aud, issuer))
        .map(|_| refusal))
}

fn is_fhir_base(aud: &str, issuer: &str) -> bool {
    let path = aud.strip_prefix(issuer);
    let path = path.map(|path| path.strip_suffix('/').unwrap_or(path));
    matches!(path, Some("" | "/v1/fhir" | "/v2/fhir" | "/v3/fhir"))
}

/// The redirect URI with those parameters added to its query, whatever query it has.
#[must_use]
pub fn redirect_target(redirect_uri: &str, parameters: &[(&str, &str)]) -> String {
    let added = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    // Registered URIs have no fragment, and the rest is left byte for byte as registered.
    let separator = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{redirect_uri}{separator}{added}")
}

/// What CSP `form-action` calls the place that a redirect URI points to: an origin, or the scheme of a native app.
#[must_use]
pub fn redirect_origin(redirect_uri: &str) -> Option<String> {
    let url = Url::parse(redirect_uri).ok()?;
    match url.origin() {
        origin if origin.is_tuple() => Some(origin.ascii_serialization()),
        _ => Some(format!("{}:", url.scheme())),
    }
}

/// How an error is shown: as JSON for programs, as a page for the beneficiary.
pub enum Shown {
    /// An answer that is complete.
    Answer(Response),
    /// A page with the texts of that notice.
    Page(StatusCode, Notice),
}

/// Why a request ends on a page of ours: the beneficiary is told in their language, and the application is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The request names no application.
    ClientMissing,
    /// No application has that client id.
    ClientUnknown,
    /// The application is switched off.
    ClientInactive,
    /// The redirect URI is not one of the application's.
    RedirectUri,
}

impl AuthorizeError {
    /// The code that the log knows the error by, whatever form the answer has.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ClientMissing
            | Self::ClientMalformed
            | Self::ClientUnknown
            | Self::ClientInactive => "invalid_client",
            Self::RedirectUri => "redirect_uri",
            Self::Scope => "invalid_scope",
            Self::ToClient { error, .. } => error,
            _ => "invalid_request",
        }
    }

    /// The answer of each error, as Blue Button gives it.
    #[must_use]
    pub fn shown(&self, issuer: &str) -> Shown {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
        const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
        Shown::Answer(match self {
            Self::StateMissingInBody => message(UNAUTHORIZED, "State required in POST body."),
            Self::ClientSecret => {
                Response::text(BAD, "Illegal query parameter [client_secret] detected")
            }
            Self::Duplicate => invalid(BAD, "a parameter was sent more than once"),
            Self::ClientMissing => {
                return Shown::Page(UNAUTHORIZED, Notice::ClientMissing);
            }
            Self::ClientMalformed => error(BAD, "invalid_client", "Invalid client_id format"),
            Self::ClientUnknown => {
                return Shown::Page(BAD, Notice::ClientUnknown);
            }
            Self::ClientInactive => {
                return Shown::Page(FORBIDDEN, Notice::ClientInactive);
            }
            Self::RedirectUri => return Shown::Page(BAD, Notice::RedirectUri),
            Self::Missing(names) => {
                message(BAD, &format!("Missing Required Parameter(s): {names}"))
            }
            Self::ChallengeMethod => invalid(BAD, "code_challenge_method must be S256"),
            Self::Challenge => invalid(BAD, "code_challenge must be a SHA-256 in base64url"),
            Self::StateShort => message(
                BAD,
                "State parameter should have a minimum of 16 characters",
            ),
            Self::StateLong => message(BAD, "State parameter is too long"),
            Self::Scope => message(BAD, "Invalid scopes."),
            Self::ToClient {
                redirect_uri,
                state,
                error,
                description,
            } => {
                let parameters = [
                    ("error", *error),
                    ("error_description", *description),
                    ("state", state),
                    ("iss", issuer),
                ];
                to_location(
                    StatusCode::FOUND,
                    &redirect_target(redirect_uri, &parameters),
                )
            }
        })
    }
}

/// A redirect. The target is one that was registered, or our own.
#[must_use]
pub fn to_location(status: StatusCode, target: &str) -> Response {
    Response::empty(status)
        .with_header(header::LOCATION, target)
        .with_header(header::REFERRER_POLICY, "no-referrer")
}

fn message(status: StatusCode, text: &str) -> Response {
    let body = json!({"status_code": status.as_u16(), "message": text});
    Response::json(status, &body)
}

fn invalid(status: StatusCode, text: &str) -> Response {
    error(status, "invalid_request", text)
}

fn error(status: StatusCode, error: &str, text: &str) -> Response {
    let body = json!({
        "status_code": status.as_u16(), "error": error, "error_description": text,
    });
    Response::json(status, &body)
}

impl From<Duplicate> for AuthorizeError {
    fn from(_: Duplicate) -> Self {
        Self::Duplicate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::{ClientType, redirect_mutations::mutations};

    const REDIRECT: &str = "http://localhost:3001/api/bluebutton/callback/";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const STATE: &str = "0123456789abcdef";
    const ISSUER: &str = "http://localhost:8000";
    const CLIENT_ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn application() -> Application {
        Application {
            client_id: CLIENT_ID.into(),
            redirect_uris: vec![REDIRECT.into(), "https://app.example/cb?x=1".into()],
            ..Application::register("App", Vec::new()).0
        }
    }

    /// A good request with changes: a value replaces, an empty pair of brackets removes, a leading `+` adds.
    fn parameters(changes: &[(&str, &str)]) -> Parameters {
        let mut pairs: Vec<(String, String)> = [
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("state", STATE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        for (name, value) in changes {
            let added = name.strip_prefix('+');
            if added.is_none() {
                pairs.retain(|(known, _)| known != name);
            }
            if *value != "[]" {
                pairs.push((added.unwrap_or(name).to_string(), (*value).to_owned()));
            }
        }
        Parameters::new(pairs)
    }

    fn parse(
        changes: &[(&str, &str)],
        version: ApiVersion,
    ) -> Result<AuthorizeRequest, AuthorizeError> {
        let parameters = parameters(changes);
        AuthorizeRequest::client_id(&parameters)?;
        AuthorizeRequest::parse(&parameters, &application(), version, ISSUER)
    }

    #[test]
    fn refuses_what_the_rules_refuse_and_says_why() {
        use ApiVersion::{V2, V3};
        use AuthorizeError as E;
        let check = |changes: &[(&str, &str)], version, expected: Option<AuthorizeError>| {
            assert_eq!(parse(changes, version).err(), expected, "{changes:?}");
        };
        let missing = |names: &str| Some(E::Missing(names.into()));
        check(&[], V2, None);
        check(&[("scope", "profile")], V3, None);
        check(&[], V3, missing("scope"));
        check(&[("code_challenge", &format!("{CHALLENGE}="))], V2, None);
        check(&[("unknown", "x"), ("+unknown", "x")], V2, None);
        check(&[("client_id", "[]")], V2, Some(E::ClientMissing));
        check(&[("client_id", "")], V2, Some(E::ClientMissing));
        for id in [
            "a",
            &"a".repeat(39),
            &"a".repeat(41),
            &"é".repeat(20),
            &"-".repeat(40),
        ] {
            check(&[("client_id", id)], V2, Some(E::ClientMalformed));
        }
        check(&[("client_secret", "x")], V2, Some(E::ClientSecret));
        check(&[("client_secret", "")], V2, Some(E::ClientSecret));
        for name in SINGLE {
            check(
                &[(name, "x"), (&format!("+{name}"), "x")],
                V2,
                Some(E::Duplicate),
            );
        }
        check(&[("+state", STATE)], V2, Some(E::Duplicate));
        check(&[("redirect_uri", "[]")], V2, Some(E::RedirectUri));
        check(&[("state", "[]")], V2, missing("state"));
        check(&[("state", "")], V2, missing("state"));
        check(
            &[("state", "[]"), ("code_challenge", "[]")],
            V2,
            missing("code_challenge, state"),
        );
        check(
            &[("code_challenge_method", "[]")],
            V2,
            missing("code_challenge_method"),
        );
        check(
            &[("code_challenge_method", "plain")],
            V2,
            Some(E::ChallengeMethod),
        );
        check(
            &[("code_challenge_method", "s256")],
            V2,
            Some(E::ChallengeMethod),
        );
        // Blue Button looks at the method and the length before it looks for what is missing.
        let plain = ("code_challenge_method", "plain");
        check(&[plain, ("state", "[]")], V2, Some(E::ChallengeMethod));
        check(
            &[("state", "short"), ("code_challenge", "[]")],
            V2,
            Some(E::StateShort),
        );
        let elsewhere = ("redirect_uri", "https://evil.example/");
        check(&[elsewhere, ("state", "[]")], V2, missing("state"));
        check(
            &[elsewhere, ("response_type", "token")],
            V2,
            Some(E::RedirectUri),
        );
        for challenge in [
            "short",
            &"a".repeat(44),
            &format!("{CHALLENGE}=="),
            &"+".repeat(43),
        ] {
            check(&[("code_challenge", challenge)], V2, Some(E::Challenge));
        }
        check(&[("state", "0123456789abcde")], V2, Some(E::StateShort));
        check(&[("state", &"x".repeat(2049))], V2, Some(E::StateLong));
        check(&[("scope", "patient/*.read")], V2, Some(E::Scope));
        check(&[("scope", "patient/AuditEvent.rs")], V3, Some(E::Scope));
    }

    #[test]
    fn tells_the_application_at_its_redirect_uri_what_is_not_to_be_had() {
        let check = |changes: &[(&str, &str)], expected: Option<&str>| {
            let refused = parse(changes, ApiVersion::V2).err();
            let Some(AuthorizeError::ToClient { error, .. }) = &refused else {
                assert_eq!((refused, expected), (None, None), "{changes:?}");
                return;
            };
            let error = *error;
            assert_eq!(Some(error), expected, "{changes:?}");
            let refused = refused.expect("an error");
            let Shown::Answer(response) = refused.shown(ISSUER) else {
                unreachable!("a redirect")
            };
            let target = response.header("location").expect("a Location");
            assert!(target.starts_with(&format!("{REDIRECT}?error={error}&error_description=")));
            let state_and_issuer = "&state=0123456789abcdef&iss=http%3A%2F%2Flocalhost%3A8000";
            assert!(target.ends_with(state_and_issuer), "{target}");
        };
        let invalid = Some("invalid_request");
        let unsupported = Some("unsupported_response_type");
        check(&[("response_type", "[]")], invalid);
        check(&[("response_type", "")], invalid);
        for response_type in [
            "token",
            "id_token",
            "code token",
            "code id_token",
            "none",
            "CODE",
        ] {
            check(&[("response_type", response_type)], unsupported);
        }
        check(&[("response_mode", "query")], None);
        check(&[("response_mode", "")], None);
        for mode in ["fragment", "form_post", "query.jwt", "web_message", "Query"] {
            check(&[("response_mode", mode)], invalid);
        }
        check(&[("request", "e30.e30.")], Some("request_not_supported"));
        check(
            &[("request_uri", "https://x")],
            Some("request_uri_not_supported"),
        );
        check(
            &[("registration", "{}")],
            Some("registration_not_supported"),
        );
        check(&[("prompt", "none")], Some("login_required"));
        check(&[("prompt", "none login")], invalid);
        check(&[("prompt", "consent none")], invalid);
        for ignored in [
            "login",
            "consent",
            "select_account",
            "login consent",
            "create",
            " ",
            "",
        ] {
            check(&[("prompt", ignored)], None);
        }
        for ignored in [
            "launch",
            "nonce",
            "ui_locales",
            "max_age",
            "login_hint",
            "claims",
            "x",
        ] {
            check(&[(ignored, "x")], None);
        }
    }

    #[test]
    fn an_audience_is_one_of_our_fhir_servers_or_nobodys() {
        let check = |aud: &str, expected: bool| {
            let ok = parse(&[("aud", aud)], ApiVersion::V2).is_ok();
            assert_eq!(ok, expected, "{aud}");
        };
        check("", true);
        for path in ["", "/v1/fhir", "/v2/fhir", "/v3/fhir"] {
            check(&format!("{ISSUER}{path}"), true);
            check(&format!("{ISSUER}{path}/"), true);
            check(&format!("{ISSUER}{path}//"), false);
            check(&format!("{ISSUER}{path}/Patient"), false);
            check(&format!("{ISSUER}{path}?x"), false);
            check(&format!("{ISSUER}{path}#"), false);
            check(&format!("http://evil.example{path}"), false);
            check(&format!("{ISSUER}.evil.example{path}"), false);
            check(&format!("{ISSUER}@evil.example{path}"), false);
        }
        for aud in [
            "x",
            "/v2/fhir",
            "http://localhost:8000/v4/fhir",
            "http://LOCALHOST:8000/v2/fhir",
        ] {
            check(aud, false);
        }
    }

    #[test]
    fn gives_at_most_what_was_asked_and_what_the_application_may_have() {
        let check = |scope: &str, registered: &str, demographics: bool, expected: Option<&str>| {
            let application = Application {
                scopes: Scopes::parse(registered).expect("known scopes"),
                require_demographic_scopes: demographics,
                ..application()
            };
            let parameters = parameters(&[("scope", scope)]);
            let request =
                AuthorizeRequest::parse(&parameters, &application, ApiVersion::V2, ISSUER);
            let scopes = request.ok().map(|request| request.scopes.to_string());
            assert_eq!(scopes.as_deref(), expected, "{scope} of {registered}");
        };
        let all = Scopes::DEFAULT;
        let less = "patient/Coverage.rs patient/ExplanationOfBenefit.rs";
        check("[]", all, true, Some(all));
        check("", all, true, Some(all));
        check("[]", all, false, Some(less));
        check(
            "patient/Patient.r patient/Patient.s",
            all,
            true,
            Some("patient/Patient.rs"),
        );
        check("patient/Patient.read profile", all, false, None);
        check(
            "patient/ExplanationOfBenefit.s",
            all,
            false,
            Some("patient/ExplanationOfBenefit.s"),
        );
        check("patient/Coverage.rs", "patient/Coverage.r", true, None);
        check(
            "patient/Coverage.r",
            "patient/Coverage.read",
            true,
            Some("patient/Coverage.r"),
        );
        check("openid profile", "profile", true, Some("profile"));
    }

    #[test]
    fn never_sends_anything_to_a_redirect_uri_that_is_not_registered_byte_for_byte() {
        for registered in application().redirect_uris {
            assert!(parse(&[("redirect_uri", &registered)], ApiVersion::V2).is_ok());
        }
        for uri in mutations(&[REDIRECT]) {
            // Whatever else is wrong with the request, too.
            for more in [("x", "x"), ("response_type", "token"), ("prompt", "none")] {
                let refused = parse(&[("redirect_uri", &uri), more], ApiVersion::V2).err();
                assert_eq!(refused, Some(AuthorizeError::RedirectUri), "{uri:?}");
            }
        }
        let Shown::Page(status, ..) = AuthorizeError::RedirectUri.shown(ISSUER) else {
            unreachable!("a page, without a Location")
        };
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn a_native_application_listens_at_whatever_port_is_free() {
        let loopback = "http://127.0.0.1/callback";
        let asked = "http://127.0.0.1:49152/callback";
        let check = |client_type, uri: &str, expected: bool| {
            let application = Application {
                client_type,
                redirect_uris: vec![REDIRECT.into(), loopback.into()],
                ..application()
            };
            let parameters = parameters(&[("redirect_uri", uri)]);
            let request =
                AuthorizeRequest::parse(&parameters, &application, ApiVersion::V2, ISSUER);
            let redirect_uri = request.ok().map(|request| request.redirect_uri);
            assert_eq!(redirect_uri.as_deref(), expected.then_some(uri), "{uri}");
        };
        check(ClientType::Public, loopback, true);
        check(ClientType::Public, asked, true);
        check(ClientType::Confidential, loopback, true);
        check(ClientType::Confidential, asked, false);
        check(ClientType::Public, REDIRECT, true);
        check(
            ClientType::Public,
            &REDIRECT.replace(":3001", ":3002"),
            false,
        );
        check(
            ClientType::Public,
            "http://127.0.0.1:49152/callback/",
            false,
        );
    }

    #[test]
    fn adds_to_the_query_that_a_redirect_uri_has() {
        let check = |uri: &str, expected: &str| {
            let target = redirect_target(uri, &[("code", "a b"), ("state", "ä=&+/")]);
            assert_eq!(
                target,
                format!("{expected}code=a+b&state=%C3%A4%3D%26%2B%2F")
            );
        };
        check("https://a.example/cb", "https://a.example/cb?");
        check("https://a.example/cb?", "https://a.example/cb?");
        check("https://a.example/cb?x=1", "https://a.example/cb?x=1&");
        check("com.example.app:/cb", "com.example.app:/cb?");
    }

    #[test]
    fn names_the_origin_for_form_action() {
        let check = |uri: &str, expected: &str| {
            assert_eq!(redirect_origin(uri).as_deref(), Some(expected), "{uri}");
        };
        check(REDIRECT, "http://localhost:3001");
        check("https://app.example/cb?x=1", "https://app.example");
        check("com.example.app:/cb", "com.example.app:");
    }
}
