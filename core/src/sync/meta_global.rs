//! The record meta/global specifies the owner and the format of the data (spec §4.4).
//!
//! ```text
//! time in info = time of the cached record → the cached record is judged
//! else GET: 401 ──────────────────────────→ authentication failed
//!           404 of a proxy, other failure → stop, retry later
//!           404, and info lists
//!                nothing at all ──────────→ fresh start
//!                meta ────────────────────→ contradiction: stop
//!                other collections alone ─→ request it again after 2 seconds; then needs consent
//!           200, and info lists no meta ──→ read info again; then contradiction: stop
//!           200, no JSON object ──────────→ stop: undecodable
//!                storageVersion > 5 ──────→ stop: upgrade required
//!                storageVersion or syncID missing, or unreadable version → stop: undecodable
//!                storageVersion < 5 ──────→ needs consent
//!                syncID ≠ ours ───────────→ reset all engines, adopt it
//!                else ────────────────────→ proceed
//! ```
//!
//! Nothing is ever deleted because a record is missing, cannot be read or has an unusual value: only an empty account
//! is set up without a person's consent.

use alloc::string::ToString;

use super::info_collections;
use super::session::Session;
use super::state::Cached;
use crate::error::{Reason, Result};
use crate::host::Host;
use crate::metadata::{MetaGlobal, Seen, Verdict};
use crate::reconcile::has_same_content;

/// The next step.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Continue with the keys.
    CryptoKeys,
    /// The account is empty and has to be set up.
    FreshStart,
    /// Only a person may decide how to continue.
    NeedsConsent(Reason),
}

/// Gets meta/global, unless the cached one has the time that info/collections lists.
async fn fetch<H: Host>(session: &mut Session<'_, H>) -> Result<Option<Cached>> {
    let in_info = session.modified_of("meta");
    let cached = session.state.server.meta.as_ref();
    if let Some(cached) = cached.filter(|cached| Some(cached.modified) == in_info) {
        return Ok(Some(cached.clone()));
    }
    let record = session.get("meta", "global").await?;
    if record.is_some() && in_info.is_none() {
        // Another client may have written it since info/collections was read.
        info_collections::read_again(session).await?;
    }
    Ok(record)
}

/// Gets meta/global if the cached one is outdated, judges it, and adopts its sync ID.
pub(super) async fn step<H: Host>(session: &mut Session<'_, H>) -> Result<Next> {
    let record = fetch(session).await?;
    let seen = record
        .as_ref()
        .map_or(Seen::Missing, |record| Seen::Payload(&record.payload));
    let verdict = MetaGlobal::judge(
        session.listed(),
        seen,
        session.state.server.sync_id.as_deref(),
    );
    match verdict {
        Verdict::Proceed(meta) => {
            session.state.device.remember(&meta);
            session.state.server.meta = record;
            session.meta = Some(meta);
            Ok(Next::CryptoKeys)
        }
        Verdict::ResetAllAndAdopt(meta) => {
            session.state.device.remember(&meta);
            session.state.server.sync_id = meta.sync_id().map(ToString::to_string);
            session.state.server.meta = record;
            session.state.replace_keys(None);
            session.reset_all().await?;
            session.meta = Some(meta);
            Ok(Next::CryptoKeys)
        }
        Verdict::FreshStart => Ok(Next::FreshStart),
        Verdict::NeedsConsent(None) => {
            session.look_again("meta/global").await?;
            Ok(Next::NeedsConsent(Reason::MetaMissing))
        }
        Verdict::NeedsConsent(Some(_)) => Ok(Next::NeedsConsent(Reason::OlderFormat)),
        other => Err(other.into_error()),
    }
}

/// Uploads meta/global if this sync changed it, and if no other client has changed it since it was read.
pub(super) async fn upload<H: Host>(session: &mut Session<'_, H>) -> Result<()> {
    let (Some(meta), Some(read)) = (&session.meta, &session.state.server.meta) else {
        return Ok(());
    };
    let payload = meta.to_payload();
    if has_same_content(&payload, &read.payload) {
        return Ok(());
    }
    let modified = session
        .put("meta", "global", &payload, read.modified)
        .await?;
    session.state.server.meta = Some(Cached { payload, modified });
    session.save().await
}
