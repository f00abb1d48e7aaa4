//! The least that a function with AWS's SDK can be: clients as the SDK makes them, a secret and a key read at the
//! start, an item for each request. What our functions are compared with (`cargo xtask start-up`).

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::{Body, Error, Response, run, service_fn};
use stand::{CONFIGURATION, first_start::KEY};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let secrets = aws_sdk_secretsmanager::Client::new(&aws);
    let keys = aws_sdk_kms::Client::new(&aws);
    let tables = &aws_sdk_dynamodb::Client::new(&aws);
    secrets
        .get_secret_value()
        .secret_id(CONFIGURATION)
        .send()
        .await?;
    keys.get_public_key().key_id(KEY).send().await?;
    run(service_fn(|_| async {
        let id = AttributeValue::S("unknown".to_owned());
        let read = tables
            .get_item()
            .table_name("applications")
            .key("client_id", id);
        read.send().await?;
        Ok::<_, Error>(Response::new(Body::Empty))
    }))
    .await
}
