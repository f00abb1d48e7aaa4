//! Wiring of the `userinfo` function.

use bluebutton::{config, http};
use userinfo::{State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging();
    let state = State::from_environment(&config::aws().await).await?;
    http::serve(|call| handle(&state, call)).await
}
