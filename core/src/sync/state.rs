//! What is kept between two syncs (spec §4.1, §5.1), and what a person may want to know of it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::choices::Choices;
use super::clients::ClientsState;
use super::consent::Consent;
use super::first_sync::FirstSync;
use crate::account::Binding;
use crate::account::legacy::KnownNode;
use crate::error::Result;
use crate::host::{Counts, Store};
use crate::ids::CollectionName;
use crate::repository::{Pair, ServerMark};
use crate::server::{Backoff, InfoCollections};
use crate::sorted::Map;
use crate::time::{LocalTime, ServerTime};
use crate::{journal, json};

/// What is kept of the account as a whole. Keys are in it only as the server's ciphertext.
///
/// ```
/// use selvedge_core::sync::GlobalState;
///
/// assert!(GlobalState::default().sync_id.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GlobalState {
    /// The account whose records the store has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Binding>,
    /// The endpoint that was last synced with; another one is a node reassignment (spec §1.9).
    pub endpoint: Option<String>,
    /// The id of the sync key that was last synced with.
    pub key_id: Option<String>,
    /// The node of an account of the dialect 1.1, which is asked for again only after a 401.
    pub node: Option<KnownNode>,
    /// The global sync ID.
    pub sync_id: Option<String>,
    /// meta/global as it was last read or written.
    pub meta: Option<Cached>,
    /// crypto/keys as it was last read or written: ciphertext.
    pub keys: Option<Cached>,
    /// The payloads of crypto/keys that were used before, the newest last: ciphertext. Where two devices set the account up
    /// at the same moment, records of one stay behind under keys that the other has replaced; who knows those keys
    /// still reads them, and sends them again.
    pub former_keys: Vec<String>,
    /// When crypto/keys was last fetched again because of records that did not open.
    pub keys_checked: Option<LocalTime>,
    /// When the server's operators were last told the program's version.
    pub version_told: Option<LocalTime>,
    /// info/collections as it was last read.
    pub info: Option<CachedInfo>,
    /// The engines that were enabled when meta/global was last read, with their versions; a fresh start lists them again.
    pub engines: Map<String, u64>,
    /// The names that were declined then.
    pub declined: Vec<String>,
    /// What a person chose of the engines on this device.
    pub choices: Choices,
    /// How the two sides are to be brought together once, if a person asked for it.
    pub first_sync: Option<FirstSync>,
    /// The account's clients, this one among them.
    pub clients: ClientsState,
    /// Until when the server wants to be left alone.
    pub backoff: Backoff,
    /// Until when no sync begins by itself because the server refused fresh credentials; it is in `backoff` too.
    pub refused_until: Option<LocalTime>,
    /// The server that said it was closed for good: the one that the credentials name. No sync asks it again unless a
    /// person does.
    pub closed: Option<String>,
    /// When a sync last came to its end.
    pub last_sync: Option<LocalTime>,
    /// When what is too old was last removed from the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_pruned: Option<LocalTime>,
    /// When info/collections was last read without a condition.
    pub info_read: Option<LocalTime>,
    /// When a record of the whole account was first missed while other data were there.
    pub doubt: Option<LocalTime>,
    /// What a person has to decide before this account can be synced.
    pub needs_consent: Option<Consent>,
    /// Whether the sync key is another than before, and has not opened crypto/keys yet.
    pub is_rekeyed: bool,
}

impl GlobalState {
    /// Former keys are remembered so many times over.
    const FORMER_KEYS: usize = 4;

    /// Uses other keys from now on, or none, and remembers those that were used.
    pub(super) fn replace_keys(&mut self, keys: Option<Cached>) {
        let Some(old) = core::mem::replace(&mut self.keys, keys) else {
            return;
        };
        let is_current = |keys: &Cached| keys.payload == old.payload;
        self.former_keys.retain(|payload| *payload != old.payload);
        if !self.keys.as_ref().is_some_and(is_current) {
            self.former_keys.push(old.payload);
        }
        let surplus = self.former_keys.len().saturating_sub(Self::FORMER_KEYS);
        self.former_keys.drain(..surplus);
    }
}

/// A small record of the server's, as it was last seen.
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
    /// What the server tells now.
    pub(super) fn new(info: &InfoCollections, modified: ServerTime) -> Self {
        let collections = info.iter().map(|(name, time)| (name.clone(), time));
        Self {
            modified,
            collections: collections.collect(),
        }
    }
}

