//! The known state of the account's server.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::ids::CollectionName;
use crate::server::InfoCollections;
use crate::sorted::Map;
use crate::sync::consent::Consent;
use crate::time::{LocalTime, ServerTime};

/// The known state of the account's server. All of it can be read again, so that it is discarded when the server
/// changes: `state.server = ServerView::default()`. It contains keys only as the server's ciphertext.
///
/// ```
/// use selvedge_core::sync::ServerView;
///
/// assert!(ServerView::default().sync_id.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerView {
    /// The endpoint of the last sync; a different one is a node reassignment (spec §1.9).
    pub endpoint: Option<String>,
    /// The id of the sync key of the last sync.
    pub key_id: Option<String>,
    /// The global sync ID.
    pub sync_id: Option<String>,
    /// meta/global as it was last read or written.
    pub meta: Option<Cached>,
    /// crypto/keys as it was last read or written: ciphertext.
    pub keys: Option<Cached>,
    /// When crypto/keys was last fetched again because of records that did not open.
    pub keys_checked: Option<LocalTime>,
    /// info/collections as it was last read.
    pub info: Option<CachedInfo>,
    /// When info/collections was last read without a condition.
    pub info_read: Option<LocalTime>,
    /// When a record of the whole account was first missing although other data existed.
    pub doubt: Option<LocalTime>,
    /// The decision that a person has to make before this account can be synced.
    pub needs_consent: Option<Consent>,
    /// Whether the sync key has changed and has not opened crypto/keys yet.
    pub is_rekeyed: bool,
}

/// A small record of the server, as it was last read.
///
/// ```
/// use selvedge_core::sync::Cached;
/// use selvedge_core::time::ServerTime;
///
/// let cached = Cached { payload: "{}".into(), modified: ServerTime::from_hundredths(7) };
/// assert_eq!(serde_json::to_string(&cached).unwrap(), r#"{"payload":"{}","modified":0.07}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cached {
    /// Its payload.
    pub payload: String,
    /// Its time.
    pub modified: ServerTime,
}

/// info/collections as it was last read.
///
/// ```
/// use selvedge_core::sync::CachedInfo;
///
/// assert!(CachedInfo::default().collections.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedInfo {
    /// The time of the whole storage.
    pub modified: ServerTime,
    /// The time of each collection.
    pub collections: Map<CollectionName, ServerTime>,
}

impl CachedInfo {
    /// The list that the server returns now.
    pub(in crate::sync) fn new(info: &InfoCollections, modified: ServerTime) -> Self {
        let collections = info.iter().map(|(name, time)| (name.clone(), time));
        Self {
            modified,
            collections: collections.collect(),
        }
    }
}
