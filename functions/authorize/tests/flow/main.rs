//! Authorization against a local AWS: from the request through sign-in and consent to the code, and the ways out.
//!
//! The tests need the environment of a sandbox (`AWS_ENDPOINT_URL` and the tables) and are skipped without it.

mod locks;
mod visit;

use bluebutton::{
    config,
    http::{Method, Response, header},
    identity::sandbox,
    oauth::{APPROVAL_SECONDS, Application, Description, RedirectUri, Scopes},
};
use jiff::{Timestamp, ToSpan};
use stand::proxy::{Fault, Rule, When};

use crate::visit::{
    BASE_URL, Browser, REDIRECT_URI, STATE, Sandbox, answer, hidden, location, text,
};

#[tokio::test]
async fn goes_from_the_request_to_a_code() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let back = sandbox
        .decide(&[("share_demographic_scopes", "True"), ("allow", "Connect")])
        .await;
    assert!(back.as_str().starts_with(REDIRECT_URI));
    assert_eq!(answer(&back, "state").as_deref(), Some(STATE));
    assert_eq!(answer(&back, "iss").as_deref(), Some(BASE_URL));
    let code = answer(&back, "code").expect("a code");
    let code = sandbox
        .tables
        .transient
        .code(&code)
        .await
        .expect("a table")
        .expect("the code");
    let grant = sandbox.grant().await.expect("a grant");
    assert_eq!(code.grant_id, grant.grant_id);
    assert_eq!(code.patient, sandbox.patient);
    assert_eq!(grant.scopes, Scopes::defaults());
    assert_eq!(grant.username.as_deref(), Some(sandbox.patient.as_str()));
    assert!(!grant.substance_use);
}

#[tokio::test]
async fn grants_what_the_beneficiary_chose_and_nothing_by_default() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let check = async |choices: &[(&str, &str)], personal: bool, substance_use: bool| {
        let choices = [&[("allow", "Connect")], choices].concat();
        let back = sandbox.decide(&choices).await;
        assert!(answer(&back, "code").is_some(), "{choices:?}");
        let grant = sandbox.grant().await.expect("a grant");
        let scopes = Scopes::defaults();
        let expected = if personal {
            scopes
        } else {
            scopes.without_demographics()
        };
        assert_eq!(grant.scopes, expected, "{choices:?}");
        assert_eq!(grant.substance_use, substance_use, "{choices:?}");
    };
    let (no, yes) = ("False", "True");
    let personal = "share_demographic_scopes";
    let substance = "share_samhsa_data";
    check(&[], false, false).await;
    check(&[(personal, no)], false, false).await;
    check(&[(personal, no), (personal, yes)], true, false).await;
    check(&[(personal, "true")], false, false).await;
    check(&[(substance, no)], false, false).await;
    check(
        &[(personal, yes), (substance, no), (substance, yes)],
        true,
        true,
    )
    .await;
}

#[tokio::test]
async fn a_refusal_tells_the_application_and_leaves_earlier_consent_alone() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let back = sandbox.decide(&[]).await;
    assert_eq!(answer(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(answer(&back, "state").as_deref(), Some(STATE));
    assert!(answer(&back, "code").is_none());
    assert!(sandbox.grant().await.is_none());
    sandbox.decide(&[("allow", "Connect")]).await;
    let before = sandbox.grant().await.expect("a grant");
    sandbox
        .decide(&[("share_demographic_scopes", "True")])
        .await;
    assert!(sandbox.grant().await == Some(before.clone()));
    sandbox.decide(&[("allow", "Connect")]).await;
    assert_ne!(
        sandbox.grant().await.expect("a grant").grant_id,
        before.grant_id
    );
}

#[tokio::test]
async fn withholding_all_that_is_asked_for_refuses_and_ends_earlier_consent() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let (scope, allow) = (
        ("scope", "patient/Patient.rs profile"),
        ("allow", "Connect"),
    );
    for has_earlier in [true, false] {
        if has_earlier {
            sandbox.decide(&[allow]).await;
        }
        assert_eq!(sandbox.grant().await.is_some(), has_earlier);
        let back = sandbox.decide_on(&[scope], &[allow]).await;
        assert_eq!(answer(&back, "error").as_deref(), Some("access_denied"));
        assert!(answer(&back, "code").is_none());
        assert!(sandbox.grant().await.is_none());
    }
    let mut recorded = sandbox.recorded().await;
    recorded.retain(|action| action != "signed-in");
    // Records of one request have the same time and no order among them.
    recorded.sort();
    let expected = ["consented", "grant-revoked", "refused", "refused"];
    assert_eq!(recorded, expected);
}

