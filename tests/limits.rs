//! How often what may be tried: requests with a token, and passwords.

use std::collections::BTreeSet;
use std::thread;

use crate::client::{AuthorizationRequest, Browser, Person, Sandbox, hidden_fields};

const FAILURES_MAX: usize = 5;

#[test]
fn requests_are_counted_once_each_whichever_instance_answers() {
    const REQUESTS: usize = 24;
    let Some(sandbox) = &Sandbox::running() else {
        return;
    };
    let token = &sandbox.access_token_for(1, &Person::synthetic(60));
    let remaining = || -> Option<i64> {
        let answer = sandbox.get("/v2/fhir/Patient", token);
        assert_eq!(answer.status, 200, "{}", answer.body);
        // A busy machine may leave a count out, which is better than to wait for it.
        let remaining = answer.headers.get("x-ratelimit-remaining")?;
        Some(remaining.parse().expect("a number"))
    };
    let left: Vec<_> = thread::scope(|scope| {
        let calls: Vec<_> = (0..REQUESTS).map(|_| scope.spawn(remaining)).collect();
        let answers = calls
            .into_iter()
            .map(|call| call.join().expect("an answer"));
        answers.flatten().collect()
    });
    // Each window counts from the beginning, and so many requests may take several; within one no number comes twice.
    const WINDOWS_MAX: usize = 4;
    let different: BTreeSet<_> = left.iter().collect();
    for number in &different {
        let times = left.iter().filter(|found| found == number).count();
        assert!(times <= WINDOWS_MAX, "{left:?}");
    }
    assert!(different.len() > 1, "{left:?}");
}

/// The sign-in page of one approval.
struct Page {
    url: String,
    fields: Vec<(String, String)>,
    browser: Browser,
}

impl Page {
    fn open(sandbox: &Sandbox) -> Self {
        let application = sandbox.application(1);
        let request = AuthorizationRequest::new();
        let browser = Browser::new();
        let url = sandbox.authorize_url(2, &application, &request, None);
        let (url, page) = browser.follow(url);
        Self {
            url: url.to_string(),
            fields: hidden_fields(&page),
            browser,
        }
    }

    /// The status and the page that follow, without what is different at every request.
    fn try_in(&self, sandbox: &Sandbox, username: &str, password: &str) -> (u16, String) {
        let mut form: Vec<_> = self
            .fields
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        form.extend([("username", username), ("password", password)]);
        let answer = self
            .browser
            .post(&format!("{}/login", sandbox.base_url), &form);
        // The styles before it carry the nonce of their answer.
        let shown = answer
            .body
            .split_once("</style>")
            .map_or("", |(_, shown)| shown);
        let mut page = shown.replace(username, "NAME");
        for (_, value) in &self.fields {
            page = page.replace(value, "FIELD");
        }
        (answer.status, page)
    }
}

#[test]
fn five_failures_lock_a_name_and_known_and_unknown_names_are_answered_alike() {
    let Some(sandbox) = &Sandbox::running() else {
        return;
    };
    let person = Person::synthetic(61);
    let page = Page::open(sandbox);
    assert!(page.url.contains("/login"), "{}", page.url);
    let unknown = format!("BBUser7{}", &person.username[7..]);
    let refused = page.try_in(sandbox, &person.username, "wrong");
    assert_eq!(refused.0, 403, "{}", refused.1);
    for _ in 1..FAILURES_MAX {
        assert_eq!(page.try_in(sandbox, &person.username, "wrong"), refused);
    }
    for _ in 0..=FAILURES_MAX {
        assert_eq!(page.try_in(sandbox, &unknown, "wrong"), refused);
    }
    // The right password, too late.
    assert_eq!(
        page.try_in(sandbox, &person.username, &person.password),
        refused
    );
}

#[test]
fn guesses_at_the_same_time_count_each() {
    const GUESSES: usize = 50;
    let Some(sandbox) = &Sandbox::running() else {
        return;
    };
    let person = &Person::synthetic(62);
    let page = &Page::open(sandbox);
    let refused = thread::scope(|scope| {
        let guess = |number: usize| {
            scope.spawn(move || {
                page.try_in(sandbox, &person.username, &format!("wrong{number}"))
                    .0
            })
        };
        let guesses: Vec<_> = (0..GUESSES).map(guess).collect();
        let statuses = guesses
            .into_iter()
            .map(|guess| guess.join().expect("an answer"));
        statuses.filter(|status| *status == 403).count()
    });
    assert_eq!(refused, GUESSES);
    assert_eq!(
        page.try_in(sandbox, &person.username, &person.password).0,
        403
    );
}
