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

mod frames;
mod listen;

use selvedge_santa::wire::Token;
use tokio::sync::mpsc;

use super::event::{PushError, PushEvent};
use super::handle::PushHandle;
use super::reconnect;

/// The default URL of the message stream.
pub const CONNECT_URL: &str = "https://fcm-stream.googleapis.com/fcm/connect/bind";

/// The default URL for acknowledgements.
pub const ACK_URL: &str = "https://fcm-stream.googleapis.com/fcm/connect/ack";

/// The configuration of Firebase Cloud Messaging.
#[derive(Debug, Clone)]
pub struct FcmConfig {
    /// The registration token of this machine.
    pub token: Token,
    /// The URL of the message stream.
    pub connect_url: String,
    /// The URL for acknowledgements.
    pub ack_url: String,
}

impl FcmConfig {
    /// A token with the default URLs.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self {
            token,
            connect_url: CONNECT_URL.into(),
            ack_url: ACK_URL.into(),
        }
    }
}

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
