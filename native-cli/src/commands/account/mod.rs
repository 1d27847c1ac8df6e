//! `selvedge account`: make, join, show or forget the account of this device.

mod copy;
mod grammar;
mod legacy;
mod show;

use std::fmt;
use std::path::Path;

use selvedge_core::account::{Credentials, JoinCode, embedded};
use selvedge_core::error::Error;
use serde::Serialize;
use zeroize::Zeroizing;

pub use self::grammar::{AccountCommand, LegacyArgs};
use crate::commands::secret::read_secret;
use crate::device::Device;
use crate::exit::{CliError, Result};
use crate::profile::remove_if_there;

/// What was, or would be, done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    /// What, in a word.
    done: &'static str,
    /// The server, where one is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// Other devices join with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    join_code: Option<Zeroizing<String>>,
    /// The Sync Key, if it was made just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_key: Option<Zeroizing<String>>,
    dry_run: bool,
    /// The same for people.
    #[serde(skip)]
    sentence: String,
}

/// Does what is to be done with the account.
///
/// # Errors
/// When the input is not usable, there is no account or one already, or the server refuses.
pub async fn run(device: &Device, command: AccountCommand) -> Result<()> {
    match command {
        AccountCommand::Create {
            server,
            invitation,
            device_name,
            dry_run,
        } => {
            let name = device_name.as_deref();
            create(
                device,
                &server,
                invitation.as_deref(),
                name,
                dry_run.dry_run,
            )
            .await
        }
        AccountCommand::Join {
            code,
            code_file,
            device_name,
            dry_run,
        } => {
            let name = device_name.as_deref();
            join(device, code, code_file.as_deref(), name, dry_run.dry_run)
        }
        AccountCommand::Use {
            credentials: Some(credentials),
            device_name,
            dry_run,
            ..
        } => use_file(
            device,
            &credentials,
            device_name.as_deref(),
            dry_run.dry_run,
        ),
        AccountCommand::Use {
            legacy,
            device_name,
            dry_run,
            ..
        } => use_legacy(device, &legacy, device_name.as_deref(), dry_run.dry_run),
        AccountCommand::Copy {
            to,
            to_code_file,
            dry_run,
        } => {
            let to = copy::target(to.as_deref(), to_code_file.as_deref())?;
            copy::run(device, &to, dry_run.dry_run).await
        }
        AccountCommand::Show { show_secrets } => show::show(device, show_secrets),
        AccountCommand::TellVersion { tells, dry_run } => {
            show::tell_version(device, tells, dry_run.dry_run)
        }
        AccountCommand::Forget {
            with_records,
            dry_run,
        } => forget(device, with_records, dry_run.dry_run),
    }
}

async fn create(
    device: &Device,
    server: &str,
    invitation: Option<&Path>,
    name: Option<&str>,
    dry_run: bool,
) -> Result<()> {
    let lock = begin(device, dry_run)?;
    let invitation = invitation.map(read_secret).transpose()?;
    if dry_run {
        return device.output.answer(&Done {
            done: "create",
            server: Some(server.into()),
            join_code: None,
            sync_key: None,
            dry_run,
            sentence: format!("Would make an account on {server} and keep its secrets here."),
        });
    }
    let host = device.network();
    let invitation = invitation.as_ref().map(|text| text.as_str());
    let credentials = embedded::create_account(&host, server, invitation).await?;
    keep(device, &credentials, name)?;
    drop(lock);
    device
        .output
        .note("Another device joins with this line; who has it can read and change everything:");
    let code = credentials.join_code()?.to_line();
    device.output.answer(&Done {
        done: "create",
        server: Some(credentials.server().to_owned()),
        sentence: code.to_string(),
        join_code: Some(code),
        sync_key: None,
        dry_run,
    })
}

