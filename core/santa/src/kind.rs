//! The kind of a sync: what the client requested, and what the server grants (spec §2.2).
//!
//! ```text
//! requested    server: normal, nothing, unknown   CLEAN, or only clean_sync    CLEAN_ALL
//! normal       normal                             clean                        clean, all
//! clean        normal, requests it again          clean                        clean, all
//! clean, all   normal, requests it again          clean, all                   clean, all
//! ```

use serde::{Deserialize, Serialize};

use super::wire::{PreflightResponse, SyncType};

/// A kind of sync.
///
/// ```
/// use selvedge_santa::{Kind, Wipe};
///
/// assert_eq!(Kind::Clean.wipe(), Wipe::NonTransitive);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Rules are added to the existing ones.
    Normal,
    /// All rules except transitive ones are replaced.
    Clean,
    /// All rules are replaced.
    CleanAll,
}

/// The rules that are removed before new ones are added, in the same transaction.
///
/// ```
/// use selvedge_santa::{Kind, Wipe};
///
/// assert_eq!(Kind::Normal.wipe(), Wipe::Nothing);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wipe {
    /// Nothing.
    Nothing,
    /// All rules except those that the machine created itself because of compiler rules.
    NonTransitive,
    /// All rules.
    All,
}

impl Kind {
    /// Decides by the client's request and the server's response. `sync_type` overrides `clean_sync`.
    #[must_use]
    pub fn decide(asked_for: Self, response: &PreflightResponse) -> Self {
        let granted = match response.sync_type {
            Some(SyncType::Clean) => Self::Clean,
            Some(SyncType::CleanAll) => Self::CleanAll,
            Some(
                SyncType::Unspecified
                | SyncType::Normal
                | SyncType::CleanStandalone
                | SyncType::CleanRules
                | SyncType::CleanFileAccessRules,
            ) => Self::Normal,
            None if response.clean_sync == Some(true) => Self::Clean,
            None => Self::Normal,
        };
        match (asked_for, granted) {
            (Self::CleanAll, Self::Clean) => Self::CleanAll,
            (_, granted) => granted,
        }
    }

    /// The rules that it removes.
    #[must_use]
    pub const fn wipe(self) -> Wipe {
        match self {
            Self::Normal => Wipe::Nothing,
            Self::Clean => Wipe::NonTransitive,
            Self::CleanAll => Wipe::All,
        }
    }

    /// Whether it removes any rules, if there are new ones.
    #[must_use]
    pub const fn is_clean(self) -> bool {
        !matches!(self, Self::Normal)
    }

    /// The value in postflight.
    #[must_use]
    pub const fn sync_type(self) -> SyncType {
        match self {
            Self::Normal => SyncType::Normal,
            Self::Clean => SyncType::Clean,
            Self::CleanAll => SyncType::CleanAll,
        }
    }

    /// Its name in commands and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Clean => "clean",
            Self::CleanAll => "clean_all",
        }
    }

    /// The kind with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Normal, Self::Clean, Self::CleanAll];
        all.into_iter().find(|kind| kind.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use Kind::{Clean, CleanAll, Normal};

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_row() {
        // The server's response: sync_type, clean_sync; then the kind of sync when normal, clean, clean all was
        // requested.
        let rows = [
            (None, None, [Normal, Normal, Normal]),
            (None, Some(false), [Normal, Normal, Normal]),
            (None, Some(true), [Clean, Clean, CleanAll]),
            (Some(SyncType::Normal), None, [Normal, Normal, Normal]),
            (Some(SyncType::Normal), Some(true), [Normal, Normal, Normal]),
            (Some(SyncType::Clean), None, [Clean, Clean, CleanAll]),
            (Some(SyncType::Clean), Some(false), [Clean, Clean, CleanAll]),
            (
                Some(SyncType::CleanAll),
                None,
                [CleanAll, CleanAll, CleanAll],
            ),
            (
                Some(SyncType::CleanStandalone),
                Some(true),
                [Normal, Normal, Normal],
            ),
            (Some(SyncType::CleanRules), None, [Normal, Normal, Normal]),
            (
                Some(SyncType::Unspecified),
                Some(true),
                [Normal, Normal, Normal],
            ),
            (
                Some(SyncType::CleanFileAccessRules),
                None,
                [Normal, Normal, Normal],
            ),
        ];
        for (sync_type, clean_sync, expected) in rows {
            let response = PreflightResponse {
                sync_type,
                clean_sync,
                ..PreflightResponse::default()
            };
            let done = [Normal, Clean, CleanAll].map(|asked| Kind::decide(asked, &response));
            assert_eq!(done, expected, "{sync_type:?} {clean_sync:?}");
        }
    }
}
