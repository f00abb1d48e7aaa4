//! A stand for tests of whole functions: their real state on a DynamoDB of a few lines that listens on loopback.
//!
//! Only tests depend on this crate.

pub mod codedeploy;
pub mod consent;
pub mod first_start;
mod http;
pub mod lambda;
pub mod local;
pub mod proxy;
pub mod recorder;
pub mod runtime;
mod tls;
mod wire;

use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use bluebutton::audit::AuditTable;
use bluebutton::config::Limits;
use bluebutton::exchange::State;
use bluebutton::http::{Call, Response};
use bluebutton::oauth::access::Verifier;
use bluebutton::oauth::keys::{KeySet, Keys, PublicKey};
use bluebutton::oauth::{Application, Scopes};
use bluebutton::rate_limit::RateLimits;
use bluebutton::rif::{Claim, ClaimType, Column, FileType, Row, RowPart, Value as RifValue};
use bluebutton::store::stored_claim::{encode, encode_row, encode_rows};
use bluebutton::store::{
    ApplicationsTable, ClaimsTable, Facts, GrantsTable, IdentityTable, RequestCountsTable,
    TransientTable, UsageTable,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use self::wire::Received;

/// The public base URL.
pub const BASE: &str = "http://localhost:8000";
/// The person whom most tests are about.
pub const OWN: &str = "-20140000008325";
/// Another person.
pub const OTHER: &str = "567834";
/// The Medicare number of whoever is loaded.
pub const MBI: &str = "3456789";
/// Its hash, as stored with the person.
pub const MBI_HASH: &str = "82273caf4d2c3b5a8340190ae3575950957ce469e593efd7736d60c3b39d253c";
/// When everything was loaded.
pub const LOADED: &str = "2024-05-06T07:08:09.123Z";
/// The name of the secret with the configuration, which is not there until a test puts it.
pub const CONFIGURATION: &str = "configuration";
const CLIENT_ID: &str = "0123456789abcdef0123456789abcdef01234567";

/// A function's state, and the tables behind it.
pub struct Stand {
    /// When it was made, which is when its keys were read and from when its tokens are good.
    pub started: Timestamp,
    /// What the function holds.
    pub state: State,
    /// Which people hashes stand for.
    pub identity: IdentityTable,
    counts: RequestCountsTable,
    /// What is behind it.
    pub tables: Tables,
    /// How the services behind it are reached.
    pub aws: SdkConfig,
    applications: ApplicationsTable,
    pkcs8: Vec<u8>,
}

impl Stand {
    /// A stand with one application, to which both people have consented.
    pub async fn new() -> Self {
        let started = Timestamp::now();
        let tables = Tables::default();
        let aws = tables.serve();
        let client = Client::new(&aws);
        let pkcs8 = key_pair();
        let key = PublicKey::from_spki(&public_key(&pkcs8)).expect("the stand works");
        let configuration = Some(CONFIGURATION.to_owned());
        let keys = KeySet::new(vec![key]);
        let keys = Keys::new(aws.clone(), configuration, keys, started);
        let applications = ApplicationsTable::new(client.clone(), "applications");
        applications
            .put(&application())
            .await
            .expect("the stand works");
        let verifier = Verifier::new(
            keys,
            GrantsTable::new(client.clone(), "grants"),
            applications.clone(),
            TransientTable::new(client.clone(), "transient"),
        );
        for patient in [OWN, OTHER] {
            tables.put("grants", grant(patient, false));
        }
        let identity = IdentityTable::new(client.clone(), "identity");
        let counts = RequestCountsTable::new(client.clone(), "counts");
        let state = State {
            verifier,
            claims: ClaimsTable::new(client.clone(), "claims"),
            audit: AuditTable::new(client.clone(), "audit"),
            limits: RateLimits::new(counts.clone(), Limits::default()),
            usage: UsageTable::new(client.clone(), "usage"),
        };
        Self {
            started,
            state,
            identity,
            counts,
            tables,
            aws,
            applications,
            pkcs8,
        }
    }

    /// Makes the application one of another kind.
    pub async fn change_application(&self, kind: impl FnOnce(Application) -> Application) {
        self.tables.remove("applications", "client_id", CLIENT_ID);
        let changed = self.applications.put(&kind(application())).await;
        changed.expect("the stand works");
    }

    /// Consent to see claims about substance use as well.
    pub fn consent_to_substance_use(&self, patient: &str) {
        self.tables.remove("grants", "patient", patient);
        self.tables.put("grants", grant(patient, true));
    }

    /// Loads a person with a reference year under their own id.
    pub fn load_person(&self, patient: &str) {
        self.load_person_as(patient, patient);
    }

    /// Loads a row under an id that need not be its own, which no loader does.
    pub fn load_person_as(&self, partition: &str, patient: &str) {
        let mut person = item(partition, "B", &person(Some(patient)));
        person["mh"] = json!({"S": MBI_HASH});
        self.tables.put("claims", person);
        let mut row = person_row(FileType::Beneficiary, Some(patient));
        row.set(Column::RFRNC_YR, Some(RifValue::Text("2024")));
        self.item(partition, "Y#2024", &encode_row(&row));
    }

    /// Loads a claim of that person.
    pub fn load_claim(&self, patient: &str, claim_type: ClaimType, id: &str, sensitive: bool) {
        self.load_claim_as(patient, patient, claim_type, id, sensitive);
    }

    /// Loads a claim under an id that need not be its own, which no loader does.
    pub fn load_claim_as(
        &self,
        partition: &str,
        patient: &str,
        claim_type: ClaimType,
        id: &str,
        sensitive: bool,
    ) {
        self.store_claim(
            partition,
            &claim_of(Some(patient), claim_type, id),
            sensitive,
        );
    }

    /// Loads a claim as it is under that id.
    pub fn store_claim(&self, partition: &str, claim: &Claim, sensitive: bool) {
        let loaded = LOADED.parse().expect("a time");
        let facts = Facts {
            sensitive,
            ..Facts::of(claim, loaded)
        };
        let id = claim.id().map(|id| id.to_string()).unwrap_or_default();
        let key = format!("C#{id}#{}", claim.claim_type.name());
        self.item(partition, &key, &encode(claim, &facts));
    }

    fn item(&self, partition: &str, key: &str, bytes: &[u8]) {
        self.tables.put("claims", item(partition, key, bytes));
    }

    /// The bytes of the item under that key.
    pub fn stored_bytes(&self, partition: &str, key: &str) -> Vec<u8> {
        let items = self.tables.items("claims");
        let mut found = items.iter().filter(|item| is_at(item, partition, key));
        let item = found.next().expect("an item under that key");
        let bytes = item["d"]["B"].as_str().expect("DynamoDB JSON");
        BASE64.decode(bytes).expect("DynamoDB JSON")
    }

    /// Gives the item under that key other bytes, which no loader does.
    pub fn replace_bytes(&self, partition: &str, key: &str, bytes: &[u8]) {
        self.tables.edit("claims", |item| {
            if is_at(item, partition, key) {
                item["d"]["B"] = BASE64.encode(bytes).into();
            }
        });
    }

    /// Sets how often what may be tried.
    pub fn limit(&mut self, limits: Limits) {
        self.state.limits = RateLimits::new(self.counts.clone(), limits);
    }

    /// Notes that a hash stands for that person.
    pub fn load_identity(&self, hash: &str, patient: &str) {
        let item = json!({"pk": {"S": hash}, "sk": {"S": patient}});
        self.tables.put("identity", item);
    }

    /// An access token of that person with those scopes.
    pub fn token(&self, patient: &str, scope: &str) -> String {
        self.sign(&self.pkcs8, (patient, scope), "jti")
    }

    /// As [`Stand::own_token`], with another id.
    pub fn own_token_with_id(&self, id: &str) -> String {
        self.sign(&self.pkcs8, (OWN, Scopes::DEFAULT), id)
    }

    /// As [`Stand::token`], signed with another key pair.
    pub fn token_signed_by(&self, pkcs8: &[u8], patient: &str, scope: &str) -> String {
        self.sign(pkcs8, (patient, scope), "jti")
    }

    fn sign(&self, pkcs8: &[u8], (patient, scope): (&str, &str), id: &str) -> String {
        let key = PublicKey::from_spki(&public_key(pkcs8)).expect("the stand works");
        let now = self.started.as_second();
        let claims = json!({
            "iss": BASE, "aud": BASE, "sub": "opaque", "patient": patient, "client_id": CLIENT_ID, "scope": scope,
            "grant": "grant", "jti": id, "iat": now, "exp": now + 3600,
        });
        let header = jsonwebtoken::Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(key.kid),
            ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256)
        };
        let key = jsonwebtoken::EncodingKey::from_ec_der(pkcs8);
        jsonwebtoken::encode(&header, &claims, &key).expect("the stand works")
    }

    /// A token of the one person whom most tests are about, with every scope.
    pub fn own_token(&self) -> String {
        self.token(OWN, Scopes::DEFAULT)
    }
}

