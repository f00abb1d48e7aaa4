//! How functions follow a rotation of the signing keys, and what they answer while they cannot.

use bluebutton::exchange::{Failure, respond};
use bluebutton::http::StatusCode;
use bluebutton::oauth::Resource;
use bluebutton::oauth::access::AccessError;
use bluebutton::oauth::keys::Keys;
use bluebutton::oauth::token::{Claims, Signer};
use jiff::ToSpan;
use serde_json::{Value, json};
use stand::{BASE, CONFIGURATION, OWN, Stand, get, key_pair, public_key};
use std::sync::Arc;

const SCOPE: &str = "patient/Patient.rs";

fn configuration(signing_keys: &Value) -> Option<Value> {
    Some(json!({"stage": "sandbox", "signing_keys": signing_keys}))
}

/// What a token gets that many seconds after the keys were read.
async fn verified(stand: &Stand, token: &str, seconds: i64) -> Result<(), AccessError> {
    let verifier = &stand.state.verifier;
    let now = stand.started + seconds.seconds();
    let verified = verifier.verify_token(token, BASE, now).await;
    verified.map(drop)
}

#[tokio::test]
async fn a_key_that_cannot_be_looked_up_now_is_no_reason_to_call_a_token_invalid() {
    let stand = Stand::new().await;
    let foreign = stand.token_signed_by(&key_pair(), OWN, SCOPE);
    let check = async |seconds, expected| {
        let found = verified(&stand, &foreign, seconds).await;
        assert_eq!(found, Err(expected), "after {seconds} s");
    };
    // The keys were read just now, and none of them has this id.
    check(0, AccessError::InvalidToken("unknown key")).await;
    check(29, AccessError::InvalidToken("unknown key")).await;
    // Later one of them might, but there is no configuration to be read.
    check(30, AccessError::Unavailable).await;
    check(31, AccessError::Unavailable).await;
    let call = get("/v2/fhir/Patient", &foreign);
    let now = stand.started + 59.seconds();
    let opened = stand.state.open(&call, Resource::Patient, now).await;
    let response = respond(&call, Err(opened.err().expect("no access")));
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.header("retry-after").is_some());
    let failure = Failure::Access(AccessError::Unavailable);
    assert_eq!(respond(&call, Err(failure)).body, response.body);
    // Once it can be read again the answer is certain.
    stand
        .tables
        .configure(configuration(&json!({"current": ""})));
    check(60, AccessError::InvalidToken("unknown key")).await;
}

#[tokio::test]
async fn a_flood_of_unknown_keys_reads_the_configuration_once_in_thirty_seconds() {
    let check = async |configured: Option<Value>| {
        let stand = Stand::new().await;
        stand.tables.configure(configured);
        let verifier = &stand.state.verifier;
        for second in 0..120 {
            for _ in 0..10 {
                let foreign = stand.token_signed_by(&key_pair(), OWN, SCOPE);
                let now = stand.started + second.seconds();
                let verified = verifier.verify_token(&foreign, BASE, now).await;
                assert!(verified.is_err());
            }
        }
        // At the 30th, 60th and 90th second.
        assert_eq!(stand.tables.key_calls("getsecretvalue"), 3);
    };
    check(configuration(&json!({"current": ""}))).await;
    check(None).await;
}

#[tokio::test]
async fn many_who_miss_the_same_new_key_read_once_and_are_all_let_in() {
    let stand = Stand::new().await;
    let new = key_pair();
    stand.tables.put_key("new", public_key(&new));
    stand
        .tables
        .configure(configuration(&json!({"current": "new"})));
    let token = stand.token_signed_by(&new, OWN, SCOPE);
    let all = (0..50).map(|_| verified(&stand, &token, 30));
    for outcome in futures_util::future::join_all(all).await {
        assert_eq!(outcome, Ok(()));
    }
    assert_eq!(stand.tables.key_calls("getsecretvalue"), 1);
    assert_eq!(stand.tables.key_calls("getpublickey"), 1);
}

#[tokio::test]
async fn a_dropped_key_is_forgotten_within_a_minute_and_a_kept_one_is_not() {
    let stand = Stand::new().await;
    let (old, new) = (key_pair(), key_pair());
    stand.tables.put_key("old", public_key(&old));
    stand.tables.put_key("new", public_key(&new));
    let of = |key| stand.token_signed_by(key, OWN, SCOPE);
    let (of_old, of_new) = (of(&old), of(&new));
    let check = async |seconds, (old, new)| {
        let found = (
            verified(&stand, &of_old, seconds).await,
            verified(&stand, &of_new, seconds).await,
        );
        assert_eq!(found, (old, new), "after {seconds} s");
    };
    const UNKNOWN: Result<(), AccessError> = Err(AccessError::InvalidToken("unknown key"));
    let keys = json!({"current": "old", "next": "new"});
    stand.tables.configure(configuration(&keys));
    check(60, (Ok(()), Ok(()))).await;
    let keys = json!({"current": "new", "previous": "old"});
    stand.tables.configure(configuration(&keys));
    check(120, (Ok(()), Ok(()))).await;
    stand
        .tables
        .configure(configuration(&json!({"current": "new"})));
    check(179, (Ok(()), Ok(()))).await;
    check(180, (UNKNOWN, Ok(()))).await;
    // The halves of a key never change: each was fetched once.
    assert_eq!(stand.tables.key_calls("getpublickey"), 2);
}

#[tokio::test]
async fn an_outage_of_ten_minutes_stops_no_reader_and_an_hour_stops_all() {
    let stand = Stand::new().await;
    let token = stand.own_token();
    for (seconds, expected) in [
        (60, Ok(())),
        (600, Ok(())),
        (3600, Ok(())),
        (3601, Err(AccessError::Unavailable)),
    ] {
        let found = verified(&stand, &token, seconds).await;
        assert_eq!(found, expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_signer_that_cannot_learn_of_a_rotation_stops_before_its_key_may_be_dropped() {
    let stand = Stand::new().await;
    for arn in ["old", "new"] {
        stand.tables.put_key(arn, public_key(&key_pair()));
    }
    stand
        .tables
        .configure(configuration(&json!({"current": "old", "next": "new"})));
    let now = stand.started;
    let keys = Keys::named(&stand.aws, CONFIGURATION, now).await;
    let signer = Signer::new(&stand.aws, Arc::new(keys.expect("a configuration")));
    let kid = async |seconds: i64| {
        let token = signer.sign(&claims(), now + seconds.seconds()).await.ok()?;
        let header = jsonwebtoken::decode_header(token.expose()).expect("a JWT");
        header.kid
    };
    let old = kid(0).await.expect("a token");
    stand
        .tables
        .configure(configuration(&json!({"current": "new", "previous": "old"})));
    assert_eq!(kid(59).await, Some(old.clone()));
    let new = kid(60).await.expect("a token");
    assert_ne!(new, old, "the rotation reaches a running function");
    stand.tables.configure(None);
    assert_eq!(kid(120).await, Some(new.clone()));
    assert_eq!(kid(60 + 9 * 60).await, Some(new));
    assert_eq!(kid(60 + 9 * 60 + 1).await, None);
}

fn claims() -> Claims {
    let text = || "x".to_owned();
    Claims {
        iss: text(),
        aud: text(),
        sub: text(),
        patient: text(),
        client_id: text(),
        scope: text(),
        grant: text(),
        jti: text(),
        iat: 0,
        exp: 0,
        nbf: None,
    }
}
