//! The browser's session: one cookie for each approval, known to the server as SHA-256 only.

use bluebutton::{
    http::{Call, Response, header},
    oauth::{APPROVAL_SECONDS, hmac_base64url, random_token, sha256_hex},
    secret::Secret,
};

/// A session that the browser holds.
#[derive(Clone)]
pub(crate) struct Session(Secret);

/// The step that a CSRF token belongs to.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    SignIn,
    Consent,
}

impl Session {
    /// A new session.
    pub(crate) fn new() -> Self {
        Self(random_token())
    }

    /// The session that the browser sent for that approval. HTTP/2 may spread cookies over several headers (RFC 9113
    /// section 8.2.3), and those of other programs on the same host may hold anything.
    pub(crate) fn of(call: &Call, approval: &str) -> Option<Self> {
        let name = cookie_name(call, approval);
        let headers = call.headers.get_all(header::COOKIE).iter();
        headers
            .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|pair| str::from_utf8(pair).ok()?.trim().split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| Self(Secret::new(value)))
    }

    /// What the approval knows of it.
    pub(crate) fn hash(&self) -> String {
        sha256_hex(self.0.expose())
    }

    /// What the browser holds, to derive from it what only this browser can have.
    pub(crate) fn secret(&self) -> &Secret {
        &self.0
    }

    /// The CSRF token of a step: only who holds the cookie can have it.
    pub(crate) fn csrf_token(&self, approval: &str, step: Step) -> Secret {
        let step = match step {
            Step::SignIn => "sign-in",
            Step::Consent => "consent",
        };
        hmac_base64url(&self.0, &["csrf", step, approval])
    }

    /// The answer with the cookie.
    pub(crate) fn give(&self, call: &Call, approval: &str, response: Response) -> Response {
        let name = cookie_name(call, approval);
        let secure = if is_https(call) { "; Secure" } else { "" };
        let value = self.0.expose();
        let cookie = format!(
            "{name}={value}; Path=/; Max-Age={APPROVAL_SECONDS}; HttpOnly; SameSite=Lax{secure}"
        );
        response.with_added_header(header::SET_COOKIE, &cookie)
    }

    /// The answer that takes the cookie away.
    pub(crate) fn end(call: &Call, approval: &str, response: Response) -> Response {
        let name = cookie_name(call, approval);
        let secure = if is_https(call) { "; Secure" } else { "" };
        let cookie = format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}");
        response.with_added_header(header::SET_COOKIE, &cookie)
    }
}

/// A cookie of its own for each approval, so that two apps may ask in two tabs. `__Host-` needs https, which the
/// sandbox on plain http does not have.
fn cookie_name(call: &Call, approval: &str) -> String {
    let prefix = if is_https(call) { "__Host-" } else { "" };
    let short: String = approval.chars().take(8).collect();
    format!("{prefix}bluebutton-{short}")
}

fn is_https(call: &Call) -> bool {
    call.base_url.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_cookie_among_others_and_in_several_headers() {
        const APPROVAL: &str = "0b8c1d52-9f5e-4d3b-8a51-6c1f2f1d7a10";
        let check = |base_url: &str, cookies: &[&str], expected: Option<&str>| {
            let event = serde_json::json!({
                "httpMethod": "GET", "path": "/login", "multiValueHeaders": {"Cookie": cookies},
            });
            let call = Call::new(&event, "test", Some(base_url));
            let found = Session::of(&call, APPROVAL);
            let value = found.as_ref().map(|session| session.0.expose());
            assert_eq!(value, expected, "{base_url} {cookies:?}");
        };
        let (http, https) = ("http://localhost:8000", "https://api.example");
        check(http, &["bluebutton-0b8c1d52=x"], Some("x"));
        check(http, &["a=1; bluebutton-0b8c1d52=x;b=2"], Some("x"));
        check(http, &["a=1", "bluebutton-0b8c1d52=x"], Some("x"));
        check(http, &["name=Jørgen; bluebutton-0b8c1d52=x"], Some("x"));
        check(http, &["bluebutton-00000000=x; bluebutton-0b8c1d52"], None);
        check(http, &[], None);
        check(https, &["__Host-bluebutton-0b8c1d52=x"], Some("x"));
        check(https, &["bluebutton-0b8c1d52=x"], None);
    }
}
