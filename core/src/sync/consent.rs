//! Chapter 6: only a person may decide how it goes on, because setting the account up would delete data of others (spec
//! §4.4).
//!
//! ```text
//! nobody has agreed ─────────────────────→ the end: tell what is on the server; nothing was written
//! agreed to what was shown, but the server
//!   has something else now ──────────────→ likewise: ask again
//! agreed, start over ────────────────────→ fresh start; its DELETE depends on the newest time that was shown
//! agreed, restore ───────────────────────→ PUT the missing record as this device remembers it, if it is still missing
//! ```

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::crypto_keys::CollectionKeys;
use super::fresh_start;
use super::key_probe::{KeyProbe, probe_key};
use super::meta_global::{Listed, MetaGlobal, Seen, Verdict};
use super::report::{Ending, Report};
use super::run::Stage;
use super::session::Session;
use super::state::Cached;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::ids::CollectionName;
use crate::time::ServerTime;

/// A missing record is looked for once more after this many seconds: another device may be between its DELETE and its PUT.
pub const SECOND_LOOK_SECONDS: u64 = 2;

/// Why a sync cannot go on without a person's decision.
///
/// ```
/// use selvedge_core::sync::Reason;
///
/// assert_eq!(serde_json::to_string(&Reason::MetaMissing).unwrap(), r#""meta-missing""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// meta/global is missing while other collections are there.
    #[error("the record that says how the account is set up (meta/global) is missing")]
    MetaMissing,
    /// The data have an older storage format.
    #[error("the account's data have an older storage format than this program's 5")]
    OlderFormat,
    /// meta/global cannot be read.
    #[error("the record that says how the account is set up (meta/global) cannot be read")]
    MetaUnreadable,
    /// crypto/keys is missing while records are there.
    #[error("the keys of the account's records (crypto/keys) are missing")]
    KeysMissing,
    /// crypto/keys cannot be read.
    #[error("the keys of the account's records (crypto/keys) cannot be read")]
    KeysUnreadable,
    /// crypto/keys is encrypted under another sync key.
    #[error("the account's records are encrypted under another sync key than the one in hand")]
    OtherKeys,
    /// info/collections lists what is not there.
    #[error("the server lists records that it does not have")]
    Contradiction,
}

impl Reason {
    /// The reason behind an error that a person may end by setting the account up again.
    #[must_use]
    pub fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Undecodable {
                record: "meta/global",
            } => Some(Self::MetaUnreadable),
            Error::Undecodable { .. } => Some(Self::KeysUnreadable),
            Error::WrongKey => Some(Self::OtherKeys),
            Error::Contradiction { .. } => Some(Self::Contradiction),
            Error::NeedsConsent { reason } => Some(*reason),
            _ => None,
        }
    }
}

/// What a person has to know before agreeing that the account is set up again. Nothing was written.
///
/// It may be kept as JSON and given to [`reinitialize`](super::reinitialize): the agreement is bound to what is in it.
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
    /// Why it is asked for.
    pub reason: Reason,
    /// What is on the server, and would be deleted there.
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
    /// How many records it has; `None` when the server does not tell.
    pub records: Option<u64>,
    /// When it was last changed, by the server's clock.
    pub modified: ServerTime,
}

impl Consent {
    /// Whether the server has now what was shown, for the same reason. Only then an agreement to the one holds for the
    /// other.
    fn covers(&self, now: &Self) -> bool {
        let shown = |consent: &Self| -> Vec<(CollectionName, ServerTime)> {
            let collections = consent.collections.iter();
            collections
                .map(|at_risk| (at_risk.name.clone(), at_risk.modified))
                .collect()
        };
        (self.reason, self.seen) == (now.reason, now.seen) && shown(self) == shown(now)
    }
}

/// How the account is put in order.
///
/// ```
/// use selvedge_core::sync::Remedy;
///
/// assert_ne!(Remedy::StartOver, Remedy::Restore);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Delete all that the server has, and set the account up with what is on the devices.
    StartOver,
    /// Write the missing record again as this device remembers it; nothing is deleted.
    Restore,
}

/// What a person agreed to.
#[derive(Debug, Clone)]
pub(super) struct Agreement {
    pub(super) consent: Consent,
    pub(super) remedy: Remedy,
}

