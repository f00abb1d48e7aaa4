//! A command that was run to its end.

use std::process::Command;

/// How a command ended.
pub(crate) struct Run {
    pub(crate) succeeded: bool,
    pub(crate) output: String,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Self {
            succeeded: output.status.success(),
            output: String::from_utf8(text).unwrap(),
        }
    }

    pub(crate) fn says(&self, text: &str) -> bool {
        self.output.contains(text)
    }
}
