//! An S3 object as a stream that the loader reads while it still arrives.

use std::io::{self, BufRead, Read};

use aws_sdk_s3::primitives::ByteStream;
use tokio::sync::mpsc;

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
    pub(crate) fn new(body: ByteStream) -> (Self, impl Future<Output = ()>) {
        let (sender, chunks) = mpsc::channel(CHUNKS_WAITING_MAX);
        let reader = Self {
            chunks,
            chunk: Vec::new(),
            read: 0,
        };
        (reader, download(body, sender))
    }
}

async fn download(mut body: ByteStream, sender: mpsc::Sender<io::Result<Vec<u8>>>) {
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map(|bytes| bytes.to_vec()).map_err(io::Error::other);
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

    #[tokio::test]
    async fn gives_the_bytes_of_the_object() {
        for length in [0, 1, 100_000] {
            let bytes = vec![7; length];
            let (mut reader, download) = ObjectReader::new(ByteStream::from(bytes.clone()));
            let reading = tokio::task::spawn_blocking(move || {
                let mut read = Vec::new();
                reader.read_to_end(&mut read).map(|_| read)
            });
            download.await;
            assert_eq!(reading.await.unwrap().unwrap(), bytes);
        }
    }
}
