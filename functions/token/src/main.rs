//! Wiring of the `token` function.

use bluebutton::{config, http};
use token::{State, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging(env!("CARGO_PKG_NAME"));
    let aws = config::aws(env!("CARGO_PKG_NAME")).await;
    let state = State::from_environment(&aws).await?;
    http::serve(|call| handle(&state, call)).await
}
