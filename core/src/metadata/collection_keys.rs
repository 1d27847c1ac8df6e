//! The record crypto/keys: the keys of the account's records (spec §4.6).

use alloc::string::{String, ToString};

use serde::Serialize;
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::KeyBundle;
use crate::crypto::payload::{self, PayloadError};
use crate::error::{Error, Result};
use crate::host::{Random, RandomError};
use crate::json::{self, Value};
use crate::sorted::{Map, Set};
use crate::time::ServerTime;

/// The keys of an account's records: a default key, and the own keys of single collections.
///
/// ```
/// use selvedge_core::crypto::KeyBundle;
/// use selvedge_core::metadata::CollectionKeys;
///
/// let keys = CollectionKeys::new(KeyBundle::new([1; 32], [2; 32]));
/// let again = CollectionKeys::parse(&keys.to_cleartext()).unwrap();
/// assert!(keys.bundle("notes")? == again.bundle("notes")?);
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CollectionKeys {
    default: KeyBundle,
    /// The collections that have an entry of their own; `None` if the entry is not usable.
    collections: Map<String, Option<KeyBundle>>,
}

/// A cleartext that is not a crypto/keys record.
///
/// ```
/// use selvedge_core::metadata::CollectionKeys;
///
/// let error = CollectionKeys::parse(r#"{"id":"keys","collections":{}}"#).unwrap_err();
/// assert_eq!(error.to_string(), "crypto/keys has no usable keys");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("crypto/keys has no usable keys")]
pub struct MalformedKeys;

/// What new keys mean for the engines. "Reset" discards the known state of the server; it never wipes.
///
/// ```
/// use selvedge_core::metadata::KeyChange;
///
/// assert_ne!(KeyChange::Nothing, KeyChange::All);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    /// First keys seen here, or the same.
    Nothing,
    /// The default key differs: reset all engines.
    All,
    /// Keys of single collections were added, removed or changed: reset these engines.
    Some(Set<String>),
}

/// The source of the keys.
///
/// ```
/// use selvedge_core::metadata::{CollectionKeys, Where};
///
/// assert_eq!(CollectionKeys::look(None, None), Where::Absent);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// The record that is cached as ciphertext.
    Cache,
    /// The server.
    Server,
    /// The keys are missing; new keys would make the records unreadable.
    Absent,
}

/// A cleartext that contains keys; it is overwritten when it is dropped.
struct Cleartext(Value);

impl Drop for Cleartext {
    fn drop(&mut self) {
        zeroize(&mut self.0);
    }
}

