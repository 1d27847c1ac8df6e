//! Which account a store belongs to: a fingerprint of the account prevents that records of one account are uploaded to
//! another.
//!
//! ```text
//! the store's fingerprint   against the account                          owner
//! missing                   any                                          unbound: the records become the account's
//! the same sync key         any user, also on another server             same
//! another sync key          the same user: server and name (1.1), token  same user with a new key
//!                           server and access token, storage address, or
//!                           device id
//! another sync key          another user, or not known to be the same    other
//! ```
//!
//! The sync key alone identifies the account: only its owner has it, and it does not change with a new token, another
//! node or another server. A password reset gives the same user another key. The person is the same, but the
//! credentials of a Mozilla account do not always show it. In that case the account is treated as another one until a
//! person decides otherwise, because one question too many loses no data.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::{Credentials, Source};
use crate::crypto::hkdf;

/// A fingerprint of an account. It reveals neither the sync key nor the user.
///
/// ```
/// use selvedge_core::account::{Binding, Credentials, Owner};
///
/// let account = |key: &str, token: &str| Credentials::from_json(format!(
///     r#"{{"tokenserver_url":"https://sync.example.org/","access_token":"{token}",
///     "kid":"1700000000000-AAAAAAAAAAAAAAAAAAAAAA","ksync_b64url":"{}"}}"#, key.repeat(86)).as_bytes());
/// let binding = Binding::of(&account("A", "one")?);
/// assert_eq!(binding.judge(&account("A", "renewed")?), Owner::Same);
/// assert_eq!(binding.judge(&account("Q", "other")?), Owner::Other);
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// A hash of the sync key alone.
    key: String,
    /// Hashes of each of the user's identifiers and of `key`.
    users: Vec<String>,
}

/// Which account a store belongs to, from the perspective of an account.
///
/// ```
/// use selvedge_core::account::Owner;
///
/// assert!(Owner::SameUser.may_sync() && !Owner::Other.may_sync());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The store belongs to no account yet.
    Unbound,
    /// The store belongs to this account.
    Same,
    /// The store belongs to this user, but to an earlier sync key.
    SameUser,
    /// The store belongs to another account, as far as can be determined.
    Other,
}

impl Owner {
    /// Whether the account may sync these records without confirmation by a person.
    #[must_use]
    pub const fn may_sync(self) -> bool {
        !matches!(self, Self::Other)
    }
}

impl Binding {
    /// The fingerprint of an account.
    #[must_use]
    pub fn of(credentials: &Credentials) -> Self {
        let key = key_tag(credentials);
        let users = user_tags(credentials, &key);
        Self { key, users }
    }

    /// Compares this fingerprint with an account: who owns the store's records.
    #[must_use]
    pub fn judge(&self, credentials: &Credentials) -> Owner {
        if self.key == key_tag(credentials) {
            return Owner::Same;
        }
        let found = user_tags(credentials, &self.key);
        if found.iter().any(|tag| self.users.contains(tag)) {
            Owner::SameUser
        } else {
            Owner::Other
        }
    }

    /// A text that distinguishes the account's key from others; suitable as a file name.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.key
    }
}

fn key_tag(credentials: &Credentials) -> String {
    let key = &credentials.sync_key;
    tag(
        &[key.encryption_key().as_slice(), key.hmac_key()].concat(),
        "",
        "selvedge/binding/key",
    )
}

fn user_tags(credentials: &Credentials, key: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut add = |parts: [&str; 2], kind| tags.push(tag(parts.join("\n").as_bytes(), key, kind));
    match &credentials.source {
        Source::Legacy(account) => {
            add(
                [account.server(), account.username()],
                "selvedge/binding/name",
            );
        }
        Source::TokenServer { url, access_token } => {
            add([url, access_token], "selvedge/binding/token");
        }
        Source::Token(token) => add([&token.api_endpoint, ""], "selvedge/binding/storage"),
    }
    if let Some(device) = &credentials.device_id {
        add(
            [&device.to_ascii_lowercase(), ""],
            "selvedge/binding/device",
        );
    }
    tags
}

