//! The values of the accounts server's entries, as JSON. Bytes are hex.

use selvedge_core::time::ServerTime;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::error::ApiError;

/// A person's account.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) uid: String,
    /// As the person typed it at registration: it is the salt of the password.
    pub(super) email: String,
    pub(super) auth_salt: String,
    pub(super) verifier: String,
    pub(super) wrap_wrap_kb: String,
    pub(super) ka: String,
    /// Milliseconds.
    pub(super) verifier_set_at: u64,
    /// Milliseconds.
    pub(super) keys_changed_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) v2: Option<PersonV2>,
}

/// The second version of the password's stretching.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PersonV2 {
    pub(super) client_salt: String,
    pub(super) verifier: String,
    pub(super) wrap_wrap_kb: String,
}

/// A session.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) uid: String,
    pub(super) request_key: String,
    /// Seconds.
    pub(super) auth_at: u64,
}

/// A token that fetches the keys once.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct KeyFetch {
    pub(super) uid: String,
    pub(super) request_key: String,
    pub(super) bundle: String,
}

/// A token that changes the password once.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PasswordChange {
    /// Whose password; no other kind of row has this member.
    pub(super) changes_password_of: String,
    pub(super) request_key: String,
}

impl Drop for PasswordChange {
    fn drop(&mut self) {
        self.request_key.zeroize();
    }
}

impl Drop for KeyFetch {
    fn drop(&mut self) {
        self.request_key.zeroize();
        self.bundle.zeroize();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.request_key.zeroize();
    }
}

/// The text of a row.
pub(super) fn encode(row: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(row).map_err(|_| ApiError::Unavailable)
}

/// The row of a text.
pub(super) fn decode_row<T: serde::de::DeserializeOwned>(value: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(value).map_err(|_| ApiError::Unavailable)
}

/// A number of seconds as an entry's time.
pub(super) fn seconds(seconds: u64) -> ServerTime {
    ServerTime::from_hundredths(seconds.saturating_mul(100))
}
