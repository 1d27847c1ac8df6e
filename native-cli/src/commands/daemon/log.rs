//! The daemon's lines on stderr: for the journal, or as JSON for programs.

use selvedge_core::host::Clock as _;
use selvedge_core::life::Report;

use crate::host::SystemClock;
use crate::output::{Output, printable};

/// Where the lines go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log(Output);

impl Log {
    pub(super) const fn new(output: Output) -> Self {
        Self(output)
    }

    /// One line: an event in a word for programs, a sentence for people.
    pub(super) fn say(&self, event: &str, text: &str) {
        if self.0.json {
            let line = serde_json::json!({
                "at": SystemClock.now(),
                "event": event,
                "message": text,
            });
            self.0.note(line);
        } else {
            self.0.note(printable(text));
        }
    }

    /// What came of a sync.
    pub(super) fn synced(&self, report: &Report) {
        if self.0.json {
            let line = serde_json::json!({
                "at": SystemClock.now(),
                "event": "synced",
                "report": report,
            });
            self.0.note(line);
            return;
        }
        let (mut received, mut sent, mut failed) = (0, 0, 0);
        for collection in &report.collections {
            received += collection.pulled.received;
            sent += collection.pushed.sent;
            failed += collection.pulled.failed_count + collection.pushed.failed_count;
        }
        let mut text = format!(
            "synced: {}, {received} received, {sent} sent, {failed} failed, {} requests",
            report.outcome().word(),
            report.traffic.requests
        );
        if let selvedge_core::life::Ending::Stopped(error) = &report.ending {
            text.push_str(&format!(": {error}"));
        }
        self.0.note(printable(&text));
    }
}
