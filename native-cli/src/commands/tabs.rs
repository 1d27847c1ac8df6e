//! `selvedge tabs`: the open tabs of the account's devices, and pages from one device to another.

mod grammar;
mod sent;

pub use self::grammar::TabsCommand;
pub(super) use self::sent::{announce, send_if_able};

use selvedge_core::firefox::tabs;
use selvedge_host::exit::Result;
use serde_json::{Value, json};

use super::typed::{collection, contains, text, time};
use crate::device::Device;

/// Runs it.
///
/// # Errors
/// When the store or the server fails.
pub async fn run(device: &Device, command: TabsCommand) -> Result<()> {
    let (client, view) = match command {
        TabsCommand::List { client, view } | TabsCommand::Export { client, view } => (client, view),
        TabsCommand::Send {
            device: to,
            url,
            title,
        } => return sent::send(device, &to, url, title).await,
        TabsCommand::Received => return sent::received(device).await,
    };
    let wanted = client.unwrap_or_default();
    let row = move |id: &str, record: &Value| {
        let device = text(record, "clientName");
        if id != wanted && !contains(device, &wanted) {
            return Vec::new();
        }
        let Ok(value) = record.to_string().parse() else {
            return Vec::new();
        };
        let tabs = tabs::read(&value).into_iter();
        tabs.map(|tab| {
            // A client that writes milliseconds gives a date in the far future.
            let seconds = if tab.last_used > 100_000_000_000 { tab.last_used / 1000 } else { tab.last_used };
            json!({"device": device, "lastUsed": time(seconds * 1000), "title": tab.title, "url": tab.url})
        })
        .collect()
    };
    view.list(
        device,
        collection("tabs"),
        true,
        &["device", "lastUsed", "title", "url"],
        row,
    )
    .await
}
