//! An S3 object as a stream that the loader reads while it still arrives.

use std::fmt;
use std::io::{self, BufRead, Read};

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_types::body::SdkBody;
use bluebutton::aws_call::{Call, CallError, Repeats, Service, Signing};
use bluebutton::http::Method;
use http_body_util::BodyExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::mpsc;

const S3: Service = Service {
    name: "s3",
    id: "S3",
    version: "2006-03-01",
    signing: Signing::S3,
};

/// What S3 wants encoded in the path of a request: all but the unreserved characters of RFC 3986 and the slash.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The objects of S3.
pub struct Objects {
    aws: SdkConfig,
}

impl Objects {
    /// Those of the Region.
    #[must_use]
    pub fn new(aws: SdkConfig) -> Self {
        Self { aws }
    }

    /// `GetObject`: the reading end of the object, and the download that feeds it.
    pub(crate) async fn get(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<(ObjectReader, impl Future<Output = ()>), CallError> {
        let name = "s3:GetObject";
        let origin = S3.origin(&self.aws).ok_or(CallError::Unsigned(name))?;
        let (origin, path) = match S3.elsewhere(&self.aws) {
            Some(_) => by_path(origin, bucket, key),
            None => by_host(origin, bucket, key),
        };
        let call = Call {
            name,
            service: S3,
            origin,
            method: Method::GET,
            path,
            headers: Vec::new(),
            body: String::new(),
            timeouts: self
                .aws
                .timeout_config()
                .cloned()
                .unwrap_or_else(TimeoutConfig::disabled),
            repeats: Repeats::Usual,
        };
        let answer = call.send(&self.aws).await?;
        Ok(ObjectReader::new(answer.into_body()))
    }
}

/// Origin and path of an object whose bucket is part of the host, as AWS wants it. The certificates of S3 do not cover
/// names with dots, whose buckets are named in the path.
fn by_host(origin: String, bucket: &str, key: &str) -> (String, String) {
    if bucket.contains('.') {
        return by_path(origin, bucket, key);
    }
    let origin = origin.replacen("://", &format!("://{bucket}."), 1);
    (origin, format!("/{}", utf8_percent_encode(key, ENCODED)))
}

/// Origin and path of an object whose bucket is part of the path, as any other S3 understands it.
fn by_path(origin: String, bucket: &str, key: &str) -> (String, String) {
    let key = utf8_percent_encode(key, ENCODED);
    (origin, format!("/{bucket}/{key}"))
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Objects")
    }
}

/// How many chunks wait to be read before the download pauses.
const CHUNKS_WAITING_MAX: usize = 8;

/// The reading end of an object under download; blocks until bytes are there, so it is read on a thread of its own.
pub(crate) struct ObjectReader {
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    read: usize,
}

impl ObjectReader {
    /// The reader, and the download that feeds it; the download ends when the reader is dropped.
    fn new(body: SdkBody) -> (Self, impl Future<Output = ()>) {
        let (sender, chunks) = mpsc::channel(CHUNKS_WAITING_MAX);
        let reader = Self {
            chunks,
            chunk: Vec::new(),
            read: 0,
        };
        (reader, download(body, sender))
    }
}

async fn download(mut body: SdkBody, sender: mpsc::Sender<io::Result<Vec<u8>>>) {
    while let Some(frame) = body.frame().await {
        let chunk = frame.map(|frame| frame.into_data().map(Vec::from).unwrap_or_default());
        let chunk = chunk.map_err(io::Error::other);
        let failed = chunk.is_err();
        if sender.send(chunk).await.is_err() || failed {
            return;
        }
    }
}

impl BufRead for ObjectReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.read == self.chunk.len() {
            let Some(chunk) = self.chunks.blocking_recv() else {
                return Ok(&[]);
            };
            (self.chunk, self.read) = (chunk?, 0);
        }
        Ok(&self.chunk[self.read..])
    }

    fn consume(&mut self, amount: usize) {
        self.read += amount;
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// S3 events carry keys as query strings do: `+` for a space, `%2B` for a plus.
pub(crate) fn decode_key(key: &str) -> String {
    let query = format!("key={key}");
    let pair = url::form_urlencoded::parse(query.as_bytes()).next();
    pair.map(|(_, key)| key.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_key_as_it_was_given_to_s3() {
        check("carrier.csv", "carrier.csv");
        check("weekly+load/carrier%2B1.csv", "weekly load/carrier+1.csv");
        check("a%26b%3Dc.csv", "a&b=c.csv");

        fn check(in_event: &str, expected: &str) {
            assert_eq!(decode_key(in_event), expected);
        }
    }

    #[test]
    fn names_a_bucket_by_its_host_on_aws_and_by_the_path_elsewhere() {
        let s3 = "https://s3.eu-west-1.amazonaws.com";
        let check = |(origin, path): (String, String), expected: &str| {
            assert_eq!(format!("{origin}{path}"), expected);
        };
        check(
            by_host(s3.to_owned(), "claims", "week 47/claims+1.csv"),
            "https://claims.s3.eu-west-1.amazonaws.com/week%2047/claims%2B1.csv",
        );
        check(
            by_host(s3.to_owned(), "payer.claims", "a?b#c%d.csv"),
            "https://s3.eu-west-1.amazonaws.com/payer.claims/a%3Fb%23c%25d.csv",
        );
        check(
            by_path("http://localhost:4566".to_owned(), "claims", "Ä.csv"),
            "http://localhost:4566/claims/%C3%84.csv",
        );
    }

    #[tokio::test]
    async fn gives_the_bytes_of_the_object() {
        for length in [0, 1, 100_000] {
            let bytes = vec![7; length];
            let (mut reader, download) = ObjectReader::new(SdkBody::from(bytes.clone()));
            let reading = tokio::task::spawn_blocking(move || {
                let mut read = Vec::new();
                reader.read_to_end(&mut read).map(|_| read)
            });
            download.await;
            assert_eq!(reading.await.unwrap().unwrap(), bytes);
        }
    }
}
