//! False callbacks: each ends in the right page, with nobody on the approval and no grant.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use bluebutton::http::Response;
use bluebutton::metrics::{Ids, Metric, Record};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use url::Url;

use crate::site::{CLIENT_ID, CLIENT_SECRET, Fate, Keys, Reply, Site, Tamper, forge, rs256};
use crate::walk::{
    APP_STATE, AtProvider, Browser, REDIRECT_URI, Records, client, location, mbi, parameter, text,
};

pub(crate) const CONFIGURATION: &str = "/.well-known/openid-configuration";
pub(crate) const ONE: AtProvider<'_> = AtProvider::SignIn("one");

/// The titles of the pages.
const EXPIRED: &str = "This page is no longer valid";
const NOT_CONFIRMED: &str = "We could not sign you in";
const UNAVAILABLE: &str = "We cannot reach the sign-in service";
const NO_NUMBER: &str = "We need your Medicare number";
const NO_RECORDS: &str = "Your records cannot be found yet";
const SEVERAL: &str = "We cannot tell which records are yours";

type ChangeUrl = fn(&mut Url);
type ChangeJson = fn(&mut Value);
type ChangeReply = fn(&mut Reply);
type Sign = fn(&Keys, &mut Value) -> String;

/// Changes of an id_token's claims, after which the provider's own key signs it.
const CLAIMS: &[(&str, ChangeJson)] = &[
    ("a wrong nonce", |claims| claims["nonce"] = json!("another")),
    ("no nonce", |claims| remove(claims, "nonce")),
    ("another issuer", |claims| {
        claims["iss"] = json!("https://id.example")
    }),
    ("another audience", |claims| {
        claims["aud"] = json!("another")
    }),
    ("two audiences without azp", |claims| {
        claims["aud"] = json!([CLIENT_ID, "another"])
    }),
    ("no audience", |claims| claims["aud"] = json!([])),
    ("another azp", |claims| claims["azp"] = json!("another")),
    ("expired", |claims| later(claims, "exp", -7200)),
    ("no end", |claims| remove(claims, "exp")),
    ("an end that is text", |claims| {
        claims["exp"] = json!(claims["exp"].to_string())
    }),
    ("issued in the future", |claims| later(claims, "iat", 600)),
    ("issued long ago", |claims| later(claims, "iat", -600)),
    ("no time of issue", |claims| remove(claims, "iat")),
    ("an empty subject", |claims| claims["sub"] = json!("")),
    ("a subject without end", |claims| {
        claims["sub"] = json!("x".repeat(256))
    }),
    ("the hash of another access token", |claims| {
        claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA")
    }),
];

/// Other ways to sign an id_token that is right otherwise.
const SIGNATURES: &[(&str, Sign)] = &[
    ("alg none", |_, claims| unsigned(claims)),
    ("HS256 with the public key", |keys, claims| {
        forge(&hs256(), claims, &keys.public_key_as_secret())
    }),
    ("HS256 with the client's secret", |_, claims| {
        forge(
            &hs256(),
            claims,
            &EncodingKey::from_secret(CLIENT_SECRET.as_bytes()),
        )
    }),
    ("another key under the same name", |keys, claims| {
        forge(&rs256("rsa"), claims, &keys.foreign())
    }),
    ("a key that nobody knows", |keys, claims| {
        forge(&rs256("other"), claims, &keys.foreign())
    }),
    ("a key of another kind", |keys, claims| {
        forge(&rs256("ec"), claims, &keys.own())
    }),
    ("a key in the header", |keys, claims| {
        let jku = Some("https://id.example/keys".to_owned());
        forge(
            &Header {
                jku,
                ..rs256("other")
            },
            claims,
            &keys.foreign(),
        )
    }),
    ("claims that were changed after signing", swapped),
    ("no token at all", |_, _| "a.b.c".to_owned()),
];

