//! Sign-in at a real and independent OpenID Connect provider (npm's oidc-provider), on the tables of a running sandbox:
//! the whole way of a person, and every way in which a callback may be false.
//!
//! The tests need the environment of a sandbox and `BLUEBUTTON_NODE_MODULES`, and are skipped without them.

#[path = "../../../../tests/browser/driver.rs"]
#[allow(
    dead_code,
    reason = "the acceptance suite, whose it is, uses all of it"
)]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod driver;
mod forged;
#[path = "../../../../tests/browser/page.rs"]
#[allow(clippy::unwrap_used, reason = "a test may fail by a panic")]
mod page;
mod pages;
mod site;
mod start;
mod walk;

use stand::local;
use std::{fs, path::PathBuf};

use bluebutton::identity::BeneId;
use serde_json::{Value, json};

use crate::site::Site;
use crate::walk::{
    AtProvider, Browser, Records, between, client, digits, location, mbi, parameter, text,
};

#[tokio::test]
async fn a_loaded_person_goes_from_the_provider_to_consent_to_tokens_to_their_patient_resource() {
    let Some((records, sandbox)) = Records::of_sandbox().await.zip(LoadedPerson::read()) else {
        return;
    };
    let accounts = json!({"an-opaque-subject": {"mbi": sandbox.mbi}});
    let Some(site) = Site::start(&accounts, &client(&json!({})), true) else {
        return;
    };
    let state = records.state(&site).await;
    let mut browser = Browser::new();
    let account = AtProvider::SignIn("an-opaque-subject");
    let (id, callback) = browser.visit(&state, &records, account).await;
    let out = browser.get(&state, &callback).await;
    // The provider's session ends before the person decides, and its page leads back.
    let out = location(&out);
    assert!(out.as_str().starts_with(&site.issuer), "{out}");
    let back = browser.at_provider(out, account);
    assert_eq!(parameter(&back, "state").as_deref(), Some(id.as_str()));
    let consent = location(&browser.get(&state, &back).await);
    let page = text(&browser.get(&state, &consent).await);
    assert!(
        !page.contains("an-opaque-subject"),
        "it says nothing to a person"
    );
    let csrf_token = between(&page, "name=\"csrf_token\" value=\"", "\"");
    let choices = [
        ("csrf_token", csrf_token),
        ("share_demographic_scopes", "True"),
        ("allow", "Connect"),
    ];
    let app = location(&browser.post(&state, &consent, &choices).await);
    assert_eq!(parameter(&app, "state").as_deref(), Some(walk::APP_STATE));
    let code = parameter(&app, "code").expect("a code");

    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", walk::REDIRECT_URI),
        ("code_verifier", walk::VERIFIER),
        ("client_id", &records.application.client_id),
        ("client_secret", records.secret.expose()),
    ];
    let token_url = format!("{}/v2/o/token/", sandbox.base_url);
    let mut tokens = browser
        .http()
        .post(&token_url)
        .send_form(form)
        .expect("the sandbox answers");
    let tokens: Value = tokens.body_mut().read_json().expect("JSON");
    assert_eq!(tokens["patient"], sandbox.patient.as_str(), "{tokens}");
    let patient_url = format!("{}/v2/fhir/Patient/{}", sandbox.base_url, sandbox.patient);
    let bearer = format!(
        "Bearer {}",
        tokens["access_token"].as_str().expect("a token")
    );
    let request = browser
        .http()
        .get(&patient_url)
        .header("Authorization", &bearer);
    let patient: Value = request
        .call()
        .expect("the sandbox answers")
        .body_mut()
        .read_json()
        .expect("JSON");
    assert_eq!(patient["id"], sandbox.patient.as_str(), "{patient}");
    assert!(patient["identifier"].to_string().contains(&sandbox.mbi));
    let grant = records
        .grant(&BeneId::parse(&sandbox.patient).expect("an id"))
        .await
        .expect("a grant");
    assert_eq!(grant.username.as_deref(), Some("an-opaque-subject"));

    // The next person at this browser signs in themselves: the provider has forgotten the one before.
    let (_, sent) = browser.begin(&state, &records).await;
    let page = browser
        .http()
        .get(location(&sent).as_str())
        .call()
        .expect("the provider answers");
    assert!(
        page.headers()["location"]
            .to_str()
            .expect("text")
            .contains("/interaction/")
    );
}

