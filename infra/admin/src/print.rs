//! Lines on standard output, for as long as somebody reads them.

use std::fmt;
use std::io::{self, ErrorKind, Write};

/// Prints a line as `println!` does, but goes on when nobody reads any more: a load must not end half way because its
/// messages went through `head`.
macro_rules! say {
    ($($argument:tt)*) => { $crate::print::line(format_args!($($argument)*)) };
}
pub(crate) use say;

/// See [`say!`].
pub(crate) fn line(line: fmt::Arguments<'_>) {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("bluebutton-admin: standard output cannot be written: {error}");
        }
        _ => {}
    }
}
