//! Redirect URIs: what an application may register, and what a request may name.

use std::fmt;
use url::Url;

/// The longest redirect URI that is registered.
const BYTES_MAX: usize = 2048;

/// Where a native application listens on the beneficiary's own machine, at whatever port is free (RFC 8252
/// section 7.3). `localhost` is not among them (section 8.3).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// A redirect URI that may be registered.
#[derive(Clone, PartialEq, Eq)]
pub struct RedirectUri(String);

/// Why a redirect URI may not be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// More bytes than any URI of a request.
    #[error("a redirect URI has at most {BYTES_MAX} bytes")]
    TooLong,
    /// Not an absolute URI as browsers write it.
    #[error("a redirect URI is an absolute URI in ASCII, written as browsers write it")]
    NotAUri,
    /// A wildcard, which would match more than one address (RFC 9700 section 4.1).
    #[error("a redirect URI has no wildcard")]
    Wildcard,
    /// RFC 6749 section 3.1.2.
    #[error("a redirect URI has no fragment")]
    Fragment,
    /// A name or a password before the host.
    #[error("a redirect URI names no user")]
    UserInfo,
    /// Neither https, nor http on the machine itself, nor a private-use scheme.
    #[error(
        "a redirect URI is https, or http to localhost or loopback, or of a scheme like com.example.app"
    )]
    Scheme,
}

impl RedirectUri {
    /// A redirect URI that an application may register.
    ///
    /// # Errors
    /// See [`RedirectUriError`].
    pub fn parse(text: &str) -> Result<Self, RedirectUriError> {
        use RedirectUriError::{Fragment, NotAUri, Scheme, TooLong, UserInfo, Wildcard};
        if text.len() > BYTES_MAX {
            return Err(TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotAUri);
        }
        if text.contains('*') {
            return Err(Wildcard);
        }
        if text.contains('#') {
            return Err(Fragment);
        }
        let url = Url::parse(text).map_err(|_| NotAUri)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UserInfo);
        }
        if !is_as_written(&url, text) {
            return Err(NotAUri);
        }
        match is_scheme_allowed(&url) {
            true => Ok(Self(text.to_owned())),
            false => Err(Scheme),
        }
    }

    /// The URI as it was registered, byte for byte.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether browsers go where the text says: they resolve `..`, lower the host's case and drop usual ports, so that what
/// is compared byte for byte would not be where they go. The path of an origin may be left out.
fn is_as_written(url: &Url, text: &str) -> bool {
    url.as_str() == text || url.as_str().strip_suffix('/') == Some(text)
}

/// RFC 8252 sections 7.1 to 7.3: private-use schemes are domain names in reverse, so that they have a dot; nothing that
/// a browser runs, as `javascript`, has one.
fn is_scheme_allowed(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
        scheme => scheme.contains('.'),
    }
}

/// Whether a native application asks for the port that it got, of a loopback URI that it registered without one. All
/// else is byte for byte the same.
pub(super) fn is_at_another_port(registered: &str, asked: &str) -> bool {
    LOOPBACK.iter().any(|origin| {
        let path = registered.strip_prefix(origin);
        let path = path.filter(|path| path.is_empty() || path.starts_with(['/', '?']));
        let port_and_path = asked
            .strip_prefix(origin)
            .and_then(|rest| rest.strip_prefix(':'));
        let (Some(path), Some(port_and_path)) = (path, port_and_path) else {
            return false;
        };
        port_and_path.strip_suffix(path).is_some_and(is_port)
    })
}

