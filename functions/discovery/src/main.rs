//! Wiring of the `discovery` function.

use bluebutton::{config, http, oauth::keys::Keys};
use discovery::{Health, State};
use jiff::Timestamp;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging(env!("CARGO_PKG_NAME"));
    let aws = config::aws(env!("CARGO_PKG_NAME")).await;
    let keys = Keys::read(&aws, Timestamp::now()).await?;
    let health = Health::new(&aws, keys.stage())?;
    let state = State { keys, health };
    http::serve(|call| discovery::handle(&state, call)).await
}
