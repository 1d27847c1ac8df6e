//! When to sync next, as a state machine without a clock (spec §8).
//!
//! ```text
//! one device only ────────────────────→ once a day
//! several, nobody at this one ────────→ once an hour
//! several, somebody at this one ──────→ every ten minutes
//! several, and something came or much changed here → after 90 seconds
//! a person asks ──────────────────────→ now; before a hard backoff ends: refused
//! push ───────────────────────────────→ now, the named collections
//! woke up, the network is back ───────→ now, if there are several devices
//! failed, three times or more ────────→ n times 15 to 30 minutes, at most 8 hours
//! the server asked to be left alone ──→ not before that, whatever else
//! no sync that nobody asked for within 60 seconds after the last
//! ```
//!
//! A host tells a [`Schedule`] what happens and asks it what is next. All of it is data that can be kept: a worker that is
//! stopped, or a machine that sleeps, goes on where it was.

mod machine;
mod policy;

pub use machine::{Ended, Event, Next, Schedule};
pub use policy::Policy;