/// Describes what is on the server.
pub(super) async fn describe<H: Host>(
    session: &mut Session<'_, H>,
    reason: Reason,
) -> Result<Consent> {
    // A server without counts is described without them.
    let counts = session.client.info_collection_counts().await;
    let counts = counts.unwrap_or_default();
    let info = session.state.info.as_ref();
    let collections: Vec<AtRisk> = info
        .iter()
        .flat_map(|info| &info.collections)
        .map(|(name, modified)| AtRisk {
            name: name.clone(),
            records: counts.get(name).copied(),
            modified: *modified,
        })
        .collect();
    let newest = collections.iter().map(|at_risk| at_risk.modified).max();
    let seen = info.map(|info| info.modified).max(newest);
    Ok(Consent {
        reason,
        collections,
        seen: seen.unwrap_or_default(),
        can_restore: remembered(session, reason).await?.is_some(),
    })
}

/// The missing record as this device remembers it, where that fits the records on the server.
async fn remembered<H: Host>(
    session: &Session<'_, H>,
    reason: Reason,
) -> Result<Option<(&'static str, &'static str, Cached)>> {
    match (reason, &session.state.meta, &session.state.keys) {
        (Reason::MetaMissing, Some(meta), _) => {
            let seen = Seen::Payload(&meta.payload);
            let verdict = MetaGlobal::judge(Listed::Meta, seen, session.state.sync_id.as_deref());
            let fits = matches!(verdict, Verdict::Proceed(_));
            Ok(fits.then(|| ("meta", "global", meta.clone())))
        }
        (Reason::KeysMissing, _, Some(record)) => {
            let Ok(keys) = CollectionKeys::open(session.sync_key, &record.payload) else {
                return Ok(None);
            };
            Ok(open_records(session, &keys)
                .await?
                .then(|| ("crypto", "keys", record.clone())))
        }
        _ => Ok(None),
    }
}

/// Whether keys open the newest record of a collection on the server.
async fn open_records<H: Host>(session: &Session<'_, H>, keys: &CollectionKeys) -> Result<bool> {
    /// More collections than this are not looked at.
    const MAX_COLLECTIONS: usize = 8;
    let info = session.state.info.iter();
    let names = info.flat_map(|info| info.collections.keys());
    let names = names.filter(|name| !matches!(name.as_str(), "meta" | "crypto"));
    for name in names.take(MAX_COLLECTIONS) {
        let Ok(bundle) = keys.bundle(name.as_str()) else {
            continue;
        };
        if probe_key(session, name, bundle).await? == KeyProbe::Opens {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What came of asking for consent.
pub(super) enum Answer {
    /// A person has to decide; the sync is over.
    Ask(Ending),
    /// It was given, and carried out: begin again with the first chapter.
    Done,
}

/// Does what a person agreed to, if it is still what is on the server; else describes what is there.
pub(super) async fn step<H: Host>(
    session: &mut Session<'_, H>,
    reason: Reason,
    report: &mut Report,
) -> Result<Answer> {
    let consent = describe(session, reason).await?;
    let agreement = session.agreement.clone();
    let agreement = agreement.filter(|agreement| agreement.consent.covers(&consent));
    match agreement.map(|agreement| agreement.remedy) {
        Some(Remedy::StartOver) if !report.fresh_start => {
            (session.options.progress)(Stage::FreshStart);
            fresh_start::step(session, Some(consent.seen)).await?;
            report.fresh_start = true;
            return Ok(Answer::Done);
        }
        Some(Remedy::Restore) if !report.restored => {
            if let Some((collection, id, record)) = remembered(session, reason).await? {
                fresh_start::put_if_absent(session, collection, id, record.payload).await?;
                report.restored = true;
                return Ok(Answer::Done);
            }
        }
        _ => {}
    }
    session.state.needs_consent = Some(consent.clone());
    Ok(Answer::Ask(Ending::NeedsConsent(consent)))
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

    #[test]
    fn only_errors_about_the_accounts_own_records_can_be_ended_by_setting_it_up_again() {
        let rows = [
            (
                Error::Undecodable {
                    record: "meta/global",
                },
                Some(Reason::MetaUnreadable),
            ),
            (
                Error::Undecodable {
                    record: "crypto/keys",
                },
                Some(Reason::KeysUnreadable),
            ),
            (Error::WrongKey, Some(Reason::OtherKeys)),
            (
                Error::Contradiction { detail: "" },
                Some(Reason::Contradiction),
            ),
            (Error::UpgradeNeeded { server: 6.into() }, None),
            (Error::ServiceClosed, None),
            (Error::SetupRace, None),
            (Error::WrongCollectionKey, None),
        ];
        for (error, reason) in rows {
            assert_eq!(Reason::of(&error), reason, "{error}");
        }
    }
}
