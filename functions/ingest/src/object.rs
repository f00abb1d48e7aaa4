//! An S3 object as a stream that the loader reads while it still arrives.

use std::io::{self, BufRead, Read};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_types::body::SdkBody;
use bluebutton::aws_call::{Call, CallError, Origin, Repeats, Service, Signing};
use bluebutton::http::Method;
use http_body_util::BodyExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::mpsc;
use tokio::time::timeout;

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
        let (origin, path) = match origin {
            Origin::Amazon(url) => by_host(url, bucket, key),
            Origin::Elsewhere(url) => by_path(url, bucket, key),
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
        let length = answer.headers().get("content-length");
        let length = length.and_then(|length| length.parse().ok());
        let length = length.ok_or(CallError::Malformed(name))?;
        Ok(ObjectReader::new(answer.into_body(), length))
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

/// How many chunks wait to be read before the download pauses.
const CHUNKS_WAITING_MAX: usize = 8;
/// How long S3 may send nothing while somebody waits for it.
const SILENCE_SECONDS_MAX: u64 = 30;

/// The reading end of an object under download; blocks until bytes are there, so it is read on a thread of its own.
pub(crate) struct ObjectReader {
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    read: usize,
}

impl ObjectReader {
    /// The reader, and the download of so many bytes that feeds it; it ends when the reader is dropped.
    fn new(body: SdkBody, length: u64) -> (Self, impl Future<Output = ()>) {
        let (sender, chunks) = mpsc::channel(CHUNKS_WAITING_MAX);
        let reader = Self {
            chunks,
            chunk: Vec::new(),
            read: 0,
        };
        (reader, download(body, length, sender))
    }
}

async fn download(mut body: SdkBody, length: u64, sender: mpsc::Sender<io::Result<Vec<u8>>>) {
    let mut missing = length;
    while let Some(chunk) = next_chunk(&mut body, missing).await {
        if let Ok(chunk) = &chunk {
            missing = missing.saturating_sub(chunk.len() as u64);
        }
        let failed = chunk.is_err();
        if sender.send(chunk).await.is_err() || failed {
            return;
        }
    }
}

/// What arrives next; nothing at the end, and an error where the end comes too early or nothing comes for too long.
/// What is torn off must not look like a whole file.
async fn next_chunk(body: &mut SdkBody, missing: u64) -> Option<io::Result<Vec<u8>>> {
    let patience = Duration::from_secs(SILENCE_SECONDS_MAX);
    match timeout(patience, body.frame()).await {
        Ok(Some(Ok(frame))) => Some(Ok(frame.into_data().map(Vec::from).unwrap_or_default())),
        Ok(Some(Err(error))) => Some(Err(io::Error::other(error))),
        Ok(None) if missing > 0 => Some(Err(io::ErrorKind::UnexpectedEof.into())),
        Ok(None) => None,
        Err(_) => Some(Err(io::ErrorKind::TimedOut.into())),
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
    async fn gives_the_bytes_of_the_object_and_no_part_of_it_for_the_whole() {
        check(0, 0, true).await;
        check(1, 1, true).await;
        check(100_000, 100_000, true).await;
        check(100_000, 100_001, false).await;
        check(0, 1, false).await;

        async fn check(sent: usize, announced: u64, is_whole: bool) {
            let bytes = vec![7; sent];
            let (mut reader, download) = ObjectReader::new(SdkBody::from(bytes.clone()), announced);
            let reading = tokio::task::spawn_blocking(move || {
                let mut read = Vec::new();
                reader.read_to_end(&mut read).map(|_| read)
            });
            download.await;
            let read = reading.await.unwrap();
            assert_eq!(read.is_ok(), is_whole, "{sent} of {announced}");
            if is_whole {
                assert_eq!(read.unwrap(), bytes);
            }
        }
    }
}
