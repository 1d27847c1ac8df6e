//! Merging the bookmarks of this device with those on the server, as Firefox does: with its library dogear
//! (collections.md §2.4–2.6).
//!
//! Both sides change whole trees, so all items are merged at once: `base` (as the server last had them), `incoming`
//! (changed there since) and `local`. The result is a [`Plan`]: what to store, what to upload, what was replaced.

mod apply;
mod assemble;
mod error;
mod input;
mod local;
mod mirror;
mod notice;
mod plan;
mod remote;
mod run;
mod unknown;
mod urls;

pub use error::MergeError;
pub use input::{Input, LocalRecord, ServerRecord};
pub use notice::Notice;
pub use plan::{Plan, Replaced, Served, Side, Upload, Upsert};
pub use run::merge;
