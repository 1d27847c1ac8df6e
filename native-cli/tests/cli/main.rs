//! The program as a person or a script meets it: the real binary, a real server, real files.
#![allow(missing_docs, reason = "the names of tests are their claims")]
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

#[cfg(unix)]
mod answers;
mod backup;
mod backup_restore;
mod bad_account;
mod bad_input;
mod bookmarks;
mod clients;
mod firefox;
mod help;
mod journal;
mod main_way;
mod other_account;
mod page;
#[cfg(unix)]
mod privacy;
mod program;
mod remote;
mod serve;
