//! Logs: JSON lines with an allow-list of fields, so that no token, code, name or Medicare number can reach one.

use serde_json::{Map, Value};
use std::{
    env, fmt,
    io::Write as _,
    panic::{self, Location},
};
use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use crate::metrics;

/// The fields of an event that may reach a log line; whatever else it carries is dropped. What every line has besides
/// (function, request id, trace id, application) comes from the record of the work at hand.
const FIELDS: [&str; 7] = [
    "message",
    "cause",
    "reason",
    "operation",
    "stage",
    "file",
    "line",
];

/// Crates whose messages are written by us, as constants. Of other crates' events only target and level are logged.
const OUR_CRATES: [&str; 14] = [
    "bluebutton",
    "authorize",
    "token",
    "userinfo",
    "patient",
    "coverage",
    "eob",
    "discovery",
    "portal",
    "ingest",
    "check",
    "metrics",
    "rotate",
    "bluebutton_admin",
];

/// Sends log events of the program to standard output as JSON lines; `RUST_LOG` chooses the level, `info` by default,
/// of all or of single modules (`info,eob=debug`).
pub fn start_logging(program: &'static str) {
    metrics::start(program);
    let chosen = env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    let level = chosen.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    // A second call finds the first one's subscriber in place and leaves it.
    let _ = tracing_subscriber::registry()
        .with(level)
        .with(JsonLines)
        .try_init();
    // The message of a panic may quote what could not be read, as that of a slice of text does: only its place is told.
    panic::set_hook(Box::new(|panic| tell_place(panic.location())));
}

fn tell_place(place: Option<&Location<'_>>) {
    let file = place.map_or("unknown", Location::file);
    tracing::error!(file, line = place.map(Location::line), "panicked");
}

struct JsonLines;

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        // A log line that cannot be written must not fail the request that it is about.
        let _ = writeln!(std::io::stdout().lock(), "{}", line(event));
    }
}

fn line(event: &Event<'_>) -> Value {
    let metadata = event.metadata();
    let mut fields = Fields(Map::new());
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    if OUR_CRATES.contains(&crate_name) {
        event.record(&mut fields);
    }
    let mut line = fields.0;
    if let Some(record) = metrics::current() {
        record.identify(&mut line);
    }
    if let Some(function) = metrics::function() {
        // As in the line that the work ends in, so that one query finds both.
        line.insert("Function".into(), function.into());
    }
    line.insert("level".into(), metadata.level().as_str().into());
    line.insert("target".into(), metadata.target().into());
    line.insert("time".into(), jiff::Timestamp::now().to_string().into());
    Value::Object(line)
}

struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        if FIELDS.contains(&field.name()) {
            self.0.insert(field.name().to_owned(), value);
        }
    }
}

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::metrics::{Ids, Record};
    use std::sync::{Arc, Mutex};

    /// Keeps the lines instead of writing them.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<Value>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
            self.0.lock().expect("no test panicked").push(line(event));
        }
    }

    /// The line that is logged, without what is different each time.
    pub(crate) fn logged(log: impl FnOnce()) -> Value {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::registry().with(kept.clone());
        tracing::subscriber::with_default(subscriber, log);
        let mut line = kept.0.lock().expect("no test panicked").remove(0);
        line.as_object_mut().expect("an object").remove("time");
        line
    }

    #[test]
    fn only_the_fields_of_the_list_reach_a_line() {
        let line = logged(|| {
            tracing::info!(
                cause = "c",
                line = 7,
                patient = "-1",
                token = "t",
                "refused"
            );
        });
        let expected = serde_json::json!({
            "message": "refused", "cause": "c", "line": 7,
            "level": "INFO", "target": "bluebutton::http::log::tests",
        });
        assert_eq!(line, expected);
    }

    #[tokio::test]
    async fn every_line_of_a_request_carries_its_ids() {
        let ids = Ids {
            request_id: "r".into(),
            lambda_request_id: Some("l".into()),
            trace_id: Some("t".into()),
        };
        let logging = async {
            metrics::note_client("c");
            logged(|| tracing::info!(request_id = "another", "refused"))
        };
        let line = Record::new(ids).of(logging).await;
        let expected = serde_json::json!({
            "message": "refused", "request_id": "r", "lambda_request_id": "l", "trace_id": "t", "client_id": "c",
            "level": "INFO", "target": "bluebutton::http::log::tests",
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn of_other_crates_only_their_names_reach_a_line() {
        let line = logged(|| tracing::warn!(target: "hyper::client", cause = "Bearer x", "GET /x"));
        let expected = serde_json::json!({"level": "WARN", "target": "hyper::client"});
        assert_eq!(line, expected);
    }

    #[test]
    fn of_a_panic_only_its_place_reaches_a_line() {
        let line = logged(|| tell_place(Some(Location::caller())));
        assert_eq!(line["message"], "panicked");
        assert_eq!(line["file"], file!());
        assert!(line["line"].is_u64());
        assert_eq!(line.as_object().map(Map::len), Some(5), "{line}");
    }
}
