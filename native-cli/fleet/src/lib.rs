//! A load simulator for Santa's sync servers: many virtual machines in one process, each of which syncs with the code
//! of the core, like a real client.
//!
//! ```text
//! plan ──→ run: one thread per shard of machines ───────────→ comparison of rules ──→ report
//!          shard · machine · identity · events · rules         agreement               report · text · page
//!          network · stats · histogram
//! ```
//!
//! A machine takes a few hundred bytes and has no task of its own: a heap has the next action of each machine. Equal
//! rules are stored once. Memory is mainly used by rule downloads, whose concurrent number is limited.

mod agreement;
mod chart;
mod difference;
mod events;
mod histogram;
mod identity;
mod interner;
mod limits;
mod live_display;
mod machine;
mod network;
mod page;
mod page_charts;
mod plan;
mod random;
mod report;
mod rules;
mod run;
mod shard;
mod stats;
mod text;

pub use agreement::{Agreement, Differing, Group};
pub use difference::Difference;
pub use histogram::Latency;
pub use limits::{ResourceUsage, raise_open_files};
pub use page::page;
pub use plan::Plan;
pub use report::{ErrorCount, FleetReport, Point, StageCounts};
pub use run::run;
pub use stats::{Events, RequestKind, Syncs};
