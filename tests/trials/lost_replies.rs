//! Writes that happen and whose answer is lost: on the way to the function, or on the way to the client.

use std::time::{Duration, Instant};

use bluebutton::oauth::CODE_RETRY_SECONDS;
use stand::local::UNHURRIED;
use stand::proxy::{Fault, Proxy, Rule, WRITES, When};

use crate::instance::{Instance, Request};
use crate::pair::{Browser, Decision, Pair, Sandbox, Tokens};
use crate::rounds::{Rounds, report};

const LOST: Rounds = Rounds {
    test: 50,
    soak: 500,
};
const RETRIES: Rounds = Rounds { test: 3, soak: 30 };

const TRANSACTIONS: &[&str] = &["TransactWriteItems"];

/// A function whose calls go through a proxy, and a pair.
struct Trial {
    sandbox: Sandbox,
    proxy: Proxy,
    instance: Instance,
    pair: Pair,
}

/// What a journey ends with.
struct Arrived {
    grant: Option<String>,
    first: Tokens,
    second: Tokens,
}

impl Trial {
    async fn of_person(number: u64) -> Option<Self> {
        let sandbox = Sandbox::running().await?;
        let proxy = Proxy::before(&sandbox.aws);
        Some(Self {
            instance: Instance::start(&proxy.aws(UNHURRIED).await).await,
            pair: sandbox.pair(number).await,
            proxy,
            sandbox,
        })
    }

    /// From the authorization request to refreshed tokens. Every step succeeds.
    async fn travel(&self, case: &str) -> Arrived {
        let (pair, instance) = (&self.pair, &self.instance);
        let browser = pair.signed_in(instance).await;
        let page = instance.answer(&browser.look()).await;
        let decision = Pair::decision(&browser, &page, Decision::Connect);
        let mut back = Browser::default();
        back.follow(&instance.answer(&decision).await);
        let code = back.code().unwrap_or_else(|| panic!("{case}: no code"));
        let grant = self.sandbox.grant_id(pair).await;
        let first = self.tokens(case, &pair.redemption(&code)).await;
        let second = self.tokens(case, &pair.refreshment(&first.refresh)).await;
        Arrived {
            grant,
            first,
            second,
        }
    }

    /// One set of tokens works, the last, and nothing was revoked.
    async fn prove(&self, case: &str, arrived: &Arrived) {
        let (pair, instance) = (&self.pair, &self.instance);
        let access = pair.has_access(instance, &arrived.first.access).await;
        assert!(!access, "{case}: the first access token");
        pair.works(instance, &arrived.second).await;
        let grant = self.sandbox.grant_id(pair).await;
        assert_eq!(grant, arrived.grant, "{case}: nothing is revoked");
    }

    async fn tokens(&self, case: &str, request: &Request) -> Tokens {
        let answer = self.instance.answer(request).await;
        Tokens::of(&answer).unwrap_or_else(|| panic!("{case}: {answer:?}"))
    }

    /// The request is carried out and no answer of its transaction arrives, however often the SDK asks.
    async fn answered_without_reply(&self, request: &Request) -> u16 {
        let lost = Rule::of(TRANSACTIONS, When::From(0), Fault::CommitThenDrop);
        self.proxy.set([lost]);
        let answer = self.instance.answer(request).await;
        self.proxy.heal();
        answer.status
    }
}

#[tokio::test]
async fn no_lost_reply_of_a_table_ends_a_journey_or_revokes_anything() {
    let Some(trial) = Trial::of_person(74).await else {
        return;
    };
    let _ = trial.proxy.take_seen();
    trial.travel("nothing lost").await;
    let mut writes = trial.proxy.take_seen();
    writes.retain(|call| WRITES.contains(&call.operation.as_str()));
    for round in 0..LOST.count() {
        let nth = round % writes.len();
        let case = format!("{} on {:?}", writes[nth].operation, writes[nth].tables);
        let lost = Rule::of(WRITES, When::Nth(nth), Fault::CommitThenDrop);
        trial.proxy.set([lost]);
        let arrived = trial.travel(&case).await;
        let seen = trial.proxy.take_seen();
        let struck = seen.iter().filter(|call| call.fault.is_some());
        assert_eq!(struck.count(), 1, "{case}: its answer was lost");
        trial.proxy.heal();
        trial.prove(&case, &arrived).await;
        let _ = trial.proxy.take_seen();
    }
    report(format!(
        "{} lost replies over {} writes of the token flow: one working set of tokens each, nothing revoked",
        LOST.count(),
        writes.len()
    ));
}

