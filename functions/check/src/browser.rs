//! A browser, as far as the sign-in needs one: cookies, redirects within the API, and the hidden fields of its forms.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::functions::{Answer, Call, Function, Functions, Unanswered};

/// The cookies of one visit.
#[derive(Default)]
pub(crate) struct Browser {
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    /// Opens a page of the sign-in.
    pub(crate) async fn open(
        &self,
        functions: &impl Functions,
        target: &str,
    ) -> Result<Answer, Unanswered> {
        self.send(functions, Call::get(Function::Authorize, target))
            .await
    }

    /// Sends a form of a page of the sign-in.
    pub(crate) async fn submit(
        &self,
        functions: &impl Functions,
        target: &str,
        form: &[(&str, &str)],
    ) -> Result<Answer, Unanswered> {
        self.send(functions, Call::post(Function::Authorize, target, form))
            .await
    }

    async fn send(&self, functions: &impl Functions, call: Call) -> Result<Answer, Unanswered> {
        let cookies = self.cookie_header();
        let call = match cookies.is_empty() {
            true => call,
            false => call.header("cookie", cookies),
        };
        let answer = functions.call(&call).await?;
        self.keep(&answer);
        Ok(answer)
    }

    fn cookie_header(&self) -> String {
        let cookies = self
            .cookies
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let pairs: Vec<_> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&self, answer: &Answer) {
        let mut cookies = self
            .cookies
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for cookie in answer.headers.get("set-cookie").into_iter().flatten() {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

/// The value of a hidden field of a page of ours; its values need no decoding.
pub(crate) fn hidden<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let marker = format!(r#"name="{name}" value=""#);
    let (_, rest) = page.split_once(&marker)?;
    Some(rest.split_once('"')?.0)
}

/// The path and query string of a place within the API, whatever its origin is, and without what stands in front of the
/// API's own paths.
pub(crate) fn target(base_path: &str, location: &str) -> String {
    let after_origin = match location.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => location,
    };
    let within = after_origin.strip_prefix(base_path);
    let within = within.filter(|rest| rest.starts_with('/'));
    within.unwrap_or(after_origin).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_way_within_the_api() {
        let check = |base_path: &str, location: &str, expected: &str| {
            assert_eq!(target(base_path, location), expected, "{base_path}");
        };
        check("/check", "/check/login?approval=1", "/login?approval=1");
        check("/check", "/login", "/login");
        check("/check", "/checked", "/checked");
        check("/check", "https://check.invalid/check/login", "/login");
        check("", "/login", "/login");
        check(
            "",
            "https://api.example/v2/o/authorize/1/",
            "/v2/o/authorize/1/",
        );
        check("", "https://api.example", "/");
        check("/a/b", "https://api.example/a/b/login", "/login");
        check("/a/b", "/a/b/login", "/login");
    }

    #[test]
    fn reads_hidden_fields() {
        let page = r#"<input type="hidden" name="csrf_token" value="abc"><input name="x">"#;
        assert_eq!(hidden(page, "csrf_token"), Some("abc"));
        assert_eq!(hidden(page, "x"), None);
    }
}
