//! An application and a beneficiary of one test, and the calls that tests make.

use aws_sdk_dynamodb::Client as DynamoDb;
use bluebutton::{
    config,
    http::{ApiVersion, Call, HeaderMap, HeaderValue, Method, Response, header},
    identity::BeneId,
    oauth::{
        Application, ClientType, RedirectUri,
        access::{AccessError, Verifier},
    },
    secret::Secret,
    store::{ApplicationsTable, AuthorizationTables, ClaimsTable, ItemKey, StoredItem},
};
use jiff::Timestamp;
use serde_json::Value;
use stand::{
    consent::{Consent, VERIFIER},
    local,
};
use std::{pin::Pin, sync::Arc};
use token::State;

const BASE_URL: &str = "http://localhost:8000";
pub(crate) const REDIRECT_URI: &str = "http://localhost:3001/api/bluebutton/callback/";

/// One test's own application and beneficiary, so that tests share nothing.
pub(crate) struct Sandbox {
    pub(crate) state: Arc<State>,
    verifier: Verifier,
    applications: ApplicationsTable,
    pub(crate) tables: AuthorizationTables,
    pub(crate) application: Application,
    pub(crate) secret: Secret,
    pub(crate) patient: BeneId,
}

impl Sandbox {
    /// With a usual application; nothing, and a line that says so, without a local AWS.
    pub(crate) async fn new() -> Option<Self> {
        Box::pin(Self::with(|usual| usual)).await
    }

    /// With an application of another kind.
    pub(crate) async fn with(kind: impl FnOnce(Application) -> Application) -> Option<Self> {
        let aws = local::aws(env!("CARGO_PKG_NAME"), &["GRANTS_TABLE"]).await?;
        let client = DynamoDb::new(&aws);
        let table = config::variable("APPLICATIONS_TABLE").expect("a sandbox");
        let redirect_uri = RedirectUri::parse(REDIRECT_URI).expect("a URI");
        let (usual, secret) = Application::register("Test", vec![redirect_uri]);
        let number = uuid::Uuid::new_v4().as_u128() % 1_000_000_000_000_000;
        let sandbox = Self {
            state: Arc::new(
                Box::pin(State::from_environment(&aws))
                    .await
                    .expect("a sandbox"),
            ),
            verifier: Box::pin(Verifier::from_environment(&aws))
                .await
                .expect("a sandbox"),
            applications: ApplicationsTable::new(client, table),
            tables: AuthorizationTables::from_environment(&aws).expect("a sandbox"),
            application: kind(usual),
            secret,
            patient: BeneId::parse(&format!("-{number}")).expect("an id"),
        };
        sandbox.register(&sandbox.application).await;
        Some(sandbox)
    }

    /// Loads the person: that they are there is all that anybody asks here.
    pub(crate) async fn load_person(&self) {
        let table = config::variable("CLAIMS_TABLE").expect("a sandbox");
        let claims = ClaimsTable::new(
            DynamoDb::new(&local::unhurried(env!("CARGO_PKG_NAME")).await),
            table,
        );
        let person = StoredItem {
            bytes: vec![1],
            last_updated: Timestamp::now(),
            mbi_hash: None,
        };
        let loaded = claims.insert(&self.patient, &ItemKey::Person, person);
        loaded.await.expect("a table");
    }

    /// Registers the application as it is now.
    pub(crate) async fn register(&self, application: &Application) {
        Box::pin(self.applications.put(application))
            .await
            .expect("a table");
    }

    /// A consent given now, for tests to change.
    pub(crate) fn consent(&self) -> Consent {
        self.consent_at(Timestamp::now())
    }

    pub(crate) fn consent_at(&self, now: Timestamp) -> Consent {
        Consent::new(&self.application, &self.patient, now)
    }

    /// The code of a consent.
    pub(crate) async fn code(&self) -> Secret {
        Box::pin(self.consent().give(&self.tables)).await
    }

    /// The id of the grant, if there is one.
    pub(crate) async fn grant_id(&self) -> Option<String> {
        let client_id = &self.application.client_id;
        let grant = Box::pin(self.tables.grants.get(&self.patient, client_id)).await;
        grant.expect("a table").map(|grant| grant.grant_id)
    }

