//! Calls of AWS that no client of the SDK is linked for.
//!
//! A client weighs a quarter of a megabyte in a program that makes one call with it. What matters of it is not in the
//! client but in the SDK's runtime, which is used here: signatures, time-outs, repetitions, the one connector of the
//! program, the user agent.

use std::{fmt, mem, time::Duration};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::DeserializeResponse;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, FrozenLayer, Layer};
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use lambda_http::http::{HeaderName, Method, Request, StatusCode};
use serde_json::Value;

use crate::config::variable;
use crate::metrics::AwsCalls;

/// With what AWS says that a call may succeed a moment later.
const REPEATED: &[u16] = &[429, 500, 502, 503, 504];
/// With what it says that it has not begun with a call.
const THROTTLED: &[u16] = &[429];
/// How often a throttled call is made, over half a minute or so.
const THROTTLED_ATTEMPTS_MAX: u32 = 6;

/// One call.
#[derive(Clone)]
pub struct Call {
    /// The service and the action, as policies name them.
    pub name: &'static str,
    /// Where it goes.
    pub service: Service,
    /// The scheme and the host that answer, as [`Service::origin`] gives them.
    pub origin: String,
    /// GET or POST.
    pub method: Method,
    /// Path and query, percent-encoded.
    pub path: String,
    /// Header fields beside those that the SDK sends.
    pub headers: Vec<(HeaderName, &'static str)>,
    /// The body.
    pub body: String,
    /// How long it may take up to the head of the answer.
    pub timeouts: TimeoutConfig,
    /// When it is made again.
    pub repeats: Repeats,
}

/// When a call is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// Whenever it may succeed then, as the SDK's clients do.
    Usual,
    /// Only when AWS has not begun with it.
    Throttled,
}

/// A service of AWS, as calls of it are addressed and signed.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// The name in addresses and signatures.
    pub name: &'static str,
    /// The SDK's name for it, of which `AWS_ENDPOINT_URL_<ID>` is made.
    pub id: &'static str,
    /// The version of its API.
    pub version: &'static str,
    /// How paths and bodies are signed.
    pub signing: Signing,
}

/// Scheme and host of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Amazon's in the Region, as in `https://s3.eu-west-1.amazonaws.com`.
    Amazon(String),
    /// That of another AWS, which the environment names.
    Elsewhere(String),
}

/// How paths and bodies are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// As most services want it.
    Usual,
    /// The path as it is sent, and the checksum of the body in a header.
    S3,
}

/// The answer to a call, with a status of 200 to 299 and a body that may still be arriving.
pub type Answer = aws_smithy_runtime_api::http::Response<SdkBody>;