#[tokio::test]
async fn people_are_matched_by_mbi_then_hicn_from_the_id_token_or_userinfo_whatever_the_signature()
{
    let Some(records) = Records::of_sandbox().await else {
        return;
    };
    let (number, unknown, hicn) = (mbi(), mbi(), format!("9{}A", digits(8)));
    let patient = records.person(&[&number, &hicn]).await;
    let dashed = format!(" {}-{}-{} ", &number[..4], &number[4..7], &number[7..]).to_lowercase();
    let accounts = json!({
        "mbi": {"mbi": number}, "dashed": {"mbi": dashed}, "hicn": {"hicn": hicn},
        "both": {"mbi": unknown, "hicn": hicn}, "empty": {"mbi": "", "hicn": hicn},
    });
    for (more, claims_in_id_token) in [
        (json!({}), true),
        (json!({}), false),
        (
            json!({"token_endpoint_auth_method": "client_secret_post"}),
            false,
        ),
        (json!({"id_token_signed_response_alg": "ES256"}), true),
        (json!({"id_token_signed_response_alg": "PS256"}), false),
    ] {
        let Some(site) = Site::start(&accounts, &client(&more), claims_in_id_token) else {
            return;
        };
        if more.get("token_endpoint_auth_method").is_some() {
            site.tamper(Some(Box::new(|_, reply| {
                reply.change_at("/.well-known/openid-configuration", |document| {
                    document["token_endpoint_auth_methods_supported"] =
                        json!(["client_secret_post"]);
                });
            })));
        }
        let state = records.state(&site).await;
        for account in ["mbi", "dashed", "hicn", "both", "empty"] {
            let mut browser = Browser::new();
            let (id, callback) = browser
                .visit(&state, &records, AtProvider::SignIn(account))
                .await;
            let answer = browser.get(&state, &callback).await;
            assert_eq!(answer.status, 303, "{account} {more} {}", text(&answer));
            let person = records
                .approval(&id)
                .await
                .and_then(|approval| approval.person);
            let person = person.expect("somebody signed in");
            assert_eq!(
                (&person.patient, person.username.as_str()),
                (&patient, account),
                "{more}"
            );
        }
    }
}

#[tokio::test]
async fn a_provider_without_a_sign_out_page_is_asked_to_revoke_and_the_way_goes_straight_to_consent()
 {
    let Some(records) = Records::of_sandbox().await else {
        return;
    };
    let number = mbi();
    records.person(&[&number]).await;
    let accounts = json!({"one": {"mbi": number}});
    let Some(site) = Site::start(&accounts, &client(&json!({})), true) else {
        return;
    };
    site.tamper(Some(Box::new(|_, reply| {
        reply.change_at("/.well-known/openid-configuration", |document| {
            document
                .as_object_mut()
                .expect("an object")
                .remove("end_session_endpoint");
        });
    })));
    let state = records.state(&site).await;
    let mut browser = Browser::new();
    let (id, callback) = browser
        .visit(&state, &records, AtProvider::SignIn("one"))
        .await;
    let answer = browser.get(&state, &callback).await;
    assert_eq!(location(&answer).path(), format!("/v2/o/authorize/{id}/"));
    assert_eq!(site.asked("/token/revocation"), 1);
}

