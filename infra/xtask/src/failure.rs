//! How a command fails: a sentence for the person who called it, and an exit code for scripts.

use std::fmt;

/// What every step of a command gives.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command stopped.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Nothing if it was said already.
    pub(crate) sentence: String,
    /// The exit code.
    pub(crate) code: u8,
}

/// A step did not work.
const FAILED: u8 = 1;
/// The machine lacks something: a tool, a free port, disk space.
const MACHINE_LACKS_SOMETHING: u8 = 3;

impl Failure {
    /// A step that did not work.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code: FAILED,
        }
    }

    /// Something that the machine lacks, with what to do about it.
    pub(crate) fn machine(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code: MACHINE_LACKS_SOMETHING,
        }
    }

    /// A step that did not work and has said so.
    pub(crate) fn silent() -> Self {
        Self::new("")
    }

    /// A program that ended with an exit code of its own, after it said why.
    pub(crate) fn exit_code(sentence: impl Into<String>, code: Option<i32>) -> Self {
        Self {
            sentence: sentence.into(),
            code: code
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(FAILED),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
