//! New credentials for the account of a profile: they replace the old ones, and everything else stays.

use selvedge_core::account::{Binding, Credentials, Owner};
use selvedge_core::sync;

use crate::device::Device;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::profile::Lock;

/// The relation of new credentials to a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The profile has no account.
    First,
    /// They belong to the profile's account.
    Replacement,
}

/// Locks the profile for new credentials, unless it has another account: the records of two accounts must not be mixed.
///
/// # Errors
/// [`HostError::AccountDiffers`]; when the profile cannot be read or is in use.
pub(super) fn begin(
    device: &Device,
    new: &Credentials,
    dry_run: bool,
) -> Result<(Option<Lock>, Arrival)> {
    let lock = match dry_run {
        true => None,
        false => Some(device.profile.lock()?),
    };
    match device.credentials_if_there()? {
        None => Ok((lock, Arrival::First)),
        Some(old) if is_same_account(&old, new) => Ok((lock, Arrival::Replacement)),
        Some(_) => Err(HostError::AccountDiffers),
    }
}

/// Whether both belong to one account: they have its sync key, or belong to one user, whose key was changed.
fn is_same_account(old: &Credentials, new: &Credentials) -> bool {
    matches!(Binding::of(old).judge(new), Owner::Same | Owner::SameUser)
}

/// Clears the refusal of the old credentials by the server.
pub(super) async fn forget_refusal(device: &Device) -> Result<()> {
    if let Some(store) = device.store_if_there()? {
        sync::forget_refusal(&store).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_server(url: &str, token: &str, key: char) -> Credentials {
        let key = key.to_string().repeat(86);
        let json = format!(
            r#"{{"tokenserver_url":"{url}","access_token":"{token}","kid":"1-AAAAAAAAAAAAAAAAAAAAAA","ksync_b64url":"{key}"}}"#
        );
        Credentials::from_json(json.as_bytes()).unwrap()
    }

    fn storage(uid: u64, key: char) -> Credentials {
        let key = key.to_string().repeat(86);
        let json = format!(
            r#"{{"api_endpoint":"https://node.example.org/1.5/{uid}","id":"i","key":"k","uid":{uid},"hashalg":"sha256",
            "duration":3600,"ksync_b64url":"{key}"}}"#
        );
        Credentials::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn every_row() {
        let url = "https://sync.example.org";
        let rows = [
            (
                "new token",
                token_server(url, "a", 'A'),
                token_server(url, "b", 'A'),
                true,
            ),
            (
                "new server",
                token_server(url, "a", 'A'),
                token_server("https://x.example", "b", 'A'),
                true,
            ),
            (
                "new key",
                token_server(url, "a", 'A'),
                token_server(url, "a", 'Q'),
                true,
            ),
            (
                "another user",
                token_server(url, "a", 'A'),
                token_server(url, "b", 'Q'),
                false,
            ),
            (
                "a storage token",
                token_server(url, "a", 'A'),
                storage(7, 'A'),
                true,
            ),
            (
                "same storage, new key",
                storage(7, 'A'),
                storage(7, 'Q'),
                true,
            ),
            ("another storage", storage(7, 'A'), storage(8, 'Q'), false),
            (
                "nothing in common",
                token_server(url, "a", 'A'),
                storage(7, 'Q'),
                false,
            ),
        ];
        for (name, old, new, expected) in rows {
            assert_eq!(is_same_account(&old, &new), expected, "{name}");
        }
    }
}
