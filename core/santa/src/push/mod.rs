//! Push: what its messages mean, from whichever carrier they come (spec §4).
//!
//! ```text
//! fcm       blobs of Google's carrier
//! subjects  what a NATS client listens to, and what comes there
//! command   requests that are answered, with their signature
//! ```

mod command;
mod fcm;
mod message;
mod pb;
mod subjects;

pub use command::{Action, Answered, Asked, CommandError, CommandKey, Gate, HmacScheme, reply};
pub use fcm::{Blob, read_blob};
pub use message::Message;
pub use pb::{CommandRequest, CommandResponse, SyncRequest};
pub use subjects::{Subject, connect_wait_millis, subjects};
