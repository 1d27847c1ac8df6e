//! `selvedge account`: creates, joins, shows or forgets the account of this device.

mod copy;
mod grammar;
mod keyring;
mod legacy;
mod login;
mod records;
mod replace;
mod show;
mod signed_in;

use std::fmt;
use std::path::Path;

use selvedge_core::account::{Credentials, JoinCode, embedded};
use selvedge_core::error::Error;
use selvedge_core::journal::count_unsent;
use selvedge_core::sync::{self, Remedy};
use serde::Serialize;
use zeroize::Zeroizing;

pub use self::grammar::{AccountCommand, LegacyArgs, LoginArgs};
pub use self::records::RecordsChoice;
use self::replace::Arrival;
use crate::commands::secret::{read_secret, secret};
use crate::commands::sync::reinitialize;
use crate::confirm::agree;
use crate::device::Device;
use crate::output::{Output, printable};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::paths::shown;
use selvedge_host::profile::remove_if_there;
use selvedge_host::secret_files::{Form, Protection};
use selvedge_server::announcement;

/// The action that was done, or would be done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    /// The action, in a word.
    done: &'static str,
    /// The server, if the action concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// The join code, with which other devices join.
    #[serde(skip_serializing_if = "Option::is_none")]
    join_code: Option<Zeroizing<String>>,
    /// The Sync Key, if it was generated now.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_key: Option<Zeroizing<String>>,
    /// The number of local changes that were never sent, if the account is forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsent: Option<u64>,
    dry_run: bool,
    /// The same for people.
    #[serde(skip)]
    sentence: String,
}

/// Runs a command of `selvedge account`.
///
/// # Errors
/// When the input is invalid, the account is missing or exists already, or the server refuses.
pub async fn run(device: &Device, command: AccountCommand) -> Result<()> {
    match command {
        AccountCommand::Create {
            server,
            invitation,
            device_name,
            choice,
            keyring,
            dry_run,
        } => {
            let new = New {
                name: device_name.as_deref(),
                choice,
                protection: protection(keyring),
                dry_run: dry_run.dry_run,
            };
            create(device, &server, invitation.as_deref(), new).await
        }
        AccountCommand::Join {
            code,
            code_file,
            device_name,
            choice,
            keyring,
            dry_run,
        } => {
            let new = New {
                name: device_name.as_deref(),
                choice,
                protection: protection(keyring),
                dry_run: dry_run.dry_run,
            };
            join(device, code, code_file.as_deref(), new).await
        }
        AccountCommand::Use {
            credentials,
            legacy,
            device_name,
            choice,
            keyring,
            dry_run,
        } => {
            let new = New {
                name: device_name.as_deref(),
                choice,
                protection: protection(keyring),
                dry_run: dry_run.dry_run,
            };
            match credentials {
                Some(file) => use_file(device, &file, new).await,
                None => use_legacy(device, &legacy, new).await,
            }
        }
        AccountCommand::Copy {
            to,
            to_code_file,
            dry_run,
        } => {
            let to = copy::target(&device.output, to.as_deref(), to_code_file.as_deref())?;
            copy::run(device, &to, dry_run.dry_run).await
        }
        AccountCommand::Reinitialize {
            restore,
            yes,
            dry_run,
        } => {
            let remedy = if restore {
                Remedy::Restore
            } else {
                Remedy::StartOver
            };
            reinitialize::run(device, remedy, yes, dry_run.dry_run).await
        }
        AccountCommand::Login(args) => login::run(device, &args).await,
        AccountCommand::Status => signed_in::status(device).await,
        AccountCommand::Logout => signed_in::logout(device).await,
        AccountCommand::Devices { all, remove } => {
            signed_in::devices(device, all, remove.as_deref()).await
        }
        AccountCommand::Sessions => signed_in::sessions(device).await,
        AccountCommand::Show { show_secrets } => show::show(device, show_secrets).await,
        AccountCommand::TellVersion { tells, dry_run } => {
            show::tell_version(device, tells, dry_run.dry_run)
        }
        AccountCommand::Keyring(command) => keyring::run(device, command),
        AccountCommand::Forget {
            with_records,
            yes,
            dry_run,
        } => forget(device, with_records, yes, dry_run.dry_run).await,
    }
}

/// The way in which a profile gets an account.
#[derive(Clone, Copy)]
struct New<'a> {
    /// The name of this device for the account's other devices.
    name: Option<&'a str>,
    choice: RecordsChoice,
    protection: Protection,
    dry_run: bool,
}

