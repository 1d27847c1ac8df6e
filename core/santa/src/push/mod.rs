//! Push: what its messages mean, from whichever carrier they come (spec §4).
//!
//! ```text
//! fcm       blobs of Google's carrier
//! subjects  what a NATS client listens to, and what comes there
//! command   requests that are answered, with their signature
//! ```

mod command;
mod fcm;
mod pb;
mod subjects;

pub use command::{Action, Answered, Asked, CommandError, CommandKey, Gate, HmacScheme, reply};
pub use fcm::{Blob, read_blob};
pub use pb::{CommandRequest, CommandResponse, SyncRequest};
pub use subjects::{Subject, connect_wait_millis, subjects};

/// What a message asks for.
///
/// ```
/// use selvedge_santa::push::Message;
///
/// assert_ne!(Message::Full, Message::Tag { max_jitter: Some(0) });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// All stages, now.
    Full,
    /// All stages, within so many seconds; three minutes where it does not say.
    Tag {
        /// The most seconds.
        max_jitter: Option<u32>,
    },
    /// Rules alone.
    Rules {
        /// Whether this machine alone is meant, which then does not wait.
        is_for_us: bool,
    },
}
