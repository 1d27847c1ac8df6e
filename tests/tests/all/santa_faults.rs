//! Fault injection: a proxy causes one fault at each request of a sync with events and pages of rules, with Selvedge's
//! server and with moroz; and the process is killed at each commit and at each request. Retries have no delay, except
//! in `program`, which tests the unchanged program.
//!
//! Afterwards, a sync without a fault must succeed: the machine has the server's rules, and the server has each event.
//! An event is uploaded once, except when the server accepted it and the response was lost: the client cannot know
//! this, and uploads it again. These uploads are counted.
#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code, including helpers that clippy does not recognize"
)]

#[cfg(unix)]
mod kills;
mod program;
pub(crate) mod requests;
pub(crate) mod test_bed;
