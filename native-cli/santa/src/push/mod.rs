//! Push: messages that request a sync of this machine, and the connection that delivers them (spec §4).
//!
//! ```text
//! event      events for the daemon
//! transport  the trait of a transport: one connection at a time, and its delays
//! reconnect  reconnects after a connection has ended, or gives up
//! handle     controls push: status, reconnect, subscriptions
//! nats       transport: a NATS server of the fleet
//! fcm        transport: Firebase Cloud Messaging, with the protocol of 2018
//!
//! publisher  a minimal push server for trials
//! ```
//!
//! The daemon starts a transport and receives events. Without a connection, the daemon syncs by its timers as if push
//! were not configured. The core's [`Daemon`](selvedge_santa::Daemon) decides what a message means for the schedule.

mod event;
pub mod fcm;
mod handle;
pub mod nats;
mod publisher;
mod reconnect;
mod transport;

use tokio::sync::mpsc;

pub use event::{PushError, PushEvent};
pub use fcm::FcmConfig;
pub use handle::{PushHandle, PushState, PushStatus};
pub use nats::{Commands, NatsConfig};
pub use publisher::Publisher;
pub use transport::{ConnectionEnd, Reporter, Transport};

/// The message for an immediate sync: a `SyncRequest` with jitter 0.
pub const SYNC_NOW: [u8; 2] = [8, 0];

/// The configuration of the transport.
#[derive(Debug, Clone)]
pub enum PushConfig {
    /// A NATS server.
    Nats(NatsConfig),
    /// Firebase Cloud Messaging.
    Fcm(FcmConfig),
}

/// Starts push. Its events go to `events` until the handle is dropped. Must be called in a tokio runtime.
///
/// # Errors
/// When the configuration is invalid: the server's URL is invalid or insecure, or the credentials are invalid.
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
