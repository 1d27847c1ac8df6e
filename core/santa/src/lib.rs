//! Santa's sync protocol in stages: the server specifies which programs a machine may run.
//!
//! ```text
//! preflight     the machine's description, the server's settings   → no response: the end
//! logupload     logs, if a server of 2018 requests them and the operator allows it
//! eventupload   events on the machine                                → a failure does not end the sync
//! ruledownload  rules, page by page, applied in one transaction      → a failure: nothing is applied, the end
//! postflight    the result of the sync; the server's settings take effect
//! ```
//!
//! Each stage consists of a pure decision, whose outcomes are a table in its tests, and one step that executes it. The
//! core opens no socket and never sleeps: a [`Host`] provides requests, pauses, a clock and a [`RuleStore`].

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
pub use client::{Connection, Link, MAX_RESPONSE_BYTES, Pause, Traffic};
pub use draw::Draw;
pub use encoding::{BadEncoding, Encoding};
pub use error::{Error, Result};
pub use event_check::InvalidEvent;
pub use eventupload::Uploaded;
pub use headers::ExtraHeaders;
pub use kind::{Kind, Wipe};
pub use logs::{LogFile, Logs};
pub use logupload::LogDecision;
pub use machine::Machine;
pub use memory::MemoryRuleStore;
pub use occurrence::Occurrence;
pub use preflight::Plan;
pub use report::{Report, StageReport, Status};
pub use retry::{ATTEMPTS, AttemptResult, Verdict};
pub use rule::{BadRule, Change, Rule, RuleKey, RuleState};
pub use ruledownload::{Downloaded, NextPage};
pub use rules_hash::RulesHash;
pub use schedule::{Daemon, Due, Full, Job, Wake};
pub use session::{Host, Options, Stage};
pub use settings::{Media, Settings};
pub use state::{SyncState, request};
pub use store::{Commit, Committed, EventId, PendingEvent, RuleCounts, RuleStore};
pub use sync::{sync, sync_rules, upload_now};
pub use throttle::Throttle;
pub use timing::{FULL_INTERVAL, Preflighted, Timing};
