//! What has ended and is still there: tables forget it days after its end, and until then nobody may use it.

use std::sync::Arc;

use aws_sdk_dynamodb::{Client as DynamoDb, types::AttributeValue};
use bluebutton::{
    audit::{Action, Event},
    config::{Limits, variable},
    http::{ApiVersion, Language},
    identity::{BeneId, sandbox},
    oauth::{
        APPROVAL_SECONDS, Approval, IssuedAccess, Person, RefreshToken, Scopes, hmac_base64url,
        keys::Keys,
        pkce::CodeChallenge,
        random_token, sha256_hex,
        token::{Claims, Signer},
    },
    rate_limit::{RateLimits, WINDOW_SECONDS},
    store::{RequestCountsTable, SignIn, SignInFailuresTable, Transaction},
};
use jiff::{Timestamp, ToSpan};
use stand::consent::{CHALLENGE, Consent};
use uuid::Uuid;

use crate::instance::{Instance, Request};
use crate::pair::{Pair, Sandbox};
use crate::rounds::report;

/// Items of each kind; together more than a thousand.
const BEGUN: usize = 200;
const SIGNED_IN: usize = 200;
const CODES: usize = 200;
const REFRESH_TOKENS: usize = 200;
const ACCESS_TOKENS: usize = 40;
const FAILURES: usize = 200;
const COUNTS: usize = 20;

/// A sandbox, an application, and a function that reads its tables.
struct Trial {
    sandbox: Sandbox,
    instance: Instance,
    pair: Pair,
    now: Timestamp,
}

impl Trial {
    async fn of_person(number: u64) -> Option<Self> {
        let sandbox = Sandbox::running().await?;
        Some(Self {
            instance: Instance::start(&sandbox.aws).await,
            pair: sandbox.pair(number).await,
            sandbox,
            now: Timestamp::now(),
        })
    }

    /// The application with a person of their own, so that no newer consent ends what is looked at.
    fn with_somebody(&self) -> Pair {
        let number = Uuid::new_v4().as_u128() % 1_000_000_000_000_000;
        let patient = BeneId::parse(&format!("-9{number}")).expect("an id");
        self.pair.with(patient)
    }

    /// An approval that ended that many seconds ago, its id and its session.
    async fn approval(&self, ended: i64, person: Option<Person>) -> (String, String, Approval) {
        let (id, session) = (
            Uuid::new_v4().to_string(),
            random_token().expose().to_owned(),
        );
        let approval = Approval {
            client_id: self.pair.application.client_id.clone(),
            redirect_uri: self.pair.application.redirect_uris[0].clone(),
            scopes: Scopes::defaults(),
            state: "0123456789abcdef".to_owned(),
            challenge: CodeChallenge::parse(CHALLENGE).expect("a challenge"),
            version: ApiVersion::V2,
            language: Language::English,
            session_hash: sha256_hex(&session),
            person,
            expires_at: self.now - ended.seconds(),
        };
        let transient = &self.sandbox.tables.transient;
        let kept = transient.put_approval(&id, &approval).await;
        kept.expect("a table");
        (id, session, approval)
    }

    fn person(&self) -> Person {
        Person {
            patient: self.pair.patient.clone(),
            username: sandbox::user_name_of(&self.pair.patient),
        }
    }

    /// Nobody signs in to a request that has ended, with the right password and the right session.
    async fn approvals_before_sign_in(&self) {
        let username = sandbox::user_name_of(&self.pair.patient);
        for ended in ends(BEGUN) {
            let (id, session, _) = self.approval(ended, None).await;
            let token = csrf_token(&session, "sign-in", &id);
            let form = [
                ("approval", id.clone()),
                ("csrf_token", token),
                ("username", username.clone()),
                ("password", sandbox::password_of(&username)),
            ];
            let request = Request::post("/login", form).with("cookie", cookie(&id, &session));
            let answer = self.instance.answer(&request).await;
            assert_eq!(answer.status, 400, "{ended} s: {answer:?}");
            self.is_still_there(&id, ended).await;
        }
    }

