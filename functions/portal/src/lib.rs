//! The portal for developers and beneficiaries: not built yet, and it says so, by 404: an answer of 5xx would ring the
//! alarm of our own errors.

use bluebutton::http::{
    Call, Language, Response, StatusCode,
    page::{self, Frame},
};

/// Answers a call.
pub async fn handle(_call: Call) -> Response {
    let frame = Frame::new(Language::English, "The portal is not built yet", None);
    let text = "Developer accounts, applications and connected apps will be here. The API itself works without it.";
    page::message(StatusCode::NOT_FOUND, &frame, &[text], None)
}
