//! What every daemon here shares: how it hears of the system, and how the system hears of it.
//!
//! ```text
//! log       a daemon says what it does
//! notify    the service manager is told how the daemon is
//! signals   the process is told to look again, or to stop
//! unit      lines of systemd units
//! ```

mod log;
mod notify;
mod signals;
mod unit;

pub(crate) use log::Log;
pub(crate) use notify::Notifier;
pub(crate) use signals::{Signalled, Signals};
pub(crate) use unit::{check, quoted, sandbox};
