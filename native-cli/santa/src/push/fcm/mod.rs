//! Push by Firebase Cloud Messaging, as it was in 2018 (spec §4.1): one long answer over HTTP, of frames.
//!
//! ```text
//! frames  what comes, cut into messages
//! listen  one connection, acknowledgements, and when there is no use in another one
//! ```
//!
//! Google lets nobody new in by this way, and a program of one's own cannot get a token by itself: whoever has a token
//! puts it into a file. It is here for those, and for whoever runs something that speaks like it; both URLs are
//! settings. The crate `fcm-push-listener` is kept and speaks today's protocol, but does not do this job: that protocol
//! takes other tokens, the crate's hosts are Google's and cannot be set, so that nothing of it can be tried without
//! Google, and it needs OpenSSL, which this program does without.

mod frames;
mod listen;

use selvedge_santa::wire::Token;
use tokio::sync::mpsc;

use super::event::{PushError, PushEvent};
use super::handle::PushHandle;
use super::reconnect;

/// Where messages come from, if nobody says otherwise.
pub const CONNECT_URL: &str = "https://fcm-stream.googleapis.com/fcm/connect/bind";

/// Where they are acknowledged, if nobody says otherwise.
pub const ACK_URL: &str = "https://fcm-stream.googleapis.com/fcm/connect/ack";

/// Firebase Cloud Messaging.
#[derive(Debug, Clone)]
pub struct FcmConfig {
    /// By which this machine is known.
    pub token: Token,
    /// Where messages come from.
    pub connect_url: String,
    /// Where they are acknowledged.
    pub ack_url: String,
}

impl FcmConfig {
    /// With a token, at Google's.
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