/// Why a call led to nothing. Names the action, never what it held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No credentials, no Region or no address.
    #[error("{0} cannot be signed")]
    Unsigned(&'static str),
    /// No answer, or none in time.
    #[error("{0} does not answer")]
    Unanswered(&'static str),
    /// Another status than 200 to 299, and the error code, if AWS names one.
    #[error("{0} answers {1}")]
    Refused(&'static str, StatusCode, Option<String>),
    /// A success whose body, or whose secret, has another form.
    #[error("{0} does not have the expected form")]
    Malformed(&'static str),
}

impl Service {
    /// Where the environment says that the service is, else where it is in the Region. `None` without a Region.
    #[must_use]
    pub fn origin(self, aws: &SdkConfig) -> Option<Origin> {
        if let Some(elsewhere) = self.elsewhere(aws) {
            let url = elsewhere.trim_end_matches('/').to_owned();
            return Some(Origin::Elsewhere(url));
        }
        let fips = if aws.use_fips() == Some(true) {
            "-fips"
        } else {
            ""
        };
        let region = aws.region()?;
        let suffix = variable("URL_SUFFIX");
        let suffix = suffix.as_deref().unwrap_or("amazonaws.com");
        let host = format!("{}{fips}", self.name);
        let host = match (aws.use_dual_stack(), self.signing) {
            (Some(true), Signing::S3) => format!("{host}.dualstack.{region}.{suffix}"),
            (Some(true), Signing::Usual) => format!("{host}.{region}.{}", dual_stack(suffix)),
            _ => format!("{host}.{region}.{suffix}"),
        };
        Some(Origin::Amazon(format!("https://{host}")))
    }

    /// The address of another AWS than Amazon's, if the environment names one.
    fn elsewhere(self, aws: &SdkConfig) -> Option<String> {
        let key = ServiceConfigKey::builder()
            .service_id(self.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url");
        let of_service = aws.service_config().zip(key.build().ok());
        let of_service = of_service.and_then(|(config, key)| config.load_config(key));
        of_service.or_else(|| aws.endpoint_url().map(str::to_owned))
    }

    fn signing_options(self) -> SigningOptions {
        let mut options = SigningOptions::default();
        let is_s3 = self.signing == Signing::S3;
        options.double_uri_encode = !is_s3;
        options.normalize_uri_path = !is_s3;
        options.content_sha256_header = is_s3;
        options
    }
}

/// Where the services of a partition are that answer to IPv6, too.
/// (<https://docs.aws.amazon.com/general/latest/gr/rande.html#dual-stack-endpoints>)
fn dual_stack(suffix: &str) -> &str {
    match suffix {
        "amazonaws.com" => "api.aws",
        "amazonaws.com.cn" => "api.amazonwebservices.com.cn",
        other => other,
    }
}

impl Origin {
    /// The URL, without a slash at its end.
    #[must_use]
    pub fn into_url(self) -> String {
        match self {
            Self::Amazon(url) | Self::Elsewhere(url) => url,
        }
    }
}

impl Repeats {
    fn config(self) -> RetryConfig {
        match self {
            Self::Usual => RetryConfig::standard(),
            Self::Throttled => RetryConfig::standard()
                .with_max_attempts(THROTTLED_ATTEMPTS_MAX)
                .with_initial_backoff(Duration::from_secs(1)),
        }
    }

    fn statuses(self) -> &'static [u16] {
        match self {
            Self::Usual => REPEATED,
            Self::Throttled => THROTTLED,
        }
    }
}

impl Call {
    /// Signs and sends it, again if need be; the answer's head is there, its body may still be arriving.
    ///
    /// # Errors
    /// When there is no answer in time, or one that is not a success.
    pub async fn send(self, aws: &SdkConfig) -> Result<Answer, CallError> {
        let name = self.name;
        let operation = self.operation(aws).ok_or(CallError::Unsigned(name))?;
        operation.invoke(self).await.map_err(|error| match error {
            SdkError::ServiceError(error) => {
                let refused = error.err();
                let code = refused.meta.code().map(str::to_owned);
                CallError::Refused(name, refused.status, code)
            }
            SdkError::ConstructionFailure(_) => CallError::Unsigned(name),
            _ => CallError::Unanswered(name),
        })
    }

    fn operation(&self, aws: &SdkConfig) -> Option<Operation<Self, Answer, Refused>> {
        let plugin = StaticRuntimePlugin::new()
            .with_config(self.config(aws)?)
            .with_runtime_components(components(aws)?);
        let mut operation = Operation::builder()
            .service_name(self.service.id)
            .operation_name(self.name)
            .endpoint_url(&self.origin)
            .http_client(aws.http_client()?)
            .timeout_config(self.timeouts.clone())
            .standard_retry(&self.repeats.config())
            .with_connection_poisoning()
            .interceptor(InvocationIdInterceptor::new())
            .interceptor(UserAgentInterceptor::new())
            .interceptor(AwsCalls)
            .retry_classifier(HttpStatusCodeClassifier::new_from_codes(
                self.repeats.statuses(),
            ))
            .runtime_plugin(plugin)
            .serializer(Self::request)
            .deserializer_impl(Successes);
        if self.repeats == Repeats::Usual {
            // JSON protocols say by the code alone that there were too many calls: the status is 400.
            operation = operation
                .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
                .retry_classifier(TransientErrorClassifier::<Refused>::new());
        }
        Some(operation.build())
    }

    fn config(&self, aws: &SdkConfig) -> Option<FrozenLayer> {
        let mut layer = Layer::new("call");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(ApiMetadata::new(self.service.name, self.service.version));
        layer.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(aws.region()?.clone())),
            name: Some(SigningName::from_static(self.service.name)),
            signing_options: self.service.signing_options(),
            ..SigV4OperationSigningConfig::default()
        });
        if let Some(program) = aws.app_name() {
            layer.store_put(program.clone());
        }
        Some(layer.freeze())
    }

    fn request(self) -> Result<HttpRequest, BoxError> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        Ok(request.body(SdkBody::from(self.body))?.try_into()?)
    }
}