/// Other answers that are not true.
const ANSWERS: &[(&str, &str, ChangeJson, u16, &str)] = &[
    (
        "no id_token",
        "/token",
        |answer| remove(answer, "id_token"),
        503,
        UNAVAILABLE,
    ),
    (
        "no access token",
        "/token",
        |answer| remove(answer, "access_token"),
        503,
        UNAVAILABLE,
    ),
    (
        "no bearer token",
        "/token",
        |answer| answer["token_type"] = json!("mac"),
        503,
        UNAVAILABLE,
    ),
    (
        "another subject",
        "/me",
        |userinfo| userinfo["sub"] = json!("another"),
        403,
        NOT_CONFIRMED,
    ),
    (
        "no subject",
        "/me",
        |userinfo| remove(userinfo, "sub"),
        403,
        NOT_CONFIRMED,
    ),
    (
        "no keys",
        "/jwks",
        |set| set["keys"] = json!([]),
        403,
        NOT_CONFIRMED,
    ),
    (
        "no set of keys",
        "/jwks",
        |set| remove(set, "keys"),
        503,
        UNAVAILABLE,
    ),
    (
        "keys for encryption",
        "/jwks",
        encryption_only,
        403,
        NOT_CONFIRMED,
    ),
    (
        "keys of another algorithm",
        "/jwks",
        |set| set["keys"][0]["alg"] = json!("RS512"),
        403,
        NOT_CONFIRMED,
    ),
];

/// What may befall any call of the provider: then it is unavailable.
const FAULTS: &[(&str, ChangeReply)] = &[
    ("is down", |reply| reply.fate = Fate::Dropped),
    ("never answers", |reply| reply.fate = Fate::Withheld),
    ("fails", |reply| reply.status = 500),
    ("does not know us", |reply| reply.status = 401),
    ("redirects", |reply| {
        reply.status = 302;
        reply
            .headers
            .push(("location".to_owned(), "http://127.0.0.1:9/".to_owned()));
    }),
    // JSON that would be right, if it ended sooner.
    ("is huge", |reply| {
        reply.change(|answer| answer["padding"] = json!("x".repeat(64 * 1024)))
    }),
    ("is a page", |reply| {
        reply.body = b"<html>Welcome</html>".to_vec()
    }),
];

/// Configurations by which nobody is sent to the provider.
const CONFIGURATIONS: &[(&str, &str, &str)] = &[
    ("another issuer's", "issuer", "https://id.example"),
    (
        "the cloud's own address",
        "token_endpoint",
        "http://169.254.169.254/latest/meta-data/",
    ),
    ("a private network", "jwks_uri", "http://10.0.0.1/jwks"),
    (
        "the cloud's own address in IPv6",
        "userinfo_endpoint",
        "https://[fd00:ec2::254]/me",
    ),
    (
        "a file for people",
        "authorization_endpoint",
        "file:///etc/passwd",
    ),
    (
        "a script for people",
        "end_session_endpoint",
        "javascript:alert(1)",
    ),
    ("no URL", "token_endpoint", "/token"),
];