/// What is kept of one collection.
///
/// ```
/// use selvedge_core::sync::CollectionState;
///
/// assert_eq!(CollectionState::default().pair.remote.last_sync.hundredths(), 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CollectionState {
    /// The collection's sync ID.
    pub sync_id: Option<String>,
    /// Where the server's side and this one stand.
    pub pair: Pair<ServerMark, ()>,
    /// Whether all records are to be compared with the server's, because its time went back (spec §5.3).
    #[serde(skip_serializing_if = "is_false")]
    pub is_comparing: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A state as the text that a store keeps.
pub(super) fn write(state: &impl Serialize) -> String {
    json::to_string(state).expect("states are made of texts, numbers and maps of texts")
}

/// A state from the text that a store keeps. What cannot be read is as good as forgotten: the sync then reads
/// everything again, and nothing is lost.
pub(super) fn read<T: DeserializeOwned + Default>(text: Option<&str>) -> T {
    text.and_then(|text| json::from_str(text).ok())
        .unwrap_or_default()
}

/// What this device knows of its syncing.
///
/// ```
/// use selvedge_core::host::MemoryStore;
/// use selvedge_core::sync::status;
///
/// let status = pollster::block_on(status(&MemoryStore::default()))?;
/// assert!(status.last_sync.is_none() && status.collections.is_empty());
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// When a sync last came to its end.
    pub last_sync: Option<LocalTime>,
    /// Until when the server wants to be left alone.
    pub backoff: Backoff,
    /// Until when no sync begins by itself because the server refused the credentials.
    pub refused_until: Option<LocalTime>,
    /// What a first sync that was cut off left to be done by the next sync.
    pub first_sync: Option<FirstSync>,
    /// The server that said it was closed for good.
    pub closed: Option<String>,
    /// What a person has to decide before this account can be synced.
    pub needs_consent: Option<Consent>,
    /// The collections that are here, in order of name.
    pub collections: Vec<CollectionCounts>,
}

/// What this device has of one collection.
///
/// ```
/// use selvedge_core::host::Counts;
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::sync::CollectionCounts;
/// use selvedge_core::time::ServerTime;
///
/// let notes = CollectionCounts {
///     name: CollectionName::new("notes").unwrap(),
///     counts: Counts::default(),
///     last_sync: ServerTime::ZERO,
///     given_up: 0,
/// };
/// assert_eq!(notes.counts.pending, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionCounts {
    /// Its name.
    pub name: CollectionName,
    /// Its records.
    pub counts: Counts,
    /// The server's time up to which it was read; zero for never.
    pub last_sync: ServerTime,
    /// Pending records that the server refused twice; they wait for a change.
    pub given_up: u64,
}

/// Reads what this device knows of its syncing, without asking the server.
///
/// # Errors
/// When the store cannot be read.
pub async fn status<S: Store>(store: &S) -> Result<Status> {
    let global: GlobalState = read(store.global().await?.as_deref());
    let mut collections = Vec::new();
    for name in journal::collections(store).await? {
        let state: CollectionState = read(store.state(&name).await?.as_deref());
        let counts = store.counts(&name).await?;
        let (last_sync, given_up) = (state.pair.remote.last_sync, state.pair.given_up());
        collections.push(CollectionCounts {
            name,
            counts,
            last_sync,
            given_up,
        });
    }
    Ok(Status {
        last_sync: global.last_sync,
        backoff: global.backoff,
        refused_until: global.refused_until,
        first_sync: global.first_sync,
        closed: global.closed,
        needs_consent: global.needs_consent,
        collections,
    })
}

/// Forgets that the server refused the credentials, which others have replaced: syncs may begin by themselves again. What
/// the server asked for stays.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn forget_refusal<S: Store>(store: &S) -> Result<()> {
    let mut global: GlobalState = read(store.global().await?.as_deref());
    let Some(refused) = global.refused_until.take() else {
        return Ok(());
    };
    if global.backoff.soft == Some(refused) {
        global.backoff.soft = None;
    }
    super::choices::keep(store, &global).await
}

/// The names and versions to remember of a meta/global.
pub(super) fn remember(state: &mut GlobalState, meta: &super::MetaGlobal) {
    state.engines = meta.engines();
    state.declined = meta
        .declined()
        .into_iter()
        .map(ToString::to_string)
        .collect();
}
