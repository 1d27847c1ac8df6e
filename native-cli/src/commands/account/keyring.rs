//! `selvedge account keyring`: whether the account's secrets are encrypted with a key in the system keyring.

use std::fmt;

use serde::Serialize;

use super::grammar::KeyringCommand;
use crate::device::Device;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::secret_files::Form;

/// The change that was made, or would be made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    /// Whether the secrets are encrypted from now on.
    keyring: bool,
    /// Whether a change was necessary.
    changed: bool,
    dry_run: bool,
}

/// How the secrets are stored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    /// Whether the credentials are encrypted.
    keyring: bool,
    credentials: Form,
    token: Form,
    key: KeyState,
    /// Why the key cannot be read, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum KeyState {
    Present,
    Missing,
    /// The keyring is locked or does not work.
    Unreadable,
}

pub(super) fn run(device: &Device, command: KeyringCommand) -> Result<()> {
    match command {
        KeyringCommand::On { dry_run } => change(device, true, dry_run.dry_run),
        KeyringCommand::Off { dry_run } => change(device, false, dry_run.dry_run),
        KeyringCommand::Status => status(device),
    }
}

fn change(device: &Device, on: bool, dry_run: bool) -> Result<()> {
    let profile = &device.profile;
    let lock = match dry_run {
        true => None,
        false => Some(profile.lock()?),
    };
    if profile.credentials_form()? == Form::Absent && on {
        return Err(HostError::NoAccount);
    }
    let changed = match (dry_run, on) {
        (false, true) => profile.encrypt_secrets()?,
        (false, false) => profile.decrypt_secrets()?,
        // The keyring is checked too, so that a dry run fails where the change would.
        (true, on) => {
            let has_key = profile.has_key()?;
            device.credentials_if_there()?;
            let forms = [profile.credentials_form()?, profile.token_form()?];
            if on {
                forms.contains(&Form::Clear)
            } else {
                forms.contains(&Form::Encrypted) || has_key
            }
        }
    };
    drop(lock);
    device.output.answer(&Changed {
        keyring: on,
        changed,
        dry_run,
    })
}

fn status(device: &Device) -> Result<()> {
    let profile = &device.profile;
    let credentials = profile.credentials_form()?;
    // Reading the credentials also proves that the key is the right one.
    let read = profile
        .has_key()
        .and_then(|has_key| device.credentials_if_there().map(|_| has_key));
    let (key, problem) = match read {
        Ok(true) => (KeyState::Present, None),
        Ok(false) => (KeyState::Missing, None),
        Err(HostError::Keyring(error)) if error.code() == "keyring-no-key" => {
            (KeyState::Missing, Some(error.to_string()))
        }
        Err(error) => (KeyState::Unreadable, Some(error.message())),
    };
    device.output.answer(&Status {
        keyring: credentials == Form::Encrypted,
        credentials,
        token: profile.token_form()?,
        key,
        problem,
    })
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.keyring, self.changed, self.dry_run) {
            (true, false, _) => "The account's secrets are already encrypted.",
            (false, false, _) => "The account's secrets are already in clear.",
            (true, true, true) => {
                "Would encrypt the account's secrets with a key in the system keyring."
            }
            (true, true, false) => {
                "The account's secrets are encrypted with a key in the system keyring. Without that key they cannot be read: keep a join code or a second device."
            }
            (false, true, true) => {
                "Would write the account's secrets in clear, readable by you alone, and remove the key from the system keyring."
            }
            (false, true, false) => {
                "The account's secrets are in clear, readable by you alone; the key is removed from the system keyring."
            }
        };
        writeln!(f, "{text}")
    }
}

const fn text(form: Form) -> &'static str {
    match form {
        Form::Absent => "no file",
        Form::Clear => "in clear",
        Form::Encrypted => "encrypted",
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self.key {
            KeyState::Present => "in the system keyring",
            KeyState::Missing => "not in the system keyring",
            KeyState::Unreadable => "cannot be read",
        };
        writeln!(
            f,
            "Keyring      {}",
            if self.keyring { "on" } else { "off" }
        )?;
        writeln!(f, "Credentials  {}", text(self.credentials))?;
        writeln!(f, "Token        {}", text(self.token))?;
        writeln!(f, "Key          {key}")?;
        if let Some(problem) = &self.problem {
            writeln!(f, "Problem      {problem}")?;
        }
        if self.keyring && self.token == Form::Clear {
            writeln!(
                f,
                "`selvedge account keyring on` was stopped before it was done: run it again to encrypt the token too."
            )?;
        }
        Ok(())
    }
}
