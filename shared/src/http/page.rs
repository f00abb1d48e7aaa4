//! HTML pages: what stands around each of them, their headers, and the one page that every function may need.

use askama::Template;
use aws_lc_rs::rand;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use lambda_http::http::{StatusCode, header};

use super::{Language, Response};

/// The style sheet of all pages. It stands in the page, so that a page is one request.
const STYLE: &str = include_str!("../../templates/style.css");

/// 128 random bits, the fewest that CSP asks of a nonce (CSP Level 3 section 8.1).
const NONCE_BYTES: usize = 16;

/// The field of a form that was posted to be shown in another language, and not to be acted upon.
pub const SWITCH_LANGUAGE: &str = "switch_language";

/// What stands around every page: its language and title, the way to the other language, and the nonce that its own
/// style has and nothing that was smuggled in.
pub struct Frame<'a> {
    language: Language,
    title: &'a str,
    switch: Option<&'a str>,
    /// The form whose content goes along when the language is switched.
    form: Option<&'a str>,
    nonce: String,
}

/// The texts around every page.
struct FrameTexts {
    skip: &'static str,
    /// The way to the other language, in that language.
    switch: &'static str,
    help: &'static str,
    tty: &'static str,
}

const ENGLISH: FrameTexts = FrameTexts {
    skip: "Skip to main content",
    switch: "Cambiar a español",
    help: "Do you have a question about Medicare? Call",
    tty: "TTY users can call",
};

const SPANISH: FrameTexts = FrameTexts {
    skip: "Saltar al contenido principal",
    switch: "Change to English",
    help: "¿Tiene alguna pregunta sobre Medicare? Llame al",
    tty: "Los usuarios de TTY pueden llamar al",
};

impl<'a> Frame<'a> {
    /// A page in that language. `switch` is the address of the same page in the other one, where there is one.
    ///
    /// # Panics
    /// When the operating system gives no randomness: then no page is safe.
    #[must_use]
    pub fn new(language: Language, title: &'a str, switch: Option<&'a str>) -> Self {
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce).expect("the operating system gives randomness");
        Self {
            language,
            title,
            switch,
            form: None,
            nonce: BASE64URL.encode(nonce),
        }
    }

    /// The way to the other language is a button of the form with that id, so that what was chosen in it is not lost.
    /// It posts the form with the field [`SWITCH_LANGUAGE`].
    #[must_use]
    pub fn with_form(mut self, id: &'a str) -> Self {
        self.form = Some(id);
        self
    }

    fn texts(&self) -> &'static FrameTexts {
        match self.language {
            Language::English => &ENGLISH,
            Language::Spanish => &SPANISH,
        }
    }

    /// A page with what that template renders between header and footer. Its forms may lead to ourselves, and to
    /// `form_target` if there is one: browsers apply `form-action` to the redirect that follows a form, too.
    #[must_use]
    pub fn around(
        &self,
        status: StatusCode,
        content: &impl Template,
        form_target: Option<&str>,
    ) -> Response {
        let layout = content.render().and_then(|content| {
            Layout {
                frame: self,
                texts: self.texts(),
                style: STYLE,
                content: &content,
            }
            .render()
        });
        let Ok(html) = layout else {
            // Our templates write into memory and have no part that can fail.
            return Response::empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        Response::new(status, "text/html; charset=utf-8", html)
            .with_header(header::CONTENT_LANGUAGE, self.language.as_str())
            .with_header(
                header::CONTENT_SECURITY_POLICY,
                &self.content_security_policy(form_target),
            )
            .with_header(header::X_FRAME_OPTIONS, "DENY")
            .with_header(header::REFERRER_POLICY, "no-referrer")
    }

    /// Nothing is loaded and nothing runs. The style is allowed by its nonce, the icon stands in the page.
    fn content_security_policy(&self, form_target: Option<&str>) -> String {
        let nonce = &self.nonce;
        let form_target = form_target.map_or_else(String::new, |target| format!(" {target}"));
        format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'{form_target}; \
             base-uri 'none'; frame-ancestors 'none'"
        )
    }
}

#[derive(Template)]
#[template(path = "layout.html")]
struct Layout<'a> {
    frame: &'a Frame<'a>,
    texts: &'static FrameTexts,
    style: &'static str,
    /// HTML that another template rendered.
    content: &'a str,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    paragraphs: &'a [&'a str],
    detail: Option<(&'a str, &'a str)>,
}

/// A page with a title and a text, and a line for another audience if there is one: who it is for, and what it says.
#[must_use]
pub fn message(
    status: StatusCode,
    frame: &Frame<'_>,
    paragraphs: &[&str],
    detail: Option<(&str, &str)>,
) -> Response {
    let content = Message {
        title: frame.title,
        paragraphs,
        detail,
    };
    frame.around(status, &content, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(title: &str, switch: &str, text: &str) -> Response {
        let frame = Frame::new(Language::Spanish, title, Some(switch));
        message(StatusCode::BAD_REQUEST, &frame, &[text], Some((text, text)))
    }

    fn html(response: &Response) -> String {
        String::from_utf8(response.body.clone()).expect("UTF-8")
    }

    #[test]
    fn a_page_allows_its_own_style_and_escapes_what_it_shows() {
        let response = page("<script>1</script>", "\"><b>", "\"'&<b>");
        let html = html(&response);
        assert!(!html.contains("<script>") && !html.contains("<b>"));
        assert!(html.contains(STYLE) && html.contains(r#"<html lang="es">"#));
        let policy = response
            .header("content-security-policy")
            .expect("a policy");
        let nonce = policy
            .strip_prefix("default-src 'none'; style-src 'nonce-")
            .and_then(|rest| rest.split_once('\''))
            .expect("a nonce")
            .0;
        assert!(html.contains(&format!(r#"<style nonce="{nonce}">"#)));
        assert!(policy.ends_with("frame-ancestors 'none'"));
        for (name, value) in [
            ("cache-control", "no-store"),
            ("content-language", "es"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(response.header(name), Some(value));
        }
    }

    #[test]
    fn every_page_has_a_nonce_of_its_own() {
        let policy = || {
            let response = page("", "", "");
            response
                .header("content-security-policy")
                .map(str::to_owned)
        };
        assert_ne!(policy(), policy());
    }

    /// An attribute of style would need what the policy forbids, and so would a script.
    #[test]
    fn no_page_needs_what_the_policy_forbids() {
        let html = html(&page("Title", "?lang=en", "Text"));
        for forbidden in [
            "style=\"",
            "<script",
            " onclick",
            "url(",
            "@import",
            "http://localhost",
        ] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
    }
}
