//! Only a person may decide how to continue, because setting the account up would delete data of others (spec §4.4).
//!
//! ```text
//! no agreement ──────────────────────────→ the end: report what is on the server; nothing was written
//! agreed to what was shown, but the server
//!   has changed since ───────────────────→ likewise: ask again
//! agreed, start over ────────────────────→ fresh start; its DELETE depends on the newest time that was shown
//! agreed, restore ───────────────────────→ PUT the remembered record, if it is still missing
//! ```

use alloc::vec::Vec;

use super::consent::{AtRisk, Consent, Remedy};
use super::fresh_start;
use super::key_probe::{KeyProbe, probe_key};
use super::options::Stage;
use super::report::{Ending, Report};
use super::session::Session;
use super::state::Cached;
use crate::error::{Reason, Result};
use crate::host::Host;
use crate::metadata::{CollectionKeys, Listed, MetaGlobal, Seen, Verdict};

/// Describes the data on the server.
pub(super) async fn describe<H: Host>(
    session: &mut Session<'_, H>,
    reason: Reason,
) -> Result<Consent> {
    // If the server does not return counts, the description omits them.
    let counts = session.client.info_collection_counts().await;
    let counts = counts.unwrap_or_default();
    let info = session.state.server.info.as_ref();
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

/// The missing record as this device remembers it, if it matches the records on the server.
async fn remembered<H: Host>(
    session: &Session<'_, H>,
    reason: Reason,
) -> Result<Option<(&'static str, &'static str, Cached)>> {
    match (
        reason,
        &session.state.server.meta,
        &session.state.server.keys,
    ) {
        (Reason::MetaMissing, Some(meta), _) => {
            let seen = Seen::Payload(&meta.payload);
            let verdict =
                MetaGlobal::judge(Listed::Meta, seen, session.state.server.sync_id.as_deref());
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

/// Whether the keys open the newest record of a collection on the server.
async fn open_records<H: Host>(session: &Session<'_, H>, keys: &CollectionKeys) -> Result<bool> {
    /// Maximum number of collections that are checked.
    const MAX_COLLECTIONS: usize = 8;
    let info = session.state.server.info.iter();
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

/// The result of asking for consent.
pub(super) enum Answer {
    /// A person has to decide; the sync is over.
    Ask(Ending),
    /// Consent was given, and carried out: begin again with the first step.
    Done,
}

/// Does what a person agreed to, if the server's state is still the same; else describes the new state.
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
                session
                    .put_if_absent(collection, id, record.payload)
                    .await?;
                report.restored = true;
                return Ok(Answer::Done);
            }
        }
        _ => {}
    }
    session.state.server.needs_consent = Some(consent.clone());
    Ok(Answer::Ask(Ending::NeedsConsent(consent)))
}
