//! Calls of the provider. Its URLs come from documents that it publishes, so they are not taken on trust: a call goes
//! to the Internet only, follows no redirect, is short and ends soon (OWASP, "Server-Side Request Forgery Prevention").
//!
//! The client is hyper's, with rustls: both are in the program already, because the AWS SDK stands on them.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{self, Poll},
    time::Duration,
    vec,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http_body_util::{BodyExt, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{
            HttpConnector,
            dns::{GaiResolver, Name},
        },
    },
    rt::TokioExecutor,
};
use lambda_http::http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;
use tower_service::Service;
use url::{Host, Url, form_urlencoded};

use super::{ProviderError, address::is_public};
use crate::{
    config::{ConfigError, Stage},
    secret::Secret,
};

/// How long a whole call may take: name, connection, TLS, answer.
const CALL_SECONDS_MAX: u64 = 3;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How far calls may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// To the Internet, over https.
    Internet,
    /// Also to this machine, and without TLS: for a provider beside a sandbox.
    ThisMachineToo,
}

/// A URL of the provider that may be called, as far as its text tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint(Url);

/// What a call carries in its header `Authorization`.
pub(super) enum Credentials<'a> {
    None,
    Bearer(&'a Secret),
    Basic { name: &'a str, secret: &'a Secret },
}

/// An answer that is JSON, with whatever status.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

/// A client for the provider's URLs and no others.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector<GuardedResolver>>, String>,
}

impl Reach {
    pub(super) fn of(stage: Stage) -> Self {
        match stage.is_sandbox() {
            true => Self::ThisMachineToo,
            false => Self::Internet,
        }
    }

    /// The URL, if it is absolute, without a user or fragment, and its scheme and address may be called. Names are
    /// looked at when they are resolved.
    pub(super) fn endpoint(self, text: &str) -> Option<Endpoint> {
        let url = Url::parse(text).ok()?;
        let scheme = match self {
            Self::Internet => url.scheme() == "https",
            Self::ThisMachineToo => matches!(url.scheme(), "https" | "http"),
        };
        let host = match url.host()? {
            Host::Domain(name) => !name.is_empty(),
            Host::Ipv4(address) => self.allows(SocketAddr::from((address, 0))),
            Host::Ipv6(address) => self.allows(SocketAddr::from((address, 0))),
        };
        let plain =
            url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        (scheme && host && plain).then_some(Endpoint(url))
    }

    fn allows(self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        is_public(ip) || (self == Self::ThisMachineToo && ip.is_loopback())
    }
}

