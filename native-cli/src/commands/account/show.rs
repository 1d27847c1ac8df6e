//! `selvedge account show` and `tell-version`: the account, and whether the version is sent to the server.

use std::fmt;

use selvedge_core::account::Source;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::device::{Device, global_state, is_numbered};
use crate::output::printable;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::paths::shown;
use selvedge_host::profile::Settings;
use selvedge_host::secret_files::Form;

/// The displayed properties of an account.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// The token server, or the storage.
    server: String,
    /// Identifies the sync key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// Whether tokens are renewed automatically.
    renewable: bool,
    /// The place of the secrets.
    secrets: String,
    /// Whether they are encrypted with a key in the system keyring.
    keyring: bool,
    /// The name of this device for the account's other devices.
    device_name: String,
    /// Whether the program's version is sent to the server.
    tells_version: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    join_code: Option<Zeroizing<String>>,
    /// The user's name on the server, in dialect 1.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// The Sync Key for other devices, in dialect 1.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_key: Option<Zeroizing<String>>,
}

/// Whether the version is sent from now on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionTold {
    tells_version: bool,
    dry_run: bool,
}

pub(super) async fn show(device: &Device, show_secrets: bool) -> Result<()> {
    let credentials = device.credentials()?;
    let (username, join_code, sync_key) = match &credentials.source {
        Source::Legacy(account) => {
            let key = show_secrets.then(|| account.sync_key().display());
            (Some(account.username().to_owned()), None, key)
        }
        _ if show_secrets && device.profile.account_path().exists() => {
            return Err(HostError::Usage(
                "this account has no join code: run `selvedge account login` on the other device"
                    .into(),
            ));
        }
        _ if show_secrets => (None, Some(credentials.join_code()?.to_line()), None),
        _ => (None, None, None),
    };
    device.output.answer(&Shown {
        server: credentials.server().to_owned(),
        renewable: matches!(
            credentials.source,
            Source::TokenServer { .. } | Source::Legacy(_)
        ),
        username,
        sync_key,
        device_name: name(device).await?,
        tells_version: device.version_to_tell()?.is_some(),
        key_id: credentials.kid,
        secrets: shown(&device.profile.credentials_path()),
        keyring: device.profile.credentials_form()? == Form::Encrypted,
        join_code,
    })
}

/// The name of this device for the others, now or after its first sync.
async fn name(device: &Device) -> Result<String> {
    let own = device.own_client()?.name;
    if device.profile.settings()?.device_name.is_some() {
        return Ok(own);
    }
    let said = match device.store_if_there()? {
        Some(store) => global_state(&store).await?.device.clients.uploaded,
        None => None,
    };
    Ok(said
        .map(|said| said.name)
        .filter(|name| is_numbered(name, &own))
        .unwrap_or(own))
}

pub(super) fn tell_version(device: &Device, tells: bool, dry_run: bool) -> Result<()> {
    if !dry_run {
        device.profile.keep_settings(&Settings {
            tells_version: tells,
            ..device.profile.settings()?
        })?;
    }
    device.output.answer(&VersionTold {
        tells_version: tells,
        dry_run,
    })
}

impl fmt::Display for VersionTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.tells_version, self.dry_run) {
            (true, false) => "This program's version is sent to the server, at most once a day.",
            (true, true) => {
                "This program's version would be sent to the server, at most once a day."
            }
            (false, false) => "This program's version is not sent to the server.",
            (false, true) => "This program's version would not be sent to the server.",
        };
        writeln!(f, "{text}")
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Server     {}", self.server)?;
        writeln!(f, "Device     {}", printable(&self.device_name))?;
        if let Some(key_id) = &self.key_id {
            writeln!(f, "Key        {key_id}")?;
        }
        let version = if self.tells_version {
            "sent to the server at most once a day"
        } else {
            "not sent to the server"
        };
        let form = if self.keyring {
            ", encrypted with a key in the system keyring"
        } else {
            ", in clear"
        };
        if let Some(username) = &self.username {
            writeln!(f, "Username   {username}")?;
            writeln!(f, "Version    {version}")?;
            writeln!(f, "Secrets    {}{form}", printable(&self.secrets))?;
            let shown = self.sync_key.as_ref().map(|key| key.as_str());
            let sync_key = shown.unwrap_or("hidden: use --show-secrets");
            return writeln!(f, "Sync Key   {sync_key}");
        }
        let tokens = if self.renewable {
            "renewed automatically"
        } else {
            "not renewed: pass new credentials when they expire"
        };
        writeln!(f, "Tokens     {tokens}")?;
        writeln!(f, "Version    {version}")?;
        writeln!(f, "Secrets    {}{form}", printable(&self.secrets))?;
        match &self.join_code {
            Some(code) => writeln!(f, "Join code  {}", code.as_str()),
            None if self.renewable => writeln!(f, "Join code  hidden: use --show-secrets"),
            None => Ok(()),
        }
    }
}