/// Overwrites all texts in a value.
fn zeroize(value: &mut Value) {
    match value {
        Value::Text(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(zeroize),
        Value::Object(members) => members.values_mut().for_each(zeroize),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The key in an entry: `None` if it is missing, `Some(None)` if it is not usable.
fn own_key(entry: &Value) -> Option<Option<KeyBundle>> {
    match entry {
        Value::Null => None,
        Value::Text(text) if text.is_empty() => None,
        Value::Object(members) if members.is_empty() => None,
        Value::Array(pair) => match pair.as_slice() {
            [] => None,
            [Value::Text(encryption), Value::Text(hmac)] => {
                Some(KeyBundle::from_b64_pair(encryption, hmac).ok())
            }
            _ => Some(None),
        },
        _ => Some(None),
    }
}

#[derive(Serialize)]
struct Written<'a> {
    id: &'static str,
    collection: &'static str,
    collections: Map<&'a str, [&'a str; 2]>,
    default: [&'a str; 2],
}

impl CollectionKeys {
    /// One key for all collections.
    #[must_use]
    pub const fn new(default: KeyBundle) -> Self {
        Self {
            default,
            collections: Map::new(),
        }
    }

    /// Generates the keys of a fresh start.
    ///
    /// # Errors
    /// When the host has no random bytes.
    pub fn make(random: &impl Random) -> Result<Self, RandomError> {
        Ok(Self::new(KeyBundle::make(random)?))
    }

    /// Parses the cleartext of crypto/keys. An entry of `collections` that is not usable concerns that collection
    /// alone.
    ///
    /// # Errors
    /// When `default` is missing, one of its keys is not 32 bytes of base64, or `collections` is neither an object nor
    /// an empty list.
    pub fn parse(cleartext: &str) -> Result<Self, MalformedKeys> {
        let read = Cleartext(cleartext.parse().map_err(|_| MalformedKeys)?);
        let default = read.0.get("default").and_then(own_key).flatten();
        let own = |(name, entry): (&String, &Value)| Some((name.clone(), own_key(entry)?));
        Ok(Self {
            default: default.ok_or(MalformedKeys)?,
            collections: match read.0.get("collections") {
                None | Some(Value::Null) => Map::new(),
                Some(Value::Array(list)) if list.is_empty() => Map::new(),
                Some(Value::Object(members)) => members.iter().filter_map(own).collect(),
                Some(_) => return Err(MalformedKeys),
            },
        })
    }

    /// The cleartext of crypto/keys.
    #[must_use]
    pub fn to_cleartext(&self) -> Zeroizing<String> {
        let default = self.default.to_b64_pair();
        let own: Map<&str, _> = self
            .collections
            .iter()
            .filter_map(|(name, keys)| Some((name.as_str(), keys.as_ref()?.to_b64_pair())))
            .collect();
        let written = Written {
            id: "keys",
            collection: "crypto",
            collections: own
                .iter()
                .map(|(name, pair)| (*name, [pair[0].as_str(), pair[1].as_str()]))
                .collect(),
            default: [default[0].as_str(), default[1].as_str()],
        };
        Zeroizing::new(json::to_string(&written).expect("texts and maps of texts are JSON"))
    }

    /// The key of a collection: its own, or the default.
    ///
    /// # Errors
    /// [`Error::UnusableKey`] when its own entry is not usable.
    pub fn bundle(&self, collection: &str) -> Result<&KeyBundle> {
        match self.collections.get(collection) {
            None => Ok(&self.default),
            Some(Some(own)) => Ok(own),
            Some(None) => Err(Error::UnusableKey {
                collection: collection.to_string(),
            }),
        }
    }

    /// The effect of these keys if `old` ones were used before.
    #[must_use]
    pub fn change_from(&self, old: Option<&Self>) -> KeyChange {
        let Some(old) = old else {
            return KeyChange::Nothing;
        };
        if self.default != old.default {
            return KeyChange::All;
        }
        let names = self.collections.keys().chain(old.collections.keys());
        let changed: Set<String> = names
            .filter(|name| self.collections.get(*name) != old.collections.get(*name))
            .cloned()
            .collect();
        if changed.is_empty() {
            KeyChange::Nothing
        } else {
            KeyChange::Some(changed)
        }
    }

    /// Decides the source of the keys, by the time of `crypto` in info/collections and the time of the cached record.
    #[must_use]
    pub fn look(in_info: Option<ServerTime>, cached: Option<ServerTime>) -> Where {
        match (in_info, cached) {
            (None, _) => Where::Absent,
            (Some(server), Some(cached)) if cached == server => Where::Cache,
            (Some(_), _) => Where::Server,
        }
    }

    /// Decrypts the payload of crypto/keys.
    ///
    /// # Errors
    /// [`Error::WrongKey`] on a bad HMAC; [`Error::Undecodable`] when it is damaged in another way.
    pub fn open(sync_key: &KeyBundle, payload: &str) -> Result<Self> {
        match payload::open(sync_key, payload, "keys") {
            Ok(cleartext) => Self::parse(&cleartext).map_err(|_| UNDECODABLE),
            Err(PayloadError::HmacMismatch) => Err(Error::WrongKey),
            Err(_) => Err(UNDECODABLE),
        }
    }

    /// Encrypts the payload of crypto/keys.
    ///
    /// # Errors
    /// When the host has no random bytes.
    pub fn seal(&self, sync_key: &KeyBundle, random: &impl Random) -> Result<String, RandomError> {
        payload::seal(sync_key, random, &self.to_cleartext())
    }
}

pub(crate) const UNDECODABLE: Error = Error::Undecodable {
    record: "crypto/keys",
};

#[cfg(test)]
mod tests;
