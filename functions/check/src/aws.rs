//! The calls of AWS: the new versions by Lambda, CodeDeploy, and the secret of the account.

use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client as SecretsManager;
use bluebutton::aws_call::{self, CallError, Origin, Repeats, Service, Signing};
use bluebutton::config::{self, variable};
use bluebutton::http::{HeaderName, Method, header};
use bluebutton::secret::Secret;
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::deployment::Deployment;
use crate::functions::{Answer, Call, Functions, MADE_UP_BASE_PATH, MADE_UP_HOST, Unanswered};

/// A function may take 26 seconds, and its first call is the slowest.
const CALL_TIME_MAX: Duration = Duration::from_secs(28);

/// Lambda's limit for an answer is 6 MB.
const ANSWER_BYTES_MAX: usize = 7 * 1024 * 1024;

/// The variable that names the secret of the account.
pub(crate) const ACCOUNT_SECRET: &str = "ACCOUNT_SECRET";

const LAMBDA: Service = Service {
    name: "lambda",
    id: "Lambda",
    version: "2015-03-31",
    signing: Signing::Usual,
};
const CODEDEPLOY: Service = Service {
    name: "codedeploy",
    id: "CodeDeploy",
    version: "2014-10-06",
    signing: Signing::Usual,
};

/// What CodeDeploy says when it knows the result of a check.
const ALREADY_TOLD: &str = "LifecycleEventAlreadyCompletedException";

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// Signs and sends.
pub(crate) struct Aws {
    config: SdkConfig,
    public_url: Option<Url>,
}

/// What AWS answered.
struct Incoming {
    is_function_error: bool,
    body: Vec<u8>,
}

impl Aws {
    pub(crate) fn new(config: SdkConfig) -> Self {
        let url = config::public_base_url();
        Self {
            config,
            public_url: url.and_then(|url| Url::parse(&url).ok()),
        }
    }

    /// What is known of a deployment.
    pub(crate) async fn deployment(&self, deployment: &str) -> Result<Deployment, CallError> {
        let name = "codedeploy:GetDeployment";
        let body = json!({ "deploymentId": deployment });
        let answer = self
            .codedeploy(name, "CodeDeploy_20141006.GetDeployment", &body)
            .await?;
        let answer: Value =
            serde_json::from_slice(&answer).map_err(|_| CallError::Malformed(name))?;
        Deployment::from_answer(&answer).ok_or(CallError::Malformed(name))
    }

    /// Tells CodeDeploy what came out.
    pub(crate) async fn report(
        &self,
        deployment: &str,
        execution: &str,
        status: &str,
    ) -> Result<(), CallError> {
        let body = json!({
            "deploymentId": deployment,
            "lifecycleEventHookExecutionId": execution,
            "status": status,
        });
        let target = "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus";
        let name = "codedeploy:PutLifecycleEventHookExecutionStatus";
        match self.codedeploy(name, target, &body).await {
            // By an attempt whose answer was lost.
            Err(CallError::Refused(_, _, Some(code))) if code == ALREADY_TOLD => Ok(()),
            told => told.map(drop),
        }
    }

    /// The secret of the account.
    pub(crate) async fn account(&self) -> Result<Secret, CallError> {
        let secret = config::secret(&self.config, ACCOUNT_SECRET).await;
        secret.map_err(|_| CallError::Unanswered("secretsmanager:GetSecretValue"))
    }

    /// Keeps it for the next check.
    pub(crate) async fn keep_account(&self, name: &str, value: &str) -> Result<(), CallError> {
        let put = SecretsManager::new(&self.config).put_secret_value();
        let kept = put.secret_id(name).secret_string(value).send().await;
        kept.map_err(|_| CallError::Unanswered("secretsmanager:PutSecretValue"))?;
        Ok(())
    }

    async fn codedeploy(
        &self,
        name: &'static str,
        target: &'static str,
        body: &Value,
    ) -> Result<Vec<u8>, CallError> {
        let mut call = self.post(name, CODEDEPLOY, body)?;
        call.headers.push((TARGET, target));
        Ok(self.send(call).await?.body)
    }

    /// A call with JSON of the service's root.
    fn post(
        &self,
        name: &'static str,
        service: Service,
        body: &Value,
    ) -> Result<aws_call::Call, CallError> {
        let origin = service.origin(&self.config).map(Origin::into_url);
        Ok(aws_call::Call {
            name,
            service,
            origin: origin.ok_or(CallError::Unsigned(name))?,
            method: Method::POST,
            path: "/".to_owned(),
            headers: vec![(header::CONTENT_TYPE, "application/x-amz-json-1.1")],
            body: body.to_string(),
            timeouts: TimeoutConfig::builder()
                .operation_attempt_timeout(CALL_TIME_MAX)
                .build(),
            repeats: Repeats::Usual,
        })
    }

    async fn send(&self, call: aws_call::Call) -> Result<Incoming, CallError> {
        let name = call.name;
        let unanswered = || CallError::Unanswered(name);
        let answer = call.send(&self.config).await?;
        let is_function_error = answer.headers().contains_key("x-amz-function-error");
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect();
        let body = timeout(CALL_TIME_MAX, body)
            .await
            .map_err(|_| unanswered())?
            .map_err(|_| unanswered())?;
        Ok(Incoming {
            is_function_error,
            body: body.to_bytes().to_vec(),
        })
    }
}

impl Functions for Aws {
    fn base_path(&self) -> &str {
        let path = self.public_url.as_ref().map(Url::path);
        path.map_or(MADE_UP_BASE_PATH, |path| path.trim_end_matches('/'))
    }

    fn host(&self) -> &str {
        let host = self.public_url.as_ref().and_then(Url::host_str);
        host.unwrap_or(MADE_UP_HOST)
    }

    /// Lambda's Invoke, of exactly the version that the template names.
    async fn call(&self, call: &Call) -> Result<Answer, Unanswered> {
        let arn =
            variable(call.function.variable()).map_err(|error| Unanswered(error.to_string()))?;
        let path =
            invocation_path(&arn).ok_or_else(|| Unanswered("no version is named".to_owned()))?;
        let unanswered = |error: CallError| Unanswered(error.to_string());
        let invocation = self.post("lambda:InvokeFunction", LAMBDA, &call.event());
        let mut invocation = invocation.map_err(unanswered)?;
        invocation.path = path;
        // Not when it may have run: a walk that is repeated in part meets codes and tokens that it has used up.
        invocation.repeats = Repeats::Throttled;
        let answer = self.send(invocation).await.map_err(unanswered)?;
        match answer.is_function_error {
            true => Err(Unanswered(
                "the function ended without an answer".to_owned(),
            )),
            false => Answer::from_payload(&answer.body),
        }
    }
}

/// `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME:VERSION` as a path of Lambda's API.
fn invocation_path(arn: &str) -> Option<String> {
    let mut parts = arn.split(':').skip(6);
    let (name, version) = (parts.next()?, parts.next()?);
    Some(format!(
        "/2015-03-31/functions/{name}/invocations?Qualifier={version}"
    ))
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_exactly_the_version_that_is_named() {
        let check = |arn: &str, path: Option<&str>| {
            assert_eq!(invocation_path(arn).as_deref(), path, "{arn}")
        };
        check(
            "arn:aws-us-gov:lambda:us-gov-west-1:000000000000:function:bluebutton-token:7",
            Some("/2015-03-31/functions/bluebutton-token/invocations?Qualifier=7"),
        );
        check(
            "arn:aws:lambda:eu-west-1:000000000000:function:bluebutton-token",
            None,
        );
        check("", None);
    }
}
