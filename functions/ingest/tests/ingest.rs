//! Objects of a real S3 API into a real DynamoDB API, at `AWS_ENDPOINT_URL`.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::{env, process, time::Duration};

use aws_lambda_events::event::s3::S3Event;
use aws_sdk_dynamodb::config::{AsyncSleep, Region, Sleep};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use bluebutton::config;
use bluebutton::identity::{BeneId, MedicareNumberHasher};
use bluebutton::rif::ClaimType;
use bluebutton::store::load::LoadError;
use bluebutton::store::{ClaimsTable, IdentityTable, UsageTable};
use ingest::{Ingest, IngestError, Objects, handle, run};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};

#[tokio::test]
async fn loads_the_good_rows_of_an_object_and_refuses_one_that_is_not_rif() {
    if env::var_os("AWS_ENDPOINT_URL").is_none() {
        eprintln!("skipped: AWS_ENDPOINT_URL is not set, so there is no S3 to read from");
        return;
    }
    let aws = config::aws(env!("CARGO_PKG_NAME")).await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
    let s3_config = aws_sdk_s3::config::Builder::from(&aws).force_path_style(true);
    let s3 = aws_sdk_s3::Client::from_conf(s3_config.build());
    let name = format!("ingest-test-{}", process::id());
    create_table(&dynamodb, &name).await;
    s3.create_bucket().bucket(&name).send().await.unwrap();
    let claims = ClaimsTable::new(dynamodb.clone(), &name);
    let ingest = Ingest {
        objects: Objects::new(aws.clone()),
        claims: claims.clone(),
        identity: IdentityTable::new(dynamodb.clone(), &name),
        usage: UsageTable::new(dynamodb.clone(), &name),
        hasher: MedicareNumberHasher::new("pepper", 1.try_into().unwrap()),
    };
    let event = include_str!("../../../events/ingest_object.json");
    let mut event: S3Event = serde_json::from_str(event).unwrap();
    event.records[0].s3.bucket.name = Some(name.clone());
    let put = |body: String| {
        let object = s3.put_object().bucket(&name).key("week 47/claims+1.csv");
        object.body(body.into_bytes().into()).send()
    };

    put(part_d_events()).await.unwrap();
    handle(&ingest, event.clone()).await.unwrap();
    let stored = claims.claims(&BeneId::parse("-7").unwrap()).await.unwrap();
    let ids: Vec<_> = stored.iter().map(|claim| claim.claim_id.as_str()).collect();
    assert_eq!(ids, ["11", "13"]);

    put("These are notes.\n".to_owned()).await.unwrap();
    let refused = handle(&ingest, event).await;
    assert!(matches!(
        refused,
        Err(IngestError::Load(LoadError::NotRif(_)))
    ));
    dynamodb
        .delete_table()
        .table_name(&name)
        .send()
        .await
        .unwrap();
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

/// Three events, of which the second asks for what cannot be done.
fn part_d_events() -> String {
    let columns = ClaimType::Pde.layout().header;
    let header: Vec<_> = columns.iter().map(|column| column.name()).collect();
    let row = |action: &str, id: &str| {
        let value = |name: &&str| match *name {
            "DML_IND" => action.to_owned(),
            "BENE_ID" => "-7".to_owned(),
            "PDE_ID" => id.to_owned(),
            _ => String::new(),
        };
        header.iter().map(value).collect::<Vec<_>>().join("|")
    };
    let rows = [
        row("INSERT", "11"),
        row("DELETE", "12"),
        row("UPDATE", "13"),
    ];
    format!("{}\n{}\n", header.join("|"), rows.join("\n"))
}

async fn create_table(client: &aws_sdk_dynamodb::Client, table: &str) {
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind);
        request = request
            .attribute_definitions(attribute.build().unwrap())
            .key_schema(key.build().unwrap());
    }
    request.send().await.unwrap();
}
