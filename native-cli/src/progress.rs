//! The progress of a sync: counted for the message after Ctrl-C, and drawn on stderr if it is a terminal.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use selvedge_core::ids::CollectionName;
use selvedge_core::sync::Progress as Passed;
use selvedge_core::sync::Stage;

use crate::output::Output;

/// What this process has received and sent, by collection: a process syncs one account at a time.
static DONE: Mutex<BTreeMap<CollectionName, Done>> = Mutex::new(BTreeMap::new());

/// Records that were received and are kept, and records that were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

fn counted() -> MutexGuard<'static, BTreeMap<CollectionName, Done>> {
    DONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All that was received and sent so far.
pub(crate) fn done() -> Done {
    counted().values().fold(Done::default(), |all, one| Done {
        received: all.received + one.received,
        sent: all.sent + one.sent,
    })
}

/// Makes room for a message where a line of progress may stand.
pub(crate) fn clear_line(output: &Output) {
    if output.may_draw() {
        // If stderr is closed, the message cannot be shown.
        let _ = write!(std::io::stderr(), "\r\u{1b}[2K\u{1b}[?25h");
    }
}

/// How many records a sync is expected to receive and to send, by collection, as far as that is known.
pub type Totals = BTreeMap<CollectionName, Total>;

/// How many records of one collection are expected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// To be received; `None` if that is not known.
    pub receive: Option<u64>,
    /// To be sent; merging may add to them.
    pub send: Option<u64>,
}

/// A line with the progress of a sync; nothing if stderr is not a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    totals: Totals,
}

impl Progress {
    /// A line for people, if there are any.
    #[must_use]
    pub fn new(output: &Output) -> Self {
        Self::with_totals(output, Totals::new())
    }

    /// A line that says how many records are expected too.
    #[must_use]
    pub fn with_totals(output: &Output, totals: Totals) -> Self {
        if !output.may_draw() {
            return Self { bar: None, totals };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self {
            bar: Some(bar),
            totals,
        }
    }

    /// Says what is being done.
    pub fn say(&self, what: impl Into<String>) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.into());
        }
    }

    /// Counts and says how far a sync is.
    pub fn stage(&self, stage: Stage<'_>) {
        if let Stage::Records {
            collection,
            progress,
        } = stage
        {
            let mut counted = counted();
            let done = counted.entry(collection.clone()).or_default();
            match progress {
                Passed::Received(records) => done.received = done.received.max(records),
                Passed::Sent(records) => done.sent = done.sent.max(records),
            }
        }
        if self.bar.is_some() {
            self.say(words(stage, &self.totals));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn words(stage: Stage<'_>, totals: &Totals) -> String {
    let total = |name: &CollectionName| totals.get(name).copied().unwrap_or_default();
    match stage {
        Stage::Token => "getting a token".into(),
        Stage::InfoCollections => "checking for changes".into(),
        Stage::MetaGlobal => "reading meta/global".into(),
        Stage::CryptoKeys => "reading crypto/keys".into(),
        Stage::Clients => "reading commands of other devices".into(),
        Stage::FreshStart => "setting up the account".into(),
        Stage::Collection(name) => format!("{name}"),
        Stage::Records {
            collection,
            progress,
        } => match progress {
            Passed::Received(records) => {
                let of = of(records, total(collection).receive);
                format!("{collection}: {of} received")
            }
            Passed::Sent(records) => {
                let of = of(records, total(collection).send);
                format!("{collection}: {of} sent")
            }
        },
        _ => "syncing".into(),
    }
}

/// A count, with the total if it is known and has not been passed.
pub(crate) fn of(count: u64, total: Option<u64>) -> String {
    match total {
        Some(total) if total >= count => format!("{count} of {total}"),
        _ => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_said_where_they_are_known() {
        let notes = CollectionName::new("notes").unwrap();
        let said = |progress, total| {
            let stage = Stage::Records {
                collection: &notes,
                progress,
            };
            words(stage, &Totals::from([(notes.clone(), total)]))
        };
        let total = Total {
            receive: Some(1071),
            send: None,
        };
        assert_eq!(
            said(Passed::Received(500), total),
            "notes: 500 of 1071 received"
        );
        assert_eq!(said(Passed::Received(1100), total), "notes: 1100 received");
        assert_eq!(said(Passed::Sent(3), total), "notes: 3 sent");
    }
}
