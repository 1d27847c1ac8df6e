//! The rules of Firefox's collections other than bookmarks: which records are valid, which are duplicates, and how two
//! versions of one record are merged.
//!
//! ```text
//! collection         duplicates                        merge of two versions
//! passwords          origin, action or realm, user     by member; of two passwords the later one; uses are added
//! history            URL                               visits are a set
//! forms              name and value                    never: a changed entry is another entry
//! addresses, cards   equal members                     by member of `entry`; a conflict makes two records
//! extension-storage  extension                         by key of `data`
//! tabs               -                                 the own record is this device's, the others are the server's
//! addons             add-on                            the server's, unless the user asked to write
//! prefs              -                                 the server's, unless the user asked to write; then by preference
//! ```
//!
//! Everything here is a pure function of JSON values; [`decide`] applies them to the states of a record.

pub mod addons;
pub mod addresses;
mod autofill;
pub mod credit_cards;
mod decision;
mod engine;
pub mod extension_storage;
pub mod forms;
pub mod history;
mod judgement;
mod members;
pub mod passwords;
pub mod prefs;
pub mod tabs;
mod versions;

pub use self::decision::{Decision, decide, decide_growing};
pub use self::engine::{Owned, engine_for};
pub use self::judgement::{Corrected, Judgement};
pub use self::versions::{Merged, Versions};

#[cfg(test)]
mod tests;
