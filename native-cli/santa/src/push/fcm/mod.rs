//! Push by Firebase Cloud Messaging with the protocol of 2018 (spec §4.1): one long HTTP response that consists of
//! frames.
//!
//! ```text
//! frames  splits the stream into messages
//! listen  one connection, and acknowledgements
//! ```
//!
//! Google no longer issues tokens for this protocol, and a program cannot get one by itself. Administrators who have a
//! token put it into a file, and services with a compatible API can be used, because both URLs are settings. The crate
//! `fcm-push-listener` is maintained and implements the current protocol, but does not fit: the current protocol needs
//! other tokens, the crate has Google's hosts hard-coded, so it cannot be tested without Google, and it needs OpenSSL.

mod config;
mod frames;
mod listen;

use tokio::sync::mpsc;

pub use self::config::{ACK_URL, CONNECT_URL, FcmConfig};
use super::event::{PushError, PushEvent};
use super::handle::PushHandle;
use super::reconnect;

/// Starts push by FCM.
pub(super) fn start(
    config: FcmConfig,
    machine: &str,
    events: mpsc::Sender<PushEvent>,
) -> Result<PushHandle, PushError> {
    let fcm = listen::Fcm::new(config, machine)?;
    let server = fcm.server();
    Ok(reconnect::start(fcm, server, events))
}
