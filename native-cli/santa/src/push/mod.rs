//! Push: messages that tell this machine to sync, and the connection by which they come (spec §4).
//!
//! ```text
//! event    what the daemon is told
//! carrier  a way by which messages come: one connection of it at a time, and its waits
//! course   connections one after the other: when the next one is made, and when there is none any more
//! handle   the daemon's end: how push is, connect anew, listen to other subjects
//! nats     a NATS server of the fleet's own
//! fcm      Firebase Cloud Messaging, as it was in 2018
//!
//! publisher  a very small push server, for trials
//! ```
//!
//! The daemon starts a carrier and reads events. Whatever happens to a connection, it goes on by its timers: while there is
//! none it polls as if push did not exist, and what a message asks for is decided by the core's
//! [`Daemon`](selvedge_santa::Daemon).

mod carrier;
mod event;
pub mod fcm;
mod handle;
pub mod nats;
mod publisher;
mod reconnect;

use tokio::sync::mpsc;

pub use carrier::{Link, Over, Push};
pub use event::{PushError, PushEvent};
pub use fcm::FcmConfig;
pub use handle::{PushHandle, PushState, PushStatus};
pub use nats::{Commands, NatsConfig};
pub use publisher::Publisher;

/// What is published for machines that are to sync at once: a `SyncRequest` whose jitter is 0.
pub const SYNC_NOW: [u8; 2] = [8, 0];

/// By which way messages come.
#[derive(Debug, Clone)]
pub enum PushConfig {
    /// A NATS server.
    Nats(NatsConfig),
    /// Firebase Cloud Messaging.
    Fcm(FcmConfig),
}

/// Starts push; its events go to `events` until the handle is dropped. To be called within a tokio runtime.
///
/// # Errors
/// When the configuration cannot work: a server's URL that is none or not safe, or credentials that are none.
pub fn start(
    config: PushConfig,
    machine: &str,
    events: mpsc::Sender<PushEvent>,
) -> Result<PushHandle, PushError> {
    match config {
        PushConfig::Nats(config) => nats::start(config, machine, events),
        PushConfig::Fcm(config) => fcm::start(config, machine, events),
    }
}
