//! How often what may be tried: requests with a token, and passwords.

use std::collections::BTreeMap;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::client::{Answer, AuthorizationRequest, Browser, Person, Sandbox, hidden_fields};

const FAILURES_MAX: usize = 5;

/// How long requests are counted together. Windows begin at the same moments of the clock everywhere.
const WINDOW_SECONDS: u64 = 10;

/// What an answer tells of a count.
#[derive(Debug)]
struct Counted {
    /// When the window ends, in seconds of Unix.
    window_end: u64,
    limit: u64,
    remaining: u64,
}

impl Counted {
    /// Nothing where a busy machine has left the count out, which is better than to wait for it, or took so long that
    /// the answer may be of either of two windows.
    fn of(answer: &Answer, [sent, received]: [u64; 2]) -> Option<Self> {
        let number = |name: &str| -> Option<u64> {
            let text = answer.headers.get(name)?;
            Some(text.parse().expect("a number"))
        };
        let reset = number("x-ratelimit-reset")?;
        let mut ends = (sent + reset..=received + reset).filter(|end| end % WINDOW_SECONDS == 0);
        let window_end = ends.next().expect("windows end at whole tens");
        ends.next().is_none().then_some(Self {
            window_end,
            limit: number("x-ratelimit-limit")?,
            remaining: number("x-ratelimit-remaining")?,
        })
    }
}

fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is later than 1970").as_secs()
}

#[test]
fn requests_are_counted_once_each_whichever_instance_answers() {
    const REQUESTS: usize = 24;
    let Some(sandbox) = &Sandbox::running() else {
        return;
    };
    let token = &sandbox.access_token_for(1, &Person::synthetic(60));
    let counted = || {
        let sent = unix_seconds();
        let answer = sandbox.get("/v2/fhir/Patient", token);
        assert_eq!(answer.status, 200, "{}", answer.body);
        Counted::of(&answer, [sent, unix_seconds()])
    };
    let counted: Vec<_> = thread::scope(|scope| {
        let calls: Vec<_> = (0..REQUESTS).map(|_| scope.spawn(counted)).collect();
        let answers = calls
            .into_iter()
            .map(|call| call.join().expect("an answer"));
        answers.flatten().collect()
    });
    // Each window counts from the beginning, and so many requests may take several; within one no number comes twice.
    // Two limits have numbers of their own: that of the token, and that of its application.
    let mut windows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for Counted {
        window_end,
        limit,
        remaining,
    } in counted
    {
        let numbers = windows.entry((window_end, limit)).or_default();
        assert!(
            !numbers.contains(&remaining),
            "{remaining} after {numbers:?}"
        );
        numbers.push(remaining);
    }
    let most = windows.values().map(Vec::len).max();
    assert!(most > Some(1), "{windows:?}");
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
