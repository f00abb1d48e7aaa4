//! Wiring of the `portal` function.

use bluebutton::http;
use portal::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging();
    http::serve(handle).await
}
