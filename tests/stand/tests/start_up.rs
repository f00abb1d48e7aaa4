//! Functions as processes of their own: what they have done before their first event.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use stand::first_start::{DYNAMODB_URL, FIRST_EVENTS, FirstStart};
use stand::runtime;

/// A start waits a second for tables; the rest is for a busy machine.
const DELAYED_SECONDS_MAX: u64 = 8;

#[tokio::test]
async fn every_connection_is_made_before_the_first_request() {
    let stand = FirstStart::new().await;
    // These make as many calls at once as they have made connections; `authorize` and `ingest` answer without tables.
    for (name, file) in FIRST_EVENTS {
        let Some(program) = runtime::program(name) else {
            return;
        };
        let (start, [before, in_all]) = stand
            .run(Command::new(program), &stand.event(file), 1)
            .unwrap();
        assert!(start.answered > start.ready, "{name}");
        assert_eq!(before, in_all, "{name}: {:?}", start.answer);
        assert_eq!(before == 0, name == "portal", "{name}");
    }
}

#[tokio::test]
async fn tables_that_do_not_answer_delay_a_start_and_do_not_end_it() {
    let mut stand = FirstStart::new().await;
    // Takes connections, and never reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    stand.set(
        DYNAMODB_URL,
        format!("http://{}", silent.local_addr().unwrap()),
    );
    for name in ["authorize", "token", "patient"] {
        let Some(program) = runtime::program(name) else {
            return;
        };
        let event = stand.event(None);
        let (start, _) = stand.run(Command::new(program), &event, 1).unwrap();
        assert!(
            start.ready < Duration::from_secs(DELAYED_SECONDS_MAX),
            "{name}"
        );
    }
}
