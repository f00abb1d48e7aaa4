//! The pages that a beneficiary sees. Element ids and field names are those that browser tests of existing apps use.

use askama::Template;
use bluebutton::{
    http::{
        Call, Language, Method, Parameters, Response, StatusCode,
        page::{self, Frame},
    },
    oauth::{
        Application, Approval, DataAccess, Description, Resource, authorize::redirect_origin,
        token::ACCESS_TOKEN_SECONDS,
    },
    secret::Secret,
};
use jiff::{Timestamp, tz::TimeZone};
use url::form_urlencoded::Serializer;

use crate::texts::{ConsentTexts, Item, Message, SignInTexts, Texts};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    texts: &'static SignInTexts,
    application: &'a str,
    action: &'a str,
    approval: &'a str,
    csrf_token: &'a str,
    username: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct Consent<'a> {
    texts: &'static ConsentTexts,
    new_tab: &'static str,
    application: &'a str,
    description: Option<&'a str>,
    username: Option<&'a str>,
    csrf_token: &'a str,
    items: Vec<Item>,
    asks_demographics: bool,
    asks_substance_use: bool,
    boxes: Boxes,
    expiry: &'static str,
    end_date: String,
    policy_uri: Option<&'a str>,
    tos_uri: Option<&'a str>,
}

/// The id of the consent page's form.
const FORM: &str = "authorizationForm";

/// Which boxes of the consent page are ticked.
#[derive(Clone, Copy)]
pub(crate) struct Boxes {
    /// Personal information.
    pub(crate) personal: bool,
    /// Claims about substance use.
    pub(crate) substance_use: bool,
}

impl Boxes {
    /// As the page is shown first.
    pub(crate) const FIRST: Self = Self {
        personal: true,
        substance_use: false,
    };

    /// As the person left them. No answer counts as no.
    pub(crate) fn of(form: &Parameters) -> Self {
        // A checkbox sends its value after the hidden field of the same name.
        let is_ticked = |name| form.last(name) == Some("True");
        Self {
            personal: is_ticked("share_demographic_scopes"),
            substance_use: is_ticked("share_samhsa_data"),
        }
    }
}

/// What the consent page shows: to whom, for which request, and how the boxes are ticked.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) approval: &'a Approval,
    pub(crate) username: Option<&'a str>,
    pub(crate) boxes: Boxes,
}

/// Whether the sign-in page is shown for the first time, or after an attempt with that name that failed.
#[derive(Clone, Copy)]
pub(crate) enum Attempt<'a> {
    First,
    Failed(&'a str),
}

/// The sandbox's sign-in page.
pub(crate) fn sign_in(
    application: &Application,
    (action, id, language): (&str, &str, Language),
    csrf_token: &Secret,
    attempt: Attempt<'_>,
) -> Response {
    let texts = Texts::of(language);
    let (status, problem, username) = match attempt {
        Attempt::First => (StatusCode::OK, "", None),
        Attempt::Failed(username) => (StatusCode::FORBIDDEN, texts.problem, Some(username)),
    };
    let title = format!("{problem}{}", texts.sign_in.title);
    let switch = switch(&[("approval".to_owned(), id.to_owned())], language);
    let frame = Frame::new(language, &title, Some(&switch));
    let page = SignIn {
        texts: &texts.sign_in,
        application: &application.name,
        action,
        approval: id,
        csrf_token: csrf_token.expose(),
        username,
    };
    frame.around(status, &page, None)
}

/// The consent page: only what the request asks for, and what the application may have of it.
pub(crate) fn consent(
    application: &Application,
    shown: Shown<'_>,
    csrf_token: &Secret,
    now: Timestamp,
) -> Response {
    let Shown {
        approval,
        username,
        boxes,
    } = shown;
    let all_texts = Texts::of(approval.language);
    let (texts, scopes) = (&all_texts.consent, approval.scopes);
    let switch = switch(&[], approval.language);
    let frame = Frame::new(approval.language, texts.title, Some(&switch)).with_form(FORM);
    let (expiry, end_date) = expiry(application.data_access, now, all_texts);
    let asks_claims = permits(approval, Resource::ExplanationOfBenefit);
    let page = Consent {
        texts,
        new_tab: all_texts.new_tab,
        application: &application.name,
        description: application.description.as_ref().map(Description::as_str),
        username,
        csrf_token: csrf_token.expose(),
        items: items(application, approval, texts),
        asks_demographics: scopes.without_demographics() != scopes,
        // Prescription drug claims carry nothing that tells of treatment for substance use.
        asks_substance_use: asks_claims && !application.part_d_eob_only,
        boxes,
        expiry,
        end_date,
        policy_uri: web_page(application.policy_uri.as_deref()),
        tos_uri: web_page(application.tos_uri.as_deref()),
    };
    let target = redirect_origin(&approval.redirect_uri);
    frame.around(StatusCode::OK, &page, target.as_deref())
}

