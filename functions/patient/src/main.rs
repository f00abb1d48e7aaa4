//! Wiring of the `patient` function.

use bluebutton::{config, exchange::State, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging();
    let state = State::from_environment(&config::aws().await).await?;
    http::serve(|call| patient::handle(&state, call)).await
}
