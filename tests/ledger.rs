//! What the suite was given in secret, for the search of leaks at the end: a line per secret in the file that
//! `BLUEBUTTON_LEDGER` names, if it does.

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;

use crate::client::{self, Answer};
use serde_json::Value;
use url::Url;

/// The members of JSON answers that are secrets.
const MEMBERS: [&str; 2] = ["access_token", "refresh_token"];

/// Notes a secret.
pub(crate) fn note(secret: &str) {
    let Some(path) = env::var_os("BLUEBUTTON_LEDGER") else {
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(path);
    // One write for each line, which others' lines do not come between.
    file.and_then(|mut file| file.write_all(format!("{secret}\n").as_bytes()))
        .expect("BLUEBUTTON_LEDGER names a file that can be written");
}

/// Notes the secrets of an answer: tokens, the code of a redirect, cookies, CSRF tokens.
pub(crate) fn note_answer(answer: &Answer) {
    if let Ok(json) = serde_json::from_str::<Value>(&answer.body) {
        let tokens = MEMBERS.iter().filter_map(|member| json[member].as_str());
        tokens.for_each(note);
    }
    let location = answer.headers.get("location");
    let location = location.and_then(|location| Url::parse(location).ok());
    if let Some(code) = location.and_then(|url| client::parameter(&url, "code")) {
        note(&code);
    }
    if let Some(cookie) = answer.headers.get("set-cookie") {
        let pair = cookie.split(';').next().unwrap_or_default();
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        if !value.is_empty() {
            note(value);
        }
    }
    if answer.body.contains("<form") {
        let fields = client::hidden_fields(&answer.body);
        let tokens = fields.iter().filter(|(name, _)| name == "csrf_token");
        tokens.for_each(|(_, value)| note(value));
    }
}