impl Endpoint {
    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl Http {
    pub(super) fn new(reach: Reach) -> Result<Self, ConfigError> {
        let resolver = GuardedResolver {
            reach,
            system: GaiResolver::new(),
        };
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        // The connector below decides about schemes.
        tcp.enforce_http(false);
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map_err(|_| ConfigError::UnreadableCertificates)?;
        let tls = match reach {
            Reach::Internet => tls.https_only(),
            Reach::ThisMachineToo => tls.https_or_http(),
        };
        let client = Client::builder(TokioExecutor::new())
            // A function may sleep for minutes between two sign-ins, and connections do not outlast that.
            .pool_max_idle_per_host(0)
            .build(tls.enable_http1().wrap_connector(tcp));
        Ok(Self { client })
    }

    /// Reads a JSON document.
    pub(super) async fn get(
        &self,
        endpoint: &Endpoint,
        credentials: Credentials<'_>,
    ) -> Result<Answer, ProviderError> {
        self.call(Method::GET, endpoint, credentials, &[]).await
    }

    /// Posts a form.
    pub(super) async fn post(
        &self,
        endpoint: &Endpoint,
        credentials: Credentials<'_>,
        form: &[(&str, &str)],
    ) -> Result<Answer, ProviderError> {
        self.call(Method::POST, endpoint, credentials, form).await
    }

    async fn call(
        &self,
        method: Method,
        endpoint: &Endpoint,
        credentials: Credentials<'_>,
        form: &[(&str, &str)],
    ) -> Result<Answer, ProviderError> {
        let mut request = Request::builder()
            .method(method)
            .uri(endpoint.0.as_str())
            .header(header::ACCEPT, "application/json");
        if !form.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(value) = credentials.header() {
            request = request.header(header::AUTHORIZATION, value);
        }
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = request
            .body(body)
            .map_err(|_| ProviderError::Unavailable("one of its URLs cannot be called"))?;
        let limit = Duration::from_secs(CALL_SECONDS_MAX);
        tokio::time::timeout(limit, self.send(request))
            .await
            .unwrap_or(Err(ProviderError::Unavailable("it takes too long")))
    }

    async fn send(&self, request: Request<String>) -> Result<Answer, ProviderError> {
        let response = self.client.request(request).await;
        let response = response.map_err(|_| ProviderError::Unavailable("it cannot be reached"))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(ProviderError::Unavailable("it redirects a call"));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let body =
            body.map_err(|_| ProviderError::Unavailable("its answer is too long or broken off"))?;
        // What is not JSON is nothing to go by; the status may be.
        let body = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The body of a success.
    pub(super) fn success(self, otherwise: &'static str) -> Result<Value, ProviderError> {
        match self.status {
            StatusCode::OK if self.body.is_object() => Ok(self.body),
            _ => Err(ProviderError::Unavailable(otherwise)),
        }
    }
}

impl Credentials<'_> {
    fn header(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::None => return None,
            Self::Bearer(token) => format!("Bearer {}", token.expose()),
            Self::Basic { name, secret } => {
                // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
                let encoded = |text: &str| -> String {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                let pair = format!("{}:{}", encoded(name), encoded(secret.expose()));
                format!("Basic {}", BASE64_STANDARD.encode(pair))
            }
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The system's resolver, without the addresses that may not be called. The connection then goes to an address that
/// was looked at, whatever the name stands for a moment later.
#[derive(Clone)]
struct GuardedResolver {
    reach: Reach,
    system: GaiResolver,
}

impl Service<Name> for GuardedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<Result<(), io::Error>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (reach, resolved) = (self.reach, self.system.call(name));
        Box::pin(async move {
            let allowed: Vec<_> = resolved
                .await?
                .filter(|address| reach.allows(*address))
                .collect();
            match allowed.is_empty() {
                true => Err(io::Error::other("no address that may be called")),
                false => Ok(allowed.into_iter()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    /// Ways to write an address of this machine, of its network or of the cloud around it, and URLs that are none.
    #[rustfmt::skip]
    const REFUSED: &[&str] = &[
        "https://127.0.0.1:PORT/", "https://127.1:PORT/", "https://127.0.1:PORT/", "https://2130706433:PORT/",
        "https://0x7f000001:PORT/", "https://0x7f.0.0.1:PORT/", "https://0177.0.0.1:PORT/", "https://017700000001:PORT/",
        "https://0x7f.1:PORT/", "https://127.0.0.1.:PORT/", "https://%31%32%37.0.0.1:PORT/", "https://①②⑦.0.0.1:PORT/",
        "https://127。0。0。1:PORT/", "https://0.0.0.0:PORT/", "https://0:PORT/", "https://[::1]:PORT/",
        "https://[0:0:0:0:0:0:0:1]:PORT/", "https://[::]:PORT/", "https://[::ffff:127.0.0.1]:PORT/",
        "https://[::ffff:7f00:1]:PORT/", "https://[::127.0.0.1]:PORT/", "https://[64:ff9b::127.0.0.1]:PORT/",
        "https://[2002:7f00:1::]:PORT/", "https://[fe80::1]:PORT/", "https://[fd00:ec2::254]/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/", "https://2852039166/", "https://0xa9fea9fe/", "https://169.254.170.2/v2/",
        "https://10.0.0.1:PORT/", "https://172.16.0.1:PORT/", "https://192.168.1.1:PORT/", "https://100.64.0.1:PORT/",
        "https://localhost:PORT/", "https://LOCALHOST:PORT/", "https://localhost.:PORT/", "https://ip6-localhost:PORT/",
        "https://api.example@127.0.0.1:PORT/", "https://api.example:x@localhost:PORT/", "http://127.0.0.1:PORT/",
        "http://localhost:PORT/", "http://api.example/", "ftp://127.0.0.1:PORT/", "file:///etc/passwd", "gopher://127.0.0.1:PORT/",
        "//127.0.0.1:PORT/", "https:///", "https://", "https://api.example/#fragment", "",
    ];

    #[tokio::test]
    async fn reaches_nothing_but_the_internet() {
        let listener = TcpListener::bind("[::]:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let port = listener
            .local_addr()
            .expect("an address")
            .port()
            .to_string();
        let http = Http::new(Reach::Internet).expect("a client");
        for text in REFUSED {
            let url = text.replace("PORT", &port);
            let refused = match Reach::Internet.endpoint(&url) {
                None => true,
                Some(endpoint) => http.get(&endpoint, Credentials::None).await.is_err(),
            };
            assert!(refused, "{text}");
            // The client itself would refuse an address that a URL's check had let through.
            let unreached = listener.accept().is_err();
            assert!(unreached, "{text} connects");
        }
    }

    #[tokio::test]
    async fn a_sandbox_also_reaches_this_machine_and_no_network_around_it() {
        let check = |url: &str, expected: bool| {
            let endpoint = Reach::ThisMachineToo.endpoint(url);
            assert_eq!(endpoint.is_some(), expected, "{url}");
        };
        check("http://127.0.0.1:9000/token", true);
        check("http://[::1]:9000/token", true);
        check("https://id.example/token", true);
        for refused in [
            "http://10.0.0.1/",
            "http://169.254.169.254/",
            "http://192.168.1.1/",
            "http://0.0.0.0/",
        ] {
            check(refused, false);
        }
        for (answer, expected) in [
            ("200 OK\r\ncontent-length: 8\r\n\r\n{\"a\": 1}", Ok(1)),
            (
                "302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n",
                Err("it redirects a call"),
            ),
            (
                "200 OK\r\ncontent-length: 70000\r\n\r\n",
                Err("its answer is too long or broken off"),
            ),
            (
                "200 OK\r\ncontent-length: 9\r\n\r\n{",
                Err("its answer is too long or broken off"),
            ),
            ("500 No\r\ncontent-length: 2\r\n\r\n{}", Err("status")),
            ("200 OK\r\ncontent-length: 4\r\n\r\nhtml", Err("status")),
        ] {
            assert_eq!(
                answered(answer).await,
                expected.map_err(ProviderError::Unavailable),
                "{answer}"
            );
        }
    }

    /// What a call makes of that answer.
    async fn answered(answer: &str) -> Result<u64, ProviderError> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!(
            "http://localhost:{}/",
            listener.local_addr().expect("an address").port()
        );
        let answer = format!("HTTP/1.1 {answer}");
        let server = thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a connection");
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer.as_bytes());
        });
        let endpoint = Reach::ThisMachineToo.endpoint(&url).expect("an endpoint");
        let http = Http::new(Reach::ThisMachineToo).expect("a client");
        let called = http.get(&endpoint, Credentials::None).await;
        server.join().expect("a server");
        called?
            .success("status")
            .map(|body| body["a"].as_u64().unwrap_or_default())
    }

    #[test]
    fn form_encodes_what_a_basic_header_joins() {
        let check = |name: &str, secret: &str, expected: &str| {
            let secret = Secret::new(secret);
            let header = Credentials::Basic {
                name,
                secret: &secret,
            }
            .header()
            .expect("a header");
            let pair = header
                .to_str()
                .expect("text")
                .strip_prefix("Basic ")
                .expect("Basic")
                .to_owned();
            let pair = BASE64_STANDARD.decode(pair).expect("base64");
            assert_eq!(String::from_utf8(pair).expect("UTF-8"), expected);
        };
        check("app", "secret", "app:secret");
        check("a:b c", "s+ü/", "a%3Ab+c:s%2B%C3%BC%2F");
    }
}
