//! How to combine the two sides once, as a person requested.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::CollectionName;
use crate::sorted::Map;
use crate::time::ServerTime;

/// How to combine the two sides.
///
/// ```
/// use selvedge_core::sync::Mode;
///
/// assert_eq!(serde_json::to_string(&Mode::TakeServer).unwrap(), r#""wipeClient""#);
/// assert_eq!(Mode::TakeServer.word(), "take-server");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Both sides keep their records.
    #[default]
    #[serde(rename = "resetClient")]
    Merge,
    /// The server's records replace the local ones.
    #[serde(rename = "wipeClient")]
    TakeServer,
    /// The local records replace the server's.
    #[serde(rename = "wipeRemote")]
    TakeLocal,
}

impl Mode {
    /// The mode in one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::TakeServer => "take-server",
            Self::TakeLocal => "take-local",
        }
    }

    /// The effect on the records, where this side has `here`, the server `there`, and both have `both` of them.
    #[must_use]
    pub const fn effect(self, here: u64, there: u64, both: u64) -> Effect {
        let (only_here, only_there) = (here.saturating_sub(both), there.saturating_sub(both));
        let nothing = Effect {
            received: 0,
            sent: 0,
            merged: 0,
            replaced: 0,
            deleted_here: 0,
            deleted_there: 0,
        };
        match self {
            Self::Merge => Effect {
                received: only_there,
                sent: only_here,
                merged: both,
                ..nothing
            },
            Self::TakeServer => Effect {
                received: only_there,
                replaced: both,
                deleted_here: only_here,
                ..nothing
            },
            Self::TakeLocal => Effect {
                sent: only_here,
                replaced: both,
                deleted_there: only_there,
                ..nothing
            },
        }
    }
}

/// The effect of a first sync on the records of a collection.
///
/// ```
/// use selvedge_core::sync::Mode;
///
/// assert_eq!(Mode::TakeLocal.effect(3, 5, 1).deleted_there, 4);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// Records that only the server has, and that are received.
    pub received: u64,
    /// Records that only this device has, and that are sent.
    pub sent: u64,
    /// Records that both have, and that are merged.
    pub merged: u64,
    /// Records that both have, of which one side's version is replaced.
    pub replaced: u64,
    /// Records that only this device has, and that are deleted.
    pub deleted_here: u64,
    /// Records that only the server has, including deletions that it remembers, and that are deleted.
    pub deleted_there: u64,
}

/// The action that the next sync performs once.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::sync::{FirstSync, Mode};
///
/// let notes = CollectionName::new("notes").unwrap();
/// let intent = FirstSync { mode: Mode::Merge, collections: vec![notes], ..FirstSync::default() };
/// let json = r#"{"mode":"resetClient","collections":["notes"],"shown":{}}"#;
/// assert_eq!(serde_json::to_string(&intent).unwrap(), json);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSync {
    /// How the sides are combined.
    pub mode: Mode,
    /// The collections concerned that are not processed yet.
    pub collections: Vec<CollectionName>,
    /// The time on the server of each collection when a person agreed: one that was changed since is not deleted there.
    #[serde(default)]
    pub shown: Map<CollectionName, ServerTime>,
}
