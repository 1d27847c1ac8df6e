//! A fleet in a box: many machines in one process, each of which syncs by the core as a real one does.
//!
//! ```text
//! plan ──→ threads, each with its machines, their rules kept once ──→ tallies, rules compared ──→ report
//!          identity · events · rules · machine · network · shard       agreement                 report · page
//! ```
//!
//! A machine is a few hundred bytes and no task: a heap says who is next. What takes memory is rules that are on their
//! way, of which only so many are at once.

mod agreement;
mod chart;
mod difference;
mod drawings;
mod events;
mod histogram;
mod identity;
mod interner;
mod limits;
mod live;
mod machine;
mod network;
mod page;
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
pub use limits::{Used, raise_open_files};
pub use page::page;
pub use plan::Plan;
pub use report::{FleetReport, Point, StageCounts, Trouble};
pub use run::run;
pub use stats::{Asked, Events, Syncs};
