//! Verifies commands from a NATS server, and replies to them.
//!
//! ```text
//! no reply subject ───────→ ignored
//! no key is configured ───→ refused
//! the gate refuses it ────→ the gate's reason
//! else ───────────────────→ the daemon's answer
//! ```

use async_nats::{Client, Message};
use selvedge_core::host::Clock as _;
use selvedge_santa::push::{Answered, CommandError, Gate, reply};

use crate::push::transport::Reporter;
use selvedge_host::SystemClock;

/// Verifies a command, and replies in a separate task, so that other messages are not blocked.
pub(super) fn reply_to(
    gate: Option<&mut Gate>,
    message: Message,
    client: &Client,
    reporter: &Reporter,
) {
    let Some(reply_subject) = message.reply else {
        return;
    };
    let now = SystemClock.now().millis() / 1000;
    let verified = match gate {
        Some(gate) => gate.judge(&message.payload, now),
        None => Err(CommandError::InvalidData),
    };
    let execution = verified.map(|command| reporter.execute(command));
    let client = client.clone();
    // The gate limits the number of commands, and each has a timeout.
    tokio::spawn(async move {
        let answered = match execution {
            Ok(execution) => execution.await,
            Err(error) => Answered::Not(error),
        };
        // Without a connection the reply is lost.
        let _lost = client.publish(reply_subject, reply(&answered).into()).await;
    });
}