/// A page that says why it ends here.
pub(crate) fn message(
    call: &Call,
    language: Language,
    status: StatusCode,
    message: &Message,
) -> Response {
    let texts = Texts::of(language);
    // What was posted, or came from the identity provider, cannot be asked for again in another language; after the
    // forms of ours the same page comes anyhow.
    let is_posted_request = call.method == Method::POST && call.path == "/o/authorize";
    let is_used_up = is_posted_request || call.path == "/callback";
    let switch = (!is_used_up).then(|| switch(&call.query, language));
    let frame = Frame::new(language, message.title, switch.as_deref());
    let detail = message.detail.map(|detail| (texts.for_developers, detail));
    page::message(status, &frame, message.paragraphs, detail)
}

/// What the application gets whatever the beneficiary chooses on the page.
fn items(application: &Application, approval: &Approval, texts: &ConsentTexts) -> Vec<Item> {
    let claims = match (
        permits(approval, Resource::ExplanationOfBenefit),
        application.part_d_eob_only,
    ) {
        (false, _) => vec![],
        (true, true) => vec![texts.prescriptions],
        (true, false) => vec![
            texts.doctor_visits,
            texts.hospital_visits,
            texts.prescriptions,
        ],
    };
    let coverage = permits(approval, Resource::Coverage).then_some(texts.coverage);
    coverage.into_iter().chain(claims).collect()
}

fn permits(approval: &Approval, resource: Resource) -> bool {
    approval.scopes.permits_read(resource) || approval.scopes.permits_search(resource)
}

fn expiry(access: DataAccess, now: Timestamp, texts: &'static Texts) -> (&'static str, String) {
    let end = access.grant_expiry(now, ACCESS_TOKEN_SECONDS);
    let date = |end: Timestamp| texts.date(end.to_zoned(TimeZone::UTC).date());
    match access {
        DataAccess::OneTime => (texts.consent.access_once, String::new()),
        DataAccess::ThirteenMonth => (
            texts.consent.access_until,
            end.map(date).unwrap_or_default(),
        ),
        DataAccess::ResearchStudy => (texts.consent.access_until_stopped, String::new()),
    }
}

/// The address of the page with that query in the other language, seen from the page.
fn switch(query: &[(String, String)], language: Language) -> String {
    let kept = query.iter().filter(|(name, _)| name != "lang");
    let query = Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("lang", language.other().as_str())
        .finish();
    format!("?{query}")
}

