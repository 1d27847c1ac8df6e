//! `selvedge account use --legacy`: an account of a server of dialect 1.1, with a name and a password.

use selvedge_core::account::legacy::Account;
use selvedge_core::crypto::SyncKey;
use selvedge_core::error::Error;

use super::LegacyArgs;
use crate::commands::secret::secret;
use crate::output::Output;
use selvedge_host::SystemRandom;
use selvedge_host::exit::{HostError, Result};

/// The account of the options, and whether its Sync Key is a new one.
pub(super) fn account(output: &Output, args: &LegacyArgs) -> Result<(Account, bool)> {
    let (Some(server), Some(username)) = (&args.server, &args.username) else {
        return Err(HostError::Usage(
            "--legacy needs --server and --username".into(),
        ));
    };
    let password = secret(
        output,
        args.password_file.as_deref(),
        "Password",
        "--password-file",
    )?;
    let sync_key = if args.new_sync_key {
        SyncKey::make(&SystemRandom).map_err(Error::from)?
    } else {
        let file = args.sync_key_file.as_deref();
        let typed = secret(output, file, "Sync Key", "--sync-key-file")?;
        SyncKey::parse(&typed).map_err(|_| {
            Error::Input(
                "this is not a Sync Key: a Sync Key has 26 letters and digits in groups of 1 and 5, like a-bcdef-…".into(),
            )
        })?
    };
    let account = Account::with_key(server, username, &password, sync_key)?;
    Ok((account, args.new_sync_key))
}
