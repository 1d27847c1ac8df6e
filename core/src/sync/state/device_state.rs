//! The state that this device keeps regardless of the server.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::choices::Choices;
use super::clients::ClientsState;
use super::first_sync::{FirstSync, Mode};
use crate::account::Binding;
use crate::account::legacy::KnownNode;
use crate::metadata::MetaGlobal;
use crate::server::Backoff;
use crate::sorted::Map;
use crate::time::LocalTime;

/// The state that this device keeps regardless of the server: a person's choices, pending actions, and data that cannot
/// be read from any other place. An unreadable state is an error; it is never replaced with a default.
///
/// ```
/// use selvedge_core::sync::DeviceState;
///
/// assert!(DeviceState::default().first_sync.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceState {
    /// The account whose records the store has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Binding>,
    /// The node of an account of dialect 1.1, which is requested again only after a 401.
    pub node: Option<KnownNode>,
    /// Former payloads of crypto/keys, the newest last: ciphertext. If two devices set the account up at the same
    /// moment, records of one stay behind under keys that the other has replaced; a device that has those keys still
    /// reads them, and sends them again.
    pub former_keys: Vec<String>,
    /// When the program's version was last sent to the server's operators.
    pub version_told: Option<LocalTime>,
    /// The engines that were enabled when meta/global was last read, with their versions; a fresh start lists them again.
    pub engines: Map<String, u64>,
    /// The names that were declined then.
    pub declined: Vec<String>,
    /// A person's choices of the engines on this device.
    pub choices: Choices,
    /// How to combine the two sides once, if a person requested it.
    pub first_sync: Option<FirstSync>,
    /// The account's clients, including this one.
    pub clients: ClientsState,
    /// Until when no request may be sent, as the server requested.
    pub backoff: Backoff,
    /// Until when no automatic sync begins because the server refused fresh credentials; `backoff` contains this time
    /// as well.
    pub refused_until: Option<LocalTime>,
    /// The server that reported that it is closed permanently: the one that the credentials name. No automatic sync
    /// sends requests to it.
    pub closed: Option<String>,
    /// When a sync last completed.
    pub last_sync: Option<LocalTime>,
    /// When expired entries were last removed from the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_pruned: Option<LocalTime>,
}

impl DeviceState {
    /// Maximum number of former keys remembered.
    const MAX_FORMER_KEYS: usize = 4;

    /// Remembers the engines of a meta/global, with their versions, and the names that it declines.
    pub(in crate::sync) fn remember(&mut self, meta: &MetaGlobal) {
        self.engines = meta.engines();
        self.declined = meta
            .declined()
            .into_iter()
            .map(ToString::to_string)
            .collect();
    }

    /// Remembers keys that were used until now, unless they are the ones in use.
    pub(in crate::sync) fn remember_keys(&mut self, old: String, current: Option<&str>) {
        self.former_keys.retain(|payload| *payload != old);
        if current != Some(old.as_str()) {
            self.former_keys.push(old);
        }
        let surplus = self.former_keys.len().saturating_sub(Self::MAX_FORMER_KEYS);
        self.former_keys.drain(..surplus);
    }

    /// A fresh start sends everything that is on this device: the server has no records to merge with or to take.
    pub(in crate::sync) fn first_sync_at_fresh_start(&mut self) {
        let is_local = |intent: &FirstSync| intent.mode == Mode::TakeLocal;
        self.first_sync = self.first_sync.take().filter(is_local);
    }
}