    /// Nobody decides on a request that has ended, from the right session.
    async fn approvals_after_sign_in(&self) {
        for ended in ends(SIGNED_IN) {
            let (id, session, _) = self.approval(ended, Some(self.person())).await;
            let token = csrf_token(&session, "consent", &id);
            let form = [("csrf_token", token), ("allow", "Connect".to_owned())];
            let page = format!("/v2/o/authorize/{id}/");
            let request = Request::post(page, form).with("cookie", cookie(&id, &session));
            let answer = self.instance.answer(&request).await;
            assert_eq!(answer.status, 400, "{ended} s: {answer:?}");
            self.is_still_there(&id, ended).await;
        }
        assert_eq!(self.sandbox.grant_id(&self.pair).await, None);
    }

    /// What ended then would be found the second before: the item is there, whole.
    async fn is_still_there(&self, id: &str, ended: i64) {
        let before = self.now - (ended + 1).seconds();
        let found = self.sandbox.tables.transient.approval(id, before).await;
        assert!(found.expect("a table").is_some(), "{ended} s: swept");
    }

    async fn codes(&self) {
        for ended in ends(CODES) {
            let pair = self.with_somebody();
            let given = self.now - (ended + 60).seconds();
            let code = self.sandbox.consent_at(&pair, given).await;
            let answer = self.instance.answer(&pair.redemption(&code)).await;
            assert_eq!(
                (answer.status, answer.text("error").as_str()),
                (400, "invalid_grant"),
                "{ended} s: {answer:?}"
            );
            let kept = self.sandbox.tables.transient.code(&code).await;
            assert!(kept.expect("a table").is_some(), "{ended} s: swept");
        }
    }

    async fn refresh_tokens(&self) {
        for ended in ends(REFRESH_TOKENS) {
            let end = self.now - ended.seconds();
            let (pair, secret, _) = self.refresh_token(end).await;
            let answer = self.instance.answer(&pair.refreshment(&secret)).await;
            assert!([400, 401].contains(&answer.status), "{answer:?}");
            assert_eq!(answer.json()["access_token"], serde_json::Value::Null);
            let kept = self.sandbox.tables.refresh_tokens.get(&secret).await;
            let kept = kept.expect("a table").expect("swept");
            assert_eq!(kept.used_at, None, "{ended} s");
        }
    }

    /// A refresh token that was issued in time and ends, with its grant, at that time.
    async fn refresh_token(&self, end: Timestamp) -> (Pair, String, RefreshToken) {
        let pair = self.with_somebody();
        let given = end - 30.seconds();
        let mut consent = Consent::new(&pair.application, &pair.patient, given);
        consent.grant.expires_at = Some(end);
        let code = consent.give(&self.sandbox.tables).await;
        let secret = random_token();
        let token = RefreshToken {
            client_id: pair.application.client_id.clone(),
            patient: pair.patient.clone(),
            grant_id: consent.grant.grant_id.clone(),
            generation: 1,
            scopes: Scopes::defaults(),
            access: IssuedAccess::new(Scopes::defaults(), given),
            used_at: None,
            ends_at: consent.grant.expires_at,
        };
        let tables = &self.sandbox.tables;
        let (code, first) = ((code.expose(), &consent.code), Some((&secret, &token)));
        let issued = event(&pair, given);
        let done = tables.redeem(code, first, None, &issued).await;
        assert_eq!(done, Ok(Transaction::Done));
        (pair, secret.expose().to_owned(), token)
    }

