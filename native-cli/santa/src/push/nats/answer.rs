//! Commands of a NATS server, which are answered.
//!
//! ```text
//! nobody waits for an answer ─→ it is left alone
//! no key is configured ───────→ not believed
//! the gate does not believe it → its reason
//! else ───────────────────────→ what the daemon says
//! ```

use async_nats::{Client, Message};
use selvedge_core::host::Clock as _;
use selvedge_santa::push::{Answered, CommandError, Gate, reply};

use crate::push::carrier::Link;
use selvedge_host::SystemClock;

/// Judges a command, and has it answered while other messages come.
pub(super) fn answer(gate: Option<&mut Gate>, message: Message, client: &Client, link: &Link) {
    let Some(asker) = message.reply else { return };
    let now = SystemClock.now().millis() / 1000;
    let judged = match gate {
        Some(gate) => gate.judge(&message.payload, now),
        None => Err(CommandError::InvalidData),
    };
    let doing = judged.map(|asked| link.ask(asked));
    let client = client.clone();
    // No more commands than the gate lets pass are under way at a time, and each of them ends.
    tokio::spawn(async move {
        let answered = match doing {
            Ok(doing) => doing.await,
            Err(error) => Answered::Not(error),
        };
        // Without a connection there is nobody to answer any more.
        let _lost = client.publish(asker, reply(&answered).into()).await;
    });
}