/// Only web pages are linked, whatever an application registered.
fn web_page(uri: Option<&str>) -> Option<&str> {
    uri.filter(|uri| uri.starts_with("https://") || uri.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading_grade::{flesch_kincaid, inflesz, sentences};
    use bluebutton::{
        http::ApiVersion,
        oauth::{Scopes, pkce::CodeChallenge},
    };

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn application() -> Application {
        let (application, _) = Application::register("Daisy", vec![]);
        Application {
            policy_uri: Some("https://app.example/privacy".into()),
            tos_uri: Some("javascript:alert(1)".into()),
            ..application
        }
    }

    fn approval(language: Language, scope: &str) -> Approval {
        Approval {
            client_id: String::new(),
            redirect_uri: "https://app.example/callback".into(),
            scopes: Scopes::parse(scope).expect("known scopes"),
            state: String::new(),
            challenge: CodeChallenge::parse(CHALLENGE).expect("a challenge"),
            version: ApiVersion::V2,
            language,
            session_hash: String::new(),
            person: None,
            expires_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn consent_html(application: &Application, language: Language, scope: &str) -> String {
        let now = "2026-11-22T06:00:00Z".parse().expect("a time");
        let approval = approval(language, scope);
        let response = consent(
            application,
            Shown {
                approval: &approval,
                username: Some("BBUser00000"),
                boxes: Boxes::FIRST,
            },
            &Secret::new("x"),
            now,
        );
        html(response)
    }

    fn html(response: Response) -> String {
        String::from_utf8(response.body).expect("UTF-8")
    }

    fn call() -> Call {
        Call::new(&serde_json::json!({}), "", Some("http://localhost:8000"))
    }

    /// Every page in that language, by name.
    fn every_page(language: Language) -> Vec<(String, String)> {
        let (app, secret) = (application(), Secret::new("x"));
        let texts = Texts::of(language);
        let mut pages = Vec::new();
        for (name, attempt) in [
            ("sign-in", Attempt::First),
            ("refused", Attempt::Failed("me")),
        ] {
            let page = sign_in(&app, ("/login", "id", language), &secret, attempt);
            pages.push((name.to_owned(), html(page)));
        }
        for data_access in [
            DataAccess::OneTime,
            DataAccess::ThirteenMonth,
            DataAccess::ResearchStudy,
        ] {
            let app = Application {
                data_access,
                ..application()
            };
            let page = consent_html(&app, language, Scopes::DEFAULT);
            pages.push((format!("consent {data_access:?}"), page));
        }
        let messages = [
            &texts.client_missing,
            &texts.client_unknown,
            &texts.client_inactive,
            &texts.redirect_uri,
            &texts.expired,
            &texts.too_many,
            &texts.signed_out,
            &texts.provider_unavailable,
            &texts.not_confirmed,
            &texts.no_number,
            &texts.no_records,
            &texts.several_records,
            &texts.unavailable,
        ];
        for text in messages {
            let page = message(&call(), language, StatusCode::OK, text);
            pages.push((text.title.to_owned(), html(page)));
        }
        pages
    }

    #[test]
    fn every_page_is_easy_to_read() {
        const GRADE_MAX: f64 = 8.0;
        const INFLESZ_NORMAL: f64 = 55.0;
        for (name, page) in every_page(Language::English) {
            let grade = flesch_kincaid(&sentences(&page));
            assert!(grade <= GRADE_MAX, "grade {grade:.1}: {name}");
        }
        for (name, page) in every_page(Language::Spanish) {
            let ease = inflesz(&sentences(&page));
            assert!(ease >= INFLESZ_NORMAL, "{ease:.1}: {name}");
        }
    }

    #[test]
    fn shows_what_the_request_asks_for_and_the_application_may_have() {
        const PARTS: [&str; 7] = [
            "Medicare coverage",
            "Doctor visits",
            "Hospital visits",
            "Prescription drugs",
            "share_demographic_scopes",
            "share_samhsa_data",
            "What the app will get",
        ];
        let prescriptions = Application {
            part_d_eob_only: true,
            ..application()
        };
        let check = |application: &Application, scope: &str, expected: [bool; 7]| {
            let page = consent_html(application, Language::English, scope);
            for (part, expected) in PARTS.iter().zip(expected) {
                assert_eq!(page.contains(part), expected, "{part} for {scope}");
            }
        };
        let (y, n) = (true, false);
        check(&application(), Scopes::DEFAULT, [y, y, y, y, y, y, y]);
        check(&application(), "patient/Coverage.rs", [y, n, n, n, n, n, y]);
        check(
            &application(),
            "patient/ExplanationOfBenefit.s",
            [n, y, y, y, n, y, y],
        );
        check(&application(), "profile", [n, n, n, n, y, n, n]);
        check(
            &application(),
            "patient/Patient.r openid",
            [n, n, n, n, y, n, n],
        );
        check(&prescriptions, Scopes::DEFAULT, [y, n, n, y, y, n, y]);
    }

    #[test]
    fn says_until_when_in_the_language_of_the_page() {
        let check = |data_access, language, expected: &str| {
            let application = Application {
                data_access,
                ..application()
            };
            let page = consent_html(&application, language, Scopes::DEFAULT);
            let text = page
                .split_once("permission_expire_info\">")
                .map(|(_, rest)| rest);
            let text = text
                .and_then(|text| text.split_once("</p>"))
                .expect("the sentence")
                .0;
            let text = text
                .replace("<strong id=\"permission_end_date\">", "")
                .replace("</strong>", "");
            assert_eq!(text, expected);
        };
        use DataAccess::{OneTime, ResearchStudy, ThirteenMonth};
        use Language::{English, Spanish};
        check(
            OneTime,
            English,
            "Daisy will have access to your data one time, for 1 hour.",
        );
        check(
            ThirteenMonth,
            English,
            "Daisy will have access to your data for 13 months, until December 22, 2027.",
        );
        check(
            ResearchStudy,
            English,
            "Daisy will have access to your data until you stop it.",
        );
        check(
            OneTime,
            Spanish,
            "Daisy tendrá acceso a sus datos una sola vez, durante 1 hora.",
        );
        check(
            ThirteenMonth,
            Spanish,
            "Daisy tendrá acceso a sus datos durante 13 meses, hasta el 22 de diciembre de 2027.",
        );
        check(
            ResearchStudy,
            Spanish,
            "Daisy tendrá acceso a sus datos hasta que usted lo cancele.",
        );
    }

    #[test]
    fn links_to_web_pages_only() {
        let page = consent_html(&application(), Language::English, Scopes::DEFAULT);
        assert!(page.contains("href=\"https://app.example/privacy\""));
        assert!(!page.contains("javascript:") && !page.contains("Terms of the app"));
    }

    #[test]
    fn the_other_language_is_one_link_away_and_keeps_the_query() {
        let check = |query: &[(&str, &str)], language, expected: &str| {
            let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let query: Vec<_> = query.iter().map(pair).collect();
            assert_eq!(switch(&query, language), expected);
        };
        check(&[], Language::English, "?lang=es");
        check(&[("lang", "es")], Language::Spanish, "?lang=en");
        check(
            &[("a", "&\"<"), ("lang", "x"), ("lang", "y")],
            Language::English,
            "?a=%26%22%3C&lang=es",
        );
    }
}
