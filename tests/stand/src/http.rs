//! As much of HTTP/1.1 as stands between an SDK and a local AWS.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

/// A request or an answer: its first line, headers and body.
pub(crate) struct Message {
    pub(crate) first_line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn answer(status: u16, body: &str) -> Self {
        Self {
            first_line: format!("HTTP/1.1 {status} X"),
            headers: vec![(
                "content-type".to_owned(),
                "application/x-amz-json-1.0".to_owned(),
            )],
            body: body.as_bytes().to_vec(),
        }
    }

    /// The next message, or `None` where the connection has ended.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut first_line = String::new();
        if reader.read_line(&mut first_line)? == 0 {
            return Ok(None);
        }
        let mut headers = Vec::new();
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = read_line(reader)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().map_err(io::Error::other)?,
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                "connection" | "keep-alive" => {}
                _ => headers.push((name.to_owned(), value.to_owned())),
            }
        }
        let mut body = vec![0; length];
        match chunked {
            true => body = read_chunks(reader)?,
            false => reader.read_exact(&mut body)?,
        }
        Ok(Some(Self {
            first_line: first_line.trim_end().to_owned(),
            headers,
            body,
        }))
    }

    pub(crate) fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        writer.write_all(&[self.head().as_slice(), &self.body].concat())
    }

    pub(crate) fn write_half(&self, writer: &mut impl Write) -> io::Result<()> {
        let half = &self.body[..self.body.len() / 2];
        writer.write_all(&[self.head().as_slice(), half].concat())
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.first_line);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", self.body.len());
        head.into_bytes()
    }

    /// A local AWS checks no signatures, so the region can be changed where the signature names it.
    pub(crate) fn rename_region(&mut self, from: &str, to: &str) {
        for (name, value) in &mut self.headers {
            if name.eq_ignore_ascii_case("authorization") {
                *value = value.replace(&format!("/{from}/"), &format!("/{to}/"));
            }
        }
    }

    /// The value of that header, whatever its case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let is_it = |(found, _): &&(String, String)| found.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(is_it)
            .map(|(_, value)| value.as_str())
    }

    /// The operation of a JSON protocol: what follows the dot in `DynamoDB_20120810.GetItem`.
    pub(crate) fn operation(&self) -> Option<&str> {
        self.header("x-amz-target")?.rsplit('.').next()
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// RFC 9112 section 7.1, without trailers.
fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&read_line(reader)?, 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk)?;
        read_line(reader)?;
        if size == 0 {
            return Ok(body);
        }
        body.append(&mut chunk);
    }
}

/// One connection to an AWS that may end it whenever it is idle.
pub(crate) struct Upstream {
    address: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Upstream {
    /// To that `host:port`, when it is first used.
    pub(crate) fn at(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            connection: None,
        }
    }

    /// The answer to a request.
    pub(crate) fn answer(&mut self, request: &Message) -> io::Result<Message> {
        // Where the connection was idle and has ended, AWS has not seen the request either.
        if let Some(connection) = self.connection.as_mut()
            && request.write(connection.get_mut()).is_ok()
            && let Ok(Some(answer)) = Message::read(connection)
        {
            return Ok(answer);
        }
        let connection = TcpStream::connect(&self.address)?;
        connection.set_nodelay(true)?;
        let connection = self.connection.insert(BufReader::new(connection));
        request.write(connection.get_mut())?;
        Message::read(connection)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