    /// The client's authentication in the body.
    pub(crate) fn client(&self) -> Vec<(&str, &str)> {
        let id = ("client_id", self.application.client_id.as_str());
        let secret = ("client_secret", self.secret.expose());
        match self.application.client_type {
            ClientType::Confidential => vec![id, secret],
            ClientType::Public => vec![id],
        }
    }

    /// The parameters of a good exchange of a code.
    pub(crate) fn exchange<'a>(&'a self, code: &'a Secret) -> Vec<(&'a str, &'a str)> {
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        [&grant[..], &self.client()].concat()
    }

    /// The parameters of a good refresh.
    pub(crate) fn refresh<'a>(&'a self, refresh_token: &'a str) -> Vec<(&'a str, &'a str)> {
        let grant = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        [&grant[..], &self.client()].concat()
    }

    /// The tokens of a new consent.
    pub(crate) async fn tokens(&self) -> Value {
        self.tokens_of(&self.consent()).await
    }

    /// The tokens of that consent, exchanged when it is given.
    pub(crate) async fn tokens_of(&self, consent: &Consent) -> Value {
        let code = Box::pin(consent.give(&self.tables)).await;
        let now = consent.grant.approved_at;
        let (status, body) = self.post_at(now, "token", &self.exchange(&code)).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        self.post_at(Timestamp::now(), path, form).await
    }

    pub(crate) async fn post_at(
        &self,
        now: Timestamp,
        path: &str,
        form: &[(&str, &str)],
    ) -> (u16, Value) {
        read(&handle_at(&self.state, post(path, form, None), now).await)
    }

    /// A call about a token, with the client's authentication in the body.
    pub(crate) async fn about(&self, path: &str, token: &str) -> (u16, Value) {
        let form = [&[("token", token)], &self.client()[..]].concat();
        self.post(path, &form).await
    }

    /// Whether an access token gives access now.
    pub(crate) async fn access(&self, tokens: &Value) -> Result<(), AccessError> {
        self.access_at(Timestamp::now(), tokens).await
    }

    pub(crate) async fn access_at(
        &self,
        now: Timestamp,
        tokens: &Value,
    ) -> Result<(), AccessError> {
        let bearer = format!("Bearer {}", text(tokens, "access_token"));
        let verified = self
            .verifier
            .verify(&post("token", &[], Some(&bearer)), now)
            .await?;
        assert_eq!(verified.patient, self.patient);
        Box::pin(self.verifier.confirm(&verified, now))
            .await
            .map(drop)
    }
}

/// What the function answers. On the heap: unoptimised, the frame of a test holds every future that the test waits for,
/// and one that waits for forty of these would outgrow the stack of its thread.
pub(crate) fn handle_at(
    state: &State,
    call: Call,
    now: Timestamp,
) -> Pin<Box<dyn Future<Output = Response> + Send + '_>> {
    Box::pin(token::handle_at(state, call, now))
}

/// The same now.
pub(crate) fn handle(
    state: &State,
    call: Call,
) -> Pin<Box<dyn Future<Output = Response> + Send + '_>> {
    handle_at(state, call, Timestamp::now())
}

/// A form posted to a path below `/v2/o/`.
pub(crate) fn post(path: &str, form: &[(&str, &str)], authorization: Option<&str>) -> Call {
    let mut headers = HeaderMap::new();
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, form_type);
    if let Some(value) = authorization {
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_str(value).expect("a header"),
        );
    }
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    Call {
        method: Method::POST,
        version: Some(ApiVersion::V2),
        path: format!("/o/{path}"),
        query: vec![],
        headers,
        body: body.into_bytes(),
        request_id: uuid::Uuid::new_v4().to_string(),
        base_url: BASE_URL.into(),
        source_ip: None,
    }
}

/// Status and body of an answer; a body that is no JSON as text.
pub(crate) fn read(response: &Response) -> (u16, Value) {
    let text = || String::from_utf8_lossy(&response.body).into_owned().into();
    let body = serde_json::from_slice(&response.body).unwrap_or_else(|_| text());
    (response.status.as_u16(), body)
}

/// One token of an answer.
pub(crate) fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().expect("a token").to_owned()
}
