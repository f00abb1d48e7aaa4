//! Forms: what a browser or an OAuth client posts, as pairs that cannot be read ambiguously.

use futures_util::stream;
use lambda_http::http::StatusCode;
use std::{convert::Infallible, fmt};

/// The largest form that the OAuth endpoints read.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// The most fields of one form.
const FIELDS_MAX: usize = 100;

/// Decoded parameters of a query or a form. `Debug` shows the names only.
#[derive(Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

/// A parameter that was sent more than once (RFC 6749 section 3.1 forbids it).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parameter sent more than once")]
pub struct Duplicate;

/// Why a body is not a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More bytes or fields than any form of ours has.
    #[error("the body is too large")]
    TooLarge,
    /// Neither `application/x-www-form-urlencoded` nor `multipart/form-data`.
    #[error("the content type is not a form's")]
    UnsupportedType,
    /// Not what the content type says.
    #[error("the body is not readable")]
    Malformed,
}

impl FormError {
    /// The status that says so.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Malformed => StatusCode::BAD_REQUEST,
        }
    }
}

impl Parameters {
    /// Parameters of those pairs.
    #[must_use]
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The one value of that name; an empty value counts as none (RFC 6749 section 3.1).
    ///
    /// # Errors
    /// When the name occurs more than once, with whatever values.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Duplicate> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(Duplicate),
            None => Ok(first.filter(|value| !value.is_empty())),
        }
    }

    /// The last value of that name, for forms where a hidden default precedes a checkbox.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// Whether the name occurs at all, with whatever value.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Whether nothing was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in the order sent.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// The decoded pairs of a query or a form-urlencoded body.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

/// Parses a body by its content type.
pub(super) async fn parse(content_type: &str, body: &[u8]) -> Result<Parameters, FormError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(FormError::TooLarge);
    }
    if body.is_empty() {
        return Ok(Parameters::default());
    }
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let pairs = match essence.to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => pairs(utf8_form(body).ok_or(FormError::Malformed)?),
        "multipart/form-data" => multipart(content_type, body).await?,
        _ => return Err(FormError::UnsupportedType),
    };
    if pairs.len() > FIELDS_MAX {
        return Err(FormError::TooLarge);
    }
    Ok(Parameters(pairs))
}

/// The body as text, if it is UTF-8 before and after its percent signs are decoded: the decoder would put a replacement
/// character for other bytes, and two different values would become the same.
fn utf8_form(body: &[u8]) -> Option<&str> {
    let mut decoded = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *byte == b'%');
        let code = hex
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(code.unwrap_or(*byte));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    std::str::from_utf8(&decoded).ok()?;
    std::str::from_utf8(body).ok()
}

/// CMS's Python SDK posts its token requests as multipart (requests_toolbelt's encoder).
async fn multipart(content_type: &str, body: &[u8]) -> Result<Vec<(String, String)>, FormError> {
    let boundary = multer::parse_boundary(content_type).map_err(|_| FormError::Malformed)?;
    // The whole body is here already: a stream of one piece.
    let body = stream::iter([Ok::<_, Infallible>(body.to_vec())]);
    let mut form = multer::Multipart::new(body, boundary);
    let mut pairs = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| FormError::Malformed)? {
        let name = field.name().ok_or(FormError::Malformed)?.to_owned();
        let bytes = field.bytes().await.map_err(|_| FormError::Malformed)?;
        let value = String::from_utf8(bytes.to_vec()).map_err(|_| FormError::Malformed)?;
        pairs.push((name, value));
        if pairs.len() > FIELDS_MAX {
            return Err(FormError::TooLarge);
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(content_type: &str, body: &str, expected: Result<&[(&str, &str)], FormError>) {
        let form = parse(content_type, body.as_bytes()).await;
        let read = form.map(|form| form.pairs().to_vec());
        let expected = expected.map(|pairs| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<Vec<_>>()
        });
        assert_eq!(read, expected, "{content_type}: {body}");
    }

    #[tokio::test]
    async fn reads_forms_of_both_types_and_refuses_others() {
        const URLENCODED: &str = "application/x-www-form-urlencoded";
        let pairs: &[_] = &[("grant_type", "refresh_token"), ("scope", "a b+c")];
        let body = "grant_type=refresh_token&scope=a+b%2Bc";
        check(URLENCODED, body, Ok(pairs)).await;
        check(
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
            body,
            Ok(pairs),
        )
        .await;
        check(URLENCODED, "a=%E9%F", Err(FormError::Malformed)).await;
        check(URLENCODED, "a=%C3%A9%", Ok(&[("a", "é%")])).await;
        check("", "", Ok(&[])).await;
        check("multipart/form-data; boundary=left-over", "", Ok(&[])).await;
        check("application/json", "{}", Err(FormError::UnsupportedType)).await;
        check("", "a=1", Err(FormError::UnsupportedType)).await;
        check(URLENCODED, &"a=1&".repeat(101), Err(FormError::TooLarge)).await;
        check(
            URLENCODED,
            &"a".repeat(BODY_BYTES_MAX + 1),
            Err(FormError::TooLarge),
        )
        .await;

        let multipart = "--b\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nrefresh_token\r\n\
                         --b\r\nContent-Disposition: form-data; name=\"scope\"\r\n\r\na b+c\r\n--b--\r\n";
        check("multipart/form-data; boundary=b", multipart, Ok(pairs)).await;
        check("multipart/form-data", multipart, Err(FormError::Malformed)).await;
        check(
            "multipart/form-data; boundary=c",
            multipart,
            Err(FormError::Malformed),
        )
        .await;
    }

    #[test]
    fn a_parameter_counts_once_or_not_at_all() {
        let parameters = Parameters::new(pairs("a=1&b=&c=1&c=1&d&d="));
        assert_eq!(parameters.one("a"), Ok(Some("1")));
        assert_eq!(parameters.one("b"), Ok(None));
        assert_eq!(parameters.one("c"), Err(Duplicate));
        assert_eq!(parameters.one("d"), Err(Duplicate));
        assert_eq!(parameters.one("e"), Ok(None));
        assert_eq!(
            format!("{parameters:?}"),
            r#"["a", "b", "c", "c", "d", "d"]"#
        );
    }
}