/// The callback as somebody else would send it, and what follows.
const CALLBACKS: &[(&str, ChangeUrl, u16, &str)] = &[
    (
        "another state",
        |url| replace(url, "state", |state| Some(format!("{state}x"))),
        400,
        EXPIRED,
    ),
    (
        "another approval's state",
        |url| replace(url, "state", other_approval),
        400,
        EXPIRED,
    ),
    (
        "a state without approval",
        |url| replace(url, "state", |_| Some("x".to_owned())),
        400,
        EXPIRED,
    ),
    (
        "no state",
        |url| replace(url, "state", |_| None),
        400,
        EXPIRED,
    ),
    ("two states", |url| append(url, "state", "x"), 400, EXPIRED),
    (
        "another issuer",
        |url| replace(url, "iss", |_| Some("https://id.example".to_owned())),
        403,
        NOT_CONFIRMED,
    ),
    (
        "no issuer, though the provider names itself",
        |url| replace(url, "iss", |_| None),
        403,
        NOT_CONFIRMED,
    ),
    (
        "two issuers",
        |url| append(url, "iss", "x"),
        403,
        NOT_CONFIRMED,
    ),
    (
        "no code",
        |url| replace(url, "code", |_| None),
        403,
        NOT_CONFIRMED,
    ),
    (
        "two codes",
        |url| append(url, "code", "x"),
        403,
        NOT_CONFIRMED,
    ),
    (
        "a code that was never given out",
        |url| replace(url, "code", |_| Some("x".repeat(43))),
        403,
        NOT_CONFIRMED,
    ),
    (
        "an error of the provider's",
        |url| append(url, "error", "server_error"),
        503,
        UNAVAILABLE,
    ),
    (
        "an error of our own",
        |url| append(url, "error", "invalid_scope"),
        503,
        UNAVAILABLE,
    ),
];

/// Accounts that cannot be matched.
const ACCOUNTS: [(&str, u16, &str); 7] = [
    ("without-number", 404, NO_NUMBER),
    ("malformed", 404, NO_NUMBER),
    ("malformed-hicn", 404, NO_NUMBER),
    ("no-text", 404, NO_NUMBER),
    ("nobody", 404, NO_RECORDS),
    ("not-loaded", 404, NO_RECORDS),
    ("two", 409, SEVERAL),
];

#[tokio::test]
async fn an_id_token_that_is_not_for_this_visit_signs_nobody_in() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let refused = (403, NOT_CONFIRMED);
    for (what, change) in CLAIMS {
        let forged = move |keys: &Keys, reply: &mut Reply| reply.change_claims(keys, change);
        stand.check_forged(what, forged, refused).await;
    }
    for (what, sign) in SIGNATURES {
        let forged = move |keys: &Keys, reply: &mut Reply| reply.sign_again(keys, sign);
        stand.check_forged(what, forged, refused).await;
    }
    // A key that nobody knows makes the keys be read once more, and no oftener.
    let (what, sign) = SIGNATURES[4];
    let forged = move |keys: &Keys, reply: &mut Reply| reply.sign_again(keys, sign);
    stand.check_forged(what, forged, refused).await;
    assert_eq!(stand.site.asked("/jwks"), 2);
    // The same signed again without any change signs in, so that it is the change that is refused.
    stand.site.tamper(Some(Box::new(|keys, reply| {
        reply.change_claims(keys, |_| {})
    })));
    let state = stand.records.state(&stand.site).await;
    let mut browser = Browser::new();
    let (_, callback) = browser.visit(&state, &stand.records, ONE).await;
    assert_eq!(browser.get(&state, &callback).await.status, 303);
}

#[tokio::test]
async fn a_provider_that_fails_or_lies_signs_nobody_in() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    for (what, path, change, status, title) in ANSWERS {
        let forged = move |_: &Keys, reply: &mut Reply| reply.change_at(path, change);
        stand.check_forged(what, forged, (*status, title)).await;
    }
    for path in ["/token", "/jwks", "/me"] {
        for (what, fault) in FAULTS {
            let what = format!("{path} {what}");
            let failing = move |_: &Keys, reply: &mut Reply| reply.at(path, fault);
            let expected = (503, UNAVAILABLE);
            stand.check_forged(&what, failing, expected).await;
        }
    }
}

