//! Wiring of the `eob` function.

use bluebutton::{
    audit::AuditTable, config, exchange::State, http, lookups_file::Installed,
    oauth::access::Verifier, store::ClaimsTable,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging();
    let aws = config::aws().await;
    let tables = aws_sdk_dynamodb::Client::new(&aws);
    let state = State {
        verifier: Verifier::from_environment(&aws).await?,
        claims: ClaimsTable::new(tables.clone(), config::variable("CLAIMS_TABLE")?),
        audit: AuditTable::new(tables, config::variable("AUDIT_TABLE")?),
    };
    let lookups = Installed::at(config::lookups_file());
    http::serve(|call| eob::handle(&state, &lookups, call)).await
}
