//! All functions in this process: one instance stands for one Lambda environment of each.

use std::pin::Pin;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as DynamoDb;
use bluebutton::{
    config::{ConfigError, Configuration, Limits, Stage, variable},
    exchange,
    http::{self, Call, Response},
    lookups_file::Installed,
    oauth::keys::Keys,
    store::IdentityTable,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Where requests come from that need no address of their own.
const ADDRESS: &str = "192.0.2.1";

/// What each function holds.
pub(crate) struct Instance {
    authorize: authorize::State,
    token: token::State,
    stage: Stage,
    resources: exchange::State,
    identity: IdentityTable,
    lookups: Installed,
    discovery: discovery::State,
    base_url: String,
    /// Where requests come from, as the gateway sees it.
    address: String,
}

/// A request of a client or a browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) form: Vec<(String, String)>,
}

/// An answer, with its body as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) location: Option<String>,
    pub(crate) cookie: Option<String>,
    pub(crate) retry_after: Option<String>,
}

impl Instance {
    /// Starts the functions with what the environment names; again, where a busy local AWS did not answer in time.
    pub(crate) async fn start(aws: &SdkConfig) -> Self {
        let limits = Limits::from_environment().expect("a sandbox");
        Self::start_with(aws, limits).await
    }

    /// The same with other limits of sign-in than the environment's.
    pub(crate) async fn start_with(aws: &SdkConfig, limits: Limits) -> Self {
        const STARTS_MAX: usize = 10;
        for _ in 1..STARTS_MAX {
            if let Ok(instance) = Self::try_start(aws, limits).await {
                return instance;
            }
        }
        Self::try_start(aws, limits).await.expect("a sandbox")
    }

    async fn try_start(aws: &SdkConfig, limits: Limits) -> Result<Self, ConfigError> {
        let configuration = Configuration::read(aws).await?;
        let identity = variable("IDENTITY_TABLE")?;
        Ok(Self {
            authorize: authorize::State::new(aws, configuration.stage, None, limits).await?,
            token: token::State::from_environment(aws).await?,
            stage: configuration.stage,
            resources: exchange::State::from_environment(aws).await?,
            identity: IdentityTable::new(DynamoDb::new(aws), identity),
            lookups: Installed::at(None),
            discovery: discovery::State {
                // Read long ago, so that the first request for them reads them again.
                keys: Keys::read(aws, Timestamp::UNIX_EPOCH).await?,
                health: discovery::Health::new(aws, configuration.stage)?,
            },
            base_url: variable("PUBLIC_BASE_URL")?,
            address: ADDRESS.to_owned(),
        })
    }

    /// The same for requests that come from elsewhere.
    pub(crate) fn at(self, address: &str) -> Self {
        let address = address.to_owned();
        Self { address, ..self }
    }

    /// Answers as the function of that path.
    pub(crate) async fn answer(&self, request: &Request) -> Answer {
        Answer::of(&self.function(self.call(request)).await)
    }

    /// The same with what the loop around each function adds, and turns a panic into.
    pub(crate) async fn serve(&self, request: &Request) -> Response {
        http::answer(&|call| self.function(call), self.call(request)).await
    }

    fn call(&self, request: &Request) -> Call {
        let event = request.event_from(&self.address);
        Call::new(&event, "", Some(&self.base_url))
    }

    /// On the heap: unoptimised, the functions' futures are too large for a test's stack.
    fn function(&self, call: Call) -> Pin<Box<dyn Future<Output = Response> + Send + '_>> {
        let begins = |prefix: &str| call.path.starts_with(prefix);
        if begins("/o/authorize") || begins("/login") {
            Box::pin(authorize::handle(&self.authorize, call))
        } else if begins("/o/") {
            Box::pin(token::handle(&self.token, call))
        } else if begins("/connect/userinfo") {
            Box::pin(userinfo::handle(self.stage, &self.resources, call))
        } else if begins("/fhir/Patient") {
            Box::pin(patient::handle(&self.resources, &self.identity, call))
        } else if begins("/fhir/Coverage") {
            Box::pin(coverage::handle(&self.resources, call))
        } else if begins("/fhir/ExplanationOfBenefit") {
            Box::pin(eob::handle(&self.resources, &self.lookups, call))
        } else {
            Box::pin(discovery::handle(&self.discovery, call))
        }
    }
}

impl Request {
    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self {
            method: "GET",
            target: target.into(),
            ..Self::default()
        }
    }

    pub(crate) fn post<N: Into<String>, V: Into<String>>(
        target: impl Into<String>,
        form: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let form = form.into_iter();
        Self {
            method: "POST",
            target: target.into(),
            form: form.map(|(n, v)| (n.into(), v.into())).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with("authorization", format!("Bearer {token}"))
    }

    /// The event of an HTTP API, which is what the sandbox's gateway sends as well.
    pub(crate) fn event(&self) -> Value {
        self.event_from(ADDRESS)
    }

    fn event_from(&self, address: &str) -> Value {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut headers: serde_json::Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
            .collect();
        if self.method == "POST" {
            let form = "application/x-www-form-urlencoded";
            headers.insert("content-type".to_owned(), form.into());
        }
        json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers,
            "body": form_encoded(&self.form), "isBase64Encoded": false,
            "requestContext": {"http": {"method": self.method, "path": path, "sourceIp": address}, "timeEpoch": 0},
        })
    }
}

impl Answer {
    fn of(response: &Response) -> Self {
        let header = |name| response.header(name).map(str::to_owned);
        Self {
            status: response.status.as_u16(),
            body: String::from_utf8_lossy(&response.body).into_owned(),
            location: header("location"),
            retry_after: header("retry-after"),
            cookie: header("set-cookie").and_then(|set| Some(set.split(';').next()?.to_owned())),
        }
    }

    /// The answer of a function's program to an event of an HTTP API.
    pub(crate) fn of_program(answer: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let header = |name: &str| text(&answer["headers"][name]);
        let cookie = text(&answer["cookies"][0]);
        Self {
            status: answer["statusCode"]
                .as_u64()
                .and_then(|status| status.try_into().ok())
                .unwrap_or(0),
            body: text(&answer["body"]).unwrap_or_default(),
            location: header("location"),
            retry_after: header("retry-after"),
            cookie: cookie.and_then(|set| Some(set.split(';').next()?.to_owned())),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A member of the JSON body that is text, or nothing.
    pub(crate) fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) fn form_encoded(form: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish()
}
