//! Lambda as far as the function `check` asks it: functions that are called by name and version, and answer at once.

use std::io::{self, BufReader};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::wire::{self, Received};

/// What a function of that name answers to an event.
pub type Function = fn(&str, &Value) -> Value;

/// Serves on loopback without end, and gives the address.
///
/// # Errors
/// When there is no free port.
pub fn serve(function: Function) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A caller that goes away ends its connection and nothing else.
            thread::spawn(move || converse(connection, function).unwrap_or_default());
        }
    });
    Ok(format!("http://{address}"))
}

fn converse(mut connection: TcpStream, function: Function) -> io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    while let Some(received) = Received::read(&mut reader) {
        // `/2015-03-31/functions/NAME/invocations?Qualifier=VERSION`
        let name = received.path.split('/').nth(3).unwrap_or_default();
        let event = serde_json::from_slice(&received.body)?;
        let answer = function(name, &event).to_string();
        wire::answer(&mut connection, 200, &[], &answer)?;
    }
    Ok(())
}
