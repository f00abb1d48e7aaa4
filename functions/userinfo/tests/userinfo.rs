//! Userinfo against a local AWS.
//!
//! The tests need the environment of a sandbox (`AWS_ENDPOINT_URL` and the tables) and are skipped without it.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as DynamoDb;
use bluebutton::{
    config::{self, Stage},
    exchange::State,
    http::{ApiVersion, Call, HeaderMap, HeaderValue, Method, header},
    identity::BeneId,
    oauth::{
        Application, Grant, IssuedAccess, RedirectUri, Scopes,
        keys::Keys,
        token::{Claims, Signer},
    },
    rif::{Column, FileType, Row, RowPart, Value as Cell},
    secret::Secret,
    store::{
        ApplicationsTable, AuthorizationTables, ClaimsTable, ItemKey, StoredItem,
        stored_claim::encode_row,
    },
};
use jiff::Timestamp;
use serde_json::{Value, json};
use stand::{consent::Consent, local};
use std::sync::Arc;
use userinfo::handle;

const BASE_URL: &str = "http://localhost:8000";

/// One test's own application and beneficiary.
struct Sandbox {
    state: State,
    signer: Signer,
    tables: AuthorizationTables,
    application: Application,
    patient: BeneId,
}

impl Sandbox {
    async fn new() -> Option<Self> {
        let aws = local::aws(env!("CARGO_PKG_NAME"), &["GRANTS_TABLE"]).await?;
        let keys = Keys::read(&aws, Timestamp::now()).await.expect("a sandbox");
        let (application, _) = Application::register(
            "Test",
            vec![RedirectUri::parse("https://app.example/").expect("a URI")],
        );
        let table = config::variable("APPLICATIONS_TABLE").expect("a sandbox");
        let applications = ApplicationsTable::new(DynamoDb::new(&aws), table);
        applications.put(&application).await.expect("a table");
        Some(Self {
            state: State::from_environment(&aws).await.expect("a sandbox"),
            signer: Signer::new(&aws, Arc::new(keys)),
            tables: AuthorizationTables::from_environment(&aws).expect("a sandbox"),
            application,
            patient: load_person(&aws).await,
        })
    }

    /// A token with those scopes, under a new grant.
    async fn token(&self, scopes: &str) -> Secret {
        let scopes = Scopes::parse(scopes).expect("known scopes");
        let grant = self.approve(scopes).await;
        let access = IssuedAccess::new(scopes, Timestamp::now());
        let claims = Claims {
            iss: BASE_URL.into(),
            aud: BASE_URL.into(),
            sub: "opaque".into(),
            patient: self.patient.as_str().into(),
            client_id: grant.client_id,
            scope: scopes.to_string(),
            grant: grant.grant_id,
            jti: access.jti.clone(),
            iat: access.issued_at.as_second(),
            exp: access.expires_at().as_second(),
            nbf: None,
        };
        let signed = self.signer.sign(&claims, Timestamp::now()).await;
        signed.expect("a signature")
    }

    async fn approve(&self, scopes: Scopes) -> Grant {
        let mut consent = Consent::new(&self.application, &self.patient, Timestamp::now());
        consent.grant.scopes = scopes;
        consent.grant.approved_at = "2026-02-05T05:26:39Z".parse().expect("a time");
        consent.give(&self.tables).await;
        consent.grant
    }

    async fn get(&self, token: &str) -> (u16, Value) {
        let response = handle(Stage::Sandbox, &self.state, call(Some(token))).await;
        let body = serde_json::from_slice(&response.body).expect("JSON");
        (response.status.as_u16(), body)
    }
}

async fn load_person(aws: &SdkConfig) -> BeneId {
    let number = uuid::Uuid::new_v4().as_u128() % 1_000_000_000_000_000;
    let patient = BeneId::parse(&format!("-9{number}")).expect("an id");
    let mut row = Row::new(FileType::Beneficiary.layout(), RowPart::Header);
    row.set(Column::BENE_ID, Some(Cell::Text(patient.as_str())));
    row.set(Column::BENE_GVN_NAME, Some(Cell::Text("Jane")));
    row.set(Column::BENE_SRNM_NAME, Some(Cell::Text("Doe")));
    let person = StoredItem {
        bytes: encode_row(&row),
        last_updated: Timestamp::now(),
        mbi_hash: None,
    };
    let table = config::variable("CLAIMS_TABLE").expect("a sandbox");
    let claims = ClaimsTable::new(DynamoDb::new(aws), table);
    claims
        .insert(&patient, &ItemKey::Person, person)
        .await
        .expect("a table");
    patient
}

fn call(token: Option<&str>) -> Call {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
        headers.insert(header::AUTHORIZATION, bearer);
    }
    Call {
        method: Method::GET,
        version: Some(ApiVersion::V2),
        path: "/connect/userinfo".into(),
        query: vec![],
        headers,
        body: vec![],
        request_id: uuid::Uuid::new_v4().to_string(),
        base_url: BASE_URL.into(),
        source_ip: None,
    }
}

#[tokio::test]
async fn tells_who_the_beneficiary_is_to_a_token_with_the_profile_scope() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let token = sandbox.token("profile").await;
    let id = sandbox.patient.as_str();
    let expected = json!({
        "sub": id, "patient": id, "name": "Jane Doe", "given_name": "Jane", "family_name": "Doe",
        "email": "BBUser00000@example.com", "iat": "2026-02-05T05:26:39.000Z",
    });
    assert_eq!(sandbox.get(token.expose()).await, (200, expected));
}

#[tokio::test]
async fn refuses_tokens_without_the_scope_and_tokens_that_are_dead() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let check = async |token: &str, status: u16, detail: &str| {
        assert_eq!(
            sandbox.get(token).await,
            (status, json!({ "detail": detail }))
        );
    };
    let (nobody, no_scope) = (
        "Authentication credentials were not provided.",
        "You do not have permission to perform this action.",
    );
    let narrow = sandbox.token("patient/Patient.rs openid").await;
    check(narrow.expose(), 403, no_scope).await;
    check("nonsense", 401, nobody).await;
    let token = sandbox.token("profile").await;
    check(&token.expose()[1..], 401, nobody).await;
    assert_eq!(sandbox.get(token.expose()).await.0, 200);
    sandbox.approve(Scopes::defaults()).await;
    check(token.expose(), 401, nobody).await;
}

#[tokio::test]
async fn answers_calls_without_a_token_and_other_methods_in_blue_buttons_form() {
    let Some(sandbox) = Sandbox::new().await else {
        return;
    };
    let check = async |change: &dyn Fn(&mut Call), status: u16, challenge: bool| {
        let mut call = call(None);
        change(&mut call);
        let response = handle(Stage::Sandbox, &sandbox.state, call).await;
        assert_eq!(response.status, status);
        assert_eq!(response.header("www-authenticate").is_some(), challenge);
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    };
    check(&|_| {}, 401, true).await;
    check(&|call| call.version = None, 401, true).await;
    check(
        &|call| call.query = vec![("access_token".into(), "x".into())],
        400,
        false,
    )
    .await;
    check(&|call| call.method = Method::POST, 405, false).await;
    check(&|call| call.method = Method::OPTIONS, 204, false).await;
    check(&|call| call.path = "/connect/userinfos".into(), 404, false).await;
}
