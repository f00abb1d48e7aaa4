//! Client authentication (RFC 6749 section 2.3): Basic or credentials in the body, never both. A public application has
//! no secret and only says who it is (section 3.2.1).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;

use super::Application;
use crate::{
    http::{Call, Duplicate, Parameters, header},
    secret::Secret,
    store::{ApplicationsTable, StoreError},
};

/// Why a client is not authenticated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No credentials, or a wrong secret.
    #[error("no valid client credentials")]
    Unauthenticated,
    /// A client id in the `Authorization` header that is not registered.
    #[error("unknown client in the header")]
    UnknownInHeader,
    /// A client id in the body that is not registered.
    #[error("unknown client in the body")]
    UnknownInBody,
    /// Header and body name different clients.
    #[error("two clients")]
    TwoClients,
    /// Header and body both bring a secret.
    #[error("two ways of client authentication")]
    TwoWays,
    /// The application is switched off.
    #[error("the application is inactive")]
    Inactive {
        /// The application's name.
        name: String,
    },
    /// A parameter sent more than once.
    #[error("a parameter sent more than once")]
    Duplicate,
    /// A table does not answer.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Credentials as they may be meant.
struct Credentials {
    client_id: String,
    secret: Secret,
}

/// The application that the call authenticates.
///
/// # Errors
/// See [`ClientError`].
pub async fn authenticate(
    call: &Call,
    form: &Parameters,
    applications: &ApplicationsTable,
    now: Timestamp,
) -> Result<Application, ClientError> {
    let body_id = form.one("client_id")?;
    let body_secret = form.one("client_secret")?;
    let application = match basic(call) {
        Some(readings) => {
            if body_secret.is_some() {
                return Err(ClientError::TwoWays);
            }
            let application = by_header(&readings, applications, now).await?;
            // CMS's SDK sends the client id beside Basic; an equal one is no second way.
            if body_id.is_some_and(|id| id != application.client_id) {
                return Err(ClientError::TwoClients);
            }
            application
        }
        None => by_body((body_id, body_secret), applications, now).await?,
    };
    match application.active {
        true => Ok(application),
        false => Err(ClientError::Inactive {
            name: application.name,
        }),
    }
}

async fn by_header(
    readings: &[Credentials],
    applications: &ApplicationsTable,
    now: Timestamp,
) -> Result<Application, ClientError> {
    let mut error = ClientError::UnknownInHeader;
    for credentials in readings {
        let Some(application) = applications.get(&credentials.client_id).await? else {
            continue;
        };
        if application.is_authenticated_by(Some(credentials.secret.expose()), now) {
            return Ok(application);
        }
        error = ClientError::Unauthenticated;
    }
    match readings.is_empty() {
        true => Err(ClientError::Unauthenticated),
        false => Err(error),
    }
}

async fn by_body(
    (client_id, secret): (Option<&str>, Option<&str>),
    applications: &ApplicationsTable,
    now: Timestamp,
) -> Result<Application, ClientError> {
    let client_id = client_id.ok_or(ClientError::Unauthenticated)?;
    let application = applications.get(client_id).await?;
    let application = application.ok_or(ClientError::UnknownInBody)?;
    match application.is_authenticated_by(secret, now) {
        true => Ok(application),
        false => Err(ClientError::Unauthenticated),
    }
}

/// The readings of a Basic header: form-decoded as RFC 6749 section 2.3.1 has it, and raw as most clients send it.
/// Nothing without such a header; no reading when it cannot be read.
///
/// Other schemes are ignored: CMS's Python SDK leaves the last bearer token in the header of its token requests.
fn basic(call: &Call) -> Option<Vec<Credentials>> {
    let (scheme, encoded) = call
        .header(header::AUTHORIZATION.as_str())?
        .split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((client_id, secret)) = text.as_deref().and_then(|text| text.split_once(':')) else {
        return Some(Vec::new());
    };
    let raw = Credentials {
        client_id: client_id.to_owned(),
        secret: Secret::new(secret),
    };
    let form_decoded = Credentials {
        client_id: form_decode(client_id),
        secret: Secret::new(form_decode(secret)),
    };
    let same = raw.client_id == form_decoded.client_id && raw.secret == form_decoded.secret;
    Some(match same {
        true => vec![raw],
        false => vec![form_decoded, raw],
    })
}

fn form_decode(text: &str) -> String {
    // `=` and `&` would end the value; in the encoded form they are written as escapes, and raw they stay themselves.
    let text = text.replace('=', "%3D").replace('&', "%26");
    url::form_urlencoded::parse(format!("x={text}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

impl From<Duplicate> for ClientError {
    fn from(_: Duplicate) -> Self {
        Self::Duplicate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(header: &str) -> Option<Vec<(String, String)>> {
        let event = serde_json::json!({"headers": {"authorization": header}});
        let readings = basic(&Call::new(&event, "", None))?;
        let texts = readings.into_iter();
        Some(
            texts
                .map(|read| (read.client_id, read.secret.expose().to_owned()))
                .collect(),
        )
    }

    #[test]
    fn reads_basic_form_decoded_and_raw_and_ignores_other_schemes() {
        let check = |header: &str, expected: Option<&[(&str, &str)]>| {
            let expected = expected.map(|pairs| {
                let owned = |(id, secret): &(&str, &str)| ((*id).to_owned(), (*secret).to_owned());
                pairs.iter().map(owned).collect::<Vec<_>>()
            });
            assert_eq!(readings(header), expected, "{header}");
        };
        let encode = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        check(&encode("app:secret"), Some(&[("app", "secret")]));
        check(&encode("app:se:cret"), Some(&[("app", "se:cret")]));
        check(
            &encode("app%2Da:s%2B1"),
            Some(&[("app-a", "s+1"), ("app%2Da", "s%2B1")]),
        );
        check(&encode("app:a+b"), Some(&[("app", "a b"), ("app", "a+b")]));
        check(&encode("app:a=b&c"), Some(&[("app", "a=b&c")]));
        check(&encode("app:"), Some(&[("app", "")]));
        check(&encode("no colon"), Some(&[]));
        check("Basic ???", Some(&[]));
        check("basic YTpi", Some(&[("a", "b")]));
        check("Bearer YTpi", None);
        check("Basic", None);
    }
}