fn tag(secret: &[u8], salt: &str, info: &str) -> String {
    let bytes = hkdf::derive::<16>(secret, salt.as_bytes(), info.as_bytes());
    Base64UrlUnpadded::encode_string(&*bytes)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn read(json: &str) -> Credentials {
        Credentials::from_json(json.as_bytes()).unwrap()
    }

    fn token_server(key: &str, token: &str, device: &str) -> Credentials {
        let key = key.repeat(86);
        read(&format!(
            r#"{{"tokenserver_url":"https://sync.example.org","access_token":"{token}","kid":"1-AAAAAAAAAAAAAAAAAAAAAA",
            "ksync_b64url":"{key}"{device}}}"#
        ))
    }

    fn storage(key: &str, uid: u32) -> Credentials {
        let key = key.repeat(86);
        read(&format!(
            r#"{{"api_endpoint":"https://node.example.org/1.5/{uid}","id":"i","key":"k","uid":{uid},"hashalg":"sha256",
            "duration":3600,"ksync_b64url":"{key}"}}"#
        ))
    }

    fn legacy(key: char, name: &str) -> Credentials {
        let key = match key {
            'a' => "g-bh7te-qqcgy-zd65s-vjgib-d7tqy",
            _ => "a-aaaaa-aaaaa-aaaaa-aaaaa-aaaaa",
        };
        read(&format!(
            r#"{{"server_url":"https://old.example.org","username":"{name}","password":"p","sync_key":"{key}"}}"#
        ))
    }

    #[test]
    fn every_row() {
        let device = |digit: &str| format!(",\"device_id\":\"{}\"", digit.repeat(32));
        let with = |key, token, digit: &str| token_server(key, token, &device(digit));
        let bare = |key, token| token_server(key, token, "");
        let rows = [
            ("same", bare("A", "t"), bare("A", "t"), Owner::Same),
            ("a new token", bare("A", "t"), bare("A", "u"), Owner::Same),
            ("another form", bare("A", "t"), storage("A", 7), Owner::Same),
            (
                "another node",
                storage("A", 7),
                storage("A", 8),
                Owner::Same,
            ),
            (
                "a new key, same token",
                bare("A", "t"),
                bare("Q", "t"),
                Owner::SameUser,
            ),
            (
                "a new key, same storage",
                storage("A", 7),
                storage("Q", 7),
                Owner::SameUser,
            ),
            (
                "a new key, same device",
                with("A", "t", "a"),
                with("Q", "u", "A"),
                Owner::SameUser,
            ),
            (
                "a new key, same name",
                legacy('a', "ann"),
                legacy('b', "Ann"),
                Owner::SameUser,
            ),
            (
                "another person",
                bare("A", "t"),
                bare("Q", "u"),
                Owner::Other,
            ),
            (
                "another device",
                with("A", "t", "a"),
                with("Q", "u", "b"),
                Owner::Other,
            ),
            (
                "another storage",
                storage("A", 7),
                storage("Q", 8),
                Owner::Other,
            ),
            (
                "another name",
                legacy('a', "ann"),
                legacy('a', "bob"),
                Owner::Other,
            ),
            (
                "another protocol",
                legacy('a', "ann"),
                storage("A", 7),
                Owner::Other,
            ),
        ];
        for (name, bound, found, expected) in rows {
            assert_eq!(Binding::of(&bound).judge(&found), expected, "{name}");
        }
    }

    #[test]
    fn it_shows_neither_key_nor_user() {
        let credentials = token_server(
            "Q",
            "secret",
            ",\"device_id\":\"00112233445566778899aabbccddeeff\"",
        );
        let json = serde_json::to_string(&Binding::of(&credentials)).unwrap();
        for hidden in ["secret", "QQQQ", "example", "00112233"] {
            assert!(!json.contains(hidden), "{json}");
        }
    }
}