fn is_port(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits && !text.starts_with('0') && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_what_leads_to_the_application_alone() {
        use RedirectUriError::{Fragment, NotAUri, Scheme, TooLong, UserInfo, Wildcard};
        let check = |text: &str, expected: Option<RedirectUriError>| {
            assert_eq!(RedirectUri::parse(text).err(), expected, "{text}");
        };
        for good in [
            "https://app.example/callback",
            "https://app.example",
            "https://app.example/",
            "https://app.example:8443/callback?tenant=1&x=%20",
            "https://xn--bcher-kva.example/callback",
            "https://192.0.2.7/callback",
            "http://localhost:3001/api/bluebutton/callback/",
            "http://localhost/callback",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:8080/callback",
            "http://[::1]/callback",
            "http://[::1]:8080/callback",
            "com.example.app:/callback",
            "com.example.app://callback",
            "com.example.app:callback",
        ] {
            check(good, None);
        }
        let long = |bytes: usize| format!("https://app.example/{}", "x".repeat(bytes - 20));
        check(&long(BYTES_MAX), None);
        check(&long(BYTES_MAX + 1), Some(TooLong));
        for not_a_uri in [
            "",
            "/callback",
            "app.example/callback",
            "https:app.example",
            "https:///app.example",
            "https://",
            "https://app.example/a b",
            " https://app.example/",
            "https://app.example/\r\n",
            "https://app.example/\t",
            "https://bücher.example/",
            "https://app.example/ä",
            "https://APP.example/callback",
            "HTTPS://app.example/callback",
            "https://app.example:443/callback",
            "https://app.example/x/../callback",
            "https://app.example\\callback",
            "https://@app.example/",
            "https://app.example:99999/",
            "http://127.1/callback",
            "http://0x7f000001/callback",
        ] {
            check(not_a_uri, Some(NotAUri));
        }
        check("https://*.example/callback", Some(Wildcard));
        check("https://app.example/*", Some(Wildcard));
        check("https://app.example/callback#", Some(Fragment));
        check("https://app.example/callback#x", Some(Fragment));
        check("https://user@app.example/", Some(UserInfo));
        // In halves, so that nobody takes it for a password of ours.
        check(
            &["https://user:", "password@app.example/"].concat(),
            Some(UserInfo),
        );
        check(
            &["https://:", "password@app.example/"].concat(),
            Some(UserInfo),
        );
        for scheme in [
            "http://app.example/callback",
            "http://192.0.2.7/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://localhost.evil.example/callback",
            "ftp://app.example/callback",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///callback",
            "myapp://callback",
            "urn:ietf:wg:oauth:2.0:oob",
        ] {
            check(scheme, Some(Scheme));
        }
    }

    #[test]
    fn a_port_may_differ_on_loopback_and_nothing_else() {
        let check = |registered: &str, asked: &str, expected: bool| {
            let found = is_at_another_port(registered, asked);
            assert_eq!(found, expected, "{asked} for {registered}");
        };
        let (v4, v6) = ("http://127.0.0.1/cb?x=1", "http://[::1]/cb");
        check(v4, "http://127.0.0.1:1/cb?x=1", true);
        check(v4, "http://127.0.0.1:65535/cb?x=1", true);
        check(v6, "http://[::1]:49152/cb", true);
        check("http://127.0.0.1", "http://127.0.0.1:8080", true);
        check("http://127.0.0.1?x", "http://127.0.0.1:8080?x", true);
        for port in [
            "",
            "0",
            "080",
            "65536",
            "99999999999",
            "+80",
            "8o",
            "-1",
            "８０",
            "80:80",
            "80 ",
        ] {
            check(v4, &format!("http://127.0.0.1:{port}/cb?x=1"), false);
        }
        for asked in [
            "http://127.0.0.1:80/cb?x=2",
            "http://127.0.0.1:80/cb",
            "http://127.0.0.1:80/CB?x=1",
            "http://127.0.0.1:80/cb?x=1#",
            "http://127.0.0.1:80/x/cb?x=1",
            "http://127.0.0.1:80@evil.example/cb?x=1",
            "http://127.0.0.2:80/cb?x=1",
            "http://localhost:80/cb?x=1",
            "http://[::1]:80/cb?x=1",
            "https://127.0.0.1:80/cb?x=1",
            "HTTP://127.0.0.1:80/cb?x=1",
            "http://user@127.0.0.1:80/cb?x=1",
        ] {
            check(v4, asked, false);
        }
        check("http://127.0.0.1:80/cb", "http://127.0.0.1:81/cb", false);
        check("http://127.0.0.1", "http://127.0.0.1:80/", false);
        check("http://127.0.0.10/cb", "http://127.0.0.1:0/cb", false);
        check("http://127.0.0.10/cb", "http://127.0.0.1:10/cb", false);
        check(
            "http://127.0.0.1evil/cb",
            "http://127.0.0.1:1evil/cb",
            false,
        );
        check("http://localhost/cb", "http://localhost:80/cb", false);
        check(
            "https://app.example/cb",
            "https://app.example:444/cb",
            false,
        );
    }
}
