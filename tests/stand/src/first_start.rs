//! Functions as processes of their own on a stand: what their environment holds, and the first event of each.

use std::io;
use std::path::Path;
use std::process::Command;

use bluebutton::oauth::Scopes;
use serde_json::{Value, json};

use crate::runtime::{self, Start};
use crate::tls::Tls;
use crate::{BASE, CLIENT_ID, CONFIGURATION, OWN, Stand, public_key};

/// The functions, each with a file of `events/` that it can answer on a stand. (`ingest`, for which nobody waits, is
/// told of no object.)
pub const FIRST_EVENTS: [(&str, Option<&str>); 9] = [
    ("authorize", Some("authorize_start_v1.json")),
    ("token", Some("token_unknown_code_v1.json")),
    ("userinfo", Some("userinfo_read_v1.json")),
    ("patient", Some("patient_read_stu3_v1.json")),
    ("coverage", Some("coverage_read_v1.json")),
    ("eob", Some("eob_search_post_v1.json")),
    ("discovery", Some("discovery_metadata_v1.json")),
    ("portal", Some("portal_home_v1.json")),
    ("ingest", None),
];
/// The key that signs, as the configuration names it.
pub const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/start-up";
/// Where tables are reached; the SDK reads an address of its own for each service.
pub const DYNAMODB_URL: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// What the environment names by the stand's own names, and the other services by one that it does not look at.
const NAMES: [(&str, &str); 14] = [
    ("APPLICATIONS_TABLE", "applications"),
    ("AUDIT_TABLE", "audit"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("CLAIMS_TABLE", "claims"),
    ("CONFIGURATION_SECRET", CONFIGURATION),
    ("GRANTS_TABLE", "grants"),
    ("IDENTITY_SECRET", CONFIGURATION),
    ("IDENTITY_TABLE", "identity"),
    // The one person of the stand asks again and again.
    (
        "LIMITS",
        "token_requests_per_second=1000,address_requests_per_second=1000",
    ),
    ("PUBLIC_BASE_URL", BASE),
    ("REFRESH_TOKENS_TABLE", "refresh-tokens"),
    ("SIGN_IN_FAILURES_TABLE", "failures"),
];

/// A stand with a person and a claim, and what a function's process needs to find it.
pub struct FirstStart {
    stand: Stand,
    tls: Tls,
    environment: Vec<(&'static str, String)>,
}

impl FirstStart {
    /// Each service listens at an address of its own, as in AWS, so that none uses another's connections; and as in AWS
    /// it speaks TLS.
    pub async fn new() -> Self {
        let tls = Tls::new().expect("the stand works");
        let stand = Stand::new().await;
        stand.load_person(OWN);
        stand.load_claim(OWN, bluebutton::rif::ClaimType::Carrier, "-1", false);
        stand.tables.put_key(KEY, public_key(&stand.pkcs8));
        // The one secret of the stand is all secrets.
        stand.tables.configure(Some(json!({
            "stage": "sandbox", "signing_keys": {"current": KEY}, "pepper": "nottherealpepper", "iterations": 2,
        })));
        let mut environment = NAMES.map(|(name, value)| (name, value.to_owned())).to_vec();
        for name in [
            DYNAMODB_URL,
            "AWS_ENDPOINT_URL_KMS",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        ] {
            let behind_tls = tls.in_front_of(&stand.tables.listen());
            environment.push((name, behind_tls.expect("the stand works")));
        }
        for name in ["TRANSIENT_TABLE", "TOKEN_SECRET"] {
            environment.push((name, "transient".to_owned()));
        }
        Self {
            stand,
            tls,
            environment,
        }
    }

    /// Changes a variable of the environment.
    pub fn set(&mut self, name: &'static str, value: String) {
        self.environment.retain(|(known, _)| *known != name);
        self.environment.push((name, value));
    }

    /// Starts the program, under a tool if there is one, and waits for its answers to an event that comes so often.
    /// Also says how many connections to AWS (handshakes included) it made before it was ready, and how many in all.
    ///
    /// # Errors
    /// When the program ends or fails before it is ready.
    pub fn run(
        &self,
        mut program: Command,
        event: &Value,
        times: u32,
    ) -> io::Result<(Start, [usize; 2])> {
        let before = self.stand.tables.connections();
        let made = || self.stand.tables.connections() - before;
        program.env_clear().envs(self.environment.iter().cloned());
        program.env("SSL_CERT_FILE", self.tls.trusted());
        let start = runtime::start(program, (event, times), made)?;
        let connections = [start.at_ready, made()];
        Ok((start, connections))
    }

    /// The event of that file, about the stand's person and application.
    pub fn event(&self, file: Option<&str>) -> Value {
        let Some(file) = file else {
            return json!({"Records": []});
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let text = std::fs::read_to_string(folder.join(file)).expect("the event is there");
        let values = [
            ("${TOKEN}", self.stand.token(OWN, Scopes::DEFAULT)),
            ("${PATIENT}", OWN.to_owned()),
            ("${CLIENT_ID}", CLIENT_ID.to_owned()),
            ("${CLIENT_SECRET}", "unknown".to_owned()),
            ("${REDIRECT_URI}", "https://app.example/callback".to_owned()),
        ];
        let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        let text = values.iter().fold(text, fill);
        serde_json::from_str(&text).expect("events are JSON")
    }
}
