//! The grants of a person for a partner's portal.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bluebutton::{
    config,
    http::{Call, HeaderValue, Method, header},
    oauth::{Application, DataAccess, access::AccessError},
};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use stand::{
    local::{self, UNHURRIED},
    proxy::Proxy,
};
use std::sync::Arc;
use token::State;

use crate::sandbox::{Sandbox, handle_at, post, read};

/// A portal's view of one person.
struct Portal {
    sandbox: Sandbox,
    username: String,
}

impl Portal {
    async fn new() -> Option<Self> {
        let kind = |usual| Application {
            token_management: true,
            ..usual
        };
        let sandbox = Sandbox::with(kind).await?;
        let username = format!("user {}", uuid::Uuid::new_v4());
        Some(Self { sandbox, username })
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let id = &self.sandbox.application.client_id;
        let credentials = format!("{id}:{}", self.sandbox.secret.expose());
        let basic = format!("Basic {}", BASE64_STANDARD.encode(credentials));
        let mut call = post(path, &[], Some(&basic));
        call.headers.remove(header::CONTENT_TYPE);
        let user = format!("SLS {}", BASE64_STANDARD.encode(&self.username));
        let user = HeaderValue::from_str(&user).expect("a header");
        call.headers.insert("x-authentication", user);
        call.method = method;
        call
    }

    async fn send(&self, method: Method, path: &str) -> (u16, Value) {
        self.send_at(Timestamp::now(), self.call(method, path))
            .await
    }

    async fn send_at(&self, now: Timestamp, call: Call) -> (u16, Value) {
        read(&handle_at(&self.sandbox.state, call, now).await)
    }

    async fn list_at(&self, now: Timestamp) -> Vec<Value> {
        let (status, list) = self.send_at(now, self.call(Method::GET, "tokens")).await;
        assert_eq!(status, 200, "{list}");
        list.as_array().expect("a list").clone()
    }

    /// The tokens of a consent that this person gave to an application.
    async fn connect(&self, application: &Sandbox) -> Value {
        let mut consent = application.consent();
        consent.grant.username = Some(self.username.clone());
        application.tokens_of(&consent).await
    }
}