#[tokio::test]
async fn nobody_is_sent_to_a_provider_whose_configuration_is_wrong() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let check = async |what: &str, tamper: Tamper| {
        stand.site.tamper(Some(tamper));
        let state = stand.records.state(&stand.site).await;
        let (id, answer) = Browser::new().begin(&state, &stand.records).await;
        assert_eq!(answer.status, 503, "{what}");
        assert!(answer.header("location").is_none(), "{what}");
        assert!(
            text(&answer).contains(UNAVAILABLE),
            "{what}: {}",
            text(&answer)
        );
        stand.nobody(what, &id).await;
    };
    for (what, fault) in FAULTS {
        check(
            what,
            Box::new(move |_, reply| reply.at(CONFIGURATION, fault)),
        )
        .await;
    }
    for (what, name, url) in CONFIGURATIONS {
        check(
            what,
            Box::new(move |_, reply| reply.change_at(CONFIGURATION, |all| all[*name] = json!(url))),
        )
        .await;
    }
    let only = |all: &mut Value| {
        all["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
    };
    check(
        "no secret",
        Box::new(move |_, reply| reply.change_at(CONFIGURATION, only)),
    )
    .await;
}

#[tokio::test]
async fn a_callback_that_is_not_the_providers_signs_nobody_in() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    for (what, change, status, title) in CALLBACKS {
        stand.check(what, None, *change, (*status, title)).await;
    }
}

#[tokio::test]
async fn an_account_without_exactly_one_person_behind_it_is_signed_out_and_told_so() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let state = stand.records.state(&stand.site).await;
    for (account, status, title) in ACCOUNTS {
        let mut browser = Browser::new();
        let account_of = AtProvider::SignIn(account);
        let (id, callback) = browser.visit(&state, &stand.records, account_of).await;
        let out = location(&browser.get(&state, &callback).await);
        assert!(out.as_str().starts_with(&stand.site.issuer), "{out}");
        assert!(
            browser
                .is_signed_in_at_provider(&state, &stand.records)
                .await,
            "{account}"
        );
        let back = browser.at_provider(out, account_of);
        assert_eq!(back.path(), "/login");
        assert!(
            !browser
                .is_signed_in_at_provider(&state, &stand.records)
                .await,
            "{account}"
        );
        check_page(&browser.get(&state, &back).await, account, (status, title));
        stand.nobody(account, &id).await;
    }
}

/// Then the page comes at once, and the access token is revoked.
#[tokio::test]
async fn an_account_without_a_person_is_told_so_by_a_provider_without_a_sign_out_page_too() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let no_page: Tamper = Box::new(|_, reply| {
        reply.change_at(CONFIGURATION, |all| remove(all, "end_session_endpoint"));
    });
    stand.site.tamper(Some(no_page));
    let state = stand.records.state(&stand.site).await;
    for (number, (account, status, title)) in ACCOUNTS.into_iter().enumerate() {
        let mut browser = Browser::new();
        let account_of = AtProvider::SignIn(account);
        let (id, callback) = browser.visit(&state, &stand.records, account_of).await;
        let record = Record::new(Ids::default());
        let answer = record.of(browser.get(&state, &callback)).await;
        check_page(&answer, account, (status, title));
        // Numbers that do not come are the provider's; whom the records do not know is not.
        let errors = (title == NO_NUMBER).then_some(1);
        assert_eq!(record.get(Metric::ProviderErrors), errors, "{account}");
        assert_eq!(
            stand.site.asked("/token/revocation"),
            number + 1,
            "{account}"
        );
        stand.nobody(account, &id).await;
    }
}

/// What a provider sends along with the browser is not believed: it chooses one of our own pages, for the browser that
/// began the approval, and no other state does.
#[tokio::test]
async fn the_state_after_sign_out_shows_a_page_and_does_nothing_else() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let state = stand.records.state(&stand.site).await;
    let mut browser = Browser::new();
    let (id, _) = browser.begin(&state, &stand.records).await;
    let login = |after: &str| {
        let url = format!("{}/login?state={id}{after}", crate::walk::BASE_URL);
        Url::parse(&url).expect("a URL")
    };
    check_page(
        &Browser::new().get(&state, &login(".nobody")).await,
        "another browser",
        (400, EXPIRED),
    );
    for (after, title) in [(".nobody", NO_RECORDS), (".several", SEVERAL)] {
        let answer = browser.get(&state, &login(after)).await;
        assert!(text(&answer).contains(title), "{}", text(&answer));
    }
    for after in ["", ".", ".x", ".nobody.x", ".%3Cscript%3E"] {
        let answer = browser.get(&state, &login(after)).await;
        assert_eq!(answer.status, 303, "{after}: the sign-in begins again");
    }
    stand.nobody("only pages", &id).await;
}

