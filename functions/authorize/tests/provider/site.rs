//! The provider's site: oidc-provider in a process of its own, and in front of it a proxy that can tamper with its
//! answers, because a real provider does not misbehave by itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::{
    Engine as _, prelude::BASE64_STANDARD as BASE64, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use stand::local;

/// Our name and secret at the provider; both need encoding before they are joined in a Basic header.
pub(crate) const CLIENT_ID: &str = "blue button";
pub(crate) const CLIENT_SECRET: &str = "s+/: %41 &=; of more than thirty-two bytes";

/// What the proxy makes of an answer.
pub(crate) type Tamper = Box<dyn Fn(&Keys, &mut Reply) + Send>;

/// A running provider behind the proxy. It ends with this value.
pub(crate) struct Site {
    pub(crate) issuer: String,
    proxy: Proxy,
    process: Child,
    /// The provider ends when the one closes, and falls over when it cannot write into the other.
    _pipes: (Option<ChildStdin>, BufReader<ChildStdout>),
}

/// An answer of the provider on its way through the proxy.
pub(crate) struct Reply {
    /// The path that was asked for.
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) fate: Fate,
}

/// How an answer leaves the proxy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// As it is.
    Sent,
    /// Not at all: the connection closes.
    Dropped,
    /// Not before the caller gives up.
    Withheld,
}

/// The keys of the provider, for forging.
#[derive(Default)]
pub(crate) struct Keys {
    rsa: Vec<u8>,
    foreign: Vec<u8>,
    public_key: String,
}

#[derive(Clone)]
struct Proxy(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    backend: u16,
    keys: Keys,
    tamper: Option<Tamper>,
    paths: Vec<String>,
}

impl Site {
    /// Starts a provider with those accounts; nothing where there is no Node.
    pub(crate) fn start(
        accounts: &Value,
        client: &Value,
        claims_in_id_token: bool,
    ) -> Option<Self> {
        let packages = local::needed("BLUEBUTTON_NODE_MODULES")?;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let settings =
            json!({"client": client, "accounts": accounts, "claimsInIdToken": claims_in_id_token});
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/provider/provider.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .arg(packages)
            .args([&issuer, &settings.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().expect("a pipe"));
        said.read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("the provider starts");
        let key = |name: &str| {
            BASE64
                .decode(ready[name].as_str().expect("a key"))
                .expect("base64")
        };
        let proxy = Proxy(Arc::new(Mutex::new(Inside {
            backend: u16::try_from(ready["port"].as_u64().expect("a port")).expect("a port"),
            keys: Keys {
                rsa: key("rsa"),
                foreign: key("foreign"),
                public_key: ready["publicKey"].as_str().expect("a key").to_owned(),
            },
            ..Inside::default()
        })));
        proxy.clone().serve(listener);
        let pipes = (process.stdin.take(), said);
        Some(Self {
            issuer,
            proxy,
            process,
            _pipes: pipes,
        })
    }

    /// From now on answers leave like that.
    pub(crate) fn tamper(&self, tamper: Option<Tamper>) {
        let mut inside = self.proxy.0.lock().expect("no test panicked here");
        inside.tamper = tamper;
        inside.paths.clear();
    }

    /// How often a path was asked for since then.
    pub(crate) fn asked(&self, path: &str) -> usize {
        let inside = self.proxy.0.lock().expect("no test panicked here");
        inside.paths.iter().filter(|known| *known == path).count()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Proxy {
    fn serve(self, listener: TcpListener) {
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (proxy, connection) = (self.clone(), connection.expect("a connection"));
                thread::spawn(move || proxy.converse(connection));
            }
        });
    }

