//! How long answers take that must not tell anything. Figures, never an assertion: a busy machine would decide it.

use std::time::{Duration, Instant};

use bluebutton::{config::Limits, identity::sandbox};

use crate::instance::Instance;
use crate::pair::{Browser, Sandbox, sign_in};
use crate::rounds::{Rounds, report};

/// Of sign-ins with a wrong password: one with a known name, one with a name that nobody has.
const PAIRS: Rounds = Rounds {
    test: 20,
    soak: 250,
};

/// First calls open connections.
const WARM_UP: usize = 5;

#[tokio::test]
async fn tells_how_long_a_wrong_password_takes_with_known_and_unknown_names() {
    let Some(sandbox) = Sandbox::running().await else {
        return;
    };
    // No name gets locked: a lock has its own pauses, the same for each.
    let limits = Limits {
        account_sign_in_failures: u32::MAX,
        address_sign_in_failures: u32::MAX,
        address_requests_per_second: u32::MAX,
        ..Limits::default()
    };
    let instance = Instance::start_with(&sandbox.aws, limits).await;
    let pair = sandbox.pair(96).await;
    let mut browser = Browser::default();
    browser.follow(&instance.answer(&pair.authorization()).await);
    let page = instance.answer(&browser.look()).await;
    let attempt = async |username: &str| {
        let request = sign_in(&browser, &page, username, "wrong");
        let started = Instant::now();
        let answer = instance.answer(&request).await;
        let taken = started.elapsed();
        assert_eq!(answer.status, 403, "{answer:?}");
        taken
    };
    let known = sandbox::user_name_of(&pair.patient);
    let unknown = known.replace("BBUser0", "BBUser9");
    for _ in 0..WARM_UP {
        attempt(&known).await;
        attempt(&unknown).await;
    }
    let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
    for round in 0..PAIRS.count() {
        // Each comes first as often as the other.
        if round % 2 == 0 {
            of_known.push(attempt(&known).await);
        }
        of_unknown.push(attempt(&unknown).await);
        if round % 2 == 1 {
            of_known.push(attempt(&known).await);
        }
    }
    let (of_known, of_unknown) = (median(of_known), median(of_unknown));
    report(format!(
        "{} pairs of sign-ins with a wrong password: median {of_known:.2?} with a known name, {of_unknown:.2?} with an \
         unknown one, ratio {:.3}",
        PAIRS.count(),
        of_known.as_secs_f64() / of_unknown.as_secs_f64(),
    ));
    // A sign-in forgets the failures of the name, for whoever signs in next.
    pair.signed_in(&instance).await;
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
