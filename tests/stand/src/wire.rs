//! HTTP/1.1 as far as doubles of services need it: bodies with a length, one request after the other.

use std::io::{self, BufRead, Write};

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// The path with its query.
    pub(crate) path: String,
    /// Names in lower case, values as they came.
    headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The next request of a connection, or nothing when that has ended.
    pub(crate) fn read(reader: &mut impl BufRead) -> Option<Self> {
        let first = line(reader)?;
        let mut received = Self {
            path: first.split(' ').nth(1)?.to_owned(),
            ..Self::default()
        };
        loop {
            let line = line(reader)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':')?;
            let header = (name.to_ascii_lowercase(), value.trim().to_owned());
            received.headers.push(header);
        }
        let length = received.header("content-length").unwrap_or("0");
        received.body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut received.body).ok()?;
        Some(received)
    }

    /// The header of that name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    let length = reader.read_line(&mut line).ok()?;
    (length > 0).then(|| line.trim_end().to_owned())
}

/// Answers a request.
pub(crate) fn answer(
    writer: &mut impl Write,
    status: u16,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    writer.write_all((text + "\r\n" + body).as_bytes())
}