const fn protection(keyring: bool) -> Protection {
    if keyring {
        Protection::Keyring
    } else {
        Protection::AsBefore
    }
}

impl New<'_> {
    /// Checks that the keyring can store a key, before any step whose result would be lost without it.
    fn check_keyring(&self, device: &Device) -> Result<()> {
        match (self.protection, self.dry_run) {
            (Protection::AsBefore, _) => Ok(()),
            (Protection::Keyring, true) => device.profile.check_keyring(),
            (Protection::Keyring, false) => device.profile.prepare_key().map(drop),
        }
    }
}

async fn create(
    device: &Device,
    server: &str,
    invitation: Option<&Path>,
    new: New<'_>,
) -> Result<()> {
    let dry_run = new.dry_run;
    let lock = begin(device, dry_run)?;
    new.check_keyring(device)?;
    let decided = records::look(device, None, new.choice, dry_run).await?;
    let invitation = invitation
        .map(|file| read_secret(&device.output, file))
        .transpose()?;
    if dry_run {
        return device.output.answer(&Done {
            done: "create",
            server: Some(server.into()),
            join_code: None,
            sync_key: None,
            unsent: None,
            dry_run,
            sentence: format!("Would create an account on {server} and store its secrets here."),
        });
    }
    let host = device.network();
    // The user who runs the server on this machine needs no invitation.
    let invitation = invitation.or_else(|| announcement::token_of(server));
    let invitation = invitation.as_ref().map(|text| text.as_str());
    let credentials = embedded::create_account(&host, server, invitation).await?;
    keep(device, &credentials, new, decided).await?;
    drop(lock);
    device.output.note(
        "Join another device with this line; anyone who has it can read and change all records:",
    );
    let code = credentials.join_code()?.to_line();
    device.output.answer(&Done {
        done: "create",
        server: Some(credentials.server().to_owned()),
        sentence: code.to_string(),
        join_code: Some(code),
        sync_key: None,
        unsent: None,
        dry_run,
    })
}

async fn join(
    device: &Device,
    code: Option<String>,
    file: Option<&Path>,
    new: New<'_>,
) -> Result<()> {
    let line = match (code, file) {
        (_, Some(file)) => read_secret(&device.output, file)?,
        (Some(code), None) if code == "-" => read_secret(&device.output, Path::new("-"))?,
        (Some(code), None) => Zeroizing::new(code),
        // At a terminal, the input is not shown.
        (None, None) => secret(&device.output, None, "Join code", "--code-file")?,
    };
    let code: JoinCode = line.parse().map_err(Error::from)?;
    adopt(device, &code.into_credentials(), "join", new).await
}

async fn use_file(device: &Device, file: &Path, new: New<'_>) -> Result<()> {
    adopt(device, &read_credentials(&device.output, file)?, "use", new).await
}

fn read_credentials(output: &Output, file: &Path) -> Result<Credentials> {
    let json = read_secret(output, file)?;
    Credentials::from_json(json.as_bytes()).map_err(|error| HostError::BadFile {
        path: file.to_owned(),
        detail: error.to_string(),
    })
}

async fn use_legacy(device: &Device, args: &LegacyArgs, new: New<'_>) -> Result<()> {
    let (account, is_new_key) = legacy::account(&device.output, args)?;
    let sync_key = account.sync_key().display();
    let credentials = account.into_credentials();
    if !is_new_key || new.dry_run {
        return adopt(device, &credentials, "use", new).await;
    }
    let (_lock, _) = replace::begin(device, &credentials, new.dry_run)?;
    new.check_keyring(device)?;
    let decided = records::look(device, Some(&credentials), new.choice, false).await?;
    keep(device, &credentials, new, decided).await?;
    device
        .output
        .note("Other devices need this Sync Key; anyone who has it can read all records:");
    device.output.answer(&Done {
        done: "use",
        server: Some(credentials.server().to_owned()),
        join_code: None,
        sentence: sync_key.to_string(),
        sync_key: Some(sync_key),
        unsent: None,
        dry_run: false,
    })
}

/// Only a profile without an account gets a new one: the records of two accounts must not be mixed.
fn begin(device: &Device, dry_run: bool) -> Result<Option<selvedge_host::profile::Lock>> {
    let lock = if dry_run {
        None
    } else {
        Some(device.profile.lock()?)
    };
    if device.profile.credentials_path().exists() {
        return Err(HostError::AccountExists);
    }
    Ok(lock)
}

