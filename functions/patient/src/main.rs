//! Wiring of the `patient` function.

use bluebutton::{config, exchange, http, store::IdentityTable};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging(env!("CARGO_PKG_NAME"));
    let aws = config::aws(env!("CARGO_PKG_NAME")).await;
    let state = exchange::State::from_environment(&aws).await?;
    let tables = config::dynamodb(&aws);
    let identity = IdentityTable::new(tables, config::variable("IDENTITY_TABLE")?);
    http::serve(|call| patient::handle(&state, &identity, call)).await
}
