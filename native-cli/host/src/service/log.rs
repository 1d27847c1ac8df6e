//! A daemon's lines on stderr: for the journal, or as JSON for programs.

use selvedge_core::host::Clock as _;
use serde::Serialize;

use crate::SystemClock;
use crate::output::{Output, printable};

/// Where the lines go, and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Log(Output);

impl Log {
    /// Lines in the form of all other output.
    pub const fn new(output: Output) -> Self {
        Self(output)
    }

    /// One line: an event in a word for programs, a sentence for people.
    pub fn say(&self, event: &str, text: &str) {
        self.line(event, text, "message", &text);
    }

    /// One line: a whole report for programs, a sentence for people.
    pub fn report(&self, event: &str, report: &impl Serialize, text: &str) {
        self.line(event, text, "report", report);
    }

    fn line(&self, event: &str, text: &str, name: &str, value: &impl Serialize) {
        if self.0.json {
            let line = serde_json::json!({
                "at": SystemClock.now(),
                "event": event,
                name: value,
            });
            self.0.note(line);
        } else {
            self.0.note(printable(text));
        }
    }
}