async fn keep(
    device: &Device,
    credentials: &Credentials,
    new: New<'_>,
    decided: records::Decided,
) -> Result<()> {
    if let Some(name) = new.name {
        device.keep_name(name)?;
    }
    device.forget_token()?;
    remove_if_there(&device.profile.account_path())?;
    records::settle(device, credentials, decided).await?;
    device.keep_credentials(credentials, new.protection)?;
    let path = shown(&device.profile.credentials_path());
    let path = printable(&path);
    match device.profile.credentials_form()? {
        Form::Encrypted => device.output.note(format_args!(
            "The secrets are in {path}, encrypted with a key in the system keyring."
        )),
        _ => device.output.note(format_args!(
            "The secrets are in {path}, in clear and readable by you alone; `selvedge account keyring on` encrypts them."
        )),
    }
    Ok(())
}

async fn adopt(
    device: &Device,
    credentials: &Credentials,
    done: &'static str,
    new: New<'_>,
) -> Result<()> {
    let dry_run = new.dry_run;
    let (_lock, arrival) = replace::begin(device, credentials, dry_run)?;
    new.check_keyring(device)?;
    let decided = records::look(device, Some(credentials), new.choice, dry_run).await?;
    if !dry_run {
        keep(device, credentials, new, decided).await?;
        replace::forget_refusal(device).await?;
    }
    let server = credentials.server().to_owned();
    let sentence = match (arrival, dry_run) {
        (Arrival::First, true) => format!("Would use the account on {server}."),
        (Arrival::First, false) => {
            format!(
                "This device uses the account on {server}; `selvedge sync` downloads its records."
            )
        }
        (Arrival::Replacement, true) => {
            format!("Would replace the credentials for the account on {server}.")
        }
        (Arrival::Replacement, false) => format!(
            "The credentials for the account on {server} are replaced; records and settings stay."
        ),
    };
    device.output.answer(&Done {
        done,
        server: Some(server),
        join_code: None,
        sync_key: None,
        unsent: None,
        dry_run,
        sentence,
    })
}

async fn forget(device: &Device, with_records: bool, yes: bool, dry_run: bool) -> Result<()> {
    let profile = &device.profile;
    let mut doomed = vec![
        profile.credentials_path(),
        profile.account_path(),
        profile.token_path(),
    ];
    if with_records {
        doomed.extend(profile.store_files());
    }
    if !doomed.iter().any(|path| path.exists()) {
        return Err(HostError::NoAccount);
    }
    let lock = if dry_run { None } else { Some(profile.lock()?) };
    let unsent = unsent(device).await?;
    if !dry_run {
        if with_records && unsent > 0 {
            let loss = format!(
                "{} not sent from this device would be lost",
                changes(unsent)
            );
            agree(&device.output, &loss, yes)?;
        }
        let is_encrypted = device.has_encrypted_secrets()?;
        for path in &doomed {
            remove_if_there(path)?;
        }
        device.remove_key_after(is_encrypted);
        // The daemon's schedule was for this account's server.
        remove_if_there(&profile.schedule_path())?;
    }
    drop(lock);
    let would = if dry_run { "Would forget" } else { "Forgot" };
    let records = match (with_records, unsent) {
        (true, 0) => "the account and all its records here".to_owned(),
        (true, unsent) => format!(
            "the account and all its records here, including {} that were not sent",
            changes(unsent)
        ),
        (false, 0) => "the account; its records stay here".to_owned(),
        (false, unsent) => format!(
            "the account; its records stay here, including {} that were not sent",
            changes(unsent)
        ),
    };
    device.output.answer(&Done {
        done: "forget",
        server: None,
        join_code: None,
        sync_key: None,
        unsent: Some(unsent),
        dry_run,
        sentence: format!("{would} {records}. The records on the server are unchanged."),
    })
}

/// The number of local changes that the server does not have. A store without the mark of its account gets it, while
/// the account is known; one that cannot be read has no changes that could be saved.
async fn unsent(device: &Device) -> Result<u64> {
    let Ok(Some(store)) = device.store_if_there() else {
        return Ok(0);
    };
    if let Ok(Some(credentials)) = device.credentials_if_there() {
        // Changes of another account keep that account's mark.
        let _ = sync::bind(&store, &credentials).await;
    }
    let counts = count_unsent(&store).await?;
    Ok(counts.iter().map(|(_, count)| count).sum())
}

fn changes(count: u64) -> String {
    format!("{count} {}", if count == 1 { "change" } else { "changes" })
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