#[tokio::test]
async fn shows_pages_with_the_ids_that_browser_tests_use_and_safe_headers() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let mut browser = Browser::default();
    let sign_in = sandbox.begin(&mut browser).await;
    let page = sandbox.get(&mut browser, &sign_in).await;
    let consent = sandbox.sign_in(&mut browser.clone(), &sign_in).await;
    let check = |response: &Response, form_action: &str, expected: &[&str]| {
        let html = text(response);
        assert_eq!(response.status, 200);
        for part in expected {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(html.contains("&#60;App&#62; &#38; &#34;Co&#34;"), "{html}");
        let policy = response
            .header("content-security-policy")
            .expect("a policy");
        assert!(policy.contains(form_action), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
    };
    let ids = [
        r#"id="username-textbox" name="username""#,
        r#"id="password-textbox" name="password""#,
        r#"id="login-button""#,
    ];
    check(&page, "form-action 'self';", &ids);
    let mut browser = Browser::default();
    let sign_in = sandbox.begin(&mut browser).await;
    let own_consent = sandbox.sign_in(&mut browser, &sign_in).await;
    let page = sandbox.get(&mut browser, &own_consent).await;
    let ids = [
        r#"id="authorizationForm""#,
        r#"id="connect_app""#,
        r#"id="radio_1" name="share_demographic_scopes" value="True" checked"#,
        r#"id="permission_expire_info""#,
        r#"id="permission_end_date""#,
        r#"id="deny""#,
        r#"id="approve" name="allow""#,
    ];
    check(&page, "form-action 'self' http://localhost:3001;", &ids);
    // Another browser's consent page is nobody else's.
    let foreign = sandbox.get(&mut browser, &consent).await;
    assert_eq!(foreign.status, 400);
}

#[tokio::test]
async fn without_an_audit_record_nobody_is_signed_in_and_nothing_is_granted_or_used_up() {
    let Some((sandbox, proxy)) = Sandbox::behind_a_proxy().await else {
        return;
    };
    let table = config::variable("AUDIT_TABLE").expect("a sandbox");
    let fail = |fault| proxy.set([Rule::of(&[], When::From(0), fault).on(&table)]);
    let mut browser = Browser::default();
    let sign_in = sandbox.begin(&mut browser).await;
    let html = text(&sandbox.get(&mut browser, &sign_in).await);
    let username = sandbox::user_name_of(&sandbox.patient);
    let password = sandbox::password_of(&username);
    for fault in [Fault::InternalError, Fault::Throttling] {
        fail(fault);
        let response = sandbox
            .try_sign_in(&mut browser, &html, &username, &password)
            .await;
        check_unavailable(&response);
        let page = sandbox.get(&mut browser, &sign_in).await;
        assert_eq!(page.status, 200, "still nobody is signed in");
    }
    proxy.heal();
    let consent = sandbox.sign_in(&mut browser, &sign_in).await;
    let html = text(&sandbox.get(&mut browser, &consent).await);
    let csrf_token = hidden(&html, "csrf_token");
    let (token, allow) = (("csrf_token", csrf_token.as_str()), ("allow", "Connect"));
    let share = ("share_demographic_scopes", "True");
    let decisions: [&[(&str, &str)]; 3] = [&[token, share, allow], &[token, allow], &[token]];
    for fault in [Fault::InternalError, Fault::Throttling] {
        fail(fault);
        for decision in decisions {
            let response = sandbox.post(&mut browser, &consent, decision).await;
            check_unavailable(&response);
            assert!(sandbox.grant().await.is_none(), "{decision:?}");
        }
    }
    proxy.heal();
    assert_eq!(sandbox.recorded().await, ["signed-in"]);
    let response = sandbox.post(&mut browser, &consent, decisions[0]).await;
    assert_eq!(response.status, 303, "the same decision can be sent again");
    assert!(sandbox.grant().await.is_some());
}

fn check_unavailable(response: &Response) {
    assert_eq!(response.status, 503, "{}", text(response));
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.header("location"), None);
}