    /// Access tokens that have ended, every second of them revoked by an item that has ended with it.
    async fn access_tokens(&self) {
        let aws = &self.sandbox.aws;
        let keys = Keys::read(aws, self.now).await.expect("a sandbox");
        let signer = Signer::new(aws, Arc::new(keys));
        let issuer = variable("PUBLIC_BASE_URL").expect("a sandbox");
        for (number, ended) in ends(ACCESS_TOKENS).enumerate() {
            let pair = self.with_somebody();
            // Clocks may be apart, so that a token is taken for some seconds more.
            let end = self.now - (ended + 60).seconds();
            let given = end - 3600.seconds();
            let consent = Consent::new(&pair.application, &pair.patient, given);
            consent.give(&self.sandbox.tables).await;
            let claims = Claims {
                iss: issuer.clone(),
                aud: issuer.clone(),
                sub: "opaque".to_owned(),
                patient: pair.patient.as_str().to_owned(),
                client_id: pair.application.client_id.clone(),
                scope: Scopes::DEFAULT.to_owned(),
                grant: consent.grant.grant_id.clone(),
                jti: Uuid::new_v4().to_string(),
                iat: given.as_second(),
                exp: end.as_second(),
                nbf: None,
            };
            if number % 2 == 1 {
                let revoked = (claims.jti.as_str(), end);
                let event = event(&pair, given);
                let done = self.sandbox.tables.revoke_access(revoked, &event).await;
                assert_eq!(done, Ok(Transaction::Done));
            }
            let token = signer.sign(&claims, self.now).await.expect("a token");
            assert!(!pair.has_access(&self.instance, token.expose()).await);
        }
    }

    /// Failures whose time is over lock nobody.
    async fn failures(&self) {
        let client = DynamoDb::new(&self.sandbox.aws);
        let name = variable("SIGN_IN_FAILURES_TABLE").expect("a sandbox");
        let table = SignInFailuresTable::new(client.clone(), &name, Limits::default());
        for (number, ended) in ends(FAILURES).enumerate() {
            let (who, other) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
            let (kind, username, address) = match number % 2 {
                0 => ("account", &who, None),
                _ => ("address", &other, Some(who.as_str())),
            };
            let end = (self.now - ended.seconds()).as_second();
            let put = client.put_item().table_name(&name);
            let put = put
                .item("pk", text(format!("{kind}#{}", sha256_hex(&who))))
                .item("failures", AttributeValue::N("1000000".to_owned()))
                .item("expires_at", AttributeValue::N(end.to_string()));
            put.send().await.expect("a table");
            let attempt = |now| SignIn {
                username,
                address,
                now,
            };
            // A name that is locked is tried again for a moment, which takes long in sum.
            if address.is_some() {
                let before = self.now - (ended + 1).seconds();
                assert_eq!(table.begin(attempt(before)).await, Ok(false), "{kind}");
            }
            assert_eq!(table.begin(attempt(self.now)).await, Ok(true), "{kind}");
        }
    }

    /// Requests of an earlier window leave the whole allowance of the next.
    async fn counts(&self) {
        let client = DynamoDb::new(&self.sandbox.aws);
        let table = variable("TRANSIENT_TABLE").expect("a sandbox");
        let one_per_window = Limits {
            address_requests_per_second: 0,
            ..Limits::default()
        };
        let counts = || RequestCountsTable::new(client.clone(), &table);
        let none = RateLimits::new(counts(), one_per_window);
        let some = RateLimits::new(counts(), Limits::default());
        for _ in 0..COUNTS {
            let mut call = stand::request("GET", "/login", &serde_json::json!({}));
            call.source_ip = Some(Uuid::new_v4().to_string());
            let earlier = self.now - WINDOW_SECONDS.seconds();
            // On a busy machine a count may be left out.
            let counted = none.count_address(&call, earlier).await;
            assert!(counted.is_none_or(|allowance| allowance.is_exceeded()));
            let counted = some.count_address(&call, self.now).await;
            let first = none.count_address(&call, self.now).await;
            assert!(counted.is_none_or(|allowance| !allowance.is_exceeded()));
            assert!(first.is_none_or(|allowance| allowance.is_exceeded()));
        }
    }
}

#[tokio::test]
async fn nothing_that_has_ended_is_honoured_before_the_table_forgets_it() {
    let Some(trial) = Trial::of_person(97).await else {
        return;
    };
    tokio::join!(
        trial.approvals_before_sign_in(),
        trial.approvals_after_sign_in(),
        trial.codes(),
        trial.refresh_tokens(),
        trial.access_tokens(),
        trial.failures(),
        trial.counts(),
    );
    let items = BEGUN + SIGNED_IN + CODES + REFRESH_TOKENS + ACCESS_TOKENS + FAILURES + COUNTS;
    report(format!(
        "{items} items that had ended and that no table had forgotten: none honoured"
    ));
}

