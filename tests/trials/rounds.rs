//! How often: few rounds in `cargo xtask test`, all of them in `cargo xtask soak`.

use std::env;
use std::fmt::Display;
use std::io::Write as _;

/// A count that the soak multiplies.
pub(crate) struct Rounds {
    /// In `cargo xtask test`.
    pub(crate) test: usize,
    /// In `cargo xtask soak`, which sets `BLUEBUTTON_SOAK`.
    pub(crate) soak: usize,
}

impl Rounds {
    pub(crate) fn count(&self) -> usize {
        match is_soak() {
            true => self.soak,
            false => self.test,
        }
    }
}

pub(crate) fn is_soak() -> bool {
    env::var_os("BLUEBUTTON_SOAK").is_some()
}

/// Prints a figure past the test runner's capture, which swallows what a passing test prints by macro.
pub(crate) fn report(figure: impl Display) {
    let _ = writeln!(std::io::stderr(), "trials: {figure}");
}