/// As behind a gateway: on https, and below a stage.
#[tokio::test]
async fn on_https_every_cookie_is_bound_to_the_host() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let sandbox = Sandbox {
        base_url: "https://api.example/dev",
        ..sandbox
    };
    let mut browser = Browser::default();
    let begun = sandbox.begun(&mut browser).await;
    check_cookie(&begun, APPROVAL_SECONDS);
    let sign_in = location(&begun);
    assert!(sign_in.starts_with("/dev/login?"), "{sign_in}");
    let html = text(&sandbox.get(&mut browser, &sign_in).await);
    let username = sandbox::user_name_of(&sandbox.patient);
    let password = sandbox::password_of(&username);
    let signed_in = sandbox
        .try_sign_in(&mut browser, &html, &username, &password)
        .await;
    check_cookie(&signed_in, APPROVAL_SECONDS);
    let consent = location(&signed_in);
    let html = text(&sandbox.get(&mut browser, &consent).await);
    let csrf_token = hidden(&html, "csrf_token");
    let allow = [("csrf_token", csrf_token.as_str()), ("allow", "Connect")];
    let decided = sandbox.post(&mut browser, &consent, &allow).await;
    check_cookie(&decided, 0);
    assert!(location(&decided).contains("code="));
}

/// One cookie, which browsers keep for this host alone, send by https alone and show to no script (RFC 6265bis section
/// 4.1.3.2).
fn check_cookie(response: &Response, max_age: i64) {
    let cookies: Vec<_> = response
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .collect();
    let [cookie] = cookies[..] else {
        panic!("{} cookies", cookies.len());
    };
    let cookie = cookie.to_str().expect("text");
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    assert!(pair.starts_with("__Host-bluebutton-"), "{cookie}");
    let expected = format!("Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax; Secure");
    assert_eq!(attributes, expected);
}

#[tokio::test]
async fn each_step_belongs_to_one_browser_and_happens_once() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let (mut browser, mut thief) = (Browser::default(), Browser::default());
    let sign_in = sandbox.begin(&mut browser).await;
    assert_eq!(sandbox.get(&mut thief, &sign_in).await.status, 400);
    let html = text(&sandbox.get(&mut browser, &sign_in).await);
    let username = sandbox::user_name_of(&sandbox.patient);
    let password = sandbox::password_of(&username);
    let stolen = sandbox
        .try_sign_in(&mut thief, &html, &username, &password)
        .await;
    assert_eq!(stolen.status, 400);
    let forged = html.replace(&hidden(&html, "csrf_token"), "forged");
    let refused = sandbox
        .try_sign_in(&mut browser, &forged, &username, &password)
        .await;
    assert_eq!(refused.status, 403);

    let before = browser.clone();
    let consent = sandbox.sign_in(&mut browser, &sign_in).await;
    assert_ne!(
        browser.header(),
        before.header(),
        "a new session after sign-in"
    );
    assert_eq!(sandbox.get(&mut before.clone(), &consent).await.status, 400);
    let html = text(&sandbox.get(&mut browser, &consent).await);
    let csrf_token = hidden(&html, "csrf_token");
    let allow = |token: &str| {
        [
            ("csrf_token".to_owned(), token.to_owned()),
            ("allow".to_owned(), "x".to_owned()),
        ]
    };
    let post = async |browser: &mut Browser, token: &str| {
        let form = allow(token);
        let form = form
            .each_ref()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        sandbox.post(browser, &consent, &form).await.status
    };
    assert_eq!(post(&mut browser, "forged").await, 403);
    assert_eq!(post(&mut thief, &csrf_token).await, 400);
    assert!(sandbox.grant().await.is_none());
    let mut again = browser.clone();
    assert_eq!(post(&mut browser, &csrf_token).await, 303);
    assert_eq!(post(&mut again, &csrf_token).await, 400);
}

