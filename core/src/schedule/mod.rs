//! When to sync next, as a state machine without a clock (spec §8).
//!
//! ```text
//! one device only ────────────────────→ once a day
//! several, this one not in use ───────→ once an hour
//! several, this one in use ───────────→ every ten minutes
//! several, and incoming records or many local changes → after 90 seconds
//! a person requests a sync ───────────→ now; before a hard backoff ends: refused
//! push ───────────────────────────────→ now, the named collections
//! woke up, the network is back ───────→ now, if there are several devices
//! failed, three times or more ────────→ n times 15 to 30 minutes, at most 8 hours
//! the server asked clients to wait ───→ not before the end of the wait
//! no automatic sync within 60 seconds after the last
//! ```
//!
//! A host reports events to a [`Schedule`] and asks it for the next action. The state can be serialized: a worker that
//! was stopped, or a machine that slept, continues with the stored state.

mod machine;
mod policy;

pub use machine::{Ended, Event, Next, Schedule};
pub use policy::Policy;
