//! Wiring of the `userinfo` function.

use bluebutton::{config, exchange, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging(env!("CARGO_PKG_NAME"));
    let aws = config::aws(env!("CARGO_PKG_NAME")).await;
    let state = exchange::State::from_environment(&aws).await?;
    let stage = state.verifier.keys().stage();
    http::serve(|call| userinfo::handle(stage, &state, call)).await
}
