//! The calls of AWS: the new versions by Lambda, CodeDeploy, and the secret of the account. Lambda's and CodeDeploy's are
//! signed here, because clients of the SDK for three calls of two services would be most of this program.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_secretsmanager::Client as SecretsManager;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bluebutton::config::{self, ConfigError, variable};
use bluebutton::http::{StatusCode, header};
use bluebutton::secret::Secret;
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use lambda_http::http::Request;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::functions::{Answer, Call, Functions, Unanswered};

/// A function may take 26 seconds, and its first call is the slowest.
const CALL_SECONDS_MAX: u64 = 28;

/// Lambda's limit for an answer is 6 MB.
const ANSWER_BYTES_MAX: usize = 7 * 1024 * 1024;

/// The variable that names the secret of the account.
pub(crate) const ACCOUNT_SECRET: &str = "ACCOUNT_SECRET";

/// Signs and sends.
pub(crate) struct Aws {
    config: SdkConfig,
    client: Client<HttpsConnector<HttpConnector>, String>,
    url_suffix: String,
}

/// Why a call of AWS led to nothing. Names the call, never what it held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No credentials or no Region.
    #[error("{0} cannot be signed")]
    Unsigned(&'static str),
    /// No answer, or none in time.
    #[error("{0} does not answer")]
    Unanswered(&'static str),
    /// Another status than 200.
    #[error("{0} answers {1}")]
    Refused(&'static str, StatusCode),
    /// An answer or a secret of another form.
    #[error("{0} does not have the expected form")]
    Malformed(&'static str),
}

/// One call, before it is signed.
struct Outgoing<'a> {
    name: &'static str,
    service: &'static str,
    path: String,
    target: Option<&'static str>,
    body: &'a Value,
}

/// What AWS answered.
struct Incoming {
    is_function_error: bool,
    body: Vec<u8>,
}

impl Aws {
    pub(crate) fn new(config: SdkConfig) -> Result<Self, ConfigError> {
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(|_| ConfigError::UnreadableCertificates)?
            // A local AWS answers without TLS; AWS's own addresses all begin with https.
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            config,
            client: Client::builder(TokioExecutor::new()).build(tls),
            url_suffix: variable("URL_SUFFIX")?,
        })
    }

    /// The name of the group that a deployment belongs to, which begins with the function's.
    pub(crate) async fn deployment_group(&self, deployment: &str) -> Result<String, CallError> {
        let name = "codedeploy:GetDeployment";
        let body = json!({ "deploymentId": deployment });
        let answer = self
            .codedeploy(name, "CodeDeploy_20141006.GetDeployment", &body)
            .await?;
        let answer: Value =
            serde_json::from_slice(&answer).map_err(|_| CallError::Malformed(name))?;
        let group = answer["deploymentInfo"]["deploymentGroupName"].as_str();
        group.map(str::to_owned).ok_or(CallError::Malformed(name))
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
        self.codedeploy(name, target, &body).await?;
        Ok(())
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
        let answer = self
            .send(Outgoing {
                name,
                service: "codedeploy",
                path: "/".to_owned(),
                target: Some(target),
                body,
            })
            .await?;
        Ok(answer.body)
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Result<Incoming, CallError> {
        let name = outgoing.name;
        let request = self
            .signed(&outgoing)
            .await
            .ok_or(CallError::Unsigned(name))?;
        let unanswered = || CallError::Unanswered(name);
        let patience = Duration::from_secs(CALL_SECONDS_MAX);
        let answer = timeout(patience, self.client.request(request)).await;
        let answer = answer
            .map_err(|_| unanswered())?
            .map_err(|_| unanswered())?;
        if answer.status() != StatusCode::OK {
            return Err(CallError::Refused(name, answer.status()));
        }
        let is_function_error = answer.headers().contains_key("x-amz-function-error");
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect();
        let body = timeout(patience, body)
            .await
            .map_err(|_| unanswered())?
            .map_err(|_| unanswered())?;
        Ok(Incoming {
            is_function_error,
            body: body.to_bytes().to_vec(),
        })
    }

    /// The request with its signature (Signature Version 4); `None` without credentials or Region.
    async fn signed(&self, outgoing: &Outgoing<'_>) -> Option<Request<String>> {
        let Outgoing {
            service,
            path,
            target,
            body,
            ..
        } = outgoing;
        let region = self.config.region()?.as_ref();
        let base = match self.config.endpoint_url() {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{service}.{region}.{}", self.url_suffix),
        };
        let mut request = Request::post(format!("{base}{path}"))
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header(header::USER_AGENT, concat!("app/", env!("CARGO_PKG_NAME")));
        if let Some(target) = target {
            request = request.header("x-amz-target", *target);
        }
        let mut request = request.body(body.to_string()).ok()?;
        let credentials = self
            .config
            .credentials_provider()?
            .provide_credentials()
            .await
            .ok()?;
        let identity = credentials.into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .ok()?;
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let uri = request.uri().to_string();
        let body = SignableBody::Bytes(request.body().as_bytes());
        let signable = SignableRequest::new("POST", &uri, headers, body).ok()?;
        let (instructions, _) = sign(signable, &parameters.into()).ok()?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Some(request)
    }
}

impl Functions for Aws {
    /// Lambda's Invoke, of exactly the version that the template names.
    async fn call(&self, call: &Call) -> Result<Answer, Unanswered> {
        let arn =
            variable(call.function.variable()).map_err(|error| Unanswered(error.to_string()))?;
        let path =
            invocation_path(&arn).ok_or_else(|| Unanswered("no version is named".to_owned()))?;
        let event = call.event();
        let outgoing = Outgoing {
            name: "lambda:InvokeFunction",
            service: "lambda",
            path,
            target: None,
            body: &event,
        };
        let answer = self
            .send(outgoing)
            .await
            .map_err(|error| Unanswered(error.to_string()))?;
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
