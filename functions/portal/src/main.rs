//! Wiring of the `portal` function.

use bluebutton::http;
use portal::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging(env!("CARGO_PKG_NAME"));
    http::serve(handle).await
}
