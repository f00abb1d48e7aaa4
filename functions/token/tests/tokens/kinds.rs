//! How long each kind of application may come back (SEC-08), with the clock as an argument.

use bluebutton::oauth::{Application, DataAccess, access::AccessError};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, text};

const MINUTES: i64 = 60;
const HOURS: i64 = 60 * MINUTES;
const DAYS: i64 = 24 * HOURS;

async fn of(data_access: DataAccess) -> Option<Sandbox> {
    let kind = |usual| Application {
        data_access,
        ..usual
    };
    Sandbox::with(kind).await
}

fn timed_out() -> (u16, Value) {
    let description = "User access has timed out. To refresh Medicare data, end user must re-authenticate and consent to share their data.";
    let body =
        json!({"status_code": 401, "error": "invalid_grant", "error_description": description});
    (401, body)
}

/// The last refresh token of a chain, used at that time: it becomes its successor, or the answer is as expected.
async fn refresh_at(sandbox: &Sandbox, tokens: &mut Value, now: Timestamp) -> (u16, Value) {
    let refresh_token = text(tokens, "refresh_token");
    let answer = sandbox
        .post_at(now, "token", &sandbox.refresh(&refresh_token))
        .await;
    if answer.0 == 200 {
        assert_eq!(answer.1["expires_in"], 3600);
        assert_eq!(sandbox.access_at(now, &answer.1).await, Ok(()));
        *tokens = answer.1.clone();
    }
    answer
}

#[tokio::test]
async fn a_thirteen_month_grant_stops_thirteen_months_after_its_last_approval_and_not_after_a_refresh()
 {
    let Some(sandbox) = of(DataAccess::ThirteenMonth).await else {
        return;
    };
    // Twice: a new approval begins the thirteen months anew.
    for approved in ["2026-01-31T12:00:00Z", "2027-01-15T12:00:00Z"] {
        let approved: Timestamp = approved.parse().expect("a time");
        let consent = sandbox.consent_at(approved);
        let end = consent.grant.expires_at.expect("an end");
        let mut tokens = sandbox.tokens_of(&consent).await;
        let told = tokens["access_grant_expiration"]
            .as_str()
            .expect("text")
            .to_owned();
        assert_eq!(told, end.to_string());
        let times = [
            approved + (10 * MINUTES).seconds(),
            approved + (200 * DAYS).seconds(),
            end - HOURS.seconds(),
            end - 1.seconds(),
        ];
        for now in times {
            let (status, answer) = refresh_at(&sandbox, &mut tokens, now).await;
            assert_eq!(status, 200, "{now} {answer}");
            assert_eq!(answer["access_grant_expiration"], told);
        }
        for later in [0, 1, 10 * DAYS, 364 * DAYS, 4000 * DAYS] {
            let now = end + later.seconds();
            let answer = refresh_at(&sandbox, &mut tokens, now).await;
            assert_eq!(answer, timed_out(), "{later} seconds after the end");
        }
        // The access token of the last second would live for an hour; the grant does not.
        assert_eq!(sandbox.access_at(end - 1.seconds(), &tokens).await, Ok(()));
        let ended = sandbox.access_at(end, &tokens).await;
        assert_eq!(ended, Err(AccessError::GrantExpired));
    }
}

#[tokio::test]
async fn a_one_time_grant_gives_one_access_token_and_ends_with_it() {
    let Some(sandbox) = of(DataAccess::OneTime).await else {
        return;
    };
    let approved = Timestamp::now();
    let consent = sandbox.consent_at(approved);
    let tokens = sandbox.tokens_of(&consent).await;
    assert_eq!(tokens.get("refresh_token"), None);
    let end = Timestamp::from_second(approved.as_second() + HOURS).expect("a time");
    let told = tokens["access_grant_expiration"].as_str().expect("text");
    assert_eq!(told, end.to_string());
    let check = async |after_seconds: i64, expected| {
        let access = sandbox
            .access_at(approved + after_seconds.seconds(), &tokens)
            .await;
        assert_eq!(access, expected, "{after_seconds}");
    };
    check(0, Ok(())).await;
    check(59 * MINUTES, Ok(())).await;
    check(61 * MINUTES, Err(AccessError::InvalidToken("expired"))).await;

    // A refresh token from before the application was made a one-time one is refused, and is not used up by it.
    let usual = Application {
        data_access: DataAccess::ThirteenMonth,
        ..sandbox.application.clone()
    };
    sandbox.register(&usual).await;
    let tokens = sandbox.tokens().await;
    sandbox.register(&sandbox.application).await;
    let refresh_token = text(&tokens, "refresh_token");
    let form = sandbox.refresh(&refresh_token);
    let description = "Your application is not allowed to refresh tokens. To refresh Medicare data, end user must re-authenticate and consent to share their data. If your application needs to refresh tokens, contact us at BlueButtonAPI@cms.hhs.gov.";
    let refused =
        json!({"status_code": 403, "error": "invalid_client", "error_description": description});
    assert_eq!(sandbox.post("token", &form).await, (403, refused));
    sandbox.register(&usual).await;
    assert_eq!(sandbox.post("token", &form).await.0, 200);
}

#[tokio::test]
async fn a_research_grant_has_no_end() {
    let Some(sandbox) = of(DataAccess::ResearchStudy).await else {
        return;
    };
    let approved = Timestamp::now();
    let mut tokens = sandbox.tokens_of(&sandbox.consent_at(approved)).await;
    assert_eq!(tokens["access_grant_expiration"], "");
    for later in [HOURS, 400 * DAYS, 20 * 365 * DAYS] {
        let now = approved + later.seconds();
        let (status, answer) = refresh_at(&sandbox, &mut tokens, now).await;
        assert_eq!(status, 200, "{later} {answer}");
        assert_eq!(answer["access_grant_expiration"], "");
    }
}

#[tokio::test]
async fn what_has_ended_is_refused_though_no_table_has_swept_it() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let given = Timestamp::now();
    let check = async |after_seconds: i64, expected: u16| {
        let code = sandbox.consent_at(given).give(&sandbox.tables).await;
        let now = given + after_seconds.seconds();
        let (status, body) = sandbox
            .post_at(now, "token", &sandbox.exchange(&code))
            .await;
        assert_eq!(status, expected, "{after_seconds} {body}");
        if expected == 400 {
            assert_eq!(body, json!({"error": "invalid_grant"}));
        }
    };
    check(0, 200).await;
    check(59, 200).await;
    check(60, 400).await;
    check(61, 400).await;
    check(3600, 400).await;
    check(400 * DAYS, 400).await;
}
