//! The configuration of Firebase Cloud Messaging.

use selvedge_santa::wire::Token;

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
