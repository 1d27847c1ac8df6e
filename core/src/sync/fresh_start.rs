//! Sets up an account that is empty, or that a person agreed to start over (spec §4.7).
//!
//! ```text
//! 1 DELETE storage                    only after a person agreed, if unchanged since: 412 → begin again, ask again
//! 2 reset all engines here; forget meta, keys, sync ID       (records stay, to be sent again)
//! 3 PUT meta/global, if still missing: 412 ───────────────→ set-up race, stop
//! 4 PUT crypto/keys, likewise
//! 5 GET info/collections, crypto/keys, meta/global: ours? ─→ else set-up race, stop
//! 6 remember both; begin again with the first step
//! ```
//!
//! An account that the server reports as empty is set up without a DELETE. If a sync is interrupted directly after the
//! DELETE, the next sync finds such an account.

use alloc::string::{String, ToString};

use super::new_keys::put_keys;
use super::selection::before_fresh_start;
use super::session::Session;
use crate::engines::FIREFOX_ENGINES;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::ids::Guid;
use crate::metadata::{Listed, MetaGlobal, Seen, Verdict};
use crate::sorted::Map;
use crate::time::ServerTime;

/// The engines that a new meta/global lists: Firefox's, because Firefox switches off engines that are not listed; those
/// that were listed before, known here or not; and those of this device. Declined ones are omitted.
fn engines_to_list<'a>(
    before: &Map<String, u64>,
    ours: impl Iterator<Item = (&'a str, u64)>,
    declined: &[String],
) -> Map<String, u64> {
    let mut engines: Map<String, u64> = FIREFOX_ENGINES
        .iter()
        .map(|engine| (engine.name.to_string(), engine.version))
        .collect();
    engines.extend(
        before
            .iter()
            .map(|(name, version)| (name.clone(), *version)),
    );
    engines.extend(ours.map(|(name, version)| (name.to_string(), version)));
    engines.retain(|name, _| !declined.contains(name));
    engines
}

/// Sets the account up. `agreed` is the newest time on the server that a person saw before agreeing that all data are
/// deleted; without it the account is empty, and nothing is deleted.
pub(super) async fn step<H: Host>(
    session: &mut Session<'_, H>,
    agreed: Option<ServerTime>,
) -> Result<()> {
    if let Some(seen) = agreed {
        session.client.delete_storage(seen).await?;
    }
    session.state.server.sync_id = None;
    session.state.server.meta = None;
    session.state.replace_keys(None);
    session.state.server.info = None;
    session.state.device.first_sync_at_fresh_start();
    session.reset_all().await?;
    let meta = new_meta_global(session)?;
    let record = session
        .put_if_absent("meta", "global", meta.to_payload())
        .await?;
    put_keys(session).await?;
    let there = session.get("meta", "global").await?;
    let there = there.ok_or(Error::SetupRace)?;
    if !has_sync_id(&there.payload, meta.sync_id()) {
        return Err(Error::SetupRace);
    }
    session.state.server.meta = Some(record);
    session.save().await
}

/// Whether a meta/global has this sync ID.
fn has_sync_id(payload: &str, sync_id: Option<&str>) -> bool {
    let seen = Seen::Payload(payload);
    let verdict = MetaGlobal::judge(Listed::Meta, seen, sync_id);
    matches!(verdict, Verdict::Proceed(_))
}

fn new_meta_global<H: Host>(session: &mut Session<'_, H>) -> Result<MetaGlobal> {
    let ours = session
        .options
        .engines
        .iter()
        .map(|engine| (engine.collection().as_str(), engine.version()));
    let state = &session.state;
    let (before, declined) = before_fresh_start(
        &state.device.engines,
        &state.device.declined,
        &state.device.choices,
    );
    let listed = engines_to_list(&before, ours, &declined);
    let sync_id = Guid::make(session.host)?;
    let declined = declined.iter().map(String::as_str);
    let mut meta = MetaGlobal::new(sync_id.as_str(), [], declined);
    for (name, version) in &listed {
        meta.set_engine(name, *version, Guid::make(session.host)?.as_str());
    }
    session.state.device.remember(&meta);
    session.state.server.sync_id = Some(sync_id.to_string());
    Ok(meta)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_known_engine_is_listed_but_the_declined() {
        let before = Map::from([("spaceships".to_string(), 9), ("bookmarks".to_string(), 2)]);
        let declined = ["history".to_string(), "rockets".to_string()];
        let listed = engines_to_list(&before, [("notes", 1)].into_iter(), &declined);
        assert_eq!(listed.len(), FIREFOX_ENGINES.len() - 1 + 2);
        let version = |name: &str| listed.get(name).copied();
        assert_eq!(
            (
                version("spaceships"),
                version("notes"),
                version("bookmarks"),
                version("history")
            ),
            (Some(9), Some(1), Some(2), None)
        );
    }
}
