//! Backups of an account: their files, and every decision about them.
//!
//! ```text
//! read      the events of a backup: collections, records, and its manifest at the end
//! folder    a directory of backups: names, private files, the lock, links to unchanged files
//! plan      which collections are read from the server, and which are taken from an earlier backup
//! verify    what is wrong with the records of a backup
//! diff      what was added, changed and deleted between two backups
//! restore   what a restore does with each record
//! manifest  what a backup contains, with counts and checksums
//! keep      which backups are kept
//! digest    the content of a record as a number, whatever the order of its members
//! title     what a person calls a record
//! line      one record as a line of a file
//! name      the names of backups, which are their times
//! ```

pub mod diff;
pub mod digest;
pub mod folder;
pub mod keep;
pub mod line;
pub mod manifest;
pub mod name;
pub mod plan;
pub mod read;
pub mod restore;
pub mod title;
pub mod verify;
