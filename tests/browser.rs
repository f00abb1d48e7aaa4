//! A real browser on the beneficiary's pages: people sign in and consent, with and without a mouse, in both languages,
//! on screens of both sizes; and axe finds nothing.

mod driver;
mod page;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use self::driver::{Driver, ENTER, SPACE, TAB, wait_until};
use self::page::check_page;
use crate::client::{Application, AuthorizationRequest, Person, Sandbox, parameter};
use crate::script;

#[test]
fn a_person_signs_in_and_connects_an_app_in_a_browser() {
    let Some((sandbox, driver)) = ready() else {
        return;
    };
    let application = sandbox.application(0);
    let request = AuthorizationRequest::new();
    let person = Person::synthetic(14);

    driver.open(&authorize(&sandbox, &application, &request, "en"));
    driver.type_into("#username-textbox", &person.username);
    driver.type_into("#password-textbox", "not the password");
    driver.follow("#login-button");
    assert!(
        driver.exists("#sign-in-problem"),
        "a wrong password shows the page again"
    );
    driver.clear("#username-textbox");
    driver.type_into("#username-textbox", &person.username);
    driver.type_into("#password-textbox", &person.password);
    driver.follow("#login-button");
    assert!(driver.exists("#approve"), "the consent page comes");
    driver.click("#approve");
    let callback = driver.wait_for_url(&application.redirect_uri);
    assert_eq!(
        parameter(&callback, "state").as_deref(),
        Some(request.state.as_str())
    );
    let code = parameter(&callback, "code").expect("the browser reached the app with a code");
    let tokens = sandbox.token(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &application.redirect_uri),
        ("code_verifier", &request.code_verifier),
        ("client_id", &application.client_id),
        ("client_secret", &application.client_secret),
    ]);
    assert_eq!(
        tokens.json()["patient"],
        person.patient.as_str(),
        "{}",
        tokens.body
    );
}

#[test]
fn the_pages_work_with_a_keyboard_alone() {
    let Some((sandbox, driver)) = ready() else {
        return;
    };
    let check = |language: &str, person: &Person, buttons: &[&str], answer: &str| {
        let application = sandbox.application(0);
        driver.open(&authorize(
            &sandbox,
            &application,
            &AuthorizationRequest::new(),
            language,
        ));
        tab_to(&driver, &["skip", "lang_toggle", "username-textbox"]);
        driver.press("nobody".chars());
        tab_to(&driver, &["password-textbox"]);
        driver.leave(|| driver.press("wrong".chars().chain([ENTER])));
        assert_focus(&driver, "sign-in-problem");
        tab_to(&driver, &["problem-link"]);
        driver.press([ENTER]);
        assert_focus(&driver, "username-textbox");
        driver.run("document.activeElement.select()");
        driver.press(person.username.chars());
        tab_to(&driver, &["password-textbox"]);
        driver.press(person.password.chars());
        tab_to(&driver, &["login-button"]);
        driver.leave(|| driver.press([ENTER]));

        assert!(driver.exists("#approve"), "the consent page comes");
        tab_to(&driver, &["skip"]);
        driver.press([ENTER]);
        assert_focus(&driver, "main");
        tab_to(&driver, &["switch-account", "policy", "terms", "radio_1"]);
        tab_to(&driver, &["accordion-check-1"]);
        driver.press([SPACE]);
        let is_checked = driver.run("return document.activeElement.checked");
        assert_eq!(is_checked, true, "the space bar checks the box");
        tab_to(&driver, &["connected-apps", "stop-by-phone", "stop-by-tty"]);
        tab_to(&driver, buttons);
        driver.press([ENTER]);
        let callback = driver.wait_for_url(&application.redirect_uri);
        assert!(parameter(&callback, answer).is_some(), "{callback}");
    };
    check("en", &Person::synthetic(30), &["deny", "approve"], "code");
    check("es", &Person::synthetic(31), &["deny"], "error");
}