#[tokio::test]
async fn a_request_waits_ten_minutes_for_its_beneficiary_and_not_a_second_longer() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let before = Timestamp::now();
    let sign_in = sandbox.begin(&mut Browser::default()).await;
    let after = Timestamp::now();
    let (_, id) = sign_in.split_once("approval=").expect("an approval");
    let check = async |begun: Timestamp, seconds: i64, expected: bool| {
        let transient = &sandbox.tables.transient;
        let found = transient.approval(id, begun + seconds.seconds()).await;
        let found = found.expect("a table").is_some();
        assert_eq!(found, expected, "after {seconds} s");
    };
    // It began between the two.
    check(before, 0, true).await;
    check(before, APPROVAL_SECONDS - 1, true).await;
    check(after, APPROVAL_SECONDS, false).await;
    assert_eq!(APPROVAL_SECONDS, 600);
}

#[tokio::test]
async fn answers_bad_requests_itself_and_sends_the_browser_nowhere() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let inactive = Application {
        active: false,
        ..Application::register(
            "Off",
            vec![RedirectUri::parse(REDIRECT_URI).expect("a URI")],
        )
        .0
    };
    sandbox.applications.put(&inactive).await.expect("a table");
    let check = async |method: Method, changes: &[(&str, &str)], status: u16, expected: &str| {
        let mut pairs = sandbox.request();
        for (name, value) in changes {
            pairs.retain(|(known, _)| known != name);
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
        let form: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&pairs)
            .finish();
        let mut browser = Browser::default();
        let response = match method {
            Method::GET => {
                sandbox
                    .get(&mut browser, &format!("/v2/o/authorize?{query}"))
                    .await
            }
            _ => sandbox.post(&mut browser, "/v2/o/authorize/", &form).await,
        };
        assert_eq!(response.status, status, "{changes:?}");
        assert!(response.header("location").is_none(), "{changes:?}");
        assert!(browser.cookies.is_empty());
        assert!(
            text(&response).contains(expected),
            "{expected} in {}",
            text(&response)
        );
    };
    let (get, post) = (Method::GET, Method::POST);
    for method in [get.clone(), post.clone()] {
        let unknown = "x".repeat(40);
        check(method.clone(), &[("client_id", "")], 401, "invalid_client").await;
        check(
            method.clone(),
            &[("client_id", &unknown)],
            400,
            "Application does not exist",
        )
        .await;
        check(
            method.clone(),
            &[("client_id", &inactive.client_id)],
            403,
            "inactive",
        )
        .await;
        check(
            method.clone(),
            &[("client_secret", "x")],
            400,
            "Illegal query parameter [client_secret] detected",
        )
        .await;
        check(
            method.clone(),
            &[("redirect_uri", "https://evil.example/")],
            400,
            "redirect_uri",
        )
        .await;
        check(
            method.clone(),
            &[("state", "short")],
            400,
            "minimum of 16 characters",
        )
        .await;
        check(
            method.clone(),
            &[("code_challenge_method", "plain")],
            400,
            "must be S256",
        )
        .await;
        check(
            method.clone(),
            &[("code_challenge", "")],
            400,
            "Missing Required Parameter(s): code_challenge",
        )
        .await;
        check(method, &[("scope", "everything")], 400, "Invalid scopes.").await;
    }
    let no_state = sandbox
        .post(
            &mut Browser::default(),
            "/v2/o/authorize/",
            &[("client_id", "x")],
        )
        .await;
    assert_eq!(no_state.status, 401);
    assert!(text(&no_state).contains("State required in POST body."));
    let mut browser = Browser::default();
    for (target, status) in [
        ("/v2/o/authorize/not-a-uuid/", 404),
        ("/v2/o/authorize/00000000-0000-4000-8000-000000000000/", 400),
        ("/login", 400),
        ("/login?approval=x", 400),
        ("/callback", 404),
        ("/v2/o/else", 404),
    ] {
        assert_eq!(
            sandbox.get(&mut browser, target).await.status,
            status,
            "{target}"
        );
    }
}

