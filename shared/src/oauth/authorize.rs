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
const SINGLE: [&str; 10] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "aud",
    "lang",
    "prompt",
];

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
        parameters
            .one("client_id")?
            .ok_or(AuthorizeError::ClientMissing)
    }

    /// The request of an application that was found.
    ///
    /// # Errors
    /// See [`AuthorizeError`].
    pub fn parse(
        parameters: &Parameters,
        application: &Application,
        version: ApiVersion,
    ) -> Result<Self, AuthorizeError> {
        if !application.active {
            return Err(AuthorizeError::ClientInactive);
        }
        let redirect_uri = redirect_uri(parameters, application)?;
        let (state, challenge) = (state(parameters, version)?, challenge(parameters)?);
        let to_client = |error| AuthorizeError::ToClient {
            redirect_uri: redirect_uri.clone(),
            state: state.clone(),
            error,
        };
        match parameters.one("response_type")? {
            Some("code") => {}
            None => return Err(to_client("invalid_request")),
            Some(_) => return Err(to_client("unsupported_response_type")),
        }
        let scopes = match parameters.one("scope")? {
            Some(scope) => Scopes::parse(scope).ok_or(AuthorizeError::Scope)?,
            None => Scopes::defaults(),
        };
        let scopes = application.requestable(scopes);
        if scopes.is_empty() {
            return Err(to_client("access_denied"));
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

/// The state, after the check that nothing required is missing.
fn state(parameters: &Parameters, version: ApiVersion) -> Result<String, AuthorizeError> {
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
    let state = parameters.one("state")?.unwrap_or_default();
    if !missing.is_empty() {
        return Err(AuthorizeError::Missing(missing.join(", ")));
    }
    if state.chars().count() < STATE_CHARS_MIN {
        return Err(AuthorizeError::StateShort);
    }
    if state.len() > STATE_BYTES_MAX {
        return Err(AuthorizeError::StateLong);
    }
    Ok(state.to_owned())
}

fn challenge(parameters: &Parameters) -> Result<CodeChallenge, AuthorizeError> {
    if parameters.one("code_challenge_method")? != Some("S256") {
        return Err(AuthorizeError::ChallengeMethod);
    }
    let challenge = parameters.one("code_challenge")?.unwrap_or_default();
    CodeChallenge::parse(challenge).ok_or(AuthorizeError::Challenge)
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
            } => {
                let parameters = [("error", *error), ("state", state), ("iss", issuer)];
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
    let body = json!({
        "status_code": status.as_u16(), "error": "invalid_request", "error_description": text,
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
    use crate::oauth::{ClientType, DataAccess};

    const REDIRECT: &str = "http://localhost:3001/api/bluebutton/callback/";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const STATE: &str = "0123456789abcdef";

    fn application() -> Application {
        Application {
            client_id: "a".repeat(40),
            client_type: ClientType::Confidential,
            name: "App".into(),
            secret_hashes: vec![],
            redirect_uris: vec![REDIRECT.into(), "https://app.example/cb?x=1".into()],
            scopes: Scopes::all(),
            require_demographic_scopes: true,
            part_d_eob_only: false,
            data_access: DataAccess::ThirteenMonth,
            active: true,
            description: None,
            policy_uri: None,
            tos_uri: None,
        }
    }

    /// A good request with changes: a value replaces, an empty pair of brackets removes, a leading `+` adds.
    fn parameters(changes: &[(&str, &str)]) -> Parameters {
        let mut pairs: Vec<(String, String)> = [
            ("client_id", "a"),
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
        AuthorizeRequest::parse(&parameters, &application(), version)
    }

    #[test]
    fn refuses_what_the_rules_refuse_and_says_why() {
        use ApiVersion::{V2, V3};
        use AuthorizeError as E;
        let check = |changes: &[(&str, &str)], version, expected: Option<AuthorizeError>| {
            assert_eq!(parse(changes, version).err(), expected, "{changes:?}");
        };
        let to_client = |error| {
            Some(E::ToClient {
                redirect_uri: REDIRECT.into(),
                state: STATE.into(),
                error,
            })
        };
        let missing = |names: &str| Some(E::Missing(names.into()));
        check(&[], V2, None);
        check(&[("scope", "profile")], V3, None);
        check(&[], V3, missing("scope"));
        check(&[("code_challenge", &format!("{CHALLENGE}="))], V2, None);
        check(&[("unknown", "x"), ("+unknown", "x")], V2, None);
        check(&[("client_id", "[]")], V2, Some(E::ClientMissing));
        check(&[("client_id", "")], V2, Some(E::ClientMissing));
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
        check(&[("code_challenge", "short")], V2, Some(E::Challenge));
        check(&[("state", "0123456789abcde")], V2, Some(E::StateShort));
        check(&[("state", &"x".repeat(2049))], V2, Some(E::StateLong));
        check(&[("scope", "patient/*.read")], V2, Some(E::Scope));
        check(&[("scope", "patient/AuditEvent.rs")], V3, Some(E::Scope));
        check(&[("response_type", "[]")], V2, to_client("invalid_request"));
        check(
            &[("response_type", "token")],
            V2,
            to_client("unsupported_response_type"),
        );
        check(
            &[("response_type", "code token")],
            V2,
            to_client("unsupported_response_type"),
        );
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
            let request = AuthorizeRequest::parse(&parameters, &application, ApiVersion::V2);
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
        let mutate: [fn(&str) -> String; 24] = [
            |uri| uri.to_uppercase(),
            |uri| uri.replace("localhost", "LOCALHOST"),
            |uri| uri.replace("http:", "https:"),
            |uri| uri.replace("http:", "HTTP:"),
            |uri| uri.replace(":3001", ":3002"),
            |uri| uri.replace(":3001", ""),
            |uri| uri.replace("localhost", "127.0.0.1"),
            |uri| uri.replace("localhost", "localhost.evil.example"),
            |uri| uri.replace("localhost", "evil.example@localhost"),
            |uri| uri.replace("localhost:3001", "localhost:3001@evil.example"),
            |uri| uri.replace("localhost", "ⅼocalhost"),
            |uri| uri.replace("//", "/\\"),
            |uri| uri.replace("//", "\\\\"),
            |uri| uri.trim_end_matches('/').to_owned(),
            |uri| format!("{uri}/"),
            |uri| format!("{uri}?x=1"),
            |uri| format!("{uri}?"),
            |uri| format!("{uri}#"),
            |uri| format!("{uri}%0d%0aLocation: https://evil.example"),
            |uri| format!("{uri}\r\n"),
            |uri| format!(" {uri}"),
            |uri| format!("{uri} "),
            |uri| uri.replace("api", "%61pi"),
            |uri| uri.replace("api", "x/../api"),
        ];
        for registered in application().redirect_uris {
            assert!(parse(&[("redirect_uri", &registered)], ApiVersion::V2).is_ok());
            for change in mutate {
                let uri = change(&registered);
                if uri == registered {
                    continue;
                }
                let refused = parse(&[("redirect_uri", &uri)], ApiVersion::V2).err();
                assert_eq!(refused, Some(AuthorizeError::RedirectUri), "{uri}");
            }
        }
        let Shown::Page(status, ..) = AuthorizeError::RedirectUri.shown("http://localhost:8000")
        else {
            unreachable!("a page, without a Location")
        };
        assert_eq!(status, StatusCode::BAD_REQUEST);
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
