//! The line that a piece of work ends in: a log line in CloudWatch's embedded metric format.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Ids, METRICS, Metric, Record, SOURCE, Source, Unit};

const NAMESPACE: &str = "BlueButton";

/// What metrics are counted by. Each metric is paid for by each set of values that its dimensions take.
const OF_FUNCTION: [&str; 2] = ["Stack", "Function"];
const OF_ROUTE: [&str; 4] = ["Stack", "Function", "Route", "StatusClass"];

/// Those that are told of each route and status class as well.
const TOLD_OF_ROUTES: [Metric; 2] = [Metric::Requests, Metric::Duration];

/// What the counts of a line are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimensions {
    /// By function.
    Function,
    /// Some of them by route and class of status as well.
    Route {
        /// The route's template, never a path.
        route: &'static str,
        /// The HTTP status.
        status: u16,
    },
}

/// How the work ended: the rest of its line.
pub struct Ending {
    /// What happened, in constant words.
    pub message: &'static str,
    /// What the counts are counted by.
    pub dimensions: Dimensions,
    /// What the line tells besides. Nothing personal: no path, no query, no id of a person.
    pub properties: Vec<(&'static str, Value)>,
}

/// Tells so many in a line of their own, which belongs to no work and took no time.
pub(super) fn tell_alone(metric: Metric, count: u64) {
    let record = Record::new(Ids::default());
    record.add(metric, count);
    record.tell(Ending {
        message: "counted outside of a call",
        dimensions: Dimensions::Function,
        properties: Vec::new(),
    });
}

impl Record {
    /// Ends the work: writes its line.
    pub fn end(&self, ending: Ending) {
        let took = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.add(Metric::Duration, took);
        self.tell(ending);
    }