/// What every call is signed and sent with.
fn components(aws: &SdkConfig) -> Option<RuntimeComponentsBuilder> {
    let scheme = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let components = RuntimeComponentsBuilder::new("call")
        .with_auth_scheme_option_resolver(Some(scheme))
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_identity_resolver(SCHEME_ID, aws.credentials_provider()?)
        .with_identity_cache(aws.identity_cache());
    // Without one of its own the configuration leaves the clock to the runtime.
    Some(match aws.sleep_impl() {
        Some(clock) => components.with_sleep_impl(Some(clock)),
        None => components,
    })
}

/// Never what is called: a path may name a file, a body holds what it holds.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.name)
    }
}

/// The status of an answer that is not a success, with its error code.
#[derive(Debug, thiserror::Error)]
#[error("{status}")]
struct Refused {
    status: StatusCode,
    meta: ErrorMetadata,
}

impl Refused {
    fn of(answer: &HttpResponse) -> Result<Self, OrchestratorError<Error>> {
        let status = StatusCode::from_u16(answer.status().as_u16());
        let mut meta = ErrorMetadata::builder();
        if let Some(code) = error_code(answer) {
            meta = meta.code(code);
        }
        Ok(Self {
            status: status.map_err(OrchestratorError::other)?,
            meta: meta.build(),
        })
    }
}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.meta
    }
}

/// The code of an error of the JSON protocols: in a header or in the body, perhaps with a namespace before it and an
/// address behind.
/// (<https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>)
fn error_code(answer: &HttpResponse) -> Option<String> {
    let in_header = answer.headers().get("x-amzn-errortype").map(str::to_owned);
    let code = in_header.or_else(|| {
        let body: Value = serde_json::from_slice(answer.body().bytes()?).ok()?;
        Some(body["__type"].as_str()?.to_owned())
    })?;
    let code = code.split(':').next()?;
    Some(code.rsplit('#').next()?.to_owned())
}

/// Gives successes out with the bodies that are still arriving.
#[derive(Debug)]
struct Successes;

