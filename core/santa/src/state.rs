//! The stored sync state of a machine, in addition to its rules and events (spec §2.2, §2.6).

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
/// // An empty store: the first sync requests a clean sync.
/// assert_eq!(SyncState::default().requested, Kind::CleanAll);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncState {
    /// The requested kind of sync, kept until the server grants it.
    pub requested: Kind,
    /// The settings from the server.
    pub settings: Settings,
    /// The mode from the server, if another mode in the settings replaces it because this machine does not allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_mode: Option<ClientMode>,
    /// When the last successful sync ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_full_sync: Option<LocalTime>,
    /// When rules were last downloaded.
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
    /// Parses a stored state. An unreadable state is treated as missing: everything is requested again.
    #[must_use]
    pub fn read(kept: Option<&str>) -> Self {
        kept.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// The text to be stored.
    #[must_use]
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("a state contains only strings, numbers and booleans")
    }

    /// Reads the state from a store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn load<S: RuleStore>(store: &S) -> Result<Self> {
        Ok(Self::read(store.state().await?.as_deref()))
    }

    /// Stores the state and changes nothing else.
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

/// Stores a person's request for a clean sync, or cancels it, for the next sync.
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
