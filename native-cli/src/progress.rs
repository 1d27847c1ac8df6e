//! How far a sync is, drawn on stderr while somebody watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use selvedge_core::life::Stage;
use selvedge_core::repository::Progress as Passed;

use crate::output::Output;

/// A line that says what a sync is doing; nothing where nobody watches.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// A line for people, if there are any.
    #[must_use]
    pub fn new(output: &Output) -> Self {
        if !output.may_draw() {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }

    /// Says what is being done.
    pub fn say(&self, what: impl Into<String>) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.into());
        }
    }

    /// Says how far a sync is.
    pub fn stage(&self, stage: Stage<'_>) {
        if self.0.is_some() {
            self.say(words(stage));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn words(stage: Stage<'_>) -> String {
    match stage {
        Stage::Token => "getting a token".into(),
        Stage::InfoCollections => "asking what changed".into(),
        Stage::MetaGlobal => "reading meta/global".into(),
        Stage::CryptoKeys => "reading the keys".into(),
        Stage::Clients => "reading what other devices ask".into(),
        Stage::FreshStart => "setting the account up".into(),
        Stage::Collection(name) => format!("{name}"),
        Stage::Records {
            collection,
            progress,
        } => match progress {
            Passed::Received(records) => format!("{collection}: {records} received"),
            Passed::Sent(records) => format!("{collection}: {records} sent"),
        },
        _ => "syncing".into(),
    }
}
