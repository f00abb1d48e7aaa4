//! Wiring of the `ingest` function.

use bluebutton::{config, http};
use ingest::Ingest;
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    http::start_logging(env!("CARGO_PKG_NAME"));
    let ingest = Ingest::new(&config::aws(env!("CARGO_PKG_NAME")).await).await?;
    run(service_fn(|event| ingest::run(&ingest, event))).await
}
