//! A beneficiary's consent as the consent page leaves it, for tests that begin with a code or a grant.

use bluebutton::{
    audit::{Action, Event},
    http::{ApiVersion, Language},
    identity::BeneId,
    oauth::{
        Application, Approval, CODE_SECONDS, Code, Grant, Person, Scopes, pkce::CodeChallenge,
        random_token, sha256_hex, token::ACCESS_TOKEN_SECONDS,
    },
    secret::Secret,
    store::{AuthorizationTables, Transaction},
};
use jiff::{Timestamp, ToSpan};

/// The code verifier of every consent here (RFC 7636 appendix B).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Its challenge.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The name that the beneficiary signed in with.
pub const USERNAME: &str = "BBUser00000";

/// What a decision writes. Tests change it before they give it.
pub struct Consent {
    /// What the decision uses up.
    pub approval: Approval,
    /// What it allows.
    pub grant: Grant,
    /// What the application gets.
    pub code: Code,
}

impl Consent {
    /// Of that beneficiary to all default scopes of that application, given at that time.
    pub fn new(application: &Application, patient: &BeneId, now: Timestamp) -> Self {
        let client_id = application.client_id.clone();
        let redirect_uri = application.redirect_uris[0].clone();
        let challenge = CodeChallenge::parse(CHALLENGE).expect("a challenge");
        let (scopes, expires_at) = (Scopes::defaults(), now + CODE_SECONDS.seconds());
        let once = ACCESS_TOKEN_SECONDS + CODE_SECONDS;
        let grant = Grant {
            patient: patient.clone(),
            client_id: client_id.clone(),
            grant_id: Grant::new_id(),
            scopes,
            substance_use: false,
            username: Some(USERNAME.into()),
            approved_at: now,
            expires_at: application.data_access.grant_expiry(now, once),
        };
        let code = Code {
            client_id: client_id.clone(),
            redirect_uri: redirect_uri.clone(),
            challenge: challenge.clone(),
            patient: patient.clone(),
            grant_id: grant.grant_id.clone(),
            scopes,
            expires_at,
            used_at: None,
        };
        let approval = Approval {
            client_id,
            redirect_uri,
            scopes,
            state: "0123456789abcdef".into(),
            challenge,
            version: ApiVersion::V2,
            language: Language::English,
            session_hash: sha256_hex("session"),
            person: Some(Person {
                patient: patient.clone(),
                username: USERNAME.into(),
            }),
            expires_at,
        };
        Self {
            approval,
            grant,
            code,
        }
    }

    /// Keeps the approval, uses it up and gives the code's secret, as the consent page does.
    pub async fn give(&self, tables: &AuthorizationTables) -> Secret {
        let id = uuid::Uuid::new_v4().to_string();
        let kept = tables.transient.put_approval(&id, &self.approval).await;
        kept.expect("a table");
        let secret = random_token();
        let event = Event {
            at: self.grant.approved_at,
            patient: &self.grant.patient,
            client_id: &self.grant.client_id,
            action: Action::Consented,
            detail: "",
            request_id: "test",
        };
        let held = self.approval.held(&id, self.grant.approved_at);
        let code = (&secret, &self.code);
        let done = tables.approve(held, &self.grant, code, &event).await;
        assert_eq!(done, Ok(Transaction::Done));
        secret
    }
}
