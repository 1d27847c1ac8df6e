//! Santa's sync through a proxy that does one thing wrong, at every request of a sync with events and pages of rules, with
//! the small server and with moroz; and in a process that is killed at every commit and at every request. It does not wait
//! before it tries again, but in `program`, which is the program as it is.
//!
//! Afterwards a sync without a fault brings everything in order: the machine has the server's rules, and the server has
//! each event. An event is sent once; only where the server took it and its answer was lost, no client can know, and it is
//! sent again. Those are counted.
#![allow(
    clippy::unwrap_used,
    reason = "all of it is a test, also what clippy does not see as one"
)]

mod santa_faults {
    #[cfg(unix)]
    mod kills;
    mod program;
    pub(crate) mod requests;
    pub(crate) mod stage;
}
