//! Wiring of the `rotate` function.

use bluebutton::{config, http};
use lambda_runtime::{Error, run, service_fn};
use rotate::State;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    http::start_logging(env!("CARGO_PKG_NAME"));
    let state = State::from_environment(&config::aws(env!("CARGO_PKG_NAME")).await)?;
    run(service_fn(|event| Box::pin(rotate::run(&state, event)))).await
}
