//! Narrowing on refresh: the subset rule of SMART (Blue Button's `is_smart_subscope`), RFC 6749 section 6.

use bluebutton::oauth::Scopes;
use serde_json::json;

use crate::sandbox::{Sandbox, text};

#[tokio::test]
async fn a_refresh_may_narrow_the_scopes_and_never_widens_them() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let check = async |granted: &str, asked: &str, expected: Option<&str>| {
        let mut consent = sandbox.consent();
        let scopes = Scopes::parse(granted).expect("known scopes");
        (consent.grant.scopes, consent.code.scopes) = (scopes, scopes);
        let tokens = sandbox.tokens_of(&consent).await;
        assert_eq!(tokens["scope"], granted);
        let refresh_token = text(&tokens, "refresh_token");
        let mut form = sandbox.refresh(&refresh_token);
        form.push(("scope", asked));
        let (status, answer) = sandbox.post("token", &form).await;
        let Some(expected) = expected else {
            assert_eq!(
                (status, answer),
                (400, json!({"error": "invalid_scope"})),
                "{asked}"
            );
            // What is refused uses nothing up, and the refresh token keeps what was consented to.
            let (status, answer) = sandbox
                .post("token", &sandbox.refresh(&refresh_token))
                .await;
            assert_eq!(
                (status, &answer["scope"]),
                (200, &json!(granted)),
                "{asked}"
            );
            return;
        };
        assert_eq!(
            (status, &answer["scope"]),
            (200, &json!(expected)),
            "{granted}: {asked}"
        );
        let next = text(&answer, "refresh_token");
        let (_, whole) = sandbox.post("token", &sandbox.refresh(&next)).await;
        assert_eq!(whole["scope"], granted, "{granted}: {asked}");
    };
    let everything = Scopes::DEFAULT;
    let (rs, r, s) = (
        "patient/Coverage.rs",
        "patient/Coverage.r",
        "patient/Coverage.s",
    );
    let read = "patient/Coverage.read";
    // Authlib sends the original scope again.
    check(everything, everything, Some(everything)).await;
    check(everything, "", Some(everything)).await;
    check(
        everything,
        "profile patient/Coverage.rs",
        Some("patient/Coverage.rs profile"),
    )
    .await;
    check(everything, "profile", Some("profile")).await;
    check(rs, r, Some(r)).await;
    check(rs, s, Some(s)).await;
    check(rs, read, Some(read)).await;
    check(read, r, Some(r)).await;
    check(read, s, Some(s)).await;
    check(read, rs, Some(rs)).await;
    check(read, read, Some(read)).await;
    check(r, r, Some(r)).await;
    check(r, s, None).await;
    check(r, rs, None).await;
    check(r, read, None).await;
    check(s, rs, None).await;
    check(rs, "patient/Patient.r", None).await;
    check(rs, "patient/Coverage.rs patient/Patient.r", None).await;
    check(rs, "profile", None).await;
    check(everything, "openid", None).await;
    check(everything, "launch/patient", None).await;
    check(everything, "patient/*.read", None).await;
    check(everything, "unknown", None).await;
    check(everything, " ", None).await;
}
