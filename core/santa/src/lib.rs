//! Santa's staged sync: which programs a machine may run, as its server says.
//!
//! ```text
//! preflight     the machine tells of itself, the server of its wishes  → no answer: the end
//! logupload     logs, if a server of 2018 asks and the operator allows it
//! eventupload   what happened on the machine                           → a failure does not end the sync
//! ruledownload  rules, page by page, applied at once                   → a failure: nothing is applied, the end
//! postflight    what became of it; the server's settings take effect
//! ```
//!
//! Each stage is a pure decision, whose outcomes are a table in its tests, and one step that carries it out. The core
//! opens no socket and never sleeps: a [`Host`] lends requests, pauses, a clock and a [`RuleStore`].

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod address;
mod announcements;
mod bundle;
mod client;
mod draw;
mod encoding;
mod error;
mod event_check;
mod eventupload;
mod headers;
pub mod ipc;
mod kind;
mod logs;
mod logupload;
mod machine;
mod memory;
mod occurrence;
mod postflight;
mod preflight;
pub mod push;
mod report;
mod retry;
mod rule;
mod ruledownload;
mod rules_hash;
mod schedule;
mod session;
mod settings;
mod state;
mod store;
mod sync;
#[cfg(test)]
mod tests;
mod throttle;
mod timing;
pub mod wire;

pub use address::{Address, BadAddress, Endpoint};
pub use announcements::Announcements;
pub use bundle::{BundleAction, bundle_hash};
pub use client::{ANSWER_BYTES, Connection, Link, Pause, Traffic};
pub use draw::Draw;
pub use encoding::{BadEncoding, Encoding};
pub use error::{Error, Result};
pub use event_check::InvalidEvent;
pub use eventupload::Uploaded;
pub use headers::ExtraHeaders;
pub use kind::{Kind, Wipe};
pub use logs::{LogFile, Logs};
pub use logupload::LogCourse;
pub use machine::Machine;
pub use memory::MemoryRuleStore;
pub use occurrence::Occurrence;
pub use preflight::Plan;
pub use report::{Report, StageReport, Status};
pub use retry::{ATTEMPTS, Heard, Verdict};
pub use rule::{BadRule, Change, Rule, RuleKey, RuleState};
pub use ruledownload::{Downloaded, Turn};
pub use rules_hash::RulesHash;
pub use schedule::{Daemon, Due, Full, Job, Wake};
pub use session::{Host, Options, Stage};
pub use settings::{Media, Settings};
pub use state::{SyncState, request};
pub use store::{Commit, Committed, EventId, PendingEvent, RuleCounts, RuleStore};
pub use sync::{sync, sync_rules, upload_now};
pub use throttle::Throttle;
pub use timing::{FULL_INTERVAL, Preflighted, Timing};
