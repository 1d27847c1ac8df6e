//! This device: its profile, its host, its account and the way to its storage.

use std::path::PathBuf;

use selvedge_core::account::mozilla::{AccountError, Kept, access};
use selvedge_core::account::{Credentials, Token};
use selvedge_core::error::Error;
use selvedge_core::host::{Clock as _, Store};
use selvedge_core::sync::{GlobalState, KeptToken, OwnClient};
use selvedge_core::time::LocalTime;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::output::Output;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::profile::{Profile, Settings, remove_if_there};
use selvedge_host::secret_files::{Form, Protection};
use selvedge_host::{
    NativeFetch, NativeHost, NetworkOptions, SqliteStore, SystemClock, USER_AGENT,
};

/// What every command works with.
#[derive(Debug)]
pub struct Device {
    /// Its directory.
    pub profile: Profile,
    /// Where answers go.
    pub output: Output,
    /// How the command line says that servers are reached; what the settings say comes after.
    pub network: NetworkOptions,
}

/// A token as its file holds it: the token server's answer, and when it came.
#[derive(Serialize, Deserialize)]
struct TokenFile {
    received: LocalTime,
    api_endpoint: String,
    id: String,
    key: Zeroizing<String>,
    uid: u64,
    duration: u64,
}

impl Device {
    /// A host with the profile's store, which is created if it is missing.
    ///
    /// # Errors
    /// When the store or the system's certificates cannot be used.
    pub fn host(&self) -> Result<NativeHost<SqliteStore>> {
        Ok(NativeHost::new(
            self.network().fetch,
            self.profile.open_store()?,
        ))
    }

    /// A host without a store.
    #[must_use]
    pub fn network(&self) -> NativeHost<()> {
        let mut options = self.network.clone();
        // Settings that cannot be read are an error where they are needed for more.
        let settings = self.profile.settings().unwrap_or_default();
        options.ca_file = options.ca_file.or(settings.ca_file);
        options.insecure_http |= settings.insecure_http;
        NativeHost::new(NativeFetch::with(options), ())
    }

    /// Keeps how the command line says that servers are reached, for the commands that follow.
    ///
    /// # Errors
    /// When the settings cannot be read or written.
    fn keep_network(&self) -> Result<()> {
        let NetworkOptions {
            ca_file,
            insecure_http,
        } = &self.network;
        let before = self.profile.settings()?;
        let absolute = |path: &PathBuf| std::path::absolute(path).map_err(HostError::file(path));
        let settings = Settings {
            ca_file: ca_file
                .as_ref()
                .map(absolute)
                .transpose()?
                .or(before.ca_file.clone()),
            insecure_http: *insecure_http || before.insecure_http,
            ..before.clone()
        };
        match settings == before {
            true => Ok(()),
            false => self.profile.keep_settings(&settings),
        }
    }

