//! The secrets of a signed-in device that change: tokens, and the keys of its commands.
//!
//! The host stores them as one file, atomically, beside the credentials; never in the state of a sync.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::tokens::AccountToken;
use crate::time::LocalTime;

/// The version of the stored form that this program writes and reads.
const VERSION: u32 = 1;

/// Seconds before its end at which an access token is renewed.
const MARGIN_SECONDS: u64 = 300;

/// The changing secrets of one signed-in device. `Debug` output contains none.
///
/// ```
/// use selvedge_core::account::mozilla::{Kept, KeptError};
///
/// assert_eq!(Kept::from_json(b"{}").unwrap_err(), KeptError::Damaged);
/// assert_eq!(Kept::from_json(br#"{"version":2}"#).unwrap_err(), KeptError::Newer { version: 2 });
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Kept {
    version: u32,
    /// The accounts server.
    auth_url: String,
    client_id: String,
    uid: String,
    email: String,
    session_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_token: Option<AccessToken>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command_keys: Option<StoredCommandKeys>,
    /// The index of the last device command that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command_index: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct AccessToken {
    pub(super) token: String,
    /// When it was received and when it ends, in milliseconds of the local clock.
    received: u64,
    expires: u64,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct StoredCommandKeys {
    private_key: String,
    auth_secret: String,
}

/// Why stored secrets cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// Not what this program writes.
    #[error(
        "the stored sign-in is damaged: run `selvedge account login` again; the records here stay"
    )]
    Damaged,
    /// Written by a newer version.
    #[error(
        "the stored sign-in has format {version}, newer than this program's {VERSION}: upgrade selvedge"
    )]
    Newer {
        /// The format.
        version: u32,
    },
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(..)")
    }
}

impl AccessToken {
    pub(super) fn new(token: &str, expires_in: u64, now: LocalTime) -> Self {
        Self {
            token: token.into(),
            received: now.millis(),
            expires: now.millis().saturating_add(expires_in.saturating_mul(1000)),
        }
    }

    /// Whether it may be used: not before it was received, when the clock was set back, and until shortly before its end.
    fn is_fresh(&self, now: LocalTime) -> bool {
        let margin = MARGIN_SECONDS * 1000;
        self.received <= now.millis() && now.millis().saturating_add(margin) < self.expires
    }
}

/// What a new sign-in consists of.
pub(super) struct SignIn<'a> {
    pub(super) auth_url: &'a str,
    pub(super) client_id: &'a str,
    pub(super) uid: &'a str,
    pub(super) email: &'a str,
    pub(super) session: &'a AccountToken,
}

/// The private key and the auth secret of a device's commands.
pub(super) type CommandSecrets = (Zeroizing<[u8; 32]>, Zeroizing<[u8; 16]>);

impl Kept {
    pub(super) fn new(sign_in: &SignIn<'_>) -> Self {
        Self {
            version: VERSION,
            auth_url: sign_in.auth_url.into(),
            client_id: sign_in.client_id.into(),
            uid: sign_in.uid.into(),
            email: sign_in.email.into(),
            session_token: (*sign_in.session.to_hex()).clone(),
            refresh_token: None,
            access_token: None,
            device_id: None,
            command_keys: None,
            command_index: None,
        }
    }

