//! Wiring of the `check` function.

use bluebutton::{config, http};
use check::{Check, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    http::start_logging(env!("CARGO_PKG_NAME"));
    let aws = config::aws(env!("CARGO_PKG_NAME")).await;
    let check = Check::from_environment(aws)?;
    run(service_fn(|event: LambdaEvent<_>| {
        handle(&check, event.payload)
    }))
    .await
}
