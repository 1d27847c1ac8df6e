//! What a machine keeps of its syncs, beside its rules and events (spec §2.2, §2.6).

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::error::Result;
use super::kind::Kind;
use super::settings::Settings;
use super::store::{Commit, RuleStore};
use super::wire::ClientMode;
use selvedge_core::time::LocalTime;

/// A machine's sync state.
///
/// ```
/// use selvedge_santa::{Kind, SyncState};
///
/// // Before anything was kept, everything is wanted anew.
/// assert_eq!(SyncState::default().requested, Kind::CleanAll);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncState {
    /// The kind of sync that is asked for until one is granted.
    pub requested: Kind,
    /// What the server has set.
    pub settings: Settings,
    /// The mode that the server has set, where the one in the settings took its place: this machine may not be in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_mode: Option<ClientMode>,
    /// When a sync last ended well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_full_sync: Option<LocalTime>,
    /// When rules last came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_rule_sync: Option<LocalTime>,
}

impl Default for SyncState {
    fn default() -> Self {
        Self {
            requested: Kind::CleanAll,
            settings: Settings::default(),
            replaced_mode: None,
            last_full_sync: None,
            last_rule_sync: None,
        }
    }
}

impl SyncState {
    /// From what a store kept. What cannot be read is as if it had never been there: everything is wanted anew.
    #[must_use]
    pub fn read(kept: Option<&str>) -> Self {
        kept.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// For a store to keep.
    #[must_use]
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("a state is texts, numbers and booleans")
    }

    /// Reads a store's.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn load<S: RuleStore>(store: &S) -> Result<Self> {
        Ok(Self::read(store.state().await?.as_deref()))
    }

    /// Keeps it, and changes nothing else.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn save<S: RuleStore>(&self, store: &S) -> Result<()> {
        let commit = Commit {
            state: Some(self.write()),
            ..Commit::default()
        };
        store.commit(commit).await?;
        Ok(())
    }
}

/// Keeps a person's wish for a clean sync, or takes it back, for the next sync.
///
/// # Errors
/// When the store cannot be read or written.
///
/// ```
/// use selvedge_santa::{Kind, MemoryRuleStore, SyncState, request};
///
/// # pollster::block_on(async {
/// let store = MemoryRuleStore::default();
/// request(&store, Kind::Clean).await?;
/// assert_eq!(SyncState::load(&store).await?.requested, Kind::Clean);
/// # Ok::<(), selvedge_santa::Error>(()) }).unwrap();
/// ```
pub async fn request<S: RuleStore>(store: &S, kind: Kind) -> Result<()> {
    let mut state = SyncState::load(store).await?;
    state.requested = kind;
    state.save(store).await
}
