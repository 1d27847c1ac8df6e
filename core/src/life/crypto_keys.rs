//! Chapter 5: crypto/keys holds the keys of the records, under the account's sync key (spec §4.6).
//!
//! ```text
//! crypto not in info/collections ────────────────→ fresh start
//! cached, not older than in info, and it decrypts → use the cached record
//! else GET: 404 ─────────────────────────────────→ fresh start
//!           other failure ───────────────────────→ stop
//!           bad HMAC ────────────────────────────→ stop: wrong key; never a fresh start
//!           malformed, no default ───────────────→ stop: undecodable
//!           first keys seen here, or the same ───→ install
//!           other default ───────────────────────→ install, reset all engines
//!           other collection keys ───────────────→ install, reset those engines
//! ```

use alloc::string::String;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::session::Session;
use super::state::Cached;
use crate::crypto::KeyBundle;
use crate::crypto::payload::{self, PayloadError};
use crate::error::{Error, Result};
use crate::host::{Host, Random, RandomError};
use crate::json;
use crate::sorted::{Map, Set};
use crate::time::ServerTime;

/// The keys of an account's records: one for every collection that has none of its own.
///
/// ```
/// use selvedge_core::crypto::KeyBundle;
/// use selvedge_core::life::CollectionKeys;
///
/// let keys = CollectionKeys::new(KeyBundle::new([1; 32], [2; 32]));
/// let again = CollectionKeys::parse(&keys.to_cleartext()).unwrap();
/// assert!(keys.bundle("notes") == again.bundle("notes"));
/// ```
#[derive(Debug, Clone)]
pub struct CollectionKeys {
    default: KeyBundle,
    collections: Map<String, KeyBundle>,
}

/// A cleartext that is no crypto/keys record.
///
/// ```
/// use selvedge_core::life::CollectionKeys;
///
/// let error = CollectionKeys::parse(r#"{"id":"keys","collections":{}}"#).unwrap_err();
/// assert_eq!(error.to_string(), "crypto/keys has no usable keys");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("crypto/keys has no usable keys")]
pub struct MalformedKeys;

/// What new keys mean for the engines. "Reset" forgets what the server has; it never wipes.
///
/// ```
/// use selvedge_core::life::KeyChange;
///
/// assert_ne!(KeyChange::Nothing, KeyChange::All);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    /// First keys seen here, or the same.
    Nothing,
    /// The default key is another: reset all engines.
    All,
    /// Keys of their own were added, removed or changed: reset these engines.
    Some(Set<String>),
}

/// Where the keys are to be taken from.
///
/// ```
/// use selvedge_core::life::{CollectionKeys, Where};
///
/// assert_eq!(CollectionKeys::look(None, None), Where::FreshStart);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// The record that is cached as ciphertext.
    Cache,
    /// The server.
    Server,
    /// There are none; they cannot be made anew without making the data unreadable.
    FreshStart,
}

#[derive(Deserialize)]
struct Cleartext {
    default: [String; 2],
    #[serde(default)]
    collections: Map<String, [String; 2]>,
}

