//! Push by NATS (spec §4.2) from a server of the fleet. Sync servers with version 1 of the protocol do not name the
//! NATS server, so it is configured here.
//!
//! ```text
//! config         the server, credentials, trusted roots, subjects
//! listen         one connection: subscriptions and messages
//! command_reply  verifies commands and replies to them
//! ```
//!
//! The client is `async-nats`, the official client. It reconnects once by itself. After that, the delays of the
//! specification apply, as for the first connection.

mod command_reply;
mod config;
mod listen;

use tokio::sync::{mpsc, watch};

pub use config::{Commands, NatsConfig};

use super::event::{PushError, PushEvent};
use super::handle::PushHandle;
use super::reconnect;

/// A connection for publishing to the subjects of a configuration. It reconnects automatically.
pub(crate) async fn publisher(config: &NatsConfig) -> Result<async_nats::Client, PushError> {
    let (address, options) = (config.address()?, config.options()?);
    listen::install_tls();
    let connected = options.connect(address).await;
    connected.map_err(listen::why)
}

/// Starts push by NATS.
pub(super) fn start(
    config: NatsConfig,
    machine: &str,
    events: mpsc::Sender<PushEvent>,
) -> Result<PushHandle, PushError> {
    let device = config.device.as_deref().unwrap_or(machine);
    let listed = config.subjects.iter().map(String::as_str);
    let (subjects, wanted) = watch::channel(selvedge_santa::push::subjects(listed, device));
    let nats = listen::Nats::new(config, wanted)?;
    let server = nats.server();
    let handle = reconnect::start(nats, server, events);
    Ok(PushHandle {
        subjects: Some(subjects),
        ..handle
    })
}
