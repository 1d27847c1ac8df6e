//! Push messages and their meaning, for all transports (spec §4).
//!
//! ```text
//! fcm       messages of Firebase Cloud Messaging
//! subjects  the subjects and messages of a NATS client
//! command   signed requests that require a response
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