fn join(
    device: &Device,
    code: Option<String>,
    file: Option<&Path>,
    name: Option<&str>,
    dry_run: bool,
) -> Result<()> {
    let _lock = begin(device, dry_run)?;
    let line = match (code, file) {
        (_, Some(file)) => read_secret(file)?,
        (Some(code), None) if code != "-" => Zeroizing::new(code),
        _ => read_secret(Path::new("-"))?,
    };
    let code: JoinCode = line.parse().map_err(Error::from)?;
    adopt(device, &code.into_credentials(), "join", name, dry_run)
}

fn use_file(device: &Device, file: &Path, name: Option<&str>, dry_run: bool) -> Result<()> {
    let _lock = begin(device, dry_run)?;
    adopt(device, &read_credentials(file)?, "use", name, dry_run)
}

fn read_credentials(file: &Path) -> Result<Credentials> {
    let json = read_secret(file)?;
    Credentials::from_json(json.as_bytes()).map_err(|error| CliError::BadFile {
        path: file.to_owned(),
        detail: error.to_string(),
    })
}

fn use_legacy(device: &Device, args: &LegacyArgs, name: Option<&str>, dry_run: bool) -> Result<()> {
    let _lock = begin(device, dry_run)?;
    let (account, is_new_key) = legacy::account(args)?;
    let sync_key = account.sync_key().display();
    let credentials = account.into_credentials();
    if !is_new_key || dry_run {
        return adopt(device, &credentials, "use", name, dry_run);
    }
    keep(device, &credentials, name)?;
    device
        .output
        .note("Other devices need this Sync Key; who has it can read everything:");
    device.output.answer(&Done {
        done: "use",
        server: Some(credentials.server().to_owned()),
        join_code: None,
        sentence: sync_key.to_string(),
        sync_key: Some(sync_key),
        dry_run,
    })
}

/// Only a profile without an account gets one: the records of two accounts must not be mixed.
fn begin(device: &Device, dry_run: bool) -> Result<Option<crate::profile::Lock>> {
    let lock = if dry_run {
        None
    } else {
        Some(device.profile.lock()?)
    };
    if device.profile.credentials_path().exists() {
        return Err(CliError::AccountExists);
    }
    Ok(lock)
}

fn keep(device: &Device, credentials: &Credentials, name: Option<&str>) -> Result<()> {
    if let Some(name) = name {
        device.keep_name(name)?;
    }
    device.forget_token()?;
    device.keep_credentials(credentials)?;
    device.output.note(format_args!(
        "The secrets are in {}, readable by you alone.",
        device.profile.credentials_path().display()
    ));
    Ok(())
}

fn adopt(
    device: &Device,
    credentials: &Credentials,
    done: &'static str,
    name: Option<&str>,
    dry_run: bool,
) -> Result<()> {
    if !dry_run {
        keep(device, credentials, name)?;
    }
    let server = credentials.server().to_owned();
    let sentence = if dry_run {
        format!("Would use the account on {server}.")
    } else {
        format!("This device uses the account on {server}; `selvedge sync` brings its records.")
    };
    device.output.answer(&Done {
        done,
        server: Some(server),
        join_code: None,
        sync_key: None,
        dry_run,
        sentence,
    })
}

fn forget(device: &Device, with_records: bool, dry_run: bool) -> Result<()> {
    let profile = &device.profile;
    let mut doomed = vec![profile.credentials_path(), profile.token_path()];
    if with_records {
        doomed.extend(profile.store_files());
    }
    if !doomed.iter().any(|path| path.exists()) {
        return Err(CliError::NoAccount);
    }
    if !dry_run {
        let _lock = profile.lock()?;
        for path in &doomed {
            remove_if_there(path)?;
        }
    }
    let would = if dry_run { "Would forget" } else { "Forgot" };
    let records = if with_records {
        "the account and all its records here"
    } else {
        "the account; its records stay here"
    };
    device.output.answer(&Done {
        done: "forget",
        server: None,
        join_code: None,
        sync_key: None,
        dry_run,
        sentence: format!("{would} {records}. The server's are as they were."),
    })
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