/// Whether a busy machine took longer than the time in which a code may come again.
fn is_late(started: Instant) -> bool {
    started.elapsed() >= Duration::from_secs(CODE_RETRY_SECONDS.unsigned_abs())
}

#[tokio::test]
async fn a_client_that_sends_a_code_again_is_refused_and_loses_nothing() {
    let Some(trial) = Trial::of_person(75).await else {
        return;
    };
    let (sandbox, pair, instance) = (&trial.sandbox, &trial.pair, &trial.instance);
    for _ in 0..RETRIES.count() {
        // The tokens are on their way, and the client sends the code again.
        let started = Instant::now();
        let code = sandbox.consent(pair).await;
        let grant = sandbox.grant_id(pair).await;
        let tokens = trial.tokens("first", &pair.redemption(&code)).await;
        let again = instance.answer(&pair.redemption(&code)).await;
        assert_eq!(
            (again.status, again.text("error").as_str()),
            (400, "invalid_grant")
        );
        if is_late(started) {
            continue;
        }
        pair.works(instance, &tokens).await;
        assert_eq!(sandbox.grant_id(pair).await, grant);

        // The function itself never learned that the code was redeemed.
        let started = Instant::now();
        let code = sandbox.consent(pair).await;
        let grant = sandbox.grant_id(pair).await;
        let redemption = pair.redemption(&code);
        assert_eq!(trial.answered_without_reply(&redemption).await, 503);
        let again = instance.answer(&redemption).await;
        assert_eq!(
            (again.status, again.text("error").as_str()),
            (400, "invalid_grant")
        );
        assert!(is_late(started) || sandbox.grant_id(pair).await == grant);
    }
}

#[tokio::test]
async fn a_client_that_sends_a_refresh_token_again_gets_the_same_successor() {
    let Some(trial) = Trial::of_person(76).await else {
        return;
    };
    let (sandbox, pair, instance) = (&trial.sandbox, &trial.pair, &trial.instance);
    for _ in 0..RETRIES.count() {
        let first = sandbox.tokens(pair, instance).await;
        let grant = sandbox.grant_id(pair).await;
        let second = trial
            .tokens("first", &pair.refreshment(&first.refresh))
            .await;
        let again = trial
            .tokens("again", &pair.refreshment(&first.refresh))
            .await;
        assert_eq!(again.refresh, second.refresh);
        assert!(pair.has_access(instance, &second.access).await);

        let lost = pair.refreshment(&again.refresh);
        assert_eq!(trial.answered_without_reply(&lost).await, 503);
        let third = trial.tokens("after 503", &lost).await;
        assert!(!pair.has_access(instance, &second.access).await);
        pair.works(instance, &third).await;
        assert_eq!(sandbox.grant_id(pair).await, grant);
    }
}

#[tokio::test]
async fn a_person_whose_decision_was_lost_begins_again_and_nothing_is_half_made() {
    let Some(trial) = Trial::of_person(77).await else {
        return;
    };
    let (sandbox, pair, instance) = (&trial.sandbox, &trial.pair, &trial.instance);
    for _ in 0..RETRIES.count() {
        let earlier = sandbox.tokens(pair, instance).await;
        let browser = pair.signed_in(instance).await;
        let page = instance.answer(&browser.look()).await;
        let decision = Pair::decision(&browser, &page, Decision::Connect);
        assert_eq!(trial.answered_without_reply(&decision).await, 503);
        // The consent holds, so what it replaced is over; its code is nobody's, and the approval is used up.
        assert!(!pair.has_access(instance, &earlier.access).await);
        assert_eq!(instance.answer(&decision).await.status, 400);
        let arrived = trial.travel("begun again").await;
        trial.prove("begun again", &arrived).await;
    }
}
