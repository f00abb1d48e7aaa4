//! What every call of AWS tells the work that makes it, and is told of it.

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};

use super::{Metric, current};

/// Counts each attempt that is sent, and names the request in its user agent: CloudTrail keeps that, so that a call of
/// KMS, or of a table whose data events are kept, is found by the request id that the caller has.
///
/// X-Ray's own header is passed on by the SDK.
#[derive(Debug)]
pub struct AwsCalls;

const USER_AGENT: &str = "user-agent";

impl Intercept for AwsCalls {
    fn name(&self) -> &'static str {
        "AwsCalls"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Some(record) = current() else {
            return Ok(());
        };
        record.add(Metric::StoreCalls, 1);
        let headers = context.request_mut().headers_mut();
        // Not signed, so that it may change here. The id is of letters, digits, dots and hyphens.
        if let Some(agent) = headers.get(USER_AGENT) {
            let agent = format!("{agent} md/request#{}", record.ids.request_id);
            headers.insert(USER_AGENT, agent);
        }
        Ok(())
    }
}
