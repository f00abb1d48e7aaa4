//! HTML pages: their headers, and the one page that every function may need.

use askama::Template;
use aws_lc_rs::digest;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use lambda_http::http::{StatusCode, header};

use super::Response;

/// The style sheet of all pages; it stands in the page, and the content security policy allows it by its hash.
pub const STYLE: &str = include_str!("../../templates/style.css");

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    language: &'static str,
    style: &'static str,
    title: &'a str,
    text: &'a str,
}

/// A page with a title and a text.
#[must_use]
pub fn message(status: StatusCode, title: &str, text: &str) -> Response {
    let page = Message {
        language: "en",
        style: STYLE,
        title,
        text,
    };
    page_of(status, &page, None)
}

/// A page of that template. Its forms may lead to ourselves, and to `form_target` if there is one: browsers apply
/// `form-action` to the redirect that follows a form, too.
#[must_use]
pub fn page_of(status: StatusCode, page: &impl Template, form_target: Option<&str>) -> Response {
    let Ok(html) = page.render() else {
        // Our templates write into memory and have no part that can fail.
        return Response::empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let policy = content_security_policy(form_target);
    Response::new(status, "text/html; charset=utf-8", html)
        .with_header(header::CONTENT_SECURITY_POLICY, &policy)
        .with_header(header::X_FRAME_OPTIONS, "DENY")
        .with_header(header::REFERRER_POLICY, "no-referrer")
}

fn content_security_policy(form_target: Option<&str>) -> String {
    let style = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let form_target = form_target.map_or_else(String::new, |target| format!(" {target}"));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'{form_target}; \
         base-uri 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_allows_its_own_style_and_escapes_what_it_shows() {
        let response = message(StatusCode::BAD_REQUEST, "<script>1</script>", "\"'&<b>");
        let html = String::from_utf8(response.body.clone()).expect("UTF-8");
        assert!(!html.contains("<script>") && !html.contains("<b>"));
        assert!(html.contains(STYLE));
        let policy = response
            .header("content-security-policy")
            .expect("a policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(policy.ends_with("frame-ancestors 'none'"));
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(response.header(name), Some(value));
        }
    }
}