impl Drop for Cleartext {
    fn drop(&mut self) {
        self.default
            .iter_mut()
            .chain(self.collections.values_mut().flatten())
            .for_each(Zeroize::zeroize);
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

    /// Draws the keys of a fresh start.
    ///
    /// # Errors
    /// When the host has no random bytes.
    pub fn make(random: &impl Random) -> Result<Self, RandomError> {
        Ok(Self::new(KeyBundle::make(random)?))
    }

    /// Reads the cleartext of crypto/keys.
    ///
    /// # Errors
    /// When it lacks `default`, or a key is not 32 bytes of base64.
    pub fn parse(cleartext: &str) -> Result<Self, MalformedKeys> {
        let read: Cleartext = json::from_str(cleartext).map_err(|_| MalformedKeys)?;
        let bundle = |[encryption, hmac]: &[String; 2]| {
            KeyBundle::from_b64_pair(encryption, hmac).map_err(|_| MalformedKeys)
        };
        let own = read
            .collections
            .iter()
            .map(|(name, pair)| Ok((name.clone(), bundle(pair)?)));
        Ok(Self {
            default: bundle(&read.default)?,
            collections: own.collect::<Result<_, _>>()?,
        })
    }

    /// The cleartext of crypto/keys.
    #[must_use]
    pub fn to_cleartext(&self) -> Zeroizing<String> {
        let default = self.default.to_b64_pair();
        let own: Map<&str, _> = self
            .collections
            .iter()
            .map(|(name, keys)| (name.as_str(), keys.to_b64_pair()))
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
    #[must_use]
    pub fn bundle(&self, collection: &str) -> &KeyBundle {
        self.collections.get(collection).unwrap_or(&self.default)
    }

    /// What these keys mean where `old` ones were used before.
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

    /// Decides where the keys come from, by the time of `crypto` in info/collections and that of the cached record.
    #[must_use]
    pub fn look(in_info: Option<ServerTime>, cached: Option<ServerTime>) -> Where {
        match (in_info, cached) {
            (None, _) => Where::FreshStart,
            (Some(server), Some(cached)) if cached >= server => Where::Cache,
            (Some(_), _) => Where::Server,
        }
    }

    /// Decrypts the payload of crypto/keys.
    ///
    /// # Errors
    /// [`Error::WrongKey`] on a bad HMAC; [`Error::Undecodable`] when it is damaged otherwise.
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

const UNDECODABLE: Error = Error::Undecodable {
    record: "crypto/keys",
};

/// Where this chapter leads.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// On to the engines.
    Engines,
    /// The account has to be set up.
    FreshStart,
}

/// Gets crypto/keys if the cached record is not good enough, and installs the keys.
pub(super) async fn step<H: Host>(session: &mut Session<'_, H>) -> Result<Next> {
    let cached = session.state.keys.clone();
    let old = cached
        .as_ref()
        .and_then(|record| CollectionKeys::open(session.sync_key, &record.payload).ok());
    let usable = cached.filter(|_| old.is_some());
    let record = match CollectionKeys::look(
        session.modified_of("crypto"),
        usable.as_ref().map(|record| record.modified),
    ) {
        Where::FreshStart => return Ok(Next::FreshStart),
        Where::Cache => usable,
        Where::Server => session.get("crypto", "keys").await?,
    };
    let Some(record) = record else {
        return Ok(Next::FreshStart);
    };
    let keys = CollectionKeys::open(session.sync_key, &record.payload)?;
    let change = keys.change_from(old.as_ref());
    install(session, keys, record);
    match change {
        KeyChange::Nothing => session.save().await?,
        KeyChange::All => session.reset_all().await?,
        KeyChange::Some(names) => session.reset(|name| names.contains(name)).await?,
    }
    Ok(Next::Engines)
}

/// What a second look at crypto/keys shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recheck {
    /// The keys in use are the account's.
    Same,
    /// They were replaced meanwhile.
    Changed,
}

/// Looks at crypto/keys once more, because records do not open (spec §5.5). Where some of those are newer than the keys,
/// another device still writes under former ones: the same record is then written again, for it to notice.
pub(super) async fn recheck<H: Host>(
    session: &mut Session<'_, H>,
    newest_mismatch: Option<ServerTime>,
) -> Result<Recheck> {
    session.state.keys_checked = Some(session.host.now());
    session.save().await?;
    let Some(Cached { payload, modified }) = session.get("crypto", "keys").await? else {
        return Ok(Recheck::Changed);
    };
    let there = CollectionKeys::open(session.sync_key, &payload)?;
    if there.change_from(session.keys.as_ref()) != KeyChange::Nothing {
        return Ok(Recheck::Changed);
    }
    if newest_mismatch.is_some_and(|newest| newest > modified) {
        let modified = match session.put("crypto", "keys", &payload, modified).await {
            Err(Error::Conflict { .. }) => return Ok(Recheck::Changed),
            written => written?,
        };
        session
            .state
            .replace_keys(Some(Cached { payload, modified }));
        session.save().await?;
    }
    Ok(Recheck::Same)
}

/// Uses these keys from now on; the record is kept as ciphertext.
pub(super) fn install<H: Host>(session: &mut Session<'_, H>, keys: CollectionKeys, record: Cached) {
    session.state.replace_keys(Some(record));
    session.keys = Some(keys);
}

#[cfg(test)]
mod tests;
