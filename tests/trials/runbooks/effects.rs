//! What the pages promise, looked at where it can be seen.

use std::env;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bluebutton::audit::{Action, Event};
use bluebutton::oauth::sha256_hex;
use bluebutton::store::Transaction;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::instance::{Answer, Instance, Request};
use crate::metric_lines::Function;
use crate::pair::{Decision, Pair, REDIRECT_URI, Sandbox, Tokens};

use super::reader::Reader;
use super::shell::NOWHERE;

/// The pages of which more is seen than that every command succeeds.
const WATCHED: [&str; 10] = [
    "dead-letters",
    "delete-stack",
    "leaked-client-secret",
    "region-failure",
    "reload-claims",
    "restore-table",
    "revoke-application",
    "rotate-signing-key",
    "sign-in-lockouts",
    "throttle-storm",
];

/// Where the deployment goes when its own Region is down.
const OTHER_REGION: &str = "us-west-2";

/// Somebody who is locked out.
const USER_NAME: &str = "somebody";

/// The deployment that the pages are worked through on.
pub(super) struct World {
    sandbox: Sandbox,
}

pub(super) fn is_watched(page: &str) -> bool {
    WATCHED.contains(&page)
}

impl World {
    pub(super) async fn of_the_environment() -> Self {
        let sandbox = Sandbox::running().await.expect("a stack");
        Self { sandbox }
    }

    /// Works through a watched page.
    pub(super) async fn watch(&self, page: &str, reader: Reader<'_>) {
        match page {
            "dead-letters" => self.dead_letters(reader),
            "delete-stack" => self.delete_stack(reader).await,
            "leaked-client-secret" => self.leaked_client_secret(reader).await,
            "region-failure" => self.region_failure(reader).await,
            "reload-claims" => self.reload_claims(reader).await,
            "restore-table" => self.restore_table(reader).await,
            "revoke-application" => self.revoke_application(reader).await,
            "rotate-signing-key" => self.rotate_signing_key(reader).await,
            "sign-in-lockouts" => self.sign_in_lockouts(reader).await,
            "throttle-storm" => self.throttle_storm(reader).await,
            _ => unreachable!("{page} is not watched"),
        }
    }

    /// The application that the page registers gets a person's claims, by the requests that the page makes.
    pub(super) async fn first_steps(&self, mut reader: Reader<'_>) {
        reader.aside(
            "echo '{}' > provider.json; bluebutton-admin synthesize --beneficiaries 1 --out rif",
        );
        reader.knows("APPLICATION_NAME", "First application");
        reader.knows("REDIRECT_URI", REDIRECT_URI);
        reader.knows("RIF_FOLDER", "rif");
        reader.through("CODE_CHALLENGE=");
        let request = reader.said().strip_prefix(NOWHERE).map(Request::get);
        let echo = |name: &str| reader.aside(&format!("printf %s \"${name}\""));
        let secret = reader.file("client-secret");
        let client_id = echo("CLIENT_ID");
        let pair = (self.sandbox)
            .pair_of_client(0, &client_id, secret.trim())
            .await;
        let instance = self.instance().await;
        let mut browser = pair.signed_in_by(&instance, &request.unwrap()).await;
        let page = instance.answer(&browser.look()).await;
        let decision = Pair::decision(&browser, &page, Decision::Connect);
        browser.follow(&instance.answer(&decision).await);
        let redemption = [
            ("grant_type", "authorization_code"),
            ("code", &browser.code().unwrap()),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", &echo("CODE_VERIFIER")),
        ];
        let answer = instance.answer(&pair.post("token", &redemption)).await;
        let tokens = Tokens::of(&answer).unwrap_or_else(|| panic!("{answer:?}"));
        assert!(!claims(&instance, &tokens).await.is_empty());
        let account = r#"aws secretsmanager get-secret-value --secret-id "$ACCOUNT_SECRET" --query SecretString --output text"#;
        let account: Value = serde_json::from_str(&reader.aside(account)).unwrap();
        assert_eq!(account["client_id"], client_id);
        assert_eq!(account["client_secret"], secret.trim());
        assert_eq!(account["redirect_uri"], REDIRECT_URI);
        reader.finish();
    }

