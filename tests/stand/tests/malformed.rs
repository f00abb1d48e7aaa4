//! Whatever a client sends: an answer with a request id, no panic, and no fault of ours.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use aws_config::SdkConfig;
use bluebutton::config::Stage;
use bluebutton::http::{self, Call, Response};
use bluebutton::lookups_file::Installed;
use bluebutton::oauth::keys::{KeySet, Keys};
use jiff::Timestamp;
use serde_json::{Value, json};
use stand::{BASE, MBI, OTHER, OWN, Stand, local};
use std::env;

/// How many requests every handler gets; the functions that need a local AWS get fewer, because that is slow.
const REQUESTS: u32 = 1_700;
const REQUESTS_OF_AWS: u32 = 400;

const METHODS: &[&str] = &[
    "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "", "\0", "é", "GET GET",
];
const VERSIONS: &[&str] = &[
    "/v1",
    "/v2",
    "/v3",
    "",
    "/v4",
    "/v2/v2",
    "/v1/protected/bluebutton/fhir/v1",
];
const SEGMENTS: &[&str] = &[
    "fhir",
    "docs",
    "applications",
    "Patient",
    "Coverage",
    "ExplanationOfBenefit",
    "_search",
    "o",
    "token",
    "authorize",
    "revoke",
    "introspect",
    "connect",
    "userinfo",
    "login",
    "callback",
    ".well-known",
    "openid-configuration",
    "metadata",
    "part-a-1",
    "carrier-1",
    "..",
    "%00",
    "",
    "é",
    "😀",
    "-",
    "0b8c1d52-9f5e-4d3b-8a51-6c1f2f1d7a10",
    "expire_authenticated_user",
    "jwks.json",
];
const NAMES: &[&str] = &[
    "_count",
    "startIndex",
    "_lastUpdated",
    "service-date",
    "type",
    "patient",
    "beneficiary",
    "_id",
    "identifier",
    "_tag",
    "_format",
    "client_id",
    "client_secret",
    "redirect_uri",
    "response_type",
    "state",
    "code_challenge",
    "scope",
    "aud",
    "code_challenge_method",
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "token",
    "approval",
    "csrf_token",
    "username",
    "password",
    "lang",
    "access_token",
    "",
    "\0",
    "é",
    "excludeSAMHSA",
    "_include",
];
const VALUES: &[&str] = &[
    "",
    "0",
    "-1",
    "10",
    "99999999999999999999",
    "gt2024-01-01",
    "lt2024-13-99",
    "ge9999-12-31T23:59:59.999999999+23:59",
    "carrier",
    "carrier,pde,",
    "application/fhir+json",
    "xml",
    "refresh_token",
    "authorization_code",
    "code",
    "S256",
    "x",
    "patient/Patient.rs",
    "é",
    "😀\u{202e}",
    "\0",
    "%",
    "%zz",
    "' OR 1=1 --",
    "<script>",
    "${jndi:ldap://x}",
    "\r\nSet-Cookie: a=b",
    "https://app.example/callback",
    "//x",
    "../../etc/passwd",
    "1|2",
    "|",
    "a|b|c",
    "http://hl7.org/fhir/sid/us-mbi|1",
    "2024-02-30",
    "0000-00-00",
    "+1",
    "1e9",
    "NaN",
    "null",
    "[]",
    "{}",
    "\u{feff}",
    "ﷺ",
];
const HEADERS: &[&str] = &[
    "authorization",
    "content-type",
    "accept",
    "cookie",
    "if-none-match",
    "if-modified-since",
    "prefer",
    "accept-language",
    "x-forwarded-host",
    "host",
    "content-length",
    "bad header",
    "x-bluebutton-sdk",
];
const HEADER_VALUES: &[&str] = &[
    "",
    "Bearer",
    "Bearer ",
    "Bearer x.y.z",
    "Bearer e30.e30.e30",
    "Basic",
    "Basic !!!!",
    "Basic Og==",
    "Basic eDp5",
    "Digest x",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-7",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=b",
    "application/json",
    "*/*;q=a",
    "W/\"",
    "\"",
    "*",
    "Mon, 99 Foo 2024 25:61:61 GMT",
    "handling=strict",
    "handling=",
    "es-MX,en;q=0.a",
    "é",
    "\u{1}",
    "a=b; c; =d;;",
    "evil.example",
];