    /// Passes one request on, and its answer back. HTTP/1.0, so that neither side keeps the connection or sends chunks.
    fn converse(&self, mut connection: TcpStream) -> Option<()> {
        let (path, request) = read_request(&connection)?;
        let backend = {
            let mut inside = self.0.lock().ok()?;
            inside.paths.push(path.clone());
            inside.backend
        };
        let mut provider = TcpStream::connect(("127.0.0.1", backend)).ok()?;
        provider.write_all(&request).ok()?;
        let mut answer = Vec::new();
        provider.read_to_end(&mut answer).ok()?;
        let mut reply = Reply::parse(path, &answer)?;
        {
            let inside = self.0.lock().ok()?;
            if let Some(tamper) = &inside.tamper {
                tamper(&inside.keys, &mut reply);
            }
        }
        match reply.fate {
            Fate::Sent => connection.write_all(&reply.to_bytes()).ok(),
            Fate::Dropped => None,
            // The caller gives up first, and then there is nothing left to read.
            Fate::Withheld => connection.read_to_end(&mut Vec::new()).ok().map(drop),
        }
    }
}

/// The path without its query, and the request as the provider gets it: with the host by which the proxy is called.
fn read_request(connection: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(connection);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let mut head = format!("{method} {target} HTTP/1.0\r\n");
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let name = line.split(':').next()?.to_ascii_lowercase();
        if name == "content-length" {
            length = line.split(':').nth(1)?.trim().parse().ok()?;
        }
        // The body is here already, so that nobody has to say "100 Continue" first.
        if !matches!(name.as_str(), "connection" | "expect") {
            head.push_str(&line);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = target.split('?').next()?.to_owned();
    Some((path, [head.into_bytes(), body].concat()))
}

impl Reply {
    fn parse(path: String, bytes: &[u8]) -> Option<Self> {
        let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = str::from_utf8(&bytes[..at]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        };
        Some(Self {
            path,
            status,
            headers: lines.filter_map(header).collect(),
            body: bytes[at + 4..].to_vec(),
            fate: Fate::Sent,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} X\r\n", self.status);
        for (name, value) in &self.headers {
            if !matches!(
                name.as_str(),
                "content-length" | "connection" | "transfer-encoding"
            ) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        head.push_str(&format!(
            "content-length: {}\r\nconnection: close\r\n\r\n",
            self.body.len()
        ));
        [head.as_bytes(), &self.body].concat()
    }

    /// Does that if the path is that one.
    pub(crate) fn at(&mut self, path: &str, change: impl FnOnce(&mut Self)) {
        if self.path == path {
            change(self);
        }
    }

    /// Changes the body as JSON.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&self.body).expect("JSON");
        change(&mut value);
        self.body = value.to_string().into_bytes();
    }

    /// Changes the body as JSON if the path is that one.
    pub(crate) fn change_at(&mut self, path: &str, change: impl FnOnce(&mut Value)) {
        self.at(path, |reply| reply.change(change));
    }

    /// Changes the claims of the id_token, and signs it again as the provider does.
    pub(crate) fn change_claims(&mut self, keys: &Keys, change: impl FnOnce(&mut Value)) {
        self.sign_again(keys, |keys, claims| {
            change(claims);
            forge(&rs256("rsa"), claims, &EncodingKey::from_rsa_der(&keys.rsa))
        });
    }

    /// Puts another id_token in place of the provider's.
    pub(crate) fn sign_again(
        &mut self,
        keys: &Keys,
        sign: impl FnOnce(&Keys, &mut Value) -> String,
    ) {
        self.change_at("/token", |answer| {
            let Some(token) = answer["id_token"].as_str() else {
                return;
            };
            let payload = token.split('.').nth(1).expect("a payload");
            let payload = BASE64URL.decode(payload).expect("base64url");
            let mut claims = serde_json::from_slice(&payload).expect("claims");
            answer["id_token"] = Value::from(sign(keys, &mut claims));
        });
    }
}

impl Keys {
    pub(crate) fn foreign(&self) -> EncodingKey {
        EncodingKey::from_rsa_der(&self.foreign)
    }

    pub(crate) fn own(&self) -> EncodingKey {
        EncodingKey::from_rsa_der(&self.rsa)
    }

    pub(crate) fn public_key_as_secret(&self) -> EncodingKey {
        EncodingKey::from_secret(self.public_key.as_bytes())
    }
}

/// The header of an RS256 token by that key.
pub(crate) fn rs256(kid: &str) -> Header {
    Header {
        kid: Some(kid.to_owned()),
        ..Header::new(Algorithm::RS256)
    }
}

pub(crate) fn forge(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    encode(header, claims, key).expect("a token")
}
