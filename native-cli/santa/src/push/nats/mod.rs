//! Push by NATS (spec §4.2), from a server of the fleet's own: servers of version 1 of the protocol do not name one, so it
//! is configured here.
//!
//! ```text
//! config   the server, the credentials, whom to trust, what to listen to
//! listen   one connection: subscriptions, and what their messages mean
//! answer   commands: judged, done by the daemon, answered
//! ```
//!
//! The client is `async-nats`, which is kept by the makers of NATS. A connection that is lost it makes again by itself,
//! once; after that the waits are those of the specification, for this client as for the first connection.

mod answer;
mod config;
mod listen;

use tokio::sync::{mpsc, watch};

pub use config::{Commands, NatsConfig};

use super::event::{PushError, PushEvent};
use super::handle::PushHandle;
use super::reconnect;

/// A connection by which others publish to a configuration's subjects. It is made again whenever it is lost.
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
