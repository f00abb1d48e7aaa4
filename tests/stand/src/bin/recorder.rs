//! `recorder LISTEN UPSTREAM FILE`: passes calls of AWS on, and notes in the file what was asked for.

use std::io;
use std::net::TcpListener;
use std::path::Path;

use stand::recorder::Recorder;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [listen, upstream, file] = arguments.as_slice() else {
        return Err(io::Error::other("usage: recorder LISTEN UPSTREAM FILE"));
    };
    let recorder = Recorder::create(upstream, Path::new(file))?;
    recorder.serve(&TcpListener::bind(listen)?);
    Ok(())
}