/// A check before the write is not enough: what is looked at in time may end before it is written.
#[tokio::test]
async fn nothing_is_written_to_what_has_ended_since_it_was_read() {
    let Some(trial) = Trial::of_person(97).await else {
        return;
    };
    let tables = &trial.sandbox.tables;
    let transient = &tables.transient;
    let (new_session, person) = (sha256_hex("new"), trial.person());
    // Ends in a while, so that only the time of each call below is too late.
    let (id, _, begun) = trial.approval(-APPROVAL_SECONDS, None).await;
    let at_the_end = begun.expires_at;
    let (held, late) = (begun.held(&id, at_the_end), event(&trial.pair, at_the_end));
    let refused = Ok(Transaction::Refused);
    let signed_in = tables.sign_in(held, &new_session, &person, &late);
    assert_eq!(signed_in.await, refused, "sign in");
    assert_eq!(transient.begin_visit(held, "visit").await, Ok(false));
    let in_time = begun.held(&id, at_the_end - 1.seconds());
    assert_eq!(transient.begin_visit(in_time, "visit").await, Ok(true));
    assert_eq!(transient.end_visit(held, "visit").await, Ok(false));
    assert_eq!(transient.end_approval(held).await, Ok(false));
    let spanish = Language::Spanish;
    assert_eq!(transient.set_language(held, spanish).await, Ok(false));

    let (id, _, known) = trial.approval(-APPROVAL_SECONDS, Some(person)).await;
    let held = known.held(&id, known.expires_at);
    let consent = Consent::new(&trial.pair.application, &trial.pair.patient, at_the_end);
    let (secret, code) = (random_token(), &consent.code);
    let approved = tables.approve(held, &consent.grant, (&secret, code), &late);
    assert_eq!(approved.await, refused, "approve");
    assert_eq!(tables.decline(held, &late).await, refused, "decline");
    let withheld = tables.withhold(held, [&late, &late]);
    assert_eq!(withheld.await, refused, "withhold");
    assert_eq!(transient.sign_out(held).await, Ok(false), "sign out");
    assert_eq!(trial.sandbox.grant_id(&trial.pair).await, None);

    let consent = Consent::new(&trial.pair.application, &trial.pair.patient, trial.now);
    let secret = consent.give(tables).await;
    let late = event(&trial.pair, consent.code.expires_at);
    let redeemed = tables.redeem((secret.expose(), &consent.code), None, None, &late);
    assert_eq!(redeemed.await, refused, "redeem");

    let end = trial.now + 60.seconds();
    let (pair, secret, token) = trial.refresh_token(end).await;
    let (late, new_secret) = (event(&pair, end), random_token());
    let rotated = tables.rotate((&secret, &token), (&new_secret, &token), &late);
    assert_eq!(rotated.await, refused, "rotate");
}

/// When so many items ended: the first this second, the last weeks ago.
fn ends(number: usize) -> impl Iterator<Item = i64> {
    let number = i64::try_from(number).expect("few");
    (0..number).map(|index| index * index * 60)
}

fn event(pair: &Pair, at: Timestamp) -> Event<'_> {
    Event {
        at,
        patient: &pair.patient,
        client_id: &pair.application.client_id,
        action: Action::TokenIssued,
        detail: "",
        request_id: "test",
    }
}

/// What the function derives from the session, as its pages show it.
fn csrf_token(session: &str, step: &str, id: &str) -> String {
    let session = bluebutton::secret::Secret::new(session);
    hmac_base64url(&session, &["csrf", step, id])
        .expose()
        .to_owned()
}

fn cookie(id: &str, session: &str) -> String {
    let short: String = id.chars().take(8).collect();
    format!("bluebutton-{short}={session}")
}

fn text(text: String) -> AttributeValue {
    AttributeValue::S(text)
}