#[tokio::test]
async fn two_apps_may_ask_in_two_tabs_of_one_browser() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let mut browser = Browser::default();
    let first = sandbox.begin(&mut browser).await;
    let second = sandbox
        .begin_with(&mut browser, &[("scope", "profile")])
        .await;
    let second = sandbox.sign_in(&mut browser, &second).await;
    let first = sandbox.sign_in(&mut browser, &first).await;
    assert_eq!(sandbox.get(&mut browser, &first).await.status, 200);
    assert_eq!(sandbox.get(&mut browser, &second).await.status, 200);
}

#[tokio::test]
async fn one_person_may_sign_in_many_times_at_once() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let sign_in = async || {
        let mut browser = Browser::default();
        let page = sandbox.begin(&mut browser).await;
        sandbox.sign_in(&mut browser, &page).await
    };
    let rounds = (0..8).map(|_| sign_in());
    futures_util::future::join_all(rounds).await;
}

#[tokio::test]
async fn pages_stay_in_the_language_that_was_chosen() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let mut browser = Browser::default();
    let check = async |browser: &mut Browser, target: &str, language: &str| {
        let html = text(&sandbox.get(browser, target).await);
        let expected = format!("<html lang=\"{language}\">");
        assert!(html.contains(&expected), "{target}: {html}");
    };
    let sign_in = sandbox.begin_with(&mut browser, &[("lang", "es")]).await;
    let plain = sign_in
        .strip_suffix("&lang=es")
        .expect("the language is kept");
    check(&mut browser, &sign_in, "es").await;
    check(&mut browser, plain, "es").await;
    check(&mut browser, &format!("{plain}&lang=en"), "en").await;
    check(&mut browser, plain, "en").await;
    check(&mut browser, &sign_in, "es").await;
    let consent = sandbox.sign_in(&mut browser, &sign_in).await;
    let plain = consent
        .strip_suffix("?lang=es")
        .expect("the language is kept");
    check(&mut browser, plain, "es").await;
    check(&mut browser, &format!("{plain}?lang=en"), "en").await;
    check(&mut browser, plain, "en").await;
    check(&mut browser, &format!("{plain}?lang=xx"), "en").await;
    keep_the_boxes(&sandbox, &mut browser, plain).await;
    for (target, language) in [
        ("/login?approval=x&lang=es", "es"),
        ("/v2/o/authorize?lang=es", "es"),
        ("/v2/o/authorize?lang=en", "en"),
        ("/v2/o/authorize", "en"),
    ] {
        check(&mut Browser::default(), target, language).await;
    }
}

/// The switch of the consent page posts the form, which shows it again as it was left and decides nothing.
async fn keep_the_boxes(sandbox: &Sandbox, browser: &mut Browser, consent: &str) {
    let page = text(&sandbox.get(browser, consent).await);
    let csrf_token = hidden(&page, "csrf_token");
    for (language, token, personal, substance_use, status) in [
        ("es", csrf_token.as_str(), "False", "True", 200),
        ("en", csrf_token.as_str(), "True", "False", 200),
        ("en", "forged", "True", "True", 403),
    ] {
        let form = [
            ("csrf_token", token),
            ("share_demographic_scopes", "False"),
            ("share_demographic_scopes", personal),
            ("share_samhsa_data", "False"),
            ("share_samhsa_data", substance_use),
            ("switch_language", ""),
        ];
        let target = format!("{consent}?lang={language}");
        let answer = sandbox.post(browser, &target, &form).await;
        let html = text(&answer);
        assert_eq!(answer.status, status, "{html}");
        if status == 200 {
            assert!(html.contains(&format!("<html lang=\"{language}\">")));
            for (id, value) in [("radio_1", personal), ("accordion-check-1", substance_use)] {
                let field = html
                    .split("<input")
                    .find(|field| field.contains(&format!("id=\"{id}\"")));
                let is_ticked = field.expect("a box").contains(" checked");
                assert_eq!(is_ticked, value == "True", "{id} in {language}");
            }
        }
    }
}