/// The stored bytes of a person who says that they are that beneficiary, or nobody.
pub fn person(owner: Option<&str>) -> Vec<u8> {
    let row = person_row(FileType::Beneficiary, owner);
    encode_rows(std::slice::from_ref(&row))
}

/// The stored bytes of a person with an earlier identity that says whose it is, or nobody's.
pub fn person_with_earlier(owner: &str, earlier: Option<&str>) -> Vec<u8> {
    encode_rows(&[
        person_row(FileType::Beneficiary, Some(owner)),
        person_row(FileType::BeneficiaryHistory, earlier),
    ])
}

/// The stored bytes of a claim that says whose it is, or nobody's.
pub fn claim(owner: Option<&str>, claim_type: ClaimType, id: &str) -> Vec<u8> {
    let claim = claim_of(owner, claim_type, id);
    encode(&claim, &Facts::of(&claim, LOADED.parse().expect("a time")))
}

fn person_row<'a>(file_type: FileType, owner: Option<&'a str>) -> Row<'a> {
    let mut row = Row::new(file_type.layout(), RowPart::Header);
    row.set(Column::BENE_ID, owner.map(RifValue::Text));
    row.set(Column::BENE_SRNM_NAME, Some(RifValue::Text("Doe")));
    row.set(Column::MBI_NUM, Some(RifValue::Text(MBI)));
    row
}

