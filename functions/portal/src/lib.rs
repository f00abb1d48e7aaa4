//! The portal for developers and beneficiaries: not built yet, and it says so.

use bluebutton::http::{Call, Response, StatusCode, page};

/// Answers a call.
pub async fn handle(_call: Call) -> Response {
    page::message(
        StatusCode::NOT_IMPLEMENTED,
        "The portal is not built yet",
        "Developer accounts, applications and connected apps will be here. The API itself works without it.",
    )
}