#[tokio::test]
async fn lists_the_grants_of_the_person_who_is_signed_in_and_removes_one() {
    let kept = |usual| Application {
        name: "Kept".into(),
        logo_uri: Some("https://app.example/logo.png".into()),
        tos_uri: Some("https://app.example/terms".into()),
        policy_uri: Some("https://app.example/privacy".into()),
        support_email: Some("help@app.example".into()),
        ..usual
    };
    let (Some(portal), Some(mut kept), Some(mut ended)) = (
        Portal::new().await,
        Sandbox::with(kept).await,
        Sandbox::new().await,
    ) else {
        return;
    };
    // One person, two applications.
    (kept.patient, ended.patient) = (
        portal.sandbox.patient.clone(),
        portal.sandbox.patient.clone(),
    );
    assert_eq!(portal.send(Method::GET, "tokens").await.0, 404);
    let kept_tokens = portal.connect(&kept).await;
    let ended_tokens = portal.connect(&ended).await;
    let list = portal.list_at(Timestamp::now()).await;
    assert_eq!(list.len(), 2);
    let named = |name: &str| {
        let mut named = list.iter().filter(|one| one["application"]["name"] == name);
        named.next().expect("a grant of that application").clone()
    };
    let (of_kept, of_ended) = (named("Kept"), named("Test"));
    let application = json!({
        "id": of_kept["application"]["id"], "name": "Kept", "logo_uri": "https://app.example/logo.png",
        "tos_uri": "https://app.example/terms", "policy_uri": "https://app.example/privacy",
        "contacts": "help@app.example",
    });
    assert_eq!(of_kept["application"], application);
    for one in [&of_kept, &of_ended] {
        assert!(one["id"].is_u64() && one["user"].is_u64());
        assert!(one["application"]["id"].is_u64());
    }
    assert_eq!(of_kept["user"], of_ended["user"]);
    assert_ne!(of_kept["id"], of_ended["id"]);

    let path = format!("tokens/{}", of_ended["id"]);
    assert_eq!(
        portal.send(Method::GET, &path).await,
        (200, of_ended.clone())
    );
    assert_eq!(portal.send(Method::DELETE, &path).await, (204, json!("")));
    let not_found = (404, json!({"detail": "Not found."}));
    assert_eq!(portal.send(Method::DELETE, &path).await, not_found);
    assert_eq!(portal.send(Method::GET, &path).await, not_found);
    assert_eq!(
        ended.access(&ended_tokens).await,
        Err(AccessError::GrantMissing)
    );
    assert_eq!(kept.access(&kept_tokens).await, Ok(()));
    let left = [of_kept];
    assert_eq!(portal.list_at(Timestamp::now()).await, left);
    // The id of a grant outlives a new consent; grants that have ended are not shown.
    portal.connect(&kept).await;
    assert_eq!(portal.list_at(Timestamp::now()).await, left);
    assert!(
        portal
            .list_at(Timestamp::now() + (400 * 24).hours())
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_one_time_grant_is_hidden_after_its_hour_and_others_do_not_see_whom_they_may_not() {
    let once = |usual| Application {
        data_access: DataAccess::OneTime,
        ..usual
    };
    let (Some(portal), Some(stranger), Some(mut once)) = (
        Portal::new().await,
        Portal::new().await,
        Sandbox::with(once).await,
    ) else {
        return;
    };
    once.patient = portal.sandbox.patient.clone();
    let tokens = portal.connect(&once).await;
    let list = portal.list_at(Timestamp::now()).await;
    assert_eq!(list.len(), 1);
    assert!(
        portal
            .list_at(Timestamp::now() + 2.hours())
            .await
            .is_empty()
    );
    // Another person's grant is not there, whatever its id.
    let mut other = Sandbox::new().await.expect("there was one before");
    other.patient = stranger.sandbox.patient.clone();
    stranger.connect(&other).await;
    let path = format!("tokens/{}", list[0]["id"]);
    assert_eq!(stranger.send(Method::DELETE, &path).await.0, 404);
    assert_eq!(once.access(&tokens).await, Ok(()));
}

#[tokio::test]
async fn serves_portals_only_and_says_why() {
    let (Some(portal), Some(usual)) = (Portal::new().await, Sandbox::new().await) else {
        return;
    };
    let check = async |change: &dyn Fn(&mut Call), status: u16, detail: &str| {
        let mut call = portal.call(Method::GET, "tokens");
        change(&mut call);
        let answer = portal.send_at(Timestamp::now(), call).await;
        assert_eq!(answer, (status, json!({"detail": detail})));
    };
    let set = |name: &'static str, value: String| {
        move |call: &mut Call| {
            let value = HeaderValue::from_str(&value).expect("a header");
            call.headers.insert(name, value);
        }
    };
    let basic = |id: &str, secret: &str| {
        let credentials = BASE64_STANDARD.encode(format!("{id}:{secret}"));
        set("authorization", format!("Basic {credentials}"))
    };
    let no_application = "No such application";
    let id = portal.sandbox.application.client_id.as_str();
    let (usual_id, usual_secret) = (&usual.application.client_id, usual.secret.expose());
    check(&basic(id, "wrong"), 401, no_application).await;
    check(&basic("nobody", "x"), 401, no_application).await;
    check(
        &|call| drop(call.headers.remove("authorization")),
        401,
        no_application,
    )
    .await;
    let forbidden = "You do not have permission to perform this action.";
    check(&basic(usual_id, usual_secret), 403, forbidden).await;

    let nobody = "Authentication credentials were not provided.";
    check(
        &|call| drop(call.headers.remove("x-authentication")),
        401,
        nobody,
    )
    .await;
    for value in ["SLS", "SLS !!!", "SLS ", "Basic YQ==", "YQ==", "SLS /w=="] {
        check(&set("x-authentication", value.into()), 401, nobody).await;
    }
    check(
        &set("x-authentication", "SLS YQ==".into()),
        404,
        "Not found.",
    )
    .await;
    check(
        &|call| call.method = Method::POST,
        405,
        "Method \"POST\" not allowed.",
    )
    .await;
    check(
        &|call| call.method = Method::PUT,
        405,
        "Method \"PUT\" not allowed.",
    )
    .await;
    check(
        &|call| call.method = Method::DELETE,
        405,
        "Method \"DELETE\" not allowed.",
    )
    .await;
    let inactive = Application {
        active: false,
        ..portal.sandbox.application.clone()
    };
    portal.sandbox.register(&inactive).await;
    check(
        &|_| {},
        403,
        "This application, Test, is temporarily inactive.",
    )
    .await;
}

#[tokio::test]
async fn one_grant_is_shown_without_a_look_at_the_other_applications() {
    const GRANTS: usize = 3;
    let Some(mut portal) = Portal::new().await else {
        return;
    };
    for _ in 0..GRANTS {
        let mut application = Sandbox::new().await.expect("it is there for the portal");
        application.patient = portal.sandbox.patient.clone();
        portal.connect(&application).await;
    }
    let list = portal.list_at(Timestamp::now()).await;
    assert_eq!(list.len(), GRANTS);
    let proxy = Proxy::before(&local::unhurried(env!("CARGO_PKG_NAME")).await);
    let state = State::from_environment(&proxy.aws(UNHURRIED).await).await;
    portal.sandbox.state = Arc::new(state.expect("a sandbox"));
    let _ = proxy.take_seen();
    let (status, shown) = portal
        .send(Method::GET, &format!("tokens/{}", list[1]["id"]))
        .await;
    assert_eq!((status, &shown), (200, &list[1]));
    let applications = config::variable("APPLICATIONS_TABLE").expect("a sandbox");
    let seen = proxy.take_seen();
    let read = seen
        .iter()
        .filter(|call| call.tables.contains(&applications));
    assert_eq!(read.count(), 2, "the portal and the one application");
}