    /// The store, if there is one.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn store_if_there(&self) -> Result<Option<SqliteStore>> {
        self.profile
            .store_path()
            .exists()
            .then(|| self.profile.open_store())
            .transpose()
    }

    /// The account, if there is one.
    ///
    /// # Errors
    /// When its file cannot be read or is damaged.
    pub fn credentials_if_there(&self) -> Result<Option<Credentials>> {
        let path = self.profile.credentials_path();
        let Some(json) = self.profile.read_secret(&path)? else {
            return Ok(None);
        };
        let credentials = Credentials::from_json(&json).map_err(|error| HostError::BadFile {
            path,
            detail: format!("{error}: `selvedge account forget`, then join the account again"),
        })?;
        Ok(Some(credentials))
    }

    /// The account.
    ///
    /// # Errors
    /// [`HostError::NoAccount`], or when its file cannot be read or is damaged.
    pub fn credentials(&self) -> Result<Credentials> {
        self.credentials_if_there()?.ok_or(HostError::NoAccount)
    }

    /// The account as a sync uses it now: after a sign-in to an accounts server with a valid access token, which is
    /// renewed and stored if it is due.
    ///
    /// # Errors
    /// [`HostError::NoAccount`]; [`HostError::Account`] when the person has to sign in again.
    pub async fn account<S>(&self, host: &NativeHost<S>) -> Result<Credentials> {
        let credentials = self.credentials()?;
        let Some(before) = self.kept()? else {
            return Ok(credentials);
        };
        let mut kept = before.clone();
        match access(host, &credentials, &mut kept, Some(USER_AGENT.into())).await {
            Ok(current) => {
                self.keep_tokens(&before, &kept)?;
                Ok(current)
            }
            // Without a network, the sync reports it, or it still has a storage token.
            Err(AccountError::Core(Error::Network { .. })) => Ok(credentials),
            Err(error) => Err(error.into()),
        }
    }

    /// The same after a server refused the access token: a new one is requested. `None` if there is none to renew.
    ///
    /// # Errors
    /// As [`Device::account`].
    pub async fn account_again<S>(&self, host: &NativeHost<S>) -> Result<Option<Credentials>> {
        let Some(before) = self.kept()? else {
            return Ok(None);
        };
        let mut kept = before.clone();
        kept.drop_access_token();
        let credentials = self.credentials()?;
        let current = access(host, &credentials, &mut kept, Some(USER_AGENT.into())).await?;
        self.keep_tokens(&before, &kept)?;
        Ok(Some(current))
    }

    /// Stores renewed tokens, and leaves what another process stored in the meantime.
    fn keep_tokens(&self, before: &Kept, renewed: &Kept) -> Result<()> {
        if before == renewed {
            return Ok(());
        }
        let mut newest = self.kept()?.unwrap_or_else(|| renewed.clone());
        // Another process may have signed in anew: its session is not this one.
        if newest.is_same_session(renewed) {
            newest.take_tokens_of(renewed);
            self.keep_kept(&newest)?;
        }
        Ok(())
    }

    /// What a sign-in to an accounts server keeps, if there was one.
    ///
    /// # Errors
    /// When its file cannot be read or is damaged.
    pub fn kept(&self) -> Result<Option<Kept>> {
        let path = self.profile.account_path();
        let Some(json) = self.profile.read_secret(&path)? else {
            return Ok(None);
        };
        let kept = Kept::from_json(&json).map_err(|error| HostError::BadFile {
            path,
            detail: error.to_string(),
        })?;
        Ok(Some(kept))
    }

    /// Stores what a sign-in keeps.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn keep_kept(&self, kept: &Kept) -> Result<()> {
        let path = self.profile.account_path();
        self.profile
            .write_secret(&path, &kept.to_json(), Protection::AsBefore)
    }

    /// Stores an account's secrets in their file.
    ///
    /// # Errors
    /// When it cannot be written, or the keyring does not give or take the key.
    pub fn keep_credentials(
        &self,
        credentials: &Credentials,
        protection: Protection,
    ) -> Result<()> {
        self.keep_network()?;
        let path = self.profile.credentials_path();
        self.profile
            .write_secret(&path, &credentials.to_json(), protection)
    }

    /// Whether a file of secrets is encrypted.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn has_encrypted_secrets(&self) -> Result<bool> {
        let forms = [self.profile.credentials_form()?, self.profile.token_form()?];
        Ok(forms.contains(&Form::Encrypted))
    }

    /// Removes the key from the keyring after the files that it encrypted. Without them it opens nothing, so a keyring
    /// that does not remove it is only reported.
    pub fn remove_key_after(&self, was_encrypted: bool) {
        if was_encrypted && let Err(error) = self.profile.remove_key() {
            self.output.note(format_args!(
                "the key of the removed credentials is still in the system keyring: {error}"
            ));
        }
    }

    /// Forgets the account's secrets; records stay.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn forget_account(&self) -> Result<()> {
        let is_encrypted = self.has_encrypted_secrets()?;
        remove_if_there(&self.profile.account_path())?;
        remove_if_there(&self.profile.credentials_path())?;
        remove_if_there(&self.profile.schedule_path())?;
        self.forget_token()?;
        self.remove_key_after(is_encrypted);
        Ok(())
    }

    /// What this device says of itself to the account's other devices, by the name that a person chose or the machine's.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub fn own_client(&self) -> Result<OwnClient> {
        let name = self.profile.settings()?.device_name;
        Ok(OwnClient {
            name: name.unwrap_or_else(selvedge_host::machine_name),
            os: Some(std::env::consts::OS.into()),
            ..OwnClient::default()
        })
    }

    /// Stores the name of this device for the account's other devices; the next sync sends it.
    ///
    /// # Errors
    /// When the settings cannot be read or written.
    pub fn keep_name(&self, name: &str) -> Result<()> {
        self.profile.keep_settings(&Settings {
            device_name: Some(name.into()),
            ..self.profile.settings()?
        })
    }

    /// The program's version, where the server's operators may know it.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub fn version_to_tell(&self) -> Result<Option<&'static str>> {
        let tells = self.profile.settings()?.tells_version;
        Ok(tells.then_some(env!("CARGO_PKG_VERSION")))
    }

    /// The storage token of an earlier command, unless it is due for renewal.
    ///
    /// # Errors
    /// When its file cannot be read, or the keyring does not give its key; a damaged file counts as missing.
    pub fn token(&self) -> Result<Option<KeptToken>> {
        let json = match self.profile.read_secret(&self.profile.token_path()) {
            Err(HostError::BadFile { .. }) => None,
            read => read?,
        };
        let kept = json.and_then(|json| {
            let received = serde_json::from_slice::<TokenFile>(&json).ok()?.received;
            let token = Token::from_json(&json).ok()?;
            Some(KeptToken { token, received })
        });
        Ok(kept.filter(|kept| kept.is_fresh(SystemClock.now())))
    }

    /// Keeps the storage token for the next command, if it is another one than it was.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn keep_token(&self, was: Option<&KeptToken>, kept: Option<&KeptToken>) -> Result<()> {
        if was == kept {
            return Ok(());
        }
        let Some(KeptToken { token, received }) = kept else {
            return self.forget_token();
        };
        let file = TokenFile {
            received: *received,
            api_endpoint: token.api_endpoint.clone(),
            id: token.id.clone(),
            key: token.key.clone(),
            uid: token.uid,
            duration: token.duration,
        };
        let json =
            serde_json::to_vec(&file).map_err(|error| HostError::Failed(error.to_string()))?;
        let path = self.profile.token_path();
        self.profile
            .write_secret(&path, &Zeroizing::new(json), Protection::AsBefore)
    }

    /// Forgets the storage token.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn forget_token(&self) -> Result<()> {
        remove_if_there(&self.profile.token_path()).map(drop)
    }
}

/// What a sync keeps of the account.
///
/// # Errors
/// When the store, or what it keeps of this device's choices, cannot be read.
pub async fn global_state(store: &impl Store) -> Result<GlobalState> {
    Ok(GlobalState::load(store).await?)
}

/// Whether a name is the machine's, alone or with the number that distinguishes devices of the same name.
#[must_use]
pub fn is_numbered(name: &str, machine: &str) -> bool {
    let rest = name.strip_prefix(machine);
    rest.is_some_and(|rest| {
        let number = rest.strip_prefix(' ').map(str::parse::<u32>);
        rest.is_empty() || matches!(number, Some(Ok(2..)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_name_is_the_machines() {
        for (name, expected) in [
            ("attic", true),
            ("attic 2", true),
            ("attic 17", true),
            ("attic 1", false),
            ("attic2", false),
            ("attic two", false),
            ("cellar", false),
            ("", false),
        ] {
            assert_eq!(is_numbered(name, "attic"), expected, "{name}");
        }
    }
}
