//! Push messages and their meaning, for all transports (spec §4).
//!
//! ```text
//! fcm       messages of Firebase Cloud Messaging
//! subjects  the subjects and messages of a NATS client
//! command   signed requests that require a response
//! ```

mod command;
mod fcm;
mod pb;
mod subjects;

pub use command::{Action, Answered, Asked, CommandError, CommandKey, Gate, HmacScheme, reply};
pub use fcm::{Blob, read_blob};
pub use pb::{CommandRequest, CommandResponse, SyncRequest};
pub use subjects::{Subject, connect_wait_millis, subjects};

/// The action that a message requests.
///
/// ```
/// use selvedge_santa::push::Message;
///
/// assert_ne!(Message::Full, Message::Tag { max_jitter: Some(0) });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// A sync with all stages, now.
    Full,
    /// A sync with all stages, after a random delay; the maximum delay is three minutes if not specified.
    Tag {
        /// Maximum delay in seconds.
        max_jitter: Option<u32>,
    },
    /// A rule download only.
    Rules {
        /// Whether the message is for this machine only, which then does not wait.
        is_for_us: bool,
    },
}
