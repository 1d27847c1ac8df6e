//! Firefox's bookmarks without I/O: records, a tree that stays complete, the merge with the server's records, and file
//! formats.
//!
//! - [`record`] reads records of other clients, complete or not, and writes them as Firefox expects them.
//! - [`engine`] is the collection's engine for the core's sync.
//! - [`tree::Tree`] holds a device's bookmarks; each edit returns all records that change.
//! - [`merge`] merges whole trees with Firefox's own library and returns a plan.
//! - [`split`] divides an upload that is too large for one batch.
//! - [`check`] says in words what is wrong with the records of a server.
//! - [`formats`] reads and writes files, [`import`] merges what they contain.
//!
//! The protocol is described in `docs/protocol/collections.md` §2 (cited as collections.md) and
//! `docs/protocol/firefox-sync.md` §6.1 (cited as spec).

pub mod check;
pub mod engine;
pub mod formats;
pub mod ids;
pub mod import;
pub mod item;
pub mod merge;
pub mod record;
pub mod split;
pub mod tree;

/// The README's example, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
