//! Objects of a real S3 API into a real DynamoDB API, at `AWS_ENDPOINT_URL`.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::{process, time::Duration};

use aws_lambda_events::event::s3::S3Event;
use aws_sdk_dynamodb::config::{AsyncSleep, Region, Sleep};
use bluebutton::config;
use bluebutton::identity::{BeneId, MedicareNumberHasher};
use bluebutton::store::load::{LoadError, Summary};
use bluebutton::store::{ClaimsTable, IdentityTable, UsageTable};
use ingest::{Ingest, IngestError, Objects, handle, run};
use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use stand::{local, part_d_events};

/// The function on a bucket and tables of its own.
struct Place {
    name: String,
    dynamodb: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
    ingest: Ingest,
    event: S3Event,
}

impl Place {
    async fn new(test: &str) -> Option<Self> {
        let aws = local::aws(env!("CARGO_PKG_NAME"), &[]).await?;
        let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
        let s3_config = aws_sdk_s3::config::Builder::from(&aws).force_path_style(true);
        let s3 = aws_sdk_s3::Client::from_conf(s3_config.build());
        let name = format!("ingest-test-{test}-{}", process::id());
        local::create_table(&dynamodb, &name, &["pk", "sk"]).await;
        local::create_table(&dynamodb, &usage_of(&name), &["pk"]).await;
        s3.create_bucket().bucket(&name).send().await.unwrap();
        let ingest = Ingest {
            objects: Objects::new(aws),
            claims: ClaimsTable::new(dynamodb.clone(), &name),
            identity: IdentityTable::new(dynamodb.clone(), &name),
            usage: UsageTable::new(dynamodb.clone(), usage_of(&name)),
            hasher: MedicareNumberHasher::new("pepper", 1.try_into().unwrap()),
        };
        let event = include_str!("../../../events/ingest_object.json");
        let mut event: S3Event = serde_json::from_str(event).unwrap();
        event.records[0].s3.bucket.name = Some(name.clone());
        Some(Self {
            name,
            dynamodb,
            s3,
            ingest,
            event,
        })
    }

    async fn load(&self, body: String) -> Result<(), IngestError> {
        let object = self.s3.put_object().bucket(&self.name);
        let object = object.key("week 47/claims+1.csv");
        let put = object.body(body.into_bytes().into()).send().await;
        put.unwrap();
        handle(&self.ingest, self.event.clone()).await
    }

    async fn remove(self) {
        for table in [usage_of(&self.name), self.name] {
            let removed = self.dynamodb.delete_table().table_name(table).send().await;
            removed.unwrap();
        }
    }
}

fn usage_of(name: &str) -> String {
    format!("{name}-usage")
}

#[tokio::test]
async fn loads_the_good_rows_of_an_object_and_refuses_one_that_is_not_rif() {
    let Some(place) = Place::new("rows").await else {
        return;
    };
    place.load(part_d_events(PERSON, &ROWS)).await.unwrap();
    let person = BeneId::parse(PERSON).unwrap();
    let stored = place.ingest.claims.claims(&person).await.unwrap();
    let ids: Vec<_> = stored.iter().map(|claim| claim.claim_id.as_str()).collect();
    assert_eq!(ids, ["11", "13"]);

    let refused = place.load("These are notes.\n".to_owned()).await;
    assert!(matches!(
        refused,
        Err(IngestError::Load(LoadError::NotRif(_)))
    ));
    place.remove().await;
}

/// The alarm about old data would otherwise be silent for as long as somebody sends files, whatever is in them.
#[tokio::test]
async fn a_load_is_noted_only_where_it_changed_something() {
    let Some(place) = Place::new("notes").await else {
        return;
    };
    let usage = &place.ingest.usage;
    let is_noted = async |rows: &[(&str, &str)]| {
        let before = usage.last_load().await.unwrap();
        place.load(part_d_events(PERSON, rows)).await.unwrap();
        usage.last_load().await.unwrap() != before
    };
    assert!(!is_noted(&[]).await, "a header alone");
    let rejected = [("DELETE", "12")];
    assert!(!is_noted(&rejected).await, "no good row");
    assert!(is_noted(&ROWS).await, "new rows");
    let changed = Summary {
        inserted: 1,
        ..Summary::default()
    };
    let long_ago = Timestamp::UNIX_EPOCH;
    usage.note_load(&changed, long_ago).await.unwrap();
    assert!(!is_noted(&ROWS).await, "the same rows");
    place.remove().await;
}

/// The SDK's clock, with which each call begins; this one has a fault whose text quotes a row.
#[derive(Debug)]
struct BrokenClock;

impl AsyncSleep for BrokenClock {
    fn sleep(&self, _: Duration) -> Sleep {
        panic!("byte index 3 is not a char boundary; it is inside a letter of `23-Jan-1956|`")
    }
}

#[tokio::test]
async fn a_panic_fails_the_event_in_words_that_quote_nothing() {
    let aws = config::aws(env!("CARGO_PKG_NAME")).await.into_builder();
    let aws = aws
        .region(Region::new("us-east-1"))
        .sleep_impl(BrokenClock)
        .build();
    let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
    let ingest = Ingest {
        objects: Objects::new(aws),
        claims: ClaimsTable::new(dynamodb.clone(), "claims"),
        identity: IdentityTable::new(dynamodb.clone(), "identity"),
        usage: UsageTable::new(dynamodb, "transient"),
        hasher: MedicareNumberHasher::new("pepper", 1.try_into().unwrap()),
    };
    let event = include_str!("../../../events/ingest_object.json");
    let event = LambdaEvent::new(serde_json::from_str(event).unwrap(), Context::default());
    let failed = run(&ingest, event).await;
    let shown = Diagnostic::from(failed.unwrap_err());
    assert_eq!(shown.error_type, "Panicked");
    assert_eq!(shown.error_message, "the program has a fault");
}

/// Whose events they are.
const PERSON: &str = "-7";

/// Three events, of which the second asks for what cannot be done.
const ROWS: [(&str, &str); 3] = [("INSERT", "11"), ("DELETE", "12"), ("UPDATE", "13")];
