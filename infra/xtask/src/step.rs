//! A step of a command: a line when it starts, a spinner on a terminal, a line with its time when it is done.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const TICK_MILLISECONDS: u64 = 120;
const NOTE_CHARACTERS_MAX: usize = 60;

/// A step under way.
pub(crate) struct Step {
    name: String,
    bar: ProgressBar,
    started: Instant,
}

impl Step {
    /// Announces the step.
    pub(crate) fn start(name: impl Into<String>) -> Self {
        let name = name.into();
        let bar = if stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            eprintln!("… {name}");
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{spinner} {prefix} ({elapsed}) {msg:.dim}")
            .expect("the template is well formed");
        bar.set_style(style);
        bar.set_prefix(name.clone());
        bar.enable_steady_tick(Duration::from_millis(TICK_MILLISECONDS));
        Self {
            name,
            bar,
            started: Instant::now(),
        }
    }

    /// Shows what the step does at the moment.
    pub(crate) fn note(&self, note: &str) {
        self.bar
            .set_message(note.chars().take(NOTE_CHARACTERS_MAX).collect::<String>());
    }

    /// Says that the step is done and how long it took.
    pub(crate) fn done(self) {
        self.bar.finish_and_clear();
        eprintln!(
            "✓ {} ({:.1} s)",
            self.name,
            self.started.elapsed().as_secs_f64()
        );
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
