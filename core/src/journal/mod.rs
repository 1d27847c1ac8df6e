//! The conflict journal: values that a sync replaced on this device or on the server, kept for a limited time so that
//! they can be restored.
//!
//! ```text
//! what happened                                           whose value   cause
//! both sides changed the same; theirs was applied         ours          merge
//! both sides changed the same; ours is uploaded over it   theirs        upload-replaced
//! another device deleted the record                       ours          remote-deletion
//! another device asked this one to wipe a collection      ours          remote-command
//! a person chose to take the server's records             ours          first-sync
//! a person restored another value                         ours          restore
//! ```
//!
//! A change by another device to a record that was not changed on this device, and a change that a person makes on this
//! device, replace no conflicting value: they are not in the journal.
//!
//! The journal is a collection of the host's store that is never synced: an entry is written in the same commit as the
//! replacement, so a store with atomic commits never loses one. Entries are kept for [`KEEP_DAYS`] days, at most
//! [`MAX_ENTRIES`] of them with at most [`MAX_BYTES`] bytes of text; the oldest are removed first.

mod collections;
mod entry;
mod keep;
mod list;
#[cfg(test)]
mod tests;

pub use collections::{COLLECTION, collections};
pub use entry::{Cause, Entry};
pub use keep::{KEEP_DAYS, MAX_BYTES, MAX_ENTRIES, count_unsent, surplus};
pub(crate) use keep::{emptied, part, prune, unsent};
pub use list::list;
