//! How a machine's sync is, as its store knows it.

use selvedge_core::host::StoreError;
use selvedge_core::time::LocalTime;
use selvedge_santa::wire::ClientMode;
use selvedge_santa::{Kind, RuleCounts, RuleStore as _, Settings, SyncState};
use serde::Serialize;
use serde_json::Value;

use super::store::SantaStore;

/// How a machine's sync is. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// The kind of sync that is asked for until one is granted.
    pub requested: Kind,
    /// When a sync last ended well.
    pub last_full_sync: Option<LocalTime>,
    /// When rules last came.
    pub last_rule_sync: Option<LocalTime>,
    /// What the server has set.
    pub settings: Settings,
    /// What is in force: what the server has set, else what the machine's configuration sets.
    pub in_force: Settings,
    /// The mode that the server has set, where LOCKDOWN took its place.
    pub replaced_mode: Option<ClientMode>,
    /// How many rules there are, those of this machine included.
    pub rules: RuleCounts,
    /// How many events wait.
    pub pending_events: u64,
    /// What became of the last sync, stage by stage.
    pub last_sync: Option<Value>,
}

impl Snapshot {
    /// Reads a store. `own` is what the machine's configuration sets.
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