    /// Parses the stored form.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn from_json(json: &[u8]) -> Result<Self, KeptError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let version = crate::json::from_slice::<Version>(json)
            .map_err(|_| KeptError::Damaged)?
            .version;
        if version > VERSION {
            return Err(KeptError::Newer { version });
        }
        let kept: Self = crate::json::from_slice(json).map_err(|_| KeptError::Damaged)?;
        AccountToken::from_hex(&kept.session_token).ok_or(KeptError::Damaged)?;
        Ok(kept)
    }

    /// Writes the stored form. It contains secrets: store it in a file that only its owner may read.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let json =
            crate::json::to_string(self).expect("strings and numbers can be serialized as JSON");
        Zeroizing::new(json.into_bytes())
    }

    /// The accounts server.
    #[must_use]
    pub fn auth_url(&self) -> &str {
        &self.auth_url
    }

    /// The OAuth client id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The account's id.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The account's e-mail address.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// This device's id among the account's devices.
    #[must_use]
    pub fn device_id(&self) -> Option<&str> {
        self.device_id.as_deref()
    }

    /// The index of the last device command that was handled.
    #[must_use]
    pub const fn command_index(&self) -> Option<u64> {
        self.command_index
    }

    /// Remembers up to which device command all were handled: store it after they were.
    pub const fn handled(&mut self, index: u64) {
        self.command_index = Some(index);
    }

    /// Drops the access token that a server refused; the next [`access`](super::access()) requests a new one.
    pub fn drop_access_token(&mut self) {
        self.access_token = None;
    }

    pub(super) fn session(&self) -> AccountToken {
        AccountToken::from_hex(&self.session_token).expect("checked when it was read or created")
    }

    pub(super) fn refresh_token(&self) -> Option<&str> {
        self.refresh_token.as_deref()
    }

    pub(super) fn fresh_access_token(&self, now: LocalTime) -> Option<&str> {
        let token = self
            .access_token
            .as_ref()
            .filter(|token| token.is_fresh(now))?;
        Some(&token.token)
    }

    pub(super) fn set_access_token(&mut self, token: AccessToken) {
        self.access_token = Some(token);
    }

    pub(super) fn set_refresh_token(&mut self, token: Option<&str>) {
        self.refresh_token = token.map(Into::into);
    }

    pub(super) fn set_device_id(&mut self, id: String) {
        self.device_id = Some(id);
    }

    /// The private key and the auth secret of this device's commands.
    pub(super) fn command_keys(&self) -> Option<CommandSecrets> {
        let keys = self.command_keys.as_ref()?;
        Some((
            Zeroizing::new(const_hex::decode_to_array(&keys.private_key).ok()?),
            Zeroizing::new(const_hex::decode_to_array(&keys.auth_secret).ok()?),
        ))
    }

    pub(super) fn set_command_keys(&mut self, private_key: &[u8; 32], auth_secret: &[u8; 16]) {
        self.command_keys = Some(StoredCommandKeys {
            private_key: const_hex::encode(private_key),
            auth_secret: const_hex::encode(auth_secret),
        });
    }

    /// Keeps the device, its keys and its place in the commands over a new sign-in to the same account.
    pub fn take_device_of(&mut self, before: &Self) {
        self.device_id.clone_from(&before.device_id);
        self.command_keys.clone_from(&before.command_keys);
        self.command_index = before.command_index;
    }

    /// Whether both belong to one sign-in.
    #[must_use]
    pub fn is_same_session(&self, other: &Self) -> bool {
        self.session_token == other.session_token
    }

    /// Takes what another process renewed in the meantime.
    pub fn take_tokens_of(&mut self, newer: &Self) {
        self.access_token.clone_from(&newer.access_token);
        self.refresh_token.clone_from(&newer.refresh_token);
    }
}

#[cfg(test)]
pub(super) fn example() -> Kept {
    Kept::new(&SignIn {
        auth_url: "https://a.example/v1",
        client_id: "5882386c6d801776",
        uid: "00112233445566778899aabbccddeeff",
        email: "me@example.org",
        session: &AccountToken::from_hex(&"a1".repeat(32)).unwrap(),
    })
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_never_printed() {
        let mut kept = example();
        kept.set_refresh_token(Some("refresh-secret"));
        kept.set_access_token(AccessToken::new(
            "access-secret",
            10,
            LocalTime::from_millis(5),
        ));
        kept.set_command_keys(&[7; 32], &[8; 16]);
        kept.set_device_id("d".into());
        kept.handled(9);
        let read = Kept::from_json(&kept.to_json()).unwrap();
        assert!(read == kept);
        assert_eq!(*read.command_keys().unwrap().0, [7; 32]);
        assert_eq!(format!("{kept:?}"), "Kept(..)");
    }

    #[test]
    fn an_access_token_is_renewed_before_its_end_and_after_the_clock_was_set_back() {
        let token = AccessToken::new("t", 3600, LocalTime::from_millis(1_000_000));
        for (now, expected) in [
            (999_999, false),
            (1_000_000, true),
            (1_000_000 + 3_299_999, true),
            (1_000_000 + 3_300_000, false),
            (u64::MAX, false),
        ] {
            assert_eq!(
                token.is_fresh(LocalTime::from_millis(now)),
                expected,
                "{now}"
            );
        }
    }

    #[test]
    fn a_damaged_form_is_refused() {
        let json = Kept::to_json(&example());
        let text = core::str::from_utf8(&json).unwrap();
        for damaged in [
            text.replace("a1a1", "zz"),
            text.replace("uid", "uud"),
            "[]".into(),
        ] {
            assert_eq!(
                Kept::from_json(damaged.as_bytes()),
                Err(KeptError::Damaged),
                "{damaged}"
            );
        }
    }
}
