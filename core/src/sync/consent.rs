//! Decisions that only a person may make, and the decisions made.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::error::Reason;
use crate::ids::CollectionName;
use crate::time::ServerTime;

/// Seconds after which a missing record is requested again: another device may be between its DELETE and its PUT.
pub const SECOND_LOOK_SECONDS: u64 = 2;

/// The facts that a person needs before agreeing that the account is set up again. Nothing was written.
///
/// It may be kept as JSON and given to [`reinitialize`](super::reinitialize): the agreement applies only to its
/// contents.
///
/// ```
/// use selvedge_core::sync::{Consent, Reason};
/// use selvedge_core::time::ServerTime;
///
/// let seen = ServerTime::from_hundredths(150);
/// let consent = Consent { reason: Reason::KeysMissing, collections: vec![], seen, can_restore: false };
/// let json = r#"{"reason":"keys-missing","collections":[],"seen":1.50,"canRestore":false}"#;
/// assert_eq!(serde_json::to_string(&consent).unwrap(), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// Why consent is required.
    pub reason: Reason,
    /// The collections on the server, which would be deleted.
    pub collections: Vec<AtRisk>,
    /// The newest time on the server: nothing is deleted if anything was written since.
    pub seen: ServerTime,
    /// Whether this device remembers the missing record, so that the account can be restored and nothing is deleted.
    pub can_restore: bool,
}

/// A collection that would be deleted on the server.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::sync::AtRisk;
/// use selvedge_core::time::ServerTime;
///
/// let name = CollectionName::new("passwords").unwrap();
/// let passwords = AtRisk { name, records: Some(7), modified: ServerTime::from_hundredths(100) };
/// let json = r#"{"name":"passwords","records":7,"modified":1.00}"#;
/// assert_eq!(serde_json::to_string(&passwords).unwrap(), json);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtRisk {
    /// Its name.
    pub name: CollectionName,
    /// The number of its records; `None` when the server does not return it.
    pub records: Option<u64>,
    /// When it was last changed, by the server's clock.
    pub modified: ServerTime,
}

impl Consent {
    /// Whether the server's state is still the one that was shown, for the same reason. Only then an agreement to one
    /// applies to the other.
    pub(super) fn covers(&self, now: &Self) -> bool {
        let shown = |consent: &Self| -> Vec<(CollectionName, ServerTime)> {
            let collections = consent.collections.iter();
            collections
                .map(|at_risk| (at_risk.name.clone(), at_risk.modified))
                .collect()
        };
        (self.reason, self.seen) == (now.reason, now.seen) && shown(self) == shown(now)
    }
}

/// How the account is repaired.
///
/// ```
/// use selvedge_core::sync::Remedy;
///
/// assert_ne!(Remedy::StartOver, Remedy::Restore);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Delete all data on the server, and set the account up with the data on the devices.
    StartOver,
    /// Write the missing record again from this device's memory; nothing is deleted.
    Restore,
}

/// The agreement of a person.
#[derive(Debug, Clone)]
pub(super) struct Agreement {
    pub(super) consent: Consent,
    pub(super) remedy: Remedy,
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn consent(reason: Reason, seen: u64, collections: &[(&str, u64)]) -> Consent {
        let at_risk = |(name, modified): &(&str, u64)| AtRisk {
            name: CollectionName::new(*name).unwrap(),
            records: Some(1),
            modified: ServerTime::from_hundredths(*modified),
        };
        Consent {
            reason,
            collections: collections.iter().map(at_risk).collect(),
            seen: ServerTime::from_hundredths(seen),
            can_restore: false,
        }
    }

    #[test]
    fn an_agreement_holds_for_what_was_shown_and_for_nothing_else() {
        let shown = consent(Reason::MetaMissing, 7, &[("notes", 7), ("tabs", 5)]);
        let rows = [
            ("the same", shown.clone(), true),
            (
                "the server counts now",
                Consent {
                    collections: shown
                        .collections
                        .iter()
                        .map(|at_risk| AtRisk {
                            records: None,
                            ..at_risk.clone()
                        })
                        .collect(),
                    ..shown.clone()
                },
                true,
            ),
            (
                "another reason",
                consent(Reason::OlderFormat, 7, &[("notes", 7), ("tabs", 5)]),
                false,
            ),
            (
                "something was deleted",
                consent(Reason::MetaMissing, 8, &[("notes", 7), ("tabs", 5)]),
                false,
            ),
            (
                "a collection was written",
                consent(Reason::MetaMissing, 7, &[("notes", 7), ("tabs", 6)]),
                false,
            ),
            (
                "a collection is new",
                consent(
                    Reason::MetaMissing,
                    7,
                    &[("notes", 7), ("passwords", 1), ("tabs", 5)],
                ),
                false,
            ),
            (
                "a collection is gone",
                consent(Reason::MetaMissing, 7, &[("notes", 7)]),
                false,
            ),
        ];
        for (name, now, expected) in rows {
            assert_eq!(shown.covers(&now), expected, "{name}");
        }
    }
}
