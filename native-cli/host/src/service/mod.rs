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

pub use log::Log;
pub use notify::Notifier;
pub use signals::{Signalled, Signals};
pub use unit::{check, quoted, sandbox};
