//! The pages that a beneficiary sees. Element ids and field names are those that browser tests of existing apps use.

use askama::Template;
use bluebutton::{
    http::{
        Response, StatusCode,
        page::{self, STYLE, page_of},
    },
    oauth::{
        Application, Approval, DataAccess, Resource,
        authorize::{Notice, redirect_origin},
        token::ACCESS_TOKEN_SECONDS,
    },
    secret::Secret,
};
use jiff::{Timestamp, tz::TimeZone};

use crate::texts::{ENGLISH, Texts};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    language: &'static str,
    style: &'static str,
    title: &'static str,
    texts: &'static Texts,
    application: &'a str,
    action: &'a str,
    approval: &'a str,
    csrf_token: &'a str,
    problem: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct Consent<'a> {
    language: &'static str,
    style: &'static str,
    title: &'static str,
    texts: &'static Texts,
    application: &'a str,
    csrf_token: &'a str,
    items: Vec<&'static str>,
    asks_demographics: bool,
    asks_claims: bool,
    expiry: &'static str,
    end_date: String,
    policy_uri: Option<&'a str>,
    tos_uri: Option<&'a str>,
}

/// Whether the sign-in page is shown for the first time or after an attempt that failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    First,
    Failed,
}

/// The sandbox's sign-in page.
pub(crate) fn sign_in(
    application: &Application,
    (action, approval): (&str, &str),
    csrf_token: &Secret,
    attempt: Attempt,
) -> Response {
    let texts = &ENGLISH;
    let (status, problem) = match attempt {
        Attempt::First => (StatusCode::OK, None),
        Attempt::Failed => (StatusCode::FORBIDDEN, Some(texts.sign_in_problem)),
    };
    let page = SignIn {
        language: texts.language,
        style: STYLE,
        title: texts.sign_in_title,
        texts,
        application: &application.name,
        action,
        approval,
        csrf_token: csrf_token.expose(),
        problem,
    };
    page_of(status, &page, None)
}

/// The consent page.
pub(crate) fn consent(
    application: &Application,
    approval: &Approval,
    csrf_token: &Secret,
    now: Timestamp,
) -> Response {
    let texts = &ENGLISH;
    let scopes = approval.scopes;
    let permits = |resource| scopes.permits_read(resource) || scopes.permits_search(resource);
    let asks_claims = permits(Resource::ExplanationOfBenefit);
    let coverage = permits(Resource::Coverage).then_some(texts.coverage);
    let claims = texts.claims.into_iter().filter(|_| asks_claims);
    let (expiry, end_date) = expiry(application.data_access, now, texts);
    let page = Consent {
        language: texts.language,
        style: STYLE,
        title: texts.connect,
        texts,
        application: &application.name,
        csrf_token: csrf_token.expose(),
        items: claims.chain(coverage).collect(),
        asks_demographics: scopes.without_demographics() != scopes,
        asks_claims,
        expiry,
        end_date,
        policy_uri: web_page(application.policy_uri.as_deref()),
        tos_uri: web_page(application.tos_uri.as_deref()),
    };
    let target = redirect_origin(&approval.redirect_uri);
    page_of(StatusCode::OK, &page, target.as_deref())
}

/// The page for a request that cannot go on.
pub(crate) fn notice(status: StatusCode, notice: Notice) -> Response {
    let text = match notice {
        Notice::ClientMissing => ENGLISH.client_missing,
        Notice::ClientUnknown => ENGLISH.client_unknown,
        Notice::ClientInactive => {
            return page::message(
                status,
                ENGLISH.client_inactive_title,
                ENGLISH.client_inactive,
            );
        }
        Notice::RedirectUri => ENGLISH.redirect_uri,
    };
    page::message(status, ENGLISH.not_set_up_title, text)
}

/// The page for an approval that has ended, was used, or belongs to another browser.
pub(crate) fn expired(status: StatusCode) -> Response {
    page::message(status, ENGLISH.expired_title, ENGLISH.expired_text)
}

/// The page for a way to sign in that is not built yet.
pub(crate) fn not_built() -> Response {
    let status = StatusCode::NOT_IMPLEMENTED;
    page::message(status, ENGLISH.not_built_title, ENGLISH.not_built_text)
}

/// The page for a table that does not answer.
pub(crate) fn unavailable() -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    page::message(status, ENGLISH.unavailable_title, ENGLISH.unavailable_text)
        .with_header(bluebutton::http::header::RETRY_AFTER, "1")
}

fn expiry(access: DataAccess, now: Timestamp, texts: &Texts) -> (&'static str, String) {
    let end = access.grant_expiry(now, ACCESS_TOKEN_SECONDS);
    let date = |end: Timestamp| {
        let day = end.to_zoned(TimeZone::UTC);
        day.strftime("%B %-d, %Y").to_string()
    };
    match access {
        DataAccess::OneTime => (texts.access_once, String::new()),
        DataAccess::ThirteenMonth => (texts.access_until, end.map(date).unwrap_or_default()),
        DataAccess::ResearchStudy => (texts.access_until_stopped, String::new()),
    }
}

/// Only web pages are linked, whatever an application registered.
fn web_page(uri: Option<&str>) -> Option<&str> {
    uri.filter(|uri| uri.starts_with("https://") || uri.starts_with("http://"))
}