#[tokio::test]
async fn someone_else_may_sign_in_instead() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let mut browser = Browser::default();
    let sign_in = sandbox.begin(&mut browser).await;
    let consent = sandbox.sign_in(&mut browser, &sign_in).await;
    let page = text(&sandbox.get(&mut browser, &consent).await);
    let csrf_token = hidden(&page, "csrf_token");
    let switch = [("switch_account", "forged")];
    let forged = sandbox.post(&mut browser, &consent, &switch).await;
    assert_eq!(forged.status, 403);
    let switch = [("switch_account", csrf_token.as_str())];
    let response = sandbox.post(&mut browser, &consent, &switch).await;
    assert_eq!(response.status, 303);
    assert_eq!(location(&response), sign_in);
    let without_person = sandbox.get(&mut browser, &consent).await;
    assert_eq!(location(&without_person), sign_in);
    let allow = [("csrf_token", csrf_token.as_str()), ("allow", "Connect")];
    let early = sandbox.post(&mut browser, &consent, &allow).await;
    assert_eq!(early.status, 400);
    assert!(sandbox.grant().await.is_none());
    let again = sandbox.sign_in(&mut browser, &sign_in).await;
    assert_eq!(again, consent);
    assert_eq!(sandbox.get(&mut browser, &consent).await.status, 200);
}

/// What gets out of text, of attributes with each kind of quotes, of URLs, of the title, of the style, of comments.
const PAYLOADS: [&str; 30] = [
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</strong><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "'><svg onload=alert(1)>",
    "\" onfocus=\"alert(1)\" autofocus=\"",
    "' onfocus='alert(1)' autofocus='",
    "` onfocus=`alert(1)`",
    "\" style=\"position:fixed;inset:0\"",
    "<a href=\"javascript:alert(1)\">x</a>",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "//evil.example/<script>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<form action=https://evil.example><button>x",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<!-- ",
    "--><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "{{7*7}}{% include x %}<b>",
    "\u{202e}<ſcript>\u{fe64}\u{ff1c}x>",
];

#[tokio::test]
async fn nothing_that_others_wrote_gets_out_of_its_place() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let plain = structures(&pages_with(&sandbox, "plain").await);
    for payload in PAYLOADS {
        let pages = pages_with(&sandbox, payload).await;
        assert_eq!(structures(&pages), plain, "{payload}");
        let has_markup = payload.contains(['<', '"', '\'']);
        for page in pages.iter().filter(|_| has_markup) {
            assert!(!page.contains(payload), "{payload} in {page}");
        }
    }
}

/// Every page with that text wherever someone else's text comes from: the application, the request, the form.
async fn pages_with(sandbox: &Sandbox, text_of_others: &str) -> Vec<String> {
    let application = Application {
        name: text_of_others.into(),
        description: Some(Description::parse(text_of_others).expect("a short text")),
        policy_uri: Some(format!("https://app.example/{text_of_others}")),
        tos_uri: Some(text_of_others.into()),
        ..sandbox.application.clone()
    };
    sandbox
        .applications
        .put(&application)
        .await
        .expect("a table");
    let mut browser = Browser::default();
    let more = [("lang", text_of_others), ("nonce", text_of_others)];
    let sign_in = sandbox.begin_with(&mut browser, &more).await;
    let first = text(&sandbox.get(&mut browser, &sign_in).await);
    let refused = sandbox
        .try_sign_in(&mut browser, &first, text_of_others, text_of_others)
        .await;
    assert_eq!(refused.status, 403);
    let consent = sandbox.sign_in(&mut browser, &sign_in).await;
    let consent = sandbox.get(&mut browser, &consent).await;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("approval", text_of_others)
        .append_pair(text_of_others, text_of_others)
        .append_pair("state", text_of_others)
        .append_pair("lang", text_of_others)
        .finish();
    let expired = sandbox.get(&mut browser, &format!("/login?{query}")).await;
    let query = query.replace("approval=", "client_id=");
    let unknown = sandbox
        .get(&mut browser, &format!("/v2/o/authorize?{query}"))
        .await;
    let responses = [refused, consent, expired, unknown];
    responses.iter().map(text).chain([first]).collect()
}

/// The tags of each page with the names of their attributes, in order.
fn structures(pages: &[String]) -> Vec<Vec<String>> {
    let structure = |page: &String| page.split('<').skip(1).map(tag).collect();
    pages.iter().map(structure).collect()
}

/// `a class href` of `a class="x" href="y">`: every second part between quotes is a value.
fn tag(text: &str) -> String {
    let names = text.split('"').step_by(2).collect::<String>();
    names.split('>').next().unwrap_or_default().to_owned()
}
