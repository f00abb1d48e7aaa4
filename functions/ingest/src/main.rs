//! Wiring of the `ingest` function.

use bluebutton::{config, http};
use ingest::{Ingest, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    http::start_logging();
    let ingest = Ingest::new(&config::aws(env!("CARGO_PKG_NAME")).await).await?;
    run(service_fn(|event: LambdaEvent<_>| {
        handle(&ingest, event.payload)
    }))
    .await
}