/// A generator that begins the same each time, so that what fails can be repeated (Steele and others, SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// A value of the list, or bytes that are none.
    fn value(&mut self) -> String {
        match self.below(8) {
            0 => (0..self.below(40))
                .map(|_| char::from(u8::try_from(self.below(256)).unwrap()))
                .collect(),
            1 => self.of(VALUES).repeat(self.below(300)),
            _ => self.of(VALUES).to_owned(),
        }
    }

    fn pairs(&mut self) -> String {
        let pairs: Vec<_> = (0..self.below(6))
            .map(|_| {
                let (name, value) = (self.of(NAMES), self.value());
                match self.below(4) {
                    0 => format!("{name}={value}"),
                    _ => format!("{name}={}", encoded(&value)),
                }
            })
            .collect();
        pairs.join("&")
    }

    /// An event of the gateway, most of which has the form that events have.
    fn event(&mut self, paths: &[&str], token: &str) -> Value {
        let path = match self.below(3) {
            0 => (0..self.below(5)).fold(self.of(VERSIONS).to_owned(), |path, _| {
                format!("{path}/{}", self.of(SEGMENTS))
            }),
            1 => format!(
                "{}{}/{}",
                self.of(VERSIONS),
                self.of(paths),
                self.of(SEGMENTS)
            ),
            _ => format!("{}{}", self.of(VERSIONS), self.of(paths)),
        };
        let mut headers = json!({});
        for _ in 0..self.below(4) {
            headers[self.of(HEADERS)] = self.of(HEADER_VALUES).into();
        }
        // A good token half of the time, so that what comes after it is reached as well.
        if self.below(2) == 0 {
            headers["authorization"] = format!("Bearer {token}").into();
        }
        let body = match self.below(4) {
            0 => self.value(),
            1 => "a=1&".repeat(self.below(8_000)),
            _ => self.pairs(),
        };
        let known = 2 + self.below(METHODS.len() - 1);
        let method = self.of(&METHODS[..known]);
        json!({
            "version": "2.0", "rawPath": path, "rawQueryString": self.pairs(), "headers": headers, "body": body,
            "isBase64Encoded": self.below(8) == 0,
            "requestContext": {"http": {"method": method, "sourceIp": self.of(&["192.0.2.1", "", "::1", "x"])}},
        })
    }
}

fn encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Sends so many requests to a function and looks at each answer.
async fn check<Answer: Future<Output = Response>>(
    (name, count): (&str, u32),
    (paths, token): (&[&str], &str),
    handler: impl Fn(Call) -> Answer,
) {
    let mut random = Random(u64::from(count));
    for number in 0..count {
        let event = random.event(paths, token);
        let call = Call::new(&event, "", Some(BASE));
        let id = call.request_id.clone();
        let response = Box::pin(http::answer(&handler, call)).await;
        let status = response.status.as_u16();
        let what = format!("{name} {number}: {status} to {event}");
        assert!(status < 500, "{what}");
        assert_eq!(response.header("x-request-id"), Some(&*id), "{what}");
        let body = String::from_utf8_lossy(&response.body);
        let tells = ["panicked", "src/", ".rs:", "dynamodb", "arn:aws"];
        assert!(
            !tells.iter().any(|word| body.contains(word)),
            "{what}: {body}"
        );
        assert!(
            !body.contains(OTHER) || event.to_string().contains(OTHER),
            "{what}: {body}"
        );
        if status >= 400 {
            assert!(!body.contains(MBI), "{what}: {body}");
        }
    }
}

#[tokio::test]
async fn functions_answer_whatever_is_sent_with_a_request_id_and_without_a_fault_of_their_own() {
    let stand = Stand::new().await;
    for person in [OWN, OTHER] {
        stand.load_person(person);
        stand.load_claim(person, bluebutton::rif::ClaimType::Carrier, "1", false);
    }
    let (state, token) = (&stand.state, &*stand.own_token());
    check(
        ("patient", REQUESTS),
        (&["/fhir/Patient", "/fhir/Patient/_search"], token),
        async |call| Box::pin(patient::handle(state, &stand.identity, call)).await,
    )
    .await;
    check(
        ("coverage", REQUESTS),
        (&["/fhir/Coverage", "/fhir/Coverage/_search"], token),
        async |call| Box::pin(coverage::handle(state, call)).await,
    )
    .await;
    let paths = &[
        "/fhir/ExplanationOfBenefit",
        "/fhir/ExplanationOfBenefit/_search",
    ];
    check(("eob", REQUESTS), (paths, token), async |call| {
        Box::pin(eob::handle(state, &Installed::at(None), call)).await
    })
    .await;
    check(
        ("userinfo", REQUESTS),
        (&["/connect/userinfo"], token),
        async |call| Box::pin(userinfo::handle(Stage::Sandbox, state, call)).await,
    )
    .await;
    let aws = SdkConfig::builder().build();
    let table = |variable: &str| Ok(variable.to_owned());
    let discovery = discovery::State {
        health: discovery::Health::of(&stand.aws, Stage::Sandbox, table).unwrap(),
        keys: Keys::new(aws, None, KeySet::default(), Timestamp::now()),
    };
    check(
        ("discovery", REQUESTS),
        (&["/fhir/metadata", "/.well-known/x", "/health"], token),
        async |call| discovery::handle(&discovery, call).await,
    )
    .await;
    check(
        ("portal", REQUESTS),
        (&["/portal", "/testclient"], token),
        portal::handle,
    )
    .await;
}

#[tokio::test]
async fn the_authorization_endpoints_do_so_too() {
    let Some(aws) = local::aws(env!("CARGO_PKG_NAME"), &["GRANTS_TABLE"]).await else {
        return;
    };
    let state = authorize::State::from_environment(&aws).await.unwrap();
    check(
        ("authorize", REQUESTS_OF_AWS),
        (&["/o/authorize", "/login", "/callback"], "x"),
        async |call| Box::pin(authorize::handle(&state, call)).await,
    )
    .await;
    let state = token::State::from_environment(&aws).await.unwrap();
    let paths = &["/o/token", "/o/revoke", "/o/revoke_token", "/o/introspect"];
    check(("token", REQUESTS_OF_AWS), (paths, "x"), async |call| {
        Box::pin(token::handle(&state, call)).await
    })
    .await;
}
