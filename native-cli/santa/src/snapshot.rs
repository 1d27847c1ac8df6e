//! The state of a machine's sync, read from its store.

use selvedge_core::host::StoreError;
use selvedge_core::time::LocalTime;
use selvedge_santa::wire::ClientMode;
use selvedge_santa::{Kind, RuleCounts, RuleStore as _, Settings, SyncState};
use serde::Serialize;
use serde_json::Value;

use super::store::SantaStore;

/// The state of a machine's sync. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// The kind of sync that is requested until the server grants it.
    pub requested: Kind,
    /// The time of the last successful sync.
    pub last_full_sync: Option<LocalTime>,
    /// The time of the last successful rule download.
    pub last_rule_sync: Option<LocalTime>,
    /// The settings from the server.
    pub settings: Settings,
    /// The effective settings: those of the server, else those of the machine's configuration.
    pub in_force: Settings,
    /// The mode that the server set, if LOCKDOWN replaced it.
    pub replaced_mode: Option<ClientMode>,
    /// The number of rules, including the machine's own.
    pub rules: RuleCounts,
    /// The number of pending events.
    pub pending_events: u64,
    /// The report of the last sync, by stage.
    pub last_sync: Option<Value>,
}

impl Snapshot {
    /// Reads a store. `own` are the settings of the machine's configuration.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read(store: &SantaStore, own: &Settings) -> Result<Self, StoreError> {
        let state = SyncState::read(store.state().await?.as_deref());
        let last_sync = store.last_sync()?;
        Ok(Self {
            requested: state.requested,
            last_full_sync: state.last_full_sync,
            last_rule_sync: state.last_rule_sync,
            in_force: state.settings.over(own),
            settings: state.settings,
            replaced_mode: state.replaced_mode,
            rules: store.counts().await?,
            pending_events: store.pending_events()?,
            last_sync: last_sync.and_then(|text| serde_json::from_str(&text).ok()),
        })
    }
}
