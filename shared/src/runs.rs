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

/// Does the work of a run under a record of its own and writes its line, with the properties by which `tell` says how it
/// ended. What is counted and logged on the way, by `tell` too, is the record's.
///
/// # Errors
/// The failure of the work, which a panic is too: the runtime would hand the text of one to wherever failures go.
pub async fn run<Work, Done, Failure>(
    context: &Context,
    message: &'static str,
    work: impl FnOnce() -> Work,
    tell: impl FnOnce(&Result<Done, Failure>) -> Vec<(&'static str, Value)>,
) -> Result<Done, Failure>
where
    Work: Future<Output = Result<Done, Failure>>,
    Failure: From<Panicked>,
{
    let trace = context.xray_trace_id.as_deref();
    let record = Record::new(Ids::of_run(&context.request_id, trace));
    let told = async {
        let done = or_panic(work).await;
        let done = done.unwrap_or_else(|| Err(Panicked.into()));
        (tell(&done), done)
    };
    let (properties, done) = record.of(told).await;
    record.end(Ending {
        message,
        dimensions: Dimensions::Function,
        properties,
    });
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics;

    #[tokio::test]
    async fn what_is_told_of_a_run_belongs_to_it_however_it_ended() {
        check(|| async { Ok(()) }, Ok(())).await;
        check(|| async { Err(Panicked) }, Err(Panicked)).await;
        check(|| async { panic!("for the test") }, Err(Panicked)).await;

        async fn check<Work: Future<Output = Result<(), Panicked>>>(
            work: impl FnOnce() -> Work,
            expected: Result<(), Panicked>,
        ) {
            let mut context = Context::default();
            context.request_id = "a-run".to_owned();
            let mut told = None;
            let tell = |done: &Result<(), Panicked>| {
                let record = metrics::current().expect("the record of the run");
                told = Some((record.ids().request_id.clone(), *done));
                Vec::new()
            };
            assert_eq!(run(&context, "tried", work, tell).await, expected);
            assert_eq!(told, Some(("a-run".to_owned(), expected)));
        }
    }
}