fn check_page(answer: &Response, what: &str, (status, title): (u16, &str)) {
    assert_eq!(answer.status, status, "{what}: {}", text(answer));
    assert!(text(answer).contains(title), "{what}: {}", text(answer));
    assert!(answer.header("location").is_none(), "{what}");
}

#[tokio::test]
async fn an_answer_belongs_to_the_browser_that_was_sent_and_is_good_once() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let state = stand.records.state(&stand.site).await;
    let (mut victim, mut thief) = (Browser::new(), Browser::new());
    let (id, callback) = victim.visit(&state, &stand.records, ONE).await;
    let (thiefs_id, thiefs_callback) = thief.visit(&state, &stand.records, ONE).await;
    let check = async |browser: &mut Browser, url: &Url, status: u16, title: &str| {
        let answer = browser.get(&state, url).await;
        assert_eq!(answer.status, status, "{}", text(&answer));
        assert!(text(&answer).contains(title), "{}", text(&answer));
    };
    // Another browser has the answer, and uses nothing up.
    check(&mut thief, &callback, 400, EXPIRED).await;
    check(&mut Browser::new(), &callback, 400, EXPIRED).await;
    // The thief's code with the victim's state: that code has another verifier and nonce.
    let mut mixed = callback.clone();
    let code = parameter(&thiefs_callback, "code").expect("a code");
    replace(&mut mixed, "code", |_| Some(code.clone()));
    check(&mut victim, &mixed, 403, NOT_CONFIRMED).await;
    stand.nobody("a code of another browser", &id).await;
    // The state was used up by that.
    check(&mut victim, &callback, 400, EXPIRED).await;
    stand.nobody("after a forged answer", &id).await;

    // A new visit of the same approval ends the visit before it.
    let login =
        Url::parse(&format!("{}/login?approval={id}", crate::walk::BASE_URL)).expect("a URL");
    let first = location(&victim.get(&state, &login).await);
    let second = location(&victim.get(&state, &login).await);
    let first = victim.at_provider(first, ONE);
    check(&mut victim, &first, 400, EXPIRED).await;
    let second = victim.at_provider(second, ONE);
    assert_eq!(victim.get(&state, &second).await.status, 303);
    // And once it has signed somebody in, it does so never again.
    check(&mut victim, &second, 400, EXPIRED).await;
    stand.nobody("the thief", &thiefs_id).await;
}

#[tokio::test]
async fn who_cancels_at_the_provider_sends_the_app_a_refusal() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let state = stand.records.state(&stand.site).await;
    let mut browser = Browser::new();
    let (id, callback) = browser
        .visit(&state, &stand.records, AtProvider::Cancel)
        .await;
    assert_eq!(
        parameter(&callback, "error").as_deref(),
        Some("access_denied")
    );
    let app = location(&browser.get(&state, &callback).await);
    assert!(app.as_str().starts_with(REDIRECT_URI), "{app}");
    assert_eq!(parameter(&app, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&app, "state").as_deref(), Some(APP_STATE));
    assert_eq!(
        parameter(&app, "iss").as_deref(),
        Some(crate::walk::BASE_URL)
    );
    assert!(
        stand.records.approval(&id).await.is_none(),
        "the approval is used up"
    );
    assert!(stand.records.grant(&stand.patient).await.is_none());
}

/// A provider with good and bad accounts, over the tables of the sandbox.
pub(crate) struct Stand {
    pub(crate) records: Records,
    pub(crate) site: Site,
    patient: bluebutton::identity::BeneId,
}