#[tokio::test]
async fn a_key_that_appeared_since_is_read_once_and_works() {
    let Some(records) = Records::of_sandbox().await else {
        return;
    };
    let number = mbi();
    records.person(&[&number]).await;
    let accounts = json!({"one": {"mbi": number}});
    let Some(site) = Site::start(&accounts, &client(&json!({})), true) else {
        return;
    };
    let state = records.state(&site).await;
    let sign_in = async || {
        let mut browser = Browser::new();
        let (_, callback) = browser
            .visit(&state, &records, AtProvider::SignIn("one"))
            .await;
        browser.get(&state, &callback).await.status.as_u16()
    };
    // The set as it was before the key of today's tokens.
    site.tamper(Some(Box::new(|_, reply| {
        reply.change_at("/jwks", |set| set["keys"] = json!([set["keys"][1]]));
    })));
    assert_eq!(sign_in().await, 403);
    assert_eq!(site.asked("/jwks"), 2);
    site.tamper(None);
    assert_eq!((sign_in().await, site.asked("/jwks")), (303, 1));
    assert_eq!(
        (sign_in().await, site.asked("/jwks")),
        (303, 1),
        "documents are kept"
    );
    assert_eq!(
        site.asked("/.well-known/openid-configuration"),
        0,
        "documents are kept"
    );
}

#[tokio::test]
async fn somebody_else_signs_in_from_the_consent_page() {
    let Some(records) = Records::of_sandbox().await else {
        return;
    };
    let numbers = [mbi(), mbi()];
    let (_, other) = (
        records.person(&[&numbers[0]]).await,
        records.person(&[&numbers[1]]).await,
    );
    let accounts = json!({"one": {"mbi": numbers[0]}, "other": {"mbi": numbers[1]}});
    let Some(site) = Site::start(&accounts, &client(&json!({})), true) else {
        return;
    };
    let state = records.state(&site).await;
    let mut browser = Browser::new();
    let one = AtProvider::SignIn("one");
    let (id, callback) = browser.visit(&state, &records, one).await;
    let out = location(&browser.get(&state, &callback).await);
    let back = browser.at_provider(out, one);
    let consent = location(&browser.get(&state, &back).await);
    let page = text(&browser.get(&state, &consent).await);
    let token = between(&page, "name=\"switch_account\" value=\"", "\"");
    // No redirect: browsers would hold it to the form-action of the page, which does not name the provider.
    let answer = browser
        .post(&state, &consent, &[("switch_account", token)])
        .await;
    assert_eq!(answer.status, 200, "{}", text(&answer));
    let refresh = answer.header("refresh").expect("a way on").to_owned();
    let login = consent
        .join(refresh.trim_start_matches("0; url="))
        .expect("a URL");
    let sent = location(&browser.get(&state, &login).await);
    let callback = browser.at_provider(sent, AtProvider::SignIn("other"));
    assert_eq!(browser.get(&state, &callback).await.status, 303);
    let person = records
        .approval(&id)
        .await
        .and_then(|approval| approval.person);
    assert_eq!(person.map(|person| person.patient), Some(other));
}

/// A person that the sandbox loaded, by the number that their file has.
struct LoadedPerson {
    base_url: String,
    patient: String,
    mbi: String,
}

impl LoadedPerson {
    /// A synthetic person whom no other test signs in as.
    fn read() -> Option<Self> {
        const PATIENT: &str = "-20140000000021";
        let description = PathBuf::from(local::needed("BLUEBUTTON_SANDBOX")?);
        let text = fs::read_to_string(&description).expect("sandbox.json");
        let sandbox: Value = serde_json::from_str(&text).expect("JSON");
        let file = description
            .with_file_name("rif")
            .join("beneficiary_2026.csv");
        let rows = fs::read_to_string(file).expect("the sandbox's own people");
        let mut rows = rows.lines().map(|row| row.split('|').collect::<Vec<_>>());
        let head = rows.next().expect("a head");
        let column = |name: &str| {
            head.iter()
                .position(|known| *known == name)
                .expect("a column")
        };
        let (id, mbi) = (column("BENE_ID"), column("MBI_NUM"));
        let row = rows.find(|row| row[id] == PATIENT).expect("the person");
        Some(Self {
            base_url: sandbox["base_url"].as_str().expect("a URL").to_owned(),
            patient: PATIENT.to_owned(),
            mbi: row[mbi].to_owned(),
        })
    }
}
