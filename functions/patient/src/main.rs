//! Wiring of the `patient` function.

use bluebutton::{
    audit::AuditTable,
    config,
    exchange::State,
    http,
    oauth::access::Verifier,
    store::{ClaimsTable, IdentityTable},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), http::Error> {
    http::start_logging();
    let aws = config::aws().await;
    let tables = aws_sdk_dynamodb::Client::new(&aws);
    let state = State {
        verifier: Verifier::from_environment(&aws).await?,
        claims: ClaimsTable::new(tables.clone(), config::variable("CLAIMS_TABLE")?),
        audit: AuditTable::new(tables.clone(), config::variable("AUDIT_TABLE")?),
    };
    let identity = IdentityTable::new(tables, config::variable("IDENTITY_TABLE")?);
    http::serve(|call| patient::handle(&state, &identity, call)).await
}