#[test]
fn the_language_changes_on_every_page_and_stays() {
    let Some((sandbox, driver)) = ready() else {
        return;
    };
    let application = sandbox.application(0);
    let person = Person::synthetic(32);
    let language = || driver.run("return document.documentElement.lang");
    driver.open(&authorize(
        &sandbox,
        &application,
        &AuthorizationRequest::new(),
        "en",
    ));
    assert_eq!(language(), "en");
    driver.follow("#lang_toggle");
    assert_eq!(language(), "es");
    driver.type_into("#username-textbox", "nobody");
    driver.type_into("#password-textbox", "x");
    driver.follow("#login-button");
    assert!(driver.exists("#sign-in-problem"));
    assert_eq!(language(), "es", "also after a problem");
    driver.clear("#username-textbox");
    sign_in(&driver, &person);
    assert_eq!(language(), "es", "also on the next page");
    let end = driver.run("return document.getElementById('permission_end_date').textContent");
    assert!(
        end.as_str().is_some_and(|end| end.contains(" de 20")),
        "{end}"
    );
    // What was chosen stays, there and back.
    let boxes = || {
        driver.run(
            "return ['radio_1', 'accordion-check-1'].map(id => document.getElementById(id).checked)",
        )
    };
    assert_eq!(boxes(), json!([true, false]));
    for box_id in ["#radio_1", "#accordion-check-1"] {
        driver.click(box_id);
    }
    for expected in ["en", "es", "en"] {
        driver.follow("#lang_toggle");
        assert_eq!(language(), expected);
        assert_eq!(boxes(), json!([false, true]), "{expected}");
    }
    driver.follow("#switch-account");
    assert!(
        driver.exists("#username-textbox"),
        "someone else may sign in"
    );
    assert_eq!(language(), "en");
    sign_in(&driver, &Person::synthetic(33));
    let name = driver.run("return document.querySelector('#account-form strong').textContent");
    assert_eq!(name, Person::synthetic(33).username.as_str());
    driver.click("#approve");
    let callback = driver.wait_for_url(&application.redirect_uri);
    assert!(parameter(&callback, "code").is_some(), "{callback}");
}

#[test]
fn every_page_is_accessible_small_and_safe() {
    let Some((sandbox, driver)) = ready() else {
        return;
    };
    let Some(axe) = axe() else {
        return;
    };
    let person = Person::synthetic(34);
    let mut report = String::new();
    for language in ["en", "es"] {
        let mut check = |page: &str| check_page(&driver, &axe, page, language, &mut report);
        for (page, url) in message_pages(&sandbox, language) {
            driver.open(&url);
            check(page);
        }
        for (page, application) in [
            ("consent", "Sandbox app"),
            ("consent-once", "One-time app"),
            ("consent-prescriptions", "Prescriptions app"),
        ] {
            let application = sandbox.application_named(application);
            let request = AuthorizationRequest::new();
            driver.open(&authorize(&sandbox, &application, &request, language));
            if page == "consent" {
                check("sign-in");
                driver.type_into("#username-textbox", "nobody");
                driver.type_into("#password-textbox", "x");
                driver.follow("#login-button");
                assert!(driver.exists("#sign-in-problem"));
                check("sign-in-refused");
                driver.clear("#username-textbox");
            }
            sign_in(&driver, &person);
            check(page);
        }
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe.txt");
    fs::write(file, &report).unwrap();
    assert!(!report.contains("VIOLATION"), "{report}");
}

/// Element ids and field names that browser tests of existing apps use.
#[test]
fn the_pages_have_the_ids_and_names_that_existing_tests_use() {
    let Some((sandbox, driver)) = ready() else {
        return;
    };
    let check = |selectors: &[&str]| {
        for selector in selectors {
            assert!(driver.exists(selector), "{selector}");
        }
    };
    let request = AuthorizationRequest::new();
    driver.open(&authorize(
        &sandbox,
        &sandbox.application(0),
        &request,
        "en",
    ));
    check(&[
        "#username-textbox[name=username]",
        "#password-textbox[name=password]",
        "button#login-button[type=submit]",
        "#lang_toggle",
    ]);
    assert_eq!(text_of(&driver, "login-button"), "Log in");
    assert_eq!(text_of(&driver, "lang_toggle"), "Cambiar a español");
    sign_in(&driver, &Person::synthetic(34));
    check(&[
        "form#authorizationForm[method=post]",
        "span#connect_app",
        "#authorizationForm input[type=hidden][name=share_demographic_scopes][value=False]",
        "#authorizationForm input[type=checkbox]#radio_1[name=share_demographic_scopes][value=True]:checked",
        "#authorizationForm input[type=hidden][name=share_samhsa_data][value=False]",
        "#authorizationForm input[type=checkbox]#accordion-check-1[name=share_samhsa_data][value=True]:not(:checked)",
        "#permission_expire_info",
        "#permission_end_date",
        "#authorizationForm input#deny[type=submit][value=Cancel]:not([name])",
        "#authorizationForm input#approve[type=submit][name=allow][value=Connect]",
        "#lang_toggle",
    ]);
    let same = driver.run(
        "const look = id => { const e = document.getElementById(id), s = getComputedStyle(e), r = e.getBoundingClientRect();
           return [r.width, r.height, s.color, s.backgroundColor, s.borderColor, s.fontSize, s.fontWeight].join(); };
         return look('deny') === look('approve')",
    );
    assert_eq!(same, true, "Connect and Cancel have equal weight");
}

