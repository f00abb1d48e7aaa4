//! Wiring of the `eob` function.

use bluebutton::{config, exchange, http, lookups_file::Installed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging(env!("CARGO_PKG_NAME"));
    let aws = config::aws(env!("CARGO_PKG_NAME")).await;
    let state = exchange::State::from_environment(&aws).await?;
    let lookups = Installed::at(config::lookups_file());
    http::serve(|call| eob::handle(&state, &lookups, call)).await
}
