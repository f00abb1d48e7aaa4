//! Access to a beneficiary's data: from the `Authorization` header to a grant that holds now.

use aws_config::SdkConfig;
use jiff::Timestamp;
use std::{borrow::Cow, sync::Arc};

use super::{
    Application, Grant, Scopes,
    keys::{Keys, KeysUnavailable},
    token,
};
use crate::{
    config::{self, ConfigError},
    http::{Call, Response, StatusCode, header},
    identity::BeneId,
    store::{ApplicationsTable, GrantsTable, StoreError, TransientTable},
};

/// The most calls of tables that a request with a token waits for at the same time: grant, application, the token's
/// end, two counters, the data, how fresh it is and the audit record.
const CALLS_AT_ONCE: usize = 9;

/// Verifies access tokens: first locally ([`Verifier::verify`]), then against what holds now ([`Verifier::confirm`]).
pub struct Verifier {
    keys: Arc<Keys>,
    grants: GrantsTable,
    applications: ApplicationsTable,
    transient: TransientTable,
}

/// What a token says whose signature, times and issuer hold. Not access yet: [`Verifier::confirm`] gives that.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// The beneficiary, and the only one whose data may be read.
    pub patient: BeneId,
    /// The application.
    pub client_id: String,
    /// What may be read.
    pub scopes: Scopes,
    /// The grant id at the time of issue.
    pub grant: String,
    /// The token's own id.
    pub jti: String,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// Access that holds now.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// Whether claims about alcohol and substance use may be shown.
    pub substance_use: bool,
    /// Whether the application gets prescription drug claims (Part D) and no others.
    pub part_d_eob_only: bool,
    /// The name that the beneficiary signed in with, where there is one.
    pub username: Option<String>,
    /// When the beneficiary gave the consent.
    pub approved_at: Timestamp,
}

/// Why a call gets no data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// No bearer token in the `Authorization` header.
    #[error("no access token")]
    MissingToken,
    /// A token in the URL, where logs and histories see it.
    #[error("access token in the query")]
    TokenInQuery,
    /// Forged, expired, revoked or superseded; the reason holds nothing of the token.
    #[error("invalid access token: {0}")]
    InvalidToken(&'static str),
    /// The application is switched off. Its makers chose the name, which reaches no log.
    #[error("the application is inactive")]
    ApplicationInactive {
        /// What the application is called, for Blue Button's answer.
        name: String,
    },
    /// The beneficiary's consent has run out.
    #[error("the grant has expired")]
    GrantExpired,
    /// The beneficiary's consent has been withdrawn.
    #[error("there is no grant")]
    GrantMissing,
    /// The token does not permit this.
    #[error("insufficient scope")]
    InsufficientScope,
    /// AWS asks us to slow down.
    #[error("throttled")]
    Throttled,
    /// A table does not answer.
    #[error("unavailable")]
    Unavailable,
}

impl Verifier {
    /// A verifier with the keys and tables that the environment names.
    ///
    /// # Errors
    /// When the environment is incomplete or a key cannot be read.
    pub async fn from_environment(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let client = config::dynamodb(aws);
        let applications = config::variable("APPLICATIONS_TABLE")?;
        let applications = ApplicationsTable::new(client.clone(), applications);
        let (keys, ()) = tokio::join!(
            Keys::read(aws, Timestamp::now()),
            applications.warm(CALLS_AT_ONCE)
        );
        Ok(Self {
            keys: Arc::new(keys?),
            grants: GrantsTable::new(client.clone(), config::variable("GRANTS_TABLE")?),
            applications,
            transient: TransientTable::new(client, config::variable("TRANSIENT_TABLE")?),
        })
    }

    /// A verifier with those keys and tables.
    #[must_use]
    pub fn new(
        keys: Keys,
        grants: GrantsTable,
        applications: ApplicationsTable,
        transient: TransientTable,
    ) -> Self {
        Self {
            keys: Arc::new(keys),
            grants,
            applications,
            transient,
        }
    }

    /// The keys, for who signs tokens too: what signs and what verifies then know of a rotation at the same time.
    #[must_use]
    pub fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// Checks the call's bearer token without reading a table: form, signature, issuer, times.
    ///
    /// # Errors
    /// When there is no token, or none that this server issued and that still lives.
    pub async fn verify(&self, call: &Call, now: Timestamp) -> Result<VerifiedToken, AccessError> {
        let token = bearer_token(call)?;
        self.verify_token(token, &call.base_url, now).await
    }