    fn dead_letters(&self, mut reader: Reader<'_>) {
        reader.knows("KEY", key(&reader));
        reader.aside(r#"aws sqs send-message --queue-url "$(aws sqs get-queue-url --queue-name "$STACK-dead-letters" --query QueueUrl --output text)" --message-body '{"a": "file"}'"#);
        reader.through("purge-queue");
        let waiting = reader.aside(
            r#"aws sqs get-queue-attributes --queue-url "$QUEUE_URL" --output text --query Attributes.ApproximateNumberOfMessages \
              --attribute-names ApproximateNumberOfMessages"#,
        );
        assert_eq!(waiting.trim(), "0");
        reader.finish();
    }

    /// The old secret ends at once, the new one works, and with the grants every token ends.
    async fn leaked_client_secret(&self, mut reader: Reader<'_>) {
        let (pair, tokens) = self.connected(0).await;
        reader.knows("CLIENT_ID", &pair.application.client_id);
        reader.through("renew-secret --end-old");
        let instance = self.instance().await;
        let refused = instance.answer(&pair.refreshment(&tokens.refresh)).await;
        assert_eq!(refused.status, 401, "{refused:?}");
        let secret = reader.file("new-secret");
        let refreshed = refresh(&instance, &pair, secret.trim(), &tokens).await;
        let tokens = Tokens::of(&refreshed).unwrap_or_else(|| panic!("{refreshed:?}"));
        assert!(pair.has_access(&instance, &tokens.access).await);
        reader.through("end-grants");
        assert!(!pair.has_access(&instance, &tokens.access).await);
        let refused = refresh(&instance, &pair, secret.trim(), &tokens).await;
        assert_eq!(refused.text("error"), "invalid_grant", "{refused:?}");
        reader.finish();
    }

    /// From the next request on nothing is given; what is undone before the grants ended is as it was.
    async fn revoke_application(&self, mut reader: Reader<'_>) {
        let (pair, tokens) = self.connected(0).await;
        let instance = self.instance().await;
        reader.knows("CLIENT_ID", &pair.application.client_id);
        reader.through("application deactivate");
        assert!(!pair.has_access(&instance, &tokens.access).await);
        reader.aside(r#"bluebutton-admin application activate "$CLIENT_ID""#);
        assert!(pair.has_access(&instance, &tokens.access).await);
        reader.aside(r#"bluebutton-admin application deactivate "$CLIENT_ID""#);
        reader.finish();
        assert!(!pair.has_access(&instance, &tokens.access).await);
        assert_eq!(self.sandbox.grant_id(&pair).await, None);
    }

    async fn throttle_storm(&self, mut reader: Reader<'_>) {
        let (pair, tokens) = self.connected(1).await;
        let instance = self.instance().await;
        reader.knows("CLIENT_ID", &pair.application.client_id);
        reader.through("application deactivate");
        assert!(!pair.has_access(&instance, &tokens.access).await);
        reader.through("application activate");
        assert!(pair.has_access(&instance, &tokens.access).await);
        reader.finish();
    }

    /// What was lost is back, and what was never lost is as it was.
    async fn reload_claims(&self, mut reader: Reader<'_>) {
        let (pair, tokens) = self.connected(2).await;
        let instance = self.instance().await;
        let before = claims(&instance, &tokens).await;
        reader.knows("PREFIX", PREFIX);
        reader.knows("PATIENT", pair.patient.as_str());
        reader.through("inspect");
        self.delete_a_claim(&pair).await;
        let damaged = claims(&instance, &tokens).await;
        assert_eq!(damaged.len() + 1, before.len());
        reader.finish();
        let after = claims(&instance, &tokens).await;
        assert!(after == before, "answers differ after the reload");
    }

    /// Old tokens are good until their key is over, and new ones at once; a dropped key takes its tokens along.
    async fn rotate_signing_key(&self, mut reader: Reader<'_>) {
        let (pair, first) = self.connected(3).await;
        reader.through("rotate status");
        age(&reader, "next_since");
        reader.through("rotate switch");
        let instance = self.instance().await;
        assert!(pair.has_access(&instance, &first.access).await);
        // A refresh ends the access token before it, so the other key's token is another pair's.
        let (other, second) = self.connected(3).await;
        assert!(other.has_access(&instance, &second.access).await);
        let previous = configuration(&reader)["signing_keys"]["previous"].clone();
        reader.knows("OLD_KEY_ID", previous.as_str().unwrap());
        age(&reader, "current_since");
        reader.through("rotate finish");
        let (_, old_id) = previous.as_str().unwrap().split_once("key/").unwrap();
        let status = reader.aside("bluebutton-admin rotate status");
        assert!(status.contains(&format!("unused    {old_id} ")), "{status}");
        let instance = self.instance().await;
        assert!(!pair.has_access(&instance, &first.access).await);
        assert!(other.has_access(&instance, &second.access).await);
        reader.through("rotate drop current");
        let instance = self.instance().await;
        assert!(!other.has_access(&instance, &second.access).await);
        other.renews(&instance, &second).await;
        reader.finish();
    }

    /// Who was connected in the one Region stays connected in the other, whose functions are asked here.
    async fn region_failure(&self, mut reader: Reader<'_>) {
        let (pair, tokens) = self.connected(3).await;
        let there = format!("AWS_REGION={OTHER_REGION} AWS_DEFAULT_REGION={OTHER_REGION}");
        let [stack, bucket] = ["STACK", "RIF_BUCKET"].map(|name| {
            let here = reader.aside(&format!("echo \"${name}\""));
            format!("{}-there", here.trim())
        });
        reader.aside(&format!("{there} aws s3 mb 's3://{bucket}'"));
        reader.knows("OTHER_REGION", OTHER_REGION);
        reader.knows("OTHER_BUCKET", bucket);
        reader.knows("OTHER_STACK", stack.as_str());
        reader.knows("PREFIX", PREFIX);
        reader.through("names-of-$STACK");
        // What is written later is there, too.
        let tokens = pair.renew(&self.instance().await, &tokens).await;
        let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/data.yaml");
        reader.aside(&format!(
            r#"{there} bluebutton-admin setup --stack '{stack}' --template '{template}' --out setup.json"#
        ));
        reader.through("bluebutton-admin load");
        let names = names(&reader.aside("bluebutton-admin outputs \"$STACK\""));
        let start = |name| {
            let region = [("AWS_REGION".to_owned(), OTHER_REGION.to_owned())];
            Function::start(name, names.iter().cloned().chain(region))
        };
        if let (Some(mut token), Some(mut patient)) = (start("token"), start("patient")) {
            let look = |access: &str| Request::get("/v2/fhir/Patient").bearer(access);
            assert_eq!(patient.answer(&look(&tokens.access)).status, 401);
            let answer = token.answer(&pair.refreshment(&tokens.refresh));
            let renewed = Tokens::of(&answer).unwrap_or_else(|| panic!("{answer:?}"));
            // By the secret that was carried over, applications know the person as before.
            assert_eq!(subject(&renewed.access), subject(&tokens.access));
            let found = patient.answer(&look(&renewed.access)).json();
            assert_eq!(found["total"], 1, "{found}");
            assert_eq!(found["entry"][0]["resource"]["id"], pair.patient.as_str());
        }
        // Whom user names stand for has come along.
        let names = reader.aside(
            r#"aws dynamodb scan --table-name "$TRANSIENT_TABLE" --query 'Items[].pk.S' --output text"#,
        );
        assert!(names.contains("username#"), "{names}");
        reader.finish();
    }

    /// A grant that was lost is back, and those that their people withdrew in the first and the last moment of the
    /// second that is restored stay withdrawn. The local AWS restores the newest state whatever second it is told, so
    /// that the harm is done after the restore.
    async fn restore_table(&self, mut reader: Reader<'_>) {
        let second = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
        let moments = [second, second + 999_999.microseconds()];
        let (lost, its_tokens) = self.connected(0).await;
        let withdrawn = [self.connected(1).await, self.connected(2).await];
        let instance = self.instance().await;
        reader.knows("TABLE", env::var("GRANTS_TABLE").unwrap());
        reader.knows("POINT_IN_TIME", second.to_string());
        reader.through("restore-table-to-point-in-time");
        self.lose_the_grant(&lost).await;
        for ((pair, _), at) in withdrawn.iter().zip(moments) {
            self.withdraw(pair, at).await;
        }
        assert!(!lost.has_access(&instance, &its_tokens.access).await);
        reader.through("copy-table");
        assert!(lost.has_access(&instance, &its_tokens.access).await);
        for (pair, tokens) in &withdrawn {
            assert!(!pair.has_access(&instance, &tokens.access).await);
        }
        self.restore_transient(&reader, &instance).await;
        reader.finish();
    }

    /// By the same commands the transient table gets back whom a user name stands for, and a code that was used since
    /// stays used.
    async fn restore_transient(&self, reader: &Reader<'_>, instance: &Instance) {
        let pair = self.sandbox.pair(3).await;
        let code = self.sandbox.consent(&pair).await;
        reader.aside(
            r#"aws dynamodb restore-table-to-point-in-time --use-latest-restorable-time \
                 --source-table-name "$TRANSIENT_TABLE" --target-table-name "$TRANSIENT_TABLE-restored""#,
        );
        assert_eq!(instance.answer(&pair.redemption(&code)).await.status, 200);
        let of_a_name = || {
            let keys = reader.aside(
                r#"aws dynamodb scan --table-name "$TRANSIENT_TABLE" --query 'Items[].[pk.S]' --output text"#,
            );
            let key = keys.lines().find(|key| key.starts_with("username#"));
            key.map(str::to_owned)
        };
        let lost = of_a_name().expect("a user name");
        let loss = self.dynamodb().delete_item();
        let loss = loss.table_name(env::var("TRANSIENT_TABLE").unwrap());
        let loss = loss.key("pk", AttributeValue::S(lost.clone()));
        loss.send().await.unwrap();
        assert_eq!(of_a_name(), None);
        reader.aside(
            r#"bluebutton-admin copy-table --from "$TRANSIENT_TABLE-restored" --to "$TRANSIENT_TABLE""#,
        );
        assert_eq!(of_a_name(), Some(lost));
        let again = instance.answer(&pair.redemption(&code)).await;
        assert_eq!(again.text("error"), "invalid_grant", "{again:?}");
        reader.aside(r#"aws dynamodb delete-table --table-name "$TRANSIENT_TABLE-restored""#);
    }

    async fn sign_in_lockouts(&self, mut reader: Reader<'_>) {
        let table = env::var("SIGN_IN_FAILURES_TABLE").unwrap();
        let key = format!("account#{}", sha256_hex(USER_NAME));
        let lock = self.dynamodb().put_item().table_name(&table);
        lock.item("pk", AttributeValue::S(key.clone()))
            .send()
            .await
            .unwrap();
        reader.knows("USER_NAME", USER_NAME);
        reader.finish();
        let found = self.dynamodb().get_item().table_name(&table);
        let found = found.key("pk", AttributeValue::S(key)).send().await;
        assert_eq!(found.unwrap().item, None);
    }

    /// The stack goes and the tables stay, until they are deleted one by one.
    async fn delete_stack(&self, mut reader: Reader<'_>) {
        let claims = || async {
            let table = env::var("CLAIMS_TABLE").unwrap();
            let described = self.dynamodb().describe_table().table_name(table);
            described.send().await.is_ok()
        };
        reader.through("stack-delete-complete");
        let stacks = r#"aws cloudformation list-stacks --output text --query "StackSummaries[?StackName=='$STACK'].StackStatus""#;
        assert!(!reader.aside(stacks).contains("CREATE_COMPLETE"));
        assert!(claims().await);
        reader.through("aws dynamodb delete-table");
        assert!(!claims().await);
        reader.finish();
    }

    async fn instance(&self) -> Instance {
        Instance::start(&self.sandbox.aws).await
    }

    fn dynamodb(&self) -> DynamoDb {
        DynamoDb::new(&self.sandbox.aws)
    }

    /// The person of that number with a new application, connected.
    async fn connected(&self, person: u64) -> (Pair, Tokens) {
        let pair = self.sandbox.pair(person).await;
        let tokens = self.sandbox.tokens(&pair, &self.instance().await).await;
        (pair, tokens)
    }

    async fn lose_the_grant(&self, pair: &Pair) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let lost = self
            .dynamodb()
            .delete_item()
            .table_name(env::var("GRANTS_TABLE").unwrap())
            .key("patient", text(pair.patient.as_str()))
            .key("client_id", text(&pair.application.client_id));
        lost.send().await.unwrap();
    }

    async fn withdraw(&self, pair: &Pair, at: Timestamp) {
        let grant_id = self.sandbox.grant_id(pair).await.unwrap();
        let event = Event {
            at,
            patient: &pair.patient,
            client_id: &pair.application.client_id,
            action: Action::GrantRevoked,
            detail: "",
            request_id: "",
        };
        let removed = self.sandbox.tables.remove_grant(&grant_id, &event).await;
        assert_eq!(removed.unwrap(), Transaction::Done);
    }

    async fn delete_a_claim(&self, pair: &Pair) {
        let table = env::var("CLAIMS_TABLE").unwrap();
        let patient = AttributeValue::S(pair.patient.as_str().to_owned());
        let found = self
            .dynamodb()
            .query()
            .table_name(&table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :claim)")
            .expression_attribute_values(":pk", patient.clone())
            .expression_attribute_values(":claim", AttributeValue::S("C#".to_owned()))
            .limit(1);
        let found = found.send().await.unwrap().items.unwrap();
        let delete = self.dynamodb().delete_item().table_name(&table);
        let delete = delete.key("pk", patient).key("sk", found[0]["sk"].clone());
        delete.send().await.unwrap();
    }
}

impl Pair {
    async fn renews(&self, instance: &Instance, tokens: &Tokens) {
        let next = self.renew(instance, tokens).await;
        assert!(self.has_access(instance, &next.access).await);
    }

    async fn renew(&self, instance: &Instance, tokens: &Tokens) -> Tokens {
        let answer = instance.answer(&self.refreshment(&tokens.refresh)).await;
        Tokens::of(&answer).unwrap_or_else(|| panic!("{answer:?}"))
    }
}

/// Whom an access token is about, as its application knows the person.
fn subject(access_token: &str) -> Value {
    let claims = access_token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["sub"].take()
}

/// The variables of lines like `export NAME='value'`.
fn names(outputs: &str) -> Vec<(String, String)> {
    let lines = outputs.lines();
    let pairs = lines.filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
        .collect()
}

/// The folder of the files of claims in the bucket.
pub(super) const PREFIX: &str = "rif";

/// A file of claims in the bucket.
fn key(reader: &Reader<'_>) -> String {
    let list = r#"aws s3api list-objects-v2 --bucket "$RIF_BUCKET" --query 'Contents[0].Key' --output text"#;
    reader.aside(list).trim().to_owned()
}

/// The exchange of a refresh token with that secret.
async fn refresh(instance: &Instance, pair: &Pair, secret: &str, tokens: &Tokens) -> Answer {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.refresh),
        ("client_id", &pair.application.client_id),
        ("client_secret", secret),
    ];
    instance.answer(&Request::post("/v2/o/token/", form)).await
}

/// All claims as they are answered, page by page, but for when they were loaded.
async fn claims(instance: &Instance, tokens: &Tokens) -> Vec<Value> {
    let mut claims = Vec::new();
    loop {
        let page = format!(
            "/v2/fhir/ExplanationOfBenefit?_count=50&startIndex={}",
            claims.len()
        );
        let answer = instance
            .answer(&Request::get(page).bearer(&tokens.access))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let bundle = answer.json();
        for entry in bundle["entry"].as_array().into_iter().flatten() {
            let mut claim = entry["resource"].clone();
            claim["meta"]["lastUpdated"].take();
            claim["created"].take();
            claims.push(claim);
        }
        if bundle["total"] == claims.len() {
            return claims;
        }
    }
}

fn configuration(reader: &Reader<'_>) -> Value {
    let text = reader.aside(
        r#"aws secretsmanager get-secret-value --secret-id "$CONFIGURATION_SECRET" --query SecretString --output text"#,
    );
    serde_json::from_str(&text).unwrap()
}

/// Puts a time of the configuration two days back: a step waits for hours that no test has.
fn age(reader: &Reader<'_>, name: &str) {
    let mut changed = configuration(reader);
    let then = Timestamp::now() - 48.hours();
    changed["signing_keys"][name] = json!(then.to_string());
    reader.aside(&format!(
        r#"aws secretsmanager put-secret-value --secret-id "$CONFIGURATION_SECRET" --secret-string '{changed}'"#
    ));
}
