//! Wiring of the `eob` function.

use bluebutton::{config, exchange::State, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging();
    let state = State::from_environment(&config::aws().await).await?;
    http::serve(|call| eob::handle(&state, call)).await
}