    /// As [`Verifier::verify`], for a token that came in a form.
    ///
    /// # Errors
    /// [`AccessError::InvalidToken`], or [`AccessError::Unavailable`] when the token names a key that may be ours and
    /// cannot be read now.
    pub async fn verify_token(
        &self,
        token: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<VerifiedToken, AccessError> {
        let invalid = AccessError::InvalidToken;
        let kid = token::key_id(token).map_err(invalid)?;
        let key = self.keys.find(&kid, now).await?;
        let key = key.ok_or(invalid("unknown key"))?;
        let claims = token::verify(token, &key, issuer, now).map_err(invalid)?;
        let expires_at = Timestamp::from_second(claims.exp);
        Ok(VerifiedToken {
            patient: BeneId::parse(&claims.patient).ok_or(invalid("malformed patient"))?,
            client_id: claims.client_id,
            scopes: Scopes::parse(&claims.scope).ok_or(invalid("unknown scope"))?,
            grant: claims.grant,
            jti: claims.jti,
            expires_at: expires_at.map_err(|_| invalid("malformed exp"))?,
        })
    }

    /// Checks that the token's grant, application and id hold now, by strongly consistent reads: a revocation is
    /// effective on the next request. Run it beside the read of the data, and answer with data only if it succeeds.
    ///
    /// # Errors
    /// When the grant, the application or the token is no longer valid, or a table does not answer.
    pub async fn confirm(
        &self,
        token: &VerifiedToken,
        now: Timestamp,
    ) -> Result<Access, AccessError> {
        let (grant, application, revoked) = tokio::join!(
            self.grants.get(&token.patient, &token.client_id),
            self.applications.get(&token.client_id),
            self.transient.is_revoked(&token.jti),
        );
        let application = application?.ok_or(AccessError::InvalidToken("unknown application"))?;
        if !application.active {
            let name = application.name;
            return Err(AccessError::ApplicationInactive { name });
        }
        if revoked? {
            return Err(AccessError::InvalidToken("revoked"));
        }
        let grant = grant?.ok_or(AccessError::GrantMissing)?;
        if grant.grant_id != token.grant {
            return Err(AccessError::InvalidToken("superseded"));
        }
        if grant.is_expired(now) {
            return Err(AccessError::GrantExpired);
        }
        Ok(Access::of(grant, &application))
    }
}

impl Access {
    fn of(grant: Grant, application: &Application) -> Self {
        Self {
            substance_use: grant.substance_use,
            part_d_eob_only: application.part_d_eob_only,
            username: grant.username,
            approved_at: grant.approved_at,
        }
    }
}

/// The bearer token of the `Authorization` header (RFC 6750 section 2.1), the only place where one is taken from.
fn bearer_token(call: &Call) -> Result<&str, AccessError> {
    if call.query.iter().any(|(name, _)| name == "access_token") {
        return Err(AccessError::TokenInQuery);
    }
    let header = call
        .header(header::AUTHORIZATION.as_str())
        .ok_or(AccessError::MissingToken)?;
    let (scheme, token) = header.split_once(' ').ok_or(AccessError::MissingToken)?;
    match scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() {
        true => Ok(token.trim()),
        false => Err(AccessError::MissingToken),
    }
}

impl AccessError {
    /// The status that every protocol answers with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TokenInQuery => StatusCode::BAD_REQUEST,
            Self::MissingToken
            | Self::InvalidToken(_)
            | Self::ApplicationInactive { .. }
            | Self::GrantExpired
            | Self::GrantMissing => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::Throttled | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What Blue Button says in its `detail`, and what an OperationOutcome may say too.
    #[must_use]
    pub fn detail(&self) -> Cow<'static, str> {
        let fixed = match self {
            Self::ApplicationInactive { name } => {
                return format!("This application, {name}, is temporarily inactive.").into();
            }
            Self::MissingToken | Self::InvalidToken(_) | Self::GrantMissing => {
                "Authentication credentials were not provided."
            }
            Self::TokenInQuery => {
                "Using the access token in the query parameters is not supported. Use the Authorization header instead"
            }
            Self::GrantExpired => {
                "User access has timed out. To refresh Medicare data, end user must re-authenticate and consent to share their data."
            }
            Self::InsufficientScope => "You do not have permission to perform this action.",
            Self::Throttled | Self::Unavailable => {
                "Service temporarily unavailable, try again later."
            }
        };
        fixed.into()
    }

    /// The kind of the error among FHIR's kinds of issues, by which the log knows it in every protocol.
    /// <https://hl7.org/fhir/R4/valueset-issue-type.html>
    #[must_use]
    pub fn issue(&self) -> &'static str {
        match self {
            Self::MissingToken | Self::GrantMissing => "login",
            Self::TokenInQuery => "security",
            Self::InvalidToken(_) => "unknown",
            Self::GrantExpired => "expired",
            Self::ApplicationInactive { .. } | Self::InsufficientScope => "forbidden",
            Self::Throttled => "throttled",
            Self::Unavailable => "transient",
        }
    }

    /// The answer with the headers that belong to the error: `WWW-Authenticate` (RFC 6750 section 3), `Retry-After`.
    #[must_use]
    pub fn add_headers(&self, response: Response) -> Response {
        const CHALLENGE: &str = r#"Bearer realm="api""#;
        const INVALID: &str = r#"Bearer realm="api", error="invalid_token", error_description="The access token is not valid.""#;
        const EXPIRED: &str = r#"Bearer realm="api", error="invalid_token", error_description="The access token has expired.""#;
        const SCOPE: &str = r#"Bearer realm="api", error="insufficient_scope""#;
        let response = response.with_error_code(self.issue());
        let challenge = match self {
            Self::MissingToken => CHALLENGE,
            Self::InvalidToken("expired") | Self::GrantExpired => EXPIRED,
            Self::InvalidToken(_) | Self::ApplicationInactive { .. } | Self::GrantMissing => {
                INVALID
            }
            Self::InsufficientScope => SCOPE,
            Self::TokenInQuery => return response,
            Self::Throttled | Self::Unavailable => {
                return response.with_header(header::RETRY_AFTER, "1");
            }
        };
        response.with_header(header::WWW_AUTHENTICATE, challenge)
    }
}

impl From<StoreError> for AccessError {
    fn from(error: StoreError) -> Self {
        tracing::error!(cause = %error, "access cannot be checked");
        match error {
            StoreError::Throttled => Self::Throttled,
            _ => Self::Unavailable,
        }
    }
}

impl From<KeysUnavailable> for AccessError {
    fn from(error: KeysUnavailable) -> Self {
        tracing::error!(cause = %error, "access cannot be checked");
        Self::Unavailable
    }
}