    fn tell(&self, ending: Ending) {
        if let Some(source) = SOURCE.get() {
            let line = self.line(source, Timestamp::now(), ending);
            // A line that cannot be written must not fail the work that it is about.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }

    fn line(&self, source: &Source, now: Timestamp, ending: Ending) -> Value {
        let mut line = Map::new();
        let mut told: [Vec<_>; 2] = Default::default();
        for described in &METRICS {
            let Some(count) = self.get(described.metric) else {
                continue;
            };
            let (value, unit) = match described.unit {
                Unit::Count => (json!(count), "Count"),
                Unit::Milliseconds => (milliseconds(count), "Milliseconds"),
                Unit::None => (json!(count), "None"),
            };
            let definition = json!({"Name": described.name, "Unit": unit});
            told[usize::from(TOLD_OF_ROUTES.contains(&described.metric))].push(definition);
            line.insert(described.name.into(), value);
        }
        line.insert("Stack".into(), source.stack.as_str().into());
        line.insert("Function".into(), source.function.into());
        let [of_function, of_both] = told;
        let both = match ending.dimensions {
            Dimensions::Function => json!([OF_FUNCTION]),
            Dimensions::Route { route, status } => {
                line.insert("Route".into(), route.into());
                line.insert("StatusClass".into(), status_class(status).into());
                line.insert("status".into(), status.into());
                json!([OF_FUNCTION, OF_ROUTE])
            }
        };
        let directives = [(both, of_both), (json!([OF_FUNCTION]), of_function)];
        let directives = directives
            .into_iter()
            .filter(|(_, metrics)| !metrics.is_empty());
        let directives = directives.map(|(dimensions, metrics)| json!({"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}));
        let metadata = json!({
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": directives.collect::<Vec<_>>(),
        });
        line.insert("_aws".into(), metadata);
        let known = ending
            .properties
            .into_iter()
            .filter(|(_, value)| !value.is_null());
        line.extend(known.map(|(name, value)| (name.to_owned(), value)));
        self.identify(&mut line);
        line.insert("message".into(), ending.message.into());
        line.insert("level".into(), "INFO".into());
        line.insert("time".into(), now.to_string().into());
        Value::Object(line)
    }

    /// Adds what the work's log lines are found together by.
    pub(crate) fn identify(&self, line: &mut Map<String, Value>) {
        let ids = &self.ids;
        let known = [
            ("request_id", Some(&ids.request_id)),
            ("lambda_request_id", ids.lambda_request_id.as_ref()),
            ("trace_id", ids.trace_id.as_ref()),
            ("client_id", self.client_id.get()),
        ];
        for (name, id) in known {
            if let Some(id) = id.filter(|id| !id.is_empty()) {
                line.insert(name.into(), id.as_str().into());
            }
        }
    }
}

/// Microseconds as milliseconds with their fraction.
fn milliseconds(microseconds: u64) -> Value {
    // Exact for a hundred years.
    json!(microseconds as f64 / 1000.0)
}

fn status_class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(dimensions: Dimensions, counted: &[(Metric, u64)]) -> Value {
        let source = Source {
            stack: "stack".into(),
            function: "eob",
        };
        let record = Record::new(Ids {
            request_id: "r".into(),
            lambda_request_id: None,
            trace_id: Some("1-63441c4a-abcdef012345678912345678".into()),
        });
        for (metric, count) in counted {
            record.add(*metric, *count);
        }
        let ending = Ending {
            message: "answered",
            dimensions,
            properties: vec![("error_code", json!("login")), ("version", Value::Null)],
        };
        let now = Timestamp::from_millisecond(1_700_000_000_123).expect("a time");
        record.line(&source, now, ending)
    }

    const ROUTE: Dimensions = Dimensions::Route {
        route: "/vN/fhir/Patient/{id}",
        status: 401,
    };

    /// The rules of the specification: what is required, of which type, and how many there may be.
    fn check(line: &Value) {
        const DIMENSIONS_MAX: usize = 30;
        const METRICS_MAX: usize = 100;
        const UNITS: [&str; 3] = ["Count", "Milliseconds", "None"];
        let aws = line["_aws"].as_object().expect("metadata");
        assert_eq!(aws.len(), 2, "{line}");
        assert!(aws["Timestamp"].is_u64(), "{line}");
        let directives = aws["CloudWatchMetrics"].as_array().expect("directives");
        for directive in directives {
            let members: Vec<_> = directive.as_object().expect("a directive").keys().collect();
            assert_eq!(members, ["Dimensions", "Metrics", "Namespace"]);
            assert_eq!(directive["Namespace"], "BlueButton");
            let sets = directive["Dimensions"].as_array().expect("dimension sets");
            assert!(!sets.is_empty());
            for set in sets {
                let set = set.as_array().expect("a dimension set");
                assert!((1..=DIMENSIONS_MAX).contains(&set.len()));
                for name in set {
                    let name = name.as_str().expect("a name");
                    let value = line[name]
                        .as_str()
                        .expect("the target of a dimension is text");
                    assert!((1..=1024).contains(&value.len()), "{name}");
                }
            }
            let metrics = directive["Metrics"].as_array().expect("metrics");
            assert!((1..=METRICS_MAX).contains(&metrics.len()), "{line}");
            for metric in metrics {
                let name = metric["Name"].as_str().expect("a name");
                assert!(line[name].is_number(), "{name}");
                assert!(
                    UNITS.contains(&metric["Unit"].as_str().expect("a unit")),
                    "{name}"
                );
            }
        }
    }

    fn names(line: &Value, directive: usize) -> Vec<&str> {
        let metrics = &line["_aws"]["CloudWatchMetrics"][directive]["Metrics"];
        let metrics = metrics.as_array().expect("metrics").iter();
        metrics
            .filter_map(|metric| metric["Name"].as_str())
            .collect()
    }

    #[test]
    fn every_line_is_in_the_embedded_metric_format() {
        let all: Vec<_> = METRICS
            .iter()
            .map(|described| (described.metric, 3))
            .collect();
        for dimensions in [Dimensions::Function, ROUTE] {
            for counted in [&all[..], &all[..1], &all[..5], &[]] {
                check(&line(dimensions, counted));
            }
        }
    }

    #[test]
    fn a_line_tells_what_was_counted_and_what_it_is_found_by() {
        let counted = [
            (Metric::Requests, 1),
            (Metric::Duration, 1500),
            (Metric::StoreCalls, 0),
            (Metric::TokenReuse, 2),
        ];
        let line = line(ROUTE, &counted);
        assert_eq!(names(&line, 0), ["Requests", "Duration"]);
        assert_eq!(names(&line, 1), ["StoreCalls", "TokenReuse"]);
        let dimensions = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        assert_eq!(*dimensions, json!([OF_FUNCTION, OF_ROUTE]));
        for (name, value) in [
            ("Stack", json!("stack")),
            ("Function", json!("eob")),
            ("Route", json!("/vN/fhir/Patient/{id}")),
            ("StatusClass", json!("4xx")),
            ("status", json!(401)),
            ("TokenReuse", json!(2)),
            ("Duration", json!(1.5)),
            ("StoreCalls", json!(0)),
            ("error_code", json!("login")),
            ("request_id", json!("r")),
            ("trace_id", json!("1-63441c4a-abcdef012345678912345678")),
            ("message", json!("answered")),
            ("level", json!("INFO")),
            ("time", json!("2023-11-14T22:13:20.123Z")),
        ] {
            assert_eq!(line[name], value, "{name}");
        }
        for absent in [
            "version",
            "PageSize",
            "lambda_request_id",
            "client_id",
            "Unauthorized",
        ] {
            assert!(line.get(absent).is_none(), "{absent}");
        }
    }
}
