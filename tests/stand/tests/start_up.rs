//! Functions as processes of their own: what they have done before their first event.
#![allow(missing_docs, reason = "the name of a test is its sentence")]
#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use stand::first_start::{DYNAMODB_URL, FIRST_EVENTS, FirstStart};
use stand::runtime::{self, Start};

/// How long a start waits for its connections. One that a busy machine makes no sooner is given up, and made again by
/// the first request.
const WARM_SECONDS: u64 = 1;

/// The starts that may be so late.
const STARTS_MAX: usize = 10;

/// What the template gives a function for everything; without an answer until then it hangs.
const FUNCTION_SECONDS: u64 = 26;

#[tokio::test]
async fn every_connection_is_made_before_the_first_request() {
    let stand = FirstStart::new().await;
    // These make as many calls at once as they have made connections; `authorize` and `ingest` answer without tables.
    for (name, file) in FIRST_EVENTS {
        let Some(program) = runtime::program(name) else {
            return;
        };
        let started = || {
            let program = Command::new(&program);
            stand.run(program, &stand.event(file), 1).unwrap()
        };
        let is_late = |start: &Start| start.ready >= Duration::from_secs(WARM_SECONDS);
        let mut run = started();
        for _ in 1..STARTS_MAX {
            let (start, [before, in_all]) = &run;
            if before == in_all || !is_late(start) {
                break;
            }
            run = started();
        }
        let (start, [before, in_all]) = run;
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
    let stand = Arc::new(stand);
    for name in ["authorize", "token", "patient"] {
        let Some(program) = runtime::program(name) else {
            return;
        };
        let (tell, told) = mpsc::channel();
        let stand = Arc::clone(&stand);
        // A thread of its own, so that a start that hangs does not hang the test.
        thread::spawn(move || {
            let event = stand.event(None);
            let started = stand.run(Command::new(program), &event, 1);
            // Nobody listens any more to one that is too late.
            let _ = tell.send(started.map(|(start, _)| start.ready));
        });
        let ready = told.recv_timeout(Duration::from_secs(FUNCTION_SECONDS));
        let ready = ready.unwrap_or_else(|_| panic!("{name} hangs")).unwrap();
        eprintln!("{name} is ready after {ready:?}");
    }
}
