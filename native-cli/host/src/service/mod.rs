//! What every daemon here shares: signals, logs, and messages to the service manager.
//!
//! ```text
//! log       a daemon says what it does
//! notify    the state of the daemon, for the service manager
//! signals   the process reloads, or stops
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