fn claim_of<'a>(owner: Option<&'a str>, claim_type: ClaimType, id: &'a str) -> Claim<'a> {
    let mut header = Row::new(claim_type.layout(), RowPart::Header);
    header.set(Column::BENE_ID, owner.map(RifValue::Text));
    header.set(claim_type.id_column(), Some(RifValue::Text(id)));
    Claim {
        claim_type,
        header,
        lines: Vec::new(),
    }
}

fn is_at(item: &Value, partition: &str, key: &str) -> bool {
    item["pk"]["S"] == partition && item["sk"]["S"] == key
}

fn item(partition: &str, key: &str, bytes: &[u8]) -> Value {
    json!({
        "pk": {"S": partition}, "sk": {"S": key}, "lu": {"S": LOADED}, "fmt": {"N": "1"},
        "d": {"B": BASE64.encode(bytes)},
    })
}

/// A GET with a token, as the HTTP payload of version 2.
pub fn get(path_and_query: &str, token: &str) -> Call {
    request(
        "GET",
        path_and_query,
        &json!({"authorization": format!("Bearer {token}")}),
    )
}

/// A form in the body of a POST with a token.
pub fn post(path: &str, token: &str, form: &str) -> Call {
    let headers = json!({
        "authorization": format!("Bearer {token}"),
        "content-type": "application/x-www-form-urlencoded",
    });
    Call {
        body: form.as_bytes().to_vec(),
        ..request("POST", path, &headers)
    }
}

/// A request with those headers.
pub fn request(method: &str, path_and_query: &str, headers: &Value) -> Call {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let event = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers, "isBase64Encoded": false,
        "requestContext": {"http": {"method": method, "path": path}, "timeEpoch": 0}
    });
    event_call(&event.to_string(), "")
}

/// The call of an event in which `${TOKEN}` stands for the token and `${PATIENT}` for the person whom most tests are
/// about.
pub fn event_call(event: &str, token: &str) -> Call {
    let event = event.replace("${TOKEN}", token).replace("${PATIENT}", OWN);
    let event = serde_json::from_str(&event).expect("the stand works");
    Call::new(&event, "", Some(BASE))
}

