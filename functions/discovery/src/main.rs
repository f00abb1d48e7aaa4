//! Wiring of the `discovery` function.

use bluebutton::{
    config::{self, Configuration},
    http,
    oauth::keys::KeySet,
};
use discovery::State;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging();
    let aws = config::aws().await;
    let configuration = Configuration::read(&aws).await?;
    let keys = KeySet::read(&aws, &configuration.signing_keys).await?;
    let state = State { keys };
    http::serve(|call| discovery::handle(&state, call)).await
}
