//! Many clients at once: whoever is first wins, whole and alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use stand::local::UNHURRIED;
use stand::proxy::Proxy;
use tokio::task::JoinSet;

use crate::instance::{Answer, Instance, Request};
use crate::pair::{Browser, Decision, Pair, Sandbox, Tokens};
use crate::rounds::{Rounds, report};

/// Requests of one round, spread over that many instances.
const AT_ONCE: usize = 100;
const INSTANCES: usize = 3;

const REDEMPTIONS: Rounds = Rounds {
    test: 10,
    soak: 100,
};
const REFRESHES: Rounds = Rounds { test: 10, soak: 50 };
const APPROVALS: Rounds = Rounds { test: 3, soak: 25 };
const REVOCATIONS: Rounds = Rounds { test: 5, soak: 50 };

/// Several instances, as Lambda starts them under load.
struct Instances(Vec<Arc<Instance>>);

impl Instances {
    async fn start(sandbox: &Sandbox) -> Self {
        let aws = Proxy::before(&sandbox.aws).aws(UNHURRIED).await;
        let mut instances = Vec::new();
        for _ in 0..INSTANCES {
            instances.push(Arc::new(Instance::start(&aws).await));
        }
        Self(instances)
    }

    fn first(&self) -> &Instance {
        &self.0[0]
    }

    /// Sends the requests at once, to one instance after the other.
    async fn at_once(&self, requests: impl IntoIterator<Item = Request>) -> Vec<Answer> {
        let mut calls = JoinSet::new();
        for (request, instance) in requests.into_iter().zip(self.0.iter().cycle()) {
            let instance = Arc::clone(instance);
            calls.spawn(async move { instance.answer(&request).await });
        }
        calls.join_all().await
    }
}

#[tokio::test]
async fn of_a_hundred_redemptions_at_once_one_succeeds_and_its_tokens_live() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let instances = Instances::start(&sandbox).await;
    let pair = sandbox.pair(70).await;
    for _ in 0..REDEMPTIONS.count() {
        let code = sandbox.consent(&pair).await;
        let grant = sandbox.grant_id(&pair).await;
        let requests = vec![pair.redemption(&code); AT_ONCE];
        let answers = instances.at_once(requests).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), 1, "{won:?}");
        for answer in lost {
            let refusal = (answer.status, answer.json());
            assert_eq!(refusal, (400, json!({"error": "invalid_grant"})));
        }
        assert_eq!(sandbox.grant_id(&pair).await, grant, "nothing is revoked");
        pair.works(instances.first(), &Tokens::of(&won[0]).unwrap())
            .await;
    }
    report(format!(
        "{} rounds of {AT_ONCE} redemptions at once: one success each",
        REDEMPTIONS.count()
    ));
}

#[tokio::test]
async fn of_a_hundred_refreshes_at_once_all_successes_carry_one_living_token() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let instances = Instances::start(&sandbox).await;
    let pair = sandbox.pair(71).await;
    let mut succeeded = 0;
    for _ in 0..REFRESHES.count() {
        let first = sandbox.tokens(&pair, instances.first()).await;
        let grant = sandbox.grant_id(&pair).await;
        let requests = vec![pair.refreshment(&first.refresh); AT_ONCE];
        let answers = instances.at_once(requests).await;
        let tokens: Vec<_> = answers.iter().filter_map(Tokens::of).collect();
        succeeded += tokens.len();
        assert_eq!(tokens.len(), AT_ONCE, "{answers:?}");
        let successors: BTreeSet<_> = tokens.iter().map(|tokens| &tokens.refresh).collect();
        assert_eq!(successors.len(), 1);
        assert_eq!(sandbox.grant_id(&pair).await, grant, "nothing is revoked");
        assert!(!pair.has_access(instances.first(), &first.access).await);
        pair.works(instances.first(), &tokens[0]).await;
    }
    report(format!(
        "{} rounds of {AT_ONCE} refreshes at once: {succeeded} successes, one living refresh token each",
        REFRESHES.count()
    ));
}

#[tokio::test]
async fn one_approval_gives_one_code_however_often_it_is_sent_at_once() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let instances = Instances::start(&sandbox).await;
    let pair = sandbox.pair(72).await;
    for _ in 0..APPROVALS.count() {
        let browser = pair.signed_in(instances.first()).await;
        let page = instances.first().answer(&browser.look()).await;
        let allow = Pair::decision(&browser, &page, Decision::Connect);
        let cancel = Pair::decision(&browser, &page, Decision::Cancel);
        let requests = (0..AT_ONCE).map(|number| match number % 4 {
            3 => cancel.clone(),
            _ => allow.clone(),
        });
        let answers = instances.at_once(requests).await;
        let (decided, late): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 303);
        assert_eq!(decided.len(), 1, "{decided:?}");
        assert!(late.iter().all(|answer| answer.status == 400), "{late:?}");
        let mut back = Browser::default();
        back.follow(decided[0]);
        let Some(code) = back.code() else {
            continue;
        };
        let answer = instances.first().answer(&pair.redemption(&code)).await;
        pair.works(instances.first(), &Tokens::of(&answer).unwrap())
            .await;
    }
    report(format!(
        "{} rounds of {AT_ONCE} decisions on one approval: one holds",
        APPROVALS.count()
    ));
}

#[tokio::test]
async fn nothing_lives_after_a_revocation_that_refreshes_ran_beside() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    let instances = Instances::start(&sandbox).await;
    let pair = sandbox.pair(73).await;
    for round in 0..REVOCATIONS.count() {
        let first = sandbox.tokens(&pair, instances.first()).await;
        let endpoint = ["revoke_token", "revoke"][round % 2];
        let revocation = pair.post(endpoint, &[("token", &first.refresh)]);
        let requests = (0..20).map(|number| match number {
            10 => revocation.clone(),
            _ => pair.refreshment(&first.refresh),
        });
        let answers = instances.at_once(requests).await;
        for answer in &answers {
            assert!(matches!(answer.status, 200 | 400 | 403), "{answer:?}");
        }
        let refreshed = answers.iter().filter_map(Tokens::of);
        for tokens in refreshed.filter(|tokens| !tokens.access.is_empty()) {
            let access = pair.has_access(instances.first(), &tokens.access).await;
            let again = pair.refreshment(&tokens.refresh);
            let again = instances.first().answer(&again).await;
            assert!(!access && again.status != 200, "{endpoint}: {again:?}");
        }
    }
    report(format!(
        "{} rounds of a revocation beside 19 refreshes: no token lives",
        REVOCATIONS.count()
    ));
}