/// Checks that an answer has that status and that its body nowhere names the other person.
pub fn check_names_nobody_else(what: &str, response: &Response, status: u16) {
    let body = String::from_utf8_lossy(&response.body);
    assert_eq!(response.status.as_u16(), status, "{what}: {body}");
    assert!(!body.contains(OTHER), "{what}: {body}");
}

/// An answer's body as JSON.
pub fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or(Value::Null)
}

/// The value of that hidden field of a page.
///
/// # Panics
/// When the page has no such field.
#[must_use]
pub fn hidden(html: &str, name: &str) -> String {
    let marker = format!(r#"name="{name}" value=""#);
    let rest = html.split_once(&marker).map(|(_, rest)| rest);
    let rest = rest.unwrap_or_else(|| panic!("no field {name} in {html}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// A file of one person's prescription drug events: what is to be done with each, and its id.
#[must_use]
pub fn part_d_events(patient: &str, events: &[(&str, &str)]) -> String {
    let columns = ClaimType::Pde.layout().header;
    let header: Vec<_> = columns.iter().map(|column| column.name()).collect();
    let row = |(action, id): &(&str, &str)| {
        let value = |name: &&str| match *name {
            "DML_IND" => *action,
            "BENE_ID" => patient,
            "PDE_ID" => *id,
            _ => "",
        };
        header.iter().map(value).collect::<Vec<_>>().join("|")
    };
    let lines = [header.join("|")].into_iter().chain(events.iter().map(row));
    lines.map(|line| line + "\n").collect()
}

/// The ids of a bundle's resources.
pub fn ids(bundle: &Value) -> Vec<&str> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries
        .map(|entry| entry["resource"]["id"].as_str().expect("DynamoDB JSON"))
        .collect()
}

/// A new key pair, as PKCS #8.
pub fn key_pair() -> Vec<u8> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .expect("the stand works")
        .as_ref()
        .to_vec()
}

/// The public half of a key pair, as KMS gives it.
pub fn public_key(pkcs8: &[u8]) -> Vec<u8> {
    const P256_SPKI: &[u8] = &[
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).expect("the stand works");
    [P256_SPKI, pair.public_key().as_ref()].concat()
}

fn application() -> Application {
    Application {
        client_id: CLIENT_ID.to_owned(),
        ..Application::register("Test", Vec::new()).0
    }
}

fn grant(patient: &str, substance_use: bool) -> Value {
    json!({
        "patient": {"S": patient}, "client_id": {"S": CLIENT_ID}, "grant_id": {"S": "grant"},
        "scopes": {"S": Scopes::DEFAULT}, "substance_use": {"BOOL": substance_use}, "approved_at": {"N": "0"},
    })
}

/// The items of all tables, and the calls of them that fail.
#[derive(Clone, Default)]
pub struct Tables(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    items: Vec<(String, Value)>,
    faults: Vec<(&'static str, &'static str)>,
    /// Why transactions are cancelled, one after the other; all others are taken.
    cancellations: Vec<&'static str>,
    calls: Vec<TableCall>,
    /// The configuration, if there is one.
    configuration: Option<Value>,
    /// Public keys in DER by the ARN of a KMS key.
    keys: Vec<(String, Vec<u8>)>,
    /// The operations of other services than DynamoDB, as often as they were called.
    key_calls: Vec<String>,
    connections: usize,
}

/// A call of a table.
#[derive(Clone, Debug)]
pub struct TableCall {
    /// DynamoDB's operation in lower case.
    pub operation: String,
    /// The table.
    pub table: String,
    /// The request.
    pub request: Value,
}

impl TableCall {
    /// Whether it only reads.
    pub fn is_read(&self) -> bool {
        ["getitem", "query"].contains(&self.operation.as_str())
    }

    /// The partition that is read or written.
    pub fn partition(&self) -> Option<&str> {
        let values = &self.request["ExpressionAttributeValues"];
        let places = [
            &self.request["Key"]["pk"],
            &self.request["Item"]["pk"],
            &values[":pk"],
            &values[":hash"],
        ];
        places.iter().find_map(|place| place["S"].as_str())
    }
}

impl Content {
    /// Nobody on the stand asks again for what the only transactions of these functions write.
    fn transaction(&mut self) -> (u16, Value) {
        let Some(reason) = self.cancellations.pop() else {
            return (200, json!({}));
        };
        let reasons = json!([{"Code": "None"}, {"Code": reason}]);
        (
            400,
            json!({"__type": "TransactionCanceledException", "CancellationReasons": reasons}),
        )
    }

    /// Adds one to the number of the request's item: of all updates, stands need only that of counters.
    fn count(&mut self, table: &str, request: &Value) -> Value {
        let window = request["ExpressionAttributeNames"]["#window"].as_str();
        let number = window.unwrap_or("requests");
        let key = &request["Key"]["pk"];
        let is_counter = |(name, item): &&mut (String, Value)| name == table && item["pk"] == *key;
        let found = self.items.iter_mut().find(is_counter);
        let count = match found {
            Some((_, item)) => {
                let text = item[number]["N"].as_str().unwrap_or("0");
                let count: u64 = text.parse().expect("DynamoDB JSON");
                item[number] = json!({"N": (count + 1).to_string()});
                count + 1
            }
            None => {
                let item = json!({"pk": key, number: {"N": "1"}});
                self.items.push((table.to_owned(), item));
                1
            }
        };
        json!({"Attributes": {number: {"N": count.to_string()}}})
    }
}

impl Tables {
    /// Every call of that table fails with that error code of DynamoDB.
    pub fn fail(&self, table: &'static str, code: &'static str) {
        self.lock().faults.push((table, code));
    }

    /// The next transactions are cancelled, for these reasons in turn.
    pub fn cancel(&self, reasons: &[&'static str]) {
        self.lock().cancellations = reasons.iter().rev().copied().collect();
    }

    /// The items of a table.
    pub fn items(&self, table: &str) -> Vec<Value> {
        let content = self.lock();
        let items = content.items.iter().filter(|(name, _)| name == table);
        items.map(|(_, item)| item.clone()).collect()
    }

    /// Puts the configuration that says which keys sign; nothing makes it unreadable.
    pub fn configure(&self, configuration: Option<Value>) {
        self.lock().configuration = configuration;
    }

    /// Puts a key of KMS: its ARN and its public half in DER.
    pub fn put_key(&self, arn: &str, public_key: Vec<u8>) {
        let mut content = self.lock();
        content.keys.push((arn.to_owned(), public_key));
    }

    /// How often that operation of Secrets Manager or KMS was called, by its name in lower case.
    pub fn key_calls(&self, operation: &str) -> usize {
        let content = self.lock();
        let calls = content.key_calls.iter();
        calls.filter(|call| *call == operation).count()
    }

    /// How often any table was read.
    pub fn reads(&self) -> usize {
        self.calls().iter().filter(|call| call.is_read()).count()
    }

    /// The calls of all tables so far.
    pub fn calls(&self) -> Vec<TableCall> {
        self.lock().calls.clone()
    }

    /// Changes every item of a table.
    pub fn edit(&self, table: &str, change: impl Fn(&mut Value)) {
        let mut content = self.lock();
        let items = content.items.iter_mut().filter(|(name, _)| name == table);
        items.for_each(|(_, item)| change(item));
    }

    /// Adds an item.
    pub fn put(&self, table: &str, item: Value) {
        self.lock().items.push((table.to_owned(), item));
    }

    /// Removes the items with that text in an attribute.
    pub fn remove(&self, table: &str, attribute: &str, value: &str) {
        let mut content = self.lock();
        content
            .items
            .retain(|(name, item)| name != table || item[attribute]["S"] != value);
    }

    /// Listens on a free port of loopback until the test ends, and says how to reach it.
    pub fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the stand works");
        let url = format!("http://{}", listener.local_addr().expect("the stand works"));
        let tables = self.clone();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (tables, connection) = (tables.clone(), connection.expect("the stand works"));
                tables.lock().connections += 1;
                thread::spawn(move || tables.converse(connection));
            }
        });
        url
    }

    fn serve(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(self.listen())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "test", "test", None, None, "test",
            )))
            .retry_config(RetryConfig::disabled())
            .build()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.lock().connections
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().expect("no test panicked here")
    }

    /// Answers the requests of one connection.
    fn converse(&self, mut connection: TcpStream) {
        let mut reader = BufReader::new(connection.try_clone().expect("the stand works"));
        while let Some(received) = Received::read(&mut reader) {
            let target = received.header("x-amz-target").unwrap_or_default();
            let operation = target.rsplit('.').next().unwrap_or_default();
            let request = serde_json::from_slice(&received.body).expect("the stand works");
            let (status, answer) = self.answer(&operation.to_ascii_lowercase(), &request);
            let headers = [("content-type", "application/x-amz-json-1.0")];
            wire::answer(&mut connection, status, &headers, &answer.to_string())
                .expect("the stand works");
        }
    }

    fn answer(&self, operation: &str, request: &Value) -> (u16, Value) {
        if let "getsecretvalue" | "getpublickey" | "sign" = operation {
            return self.answer_of_keys(operation, request);
        }
        if operation == "transactwriteitems" {
            return self.lock().transaction();
        }
        let table = request["TableName"]
            .as_str()
            .expect("DynamoDB JSON")
            .to_owned();
        let mut content = self.lock();
        content.calls.push(TableCall {
            operation: operation.to_owned(),
            table: table.clone(),
            request: request.clone(),
        });
        if let Some((_, code)) = content.faults.iter().find(|(name, _)| *name == table) {
            let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
            return (400, json!({"__type": kind, "message": "for the test"}));
        }
        if operation == "putitem" {
            content.items.push((table, request["Item"].clone()));
            return (200, json!({}));
        }
        if operation == "updateitem" {
            return (200, content.count(&table, request));
        }
        let items = content.items.iter().filter(|(name, _)| *name == table);
        let mut items = items.map(|(_, item)| item);
        let answer = match operation {
            "getitem" => {
                let key = request["Key"].as_object().expect("DynamoDB JSON");
                let found = items.find(|item| key.iter().all(|(name, value)| item[name] == *value));
                found.map_or(json!({}), |item| json!({"Item": item}))
            }
            "query" => {
                let values = &request["ExpressionAttributeValues"];
                let prefix = values[":prefix"]["S"].as_str().unwrap_or_default();
                let keys = [&values[":pk"], &values[":hash"]];
                let mut found: Vec<_> = items
                    .filter(|item| keys.contains(&&item["pk"]))
                    .filter(|item| {
                        item["sk"]["S"]
                            .as_str()
                            .expect("DynamoDB JSON")
                            .starts_with(prefix)
                    })
                    .collect();
                found.sort_by_key(|item| item["sk"]["S"].as_str().expect("DynamoDB JSON"));
                json!({"Count": found.len(), "Items": found})
            }
            other => panic!("{other} is not part of the stand"),
        };
        (200, answer)
    }

    /// What Secrets Manager and KMS answer.
    fn answer_of_keys(&self, operation: &str, request: &Value) -> (u16, Value) {
        /// The shortest ECDSA-Sig-Value: r and s are 1. It verifies nothing.
        const SIGNATURE: &[u8] = &[0x30, 6, 2, 1, 1, 2, 1, 1];
        let mut content = self.lock();
        content.key_calls.push(operation.to_owned());
        let mut keys = content.keys.iter();
        let key = keys.find(|(arn, _)| request["KeyId"] == arn.as_str());
        let answer = match operation {
            // As the template makes them: no identity provider.
            "getsecretvalue" if request["SecretId"] != CONFIGURATION => {
                Some(json!({"SecretString": "{}"}))
            }
            "getsecretvalue" => content
                .configuration
                .as_ref()
                .map(|value| json!({"Name": CONFIGURATION, "SecretString": value.to_string()})),
            "getpublickey" => key.map(|(_, der)| json!({"PublicKey": BASE64.encode(der)})),
            _ => key.map(|_| json!({"Signature": BASE64.encode(SIGNATURE)})),
        };
        match answer {
            Some(answer) => (200, answer),
            None => (400, json!({"__type": "ResourceNotFoundException"})),
        }
    }
}