/// The pages that end a request, each by the way there.
fn message_pages(sandbox: &Sandbox, language: &str) -> Vec<(&'static str, String)> {
    let request = AuthorizationRequest::new();
    let inactive = sandbox.application_named("Inactive app");
    let mut unknown = inactive.clone();
    unknown.client_id = "a".repeat(40);
    let mut foreign = sandbox.application(0);
    foreign.redirect_uri = "https://foreign.example/".to_owned();
    let url = |application| authorize(sandbox, application, &request, language);
    let base = &sandbox.base_url;
    vec![
        ("app-unknown", url(&unknown)),
        ("app-inactive", url(&inactive)),
        ("redirect-uri", url(&foreign)),
        (
            "app-missing",
            format!("{base}/v2/o/authorize?lang={language}"),
        ),
        (
            "expired",
            format!("{base}/login?approval=x&lang={language}"),
        ),
    ]
}

/// The address with which an app sends a person to us.
fn authorize(
    sandbox: &Sandbox,
    application: &Application,
    request: &AuthorizationRequest,
    language: &str,
) -> String {
    let mut url: Url = sandbox.authorize_url(2, application, request, None);
    url.query_pairs_mut().append_pair("lang", language);
    url.into()
}

fn sign_in(driver: &Driver, person: &Person) {
    driver.type_into("#username-textbox", &person.username);
    driver.type_into("#password-textbox", &person.password);
    driver.follow("#login-button");
    assert!(driver.exists("#approve"), "the consent page comes");
}

/// Presses Tab once for each of these elements, and looks that each gets the focus, in sight and with an outline.
fn tab_to(driver: &Driver, expected: &[&str]) {
    for name in expected {
        driver.press([TAB]);
        assert_focus(driver, name);
        let is_seen = driver.run(
            "const e = document.activeElement, style = getComputedStyle(e), r = e.getBoundingClientRect();
             return style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2
               && r.left >= 0 && r.top >= 0 && r.bottom <= window.innerHeight",
        );
        assert_eq!(is_seen, true, "{name} is seen to have the focus");
    }
}

/// The focus is, or in a moment will be, on the element of that id, else of that class.
fn assert_focus(driver: &Driver, name: &str) {
    const FOCUSED: &str = "return document.activeElement.id || document.activeElement.className";
    let is_there = wait_until(|| (driver.run(FOCUSED) == name).then_some(()));
    assert!(
        is_there.is_some(),
        "the focus is on {}, not on {name}",
        driver.run(FOCUSED)
    );
}

fn text_of(driver: &Driver, id: &str) -> Value {
    driver.run_with(
        "return document.getElementById(arguments[0]).textContent",
        &json!([id]),
    )
}

fn ready() -> Option<(Sandbox, Driver)> {
    Some((Sandbox::running()?, Driver::start()?))
}

/// The rules of axe, as a script.
fn axe() -> Option<String> {
    let modules = script::needed("BLUEBUTTON_NODE_MODULES")?;
    let path = Path::new(&modules).join("axe-core").join("axe.min.js");
    Some(fs::read_to_string(path).expect("axe-core is a package of Node"))
}