impl Stand {
    pub(crate) async fn new() -> Option<Self> {
        let records = Records::of_sandbox().await?;
        let numbers = [mbi(), mbi(), mbi(), mbi()];
        let [one, two, not_loaded, nobody] = &numbers;
        let accounts = json!({
            "one": {"mbi": one}, "two": {"mbi": two}, "not-loaded": {"mbi": not_loaded}, "nobody": {"mbi": nobody},
            "without-number": {}, "malformed": {"mbi": "3456789"}, "no-text": {"mbi": 3456789},
            "malformed-hicn": {"mbi": one, "hicn": "no number"},
        });
        // Claims are in userinfo only, so that every call is on the way.
        let site = Site::start(&accounts, &client(&json!({})), false)?;
        let patient = records.person(&[one, two]).await;
        records.person(&[two]).await;
        let stranger = bluebutton::identity::BeneId::parse("-99").expect("an id");
        records.known_by(&stranger, &[not_loaded]).await;
        Some(Self {
            records,
            site,
            patient,
        })
    }

    /// A provider whose answers are not true, and the page that follows.
    async fn check_forged(
        &self,
        what: &str,
        tamper: impl Fn(&Keys, &mut Reply) + Send + 'static,
        expected: (u16, &str),
    ) {
        self.check(what, Some(Box::new(tamper)), |_| (), expected)
            .await;
    }

    async fn check(
        &self,
        what: &str,
        tamper: Option<Tamper>,
        change: ChangeUrl,
        expected: (u16, &str),
    ) {
        self.site.tamper(tamper);
        let state = self.records.state(&self.site).await;
        let mut browser = Browser::new();
        let (id, mut callback) = browser.visit(&state, &self.records, ONE).await;
        change(&mut callback);
        check_page(&browser.get(&state, &callback).await, what, expected);
        self.nobody(what, &id).await;
    }

    /// Nothing is half made: the approval waits for somebody, and nobody has consented.
    async fn nobody(&self, what: &str, id: &str) {
        let approval = self
            .records
            .approval(id)
            .await
            .expect("the approval stands");
        assert!(approval.person.is_none(), "{what}");
        assert!(self.records.grant(&self.patient).await.is_none(), "{what}");
    }
}

fn later(claims: &mut Value, name: &str, seconds: i64) {
    claims[name] = json!(claims[name].as_i64().expect("seconds") + seconds);
}

fn hs256() -> Header {
    Header {
        kid: Some("rsa".to_owned()),
        ..Header::new(Algorithm::HS256)
    }
}

fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| BASE64URL.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none"})), part(claims))
}

fn swapped(keys: &Keys, claims: &mut Value) -> String {
    let signed = forge(&rs256("rsa"), claims, &keys.own());
    let parts: Vec<_> = signed.split('.').collect();
    claims["sub"] = json!("two");
    format!(
        "{}.{}.{}",
        parts[0],
        BASE64URL.encode(claims.to_string()),
        parts[2]
    )
}

fn encryption_only(set: &mut Value) {
    for key in set["keys"].as_array_mut().expect("keys") {
        key["use"] = json!("enc");
    }
}

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().expect("an object").remove(name);
}

fn other_approval(state: &str) -> Option<String> {
    let (_, random) = state.split_once('.').expect("a state of ours");
    Some(format!("{}.{random}", uuid::Uuid::new_v4()))
}

fn append(url: &mut Url, name: &str, value: &str) {
    url.query_pairs_mut().append_pair(name, value);
}

/// Gives a parameter another value, or none.
pub(crate) fn replace(url: &mut Url, name: &str, value: impl Fn(&str) -> Option<String>) {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let changed = pairs
        .into_iter()
        .filter_map(|(known, old)| match known == name {
            true => value(&old).map(|new| (known, new)),
            false => Some((known, old)),
        });
    let changed: Vec<_> = changed.collect();
    url.query_pairs_mut().clear().extend_pairs(changed);
}
