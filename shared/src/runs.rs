//! Runs of Lambda that answer nobody: loads and what is done on a schedule.

use lambda_http::Context;
use serde_json::Value;

use crate::http::or_panic;
use crate::metrics::{Dimensions, Ending, Ids, Record};

/// The work ended in a panic. The log tells where; nothing else does, as the text of a panic may quote what was worked
/// on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program has a fault")]
pub struct Panicked;

/// Does the work of a run under a record of its own and writes its line, with the properties that tell of how it ended.
/// What is counted and logged on the way is the record's.
///
/// # Errors
/// The failure of the work, which a panic is too: the runtime would hand the text of one to wherever failures go.
pub async fn run<Work, Done, Failure>(
    context: &Context,
    message: &'static str,
    work: impl FnOnce() -> Work,
    properties: impl FnOnce(&Result<Done, Failure>) -> Vec<(&'static str, Value)>,
) -> Result<Done, Failure>
where
    Work: Future<Output = Result<Done, Failure>>,
    Failure: From<Panicked>,
{
    let trace = context.xray_trace_id.as_deref();
    let record = Record::new(Ids::of_run(&context.request_id, trace));
    let done = record.of(or_panic(work)).await;
    let done = done.unwrap_or_else(|| Err(Panicked.into()));
    record.end(Ending {
        message,
        dimensions: Dimensions::Function,
        properties: properties(&done),
    });
    done
}