impl DeserializeResponse for Successes {
    fn deserialize_streaming_with_config(
        &self,
        response: &mut HttpResponse,
        _config: &ConfigBag,
    ) -> Option<Result<Output, OrchestratorError<Error>>> {
        let status = response.status();
        status.is_success().then(|| {
            let taken = Answer::new(status, SdkBody::taken());
            Ok(Output::erase(mem::replace(response, taken)))
        })
    }

    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _config: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        let refused = Refused::of(response)?;
        Err(OrchestratorError::operation(Error::erase(refused)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
    use aws_types::region::Region;

    use crate::config;

    const S3: Service = Service {
        name: "s3",
        id: "S3",
        version: "2006-03-01",
        signing: Signing::S3,
    };

    #[test]
    fn goes_to_the_address_of_the_region_unless_the_environment_names_another() {
        let in_region = || SdkConfig::builder().region(Region::new("us-gov-west-1"));
        let amazon = |url: &str| Some(Origin::Amazon(url.to_owned()));
        check(
            in_region(),
            amazon("https://s3.us-gov-west-1.amazonaws.com"),
        );
        let fips = in_region().use_fips(true);
        check(fips, amazon("https://s3-fips.us-gov-west-1.amazonaws.com"));
        let local = in_region().endpoint_url("http://localhost:4566/");
        let elsewhere = Origin::Elsewhere("http://localhost:4566".to_owned());
        check(local, Some(elsewhere));
        check(SdkConfig::builder(), None);
        let dual_stack = || in_region().use_dual_stack(true).use_fips(true);
        let url = "https://s3-fips.dualstack.us-gov-west-1.amazonaws.com";
        check(dual_stack(), amazon(url));
        let lambda = Service {
            name: "lambda",
            signing: Signing::Usual,
            ..S3
        };
        let of_lambda = lambda.origin(&dual_stack().build());
        assert_eq!(
            of_lambda,
            amazon("https://lambda-fips.us-gov-west-1.api.aws")
        );

        fn check(aws: aws_types::sdk_config::Builder, expected: Option<Origin>) {
            assert_eq!(S3.origin(&aws.build()), expected);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_signed_is_not_sent() {
        let aws = SdkConfig::builder()
            .region(Region::new("eu-west-1"))
            .build();
        let call = call("http://127.0.0.1:1", Repeats::Usual);
        assert_eq!(format!("{call:?}"), "Call(s3:GetObject)");
        let sent = call.send(&aws).await;
        assert_eq!(sent.err(), Some(CallError::Unsigned("s3:GetObject")));
    }

    /// What a server does with a request.
    #[derive(Clone, Copy)]
    enum Reply {
        Status(u16),
        /// 400 with an error code in its header.
        Code(&'static str),
        /// 400 with an error code in its body.
        Type(&'static str),
        /// Reads it and ends the connection.
        Nothing,
    }

    #[tokio::test]
    async fn is_made_again_when_that_may_help_and_does_no_harm() {
        use Reply::{Code, Nothing, Status, Type};
        const OK: Reply = Status(200);
        let refused = |status: u16, code: Option<&str>| {
            let status = StatusCode::from_u16(status).unwrap();
            let code = code.map(str::to_owned);
            Err(CallError::Refused("s3:GetObject", status, code))
        };
        let unanswered = || Err(CallError::Unanswered("s3:GetObject"));
        check(Repeats::Usual, &[Status(503), OK], Ok(())).await;
        check(Repeats::Usual, &[Status(404)], refused(404, None)).await;
        check(Repeats::Usual, &[Nothing, OK], Ok(())).await;
        check(Repeats::Throttled, &[Status(429), OK], Ok(())).await;
        check(Repeats::Throttled, &[Status(503)], refused(503, None)).await;
        check(Repeats::Throttled, &[Nothing], unanswered()).await;
        // The JSON protocols tell by a code.
        check(Repeats::Usual, &[Code("ThrottlingException"), OK], Ok(())).await;
        check(
            Repeats::Usual,
            &[Type("a.b#ThrottlingException"), OK],
            Ok(()),
        )
        .await;
        const LIMITED: Reply = Code("LimitExceededException:http://internal.amazon.com/x/");
        check(Repeats::Usual, &[LIMITED, OK], Ok(())).await;
        let unknown = refused(400, Some("DeploymentDoesNotExistException"));
        let reply = &[Type("DeploymentDoesNotExistException")];
        check(Repeats::Usual, reply, unknown).await;

        async fn check(
            repeats: Repeats,
            replies: &'static [Reply],
            expected: Result<(), CallError>,
        ) {
            let credentials = Credentials::new("test", "test", None, None, "test");
            let aws = SdkConfig::builder()
                .region(Region::new("eu-west-1"))
                .credentials_provider(SharedCredentialsProvider::new(credentials))
                .http_client(config::one_connector())
                .build();
            let (origin, served) = serve(replies);
            let sent = call(&origin, repeats).send(&aws).await;
            assert_eq!(sent.map(drop), expected);
            let (signed, listener) = served.join().unwrap();
            assert_eq!(signed, vec![true; replies.len()]);
            listener.set_nonblocking(true).unwrap();
            let another = listener.accept().map(drop).map_err(|error| error.kind());
            assert_eq!(another, Err(io::ErrorKind::WouldBlock), "sent once more");
        }

        /// One reply for each connection, and whether its request was signed for S3.
        fn serve(replies: &'static [Reply]) -> (String, JoinHandle<(Vec<bool>, TcpListener)>) {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let origin = format!("http://{}", listener.local_addr().unwrap());
            let serving = thread::spawn(move || {
                let served = replies.iter().map(|reply| reply.serve(&listener));
                (served.collect(), listener)
            });
            (origin, serving)
        }
    }

    impl Reply {
        fn serve(self, listener: &TcpListener) -> bool {
            let (mut connection, _) = listener.accept().unwrap();
            let lines = BufReader::new(connection.try_clone().unwrap()).lines();
            let lines = lines
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty());
            let is_signed = |line: String| line.contains("/eu-west-1/s3/aws4_request");
            let signed = lines.map(is_signed).fold(false, |signed, is| signed | is);
            connection.write_all(self.text().as_bytes()).unwrap();
            signed
        }

        fn text(self) -> String {
            let answer = |status: u16, header: &str, body: &str| {
                let length = body.len();
                format!(
                    "HTTP/1.1 {status} X\r\n{header}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
                )
            };
            match self {
                Self::Status(status) => answer(status, "", ""),
                Self::Code(code) => answer(400, &format!("x-amzn-errortype: {code}\r\n"), ""),
                Self::Type(code) => answer(400, "", &format!(r#"{{"__type":"{code}"}}"#)),
                Self::Nothing => String::new(),
            }
        }
    }

    fn call(origin: &str, repeats: Repeats) -> Call {
        Call {
            name: "s3:GetObject",
            service: S3,
            origin: origin.to_owned(),
            method: Method::GET,
            path: "/claims/week-47.csv".to_owned(),
            headers: Vec::new(),
            body: String::new(),
            timeouts: TimeoutConfig::disabled(),
            repeats,
        }
    }
}
