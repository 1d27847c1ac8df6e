//! `selvedge tabs send` and `tabs received`: pages between the devices of a signed-in account.

use std::fmt;

use selvedge_core::account::mozilla::device_commands::{self, Command};
use selvedge_core::account::mozilla::{AuthServer, devices};
use serde::Serialize;

use crate::device::Device;
use crate::output::printable;
use crate::signed_in::{find, kept};
use selvedge_host::USER_AGENT;
use selvedge_host::exit::{HostError, Result};

#[derive(Debug, Serialize)]
struct Sent {
    device: String,
    url: String,
}

#[derive(Debug, Serialize)]
struct Tabs(Vec<Tab>);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tab {
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    action: &'static str,
    title: String,
    url: String,
}

/// Sends a page to another device.
pub(super) async fn send(device: &Device, to: &str, url: String, title: String) -> Result<()> {
    if !["http://", "https://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(HostError::Usage(
            "only pages with an http or https URL can be sent".into(),
        ));
    }
    let kept = kept(device)?;
    let credentials = device.credentials()?;
    let host = device.network();
    let server = AuthServer::new(&host, kept.auth_url(), Some(USER_AGENT.into()))?;
    let list = devices::list(&server, &kept, true).await?;
    let target = find(&list, to)?;
    let kid = credentials.kid.as_deref().unwrap_or_default();
    let command = Command::Open {
        title,
        url: url.clone(),
    };
    device_commands::send(&server, &kept, &credentials.sync_key, kid, target, &command).await?;
    device.output.answer(&Sent {
        device: target.name.clone().unwrap_or_default(),
        url,
    })
}

/// Sends a page through the accounts server, if this device is signed in to one and the other one receives pages there.
/// Answers whether it did, or would.
pub(in crate::commands) async fn send_if_able(
    device: &Device,
    id: &str,
    url: &str,
    title: &str,
    dry_run: bool,
) -> Result<bool> {
    let Some(kept) = device.kept()? else {
        return Ok(false);
    };
    let credentials = device.credentials()?;
    let host = device.network();
    let server = AuthServer::new(&host, kept.auth_url(), Some(USER_AGENT.into()))?;
    let list = devices::list(&server, &kept, true).await?;
    let target = list.iter().find(|device| device.id == id);
    let Some(target) = target.filter(|device| device.can_receive_tabs()) else {
        return Ok(false);
    };
    if !dry_run {
        let kid = credentials.kid.as_deref().unwrap_or_default();
        let command = Command::Open {
            title: title.into(),
            url: url.into(),
        };
        device_commands::send(&server, &kept, &credentials.sync_key, kid, target, &command).await?;
    }
    Ok(true)
}

/// After a sync: says that pages from other devices wait. The records are synced, whatever the accounts server answers.
pub(in crate::commands) async fn announce(device: &Device) {
    let Ok(Some(kept)) = device.kept() else {
        return;
    };
    if kept.device_id().is_none() {
        return;
    }
    let host = device.network();
    let Ok(server) = AuthServer::new(&host, kept.auth_url(), Some(USER_AGENT.into())) else {
        return;
    };
    match device_commands::poll(&server, &kept).await {
        Ok(commands) if !commands.is_empty() => device.output.note(format_args!(
            "Other devices have sent {} pages or commands to this one: `selvedge tabs received` lists them.",
            commands.len()
        )),
        _ => {}
    }
}

/// Lists the pages that other devices have sent.
pub(super) async fn received(device: &Device) -> Result<()> {
    let _lock = device.profile.lock()?;
    let mut kept = kept(device)?;
    let host = device.network();
    let server = AuthServer::new(&host, kept.auth_url(), Some(USER_AGENT.into()))?;
    let commands = device_commands::poll(&server, &kept).await?;
    let last = commands.last().map(|received| received.index);
    let mut tabs = Vec::new();
    for received in commands {
        let sender = received.sender;
        let tab = |action, title, url| Tab {
            sender: sender.clone(),
            action,
            title,
            url,
        };
        match received.command {
            Some(Command::Open { title, url }) => tabs.push(tab("open", title, url)),
            Some(Command::Close { urls }) => {
                tabs.extend(urls.into_iter().map(|url| tab("close", String::new(), url)));
            }
            _ => device
                .output
                .note("a command from another device cannot be read and is skipped"),
        }
    }
    device.output.answer(&Tabs(tabs))?;
    // Stored after they were shown: a command may be shown twice, but none is lost.
    if let Some(last) = last {
        kept.handled(last);
        device.keep_kept(&kept)?;
    }
    Ok(())
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Sent {} to {}.",
            printable(&self.url),
            printable(&self.device)
        )
    }
}

impl fmt::Display for Tabs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for tab in &self.0 {
            match tab.action {
                "open" => writeln!(f, "{} {}", printable(&tab.url), printable(&tab.title))?,
                _ => writeln!(f, "close {}", printable(&tab.url))?,
            }
        }
        Ok(())
    }
}
