//! Chapter 6: nobody has synced to this account in our format yet, so it is set up (spec §4.7).
//!
//! ```text
//! 1 reset all engines here; forget meta, keys, sync ID       (records stay, to be sent again)
//! 2 DELETE storage                                           (not if the server has nothing)
//! 3 PUT meta/global, if nobody else just did: 412 ─────────→ set-up race, stop
//! 4 PUT crypto/keys, likewise
//! 5 GET info/collections, GET crypto/keys: ours? else ─────→ set-up race, stop
//! 6 remember both; begin again with the first chapter
//! ```

use alloc::string::{String, ToString};

use super::crypto_keys::{CollectionKeys, KeyChange, install};
use super::first_sync;
use super::meta_global::MetaGlobal;
use super::selection::before_fresh_start;
use super::session::Session;
use super::state::{Cached, CachedInfo, remember};
use crate::engine::{Engine, FIREFOX_ENGINES};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::ids::Guid;
use crate::sorted::Map;
use crate::time::ServerTime;

/// The engines that a new meta/global lists: Firefox's, for it switches off what is not listed; those that were listed
/// before, known here or not; and those of this device. Declined ones are left out.
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

/// Sets the account up.
pub(super) async fn step<H: Host>(session: &mut Session<'_, H>) -> Result<()> {
    let is_empty = session
        .state
        .info
        .as_ref()
        .is_some_and(|info| info.collections.is_empty());
    session.state.sync_id = None;
    session.state.meta = None;
    session.state.replace_keys(None);
    session.state.info = None;
    first_sync::at_fresh_start(&mut session.state);
    session.reset_all().await?;
    if !is_empty {
        session.client.delete_storage(None).await?;
    }
    let meta = new_meta_global(session)?;
    let keys = CollectionKeys::make(session.host)?;
    let meta = put_if_absent(session, "meta", "global", meta.to_payload()).await?;
    let sealed = keys.seal(session.sync_key, session.host)?;
    let record = put_if_absent(session, "crypto", "keys", sealed).await?;
    verify(session, &keys, record.modified).await?;
    session.state.meta = Some(meta);
    install(session, keys, record);
    session.save().await
}

fn new_meta_global<H: Host>(session: &mut Session<'_, H>) -> Result<MetaGlobal> {
    let ours = session
        .options
        .engines
        .iter()
        .map(|engine| (engine.collection().as_str(), engine.version()));
    let state = &session.state;
    let (before, declined) = before_fresh_start(&state.engines, &state.declined, &state.choices);
    let listed = engines_to_list(&before, ours, &declined);
    let sync_id = Guid::make(session.host)?;
    let declined = declined.iter().map(String::as_str);
    let mut meta = MetaGlobal::new(sync_id.as_str(), [], declined);
    for (name, version) in &listed {
        meta.set_engine(name, *version, Guid::make(session.host)?.as_str());
    }
    remember(&mut session.state, &meta);
    session.state.sync_id = Some(sync_id.to_string());
    Ok(meta)
}

async fn put_if_absent<H: Host>(
    session: &mut Session<'_, H>,
    collection: &'static str,
    id: &'static str,
    payload: String,
) -> Result<Cached> {
    match session
        .put(collection, id, &payload, ServerTime::ZERO)
        .await
    {
        Ok(modified) => Ok(Cached { payload, modified }),
        Err(Error::Conflict { .. }) => Err(Error::SetupRace),
        Err(error) => Err(error),
    }
}

/// Reads back what was written: only then the keys are ours to use.
async fn verify<H: Host>(
    session: &mut Session<'_, H>,
    keys: &CollectionKeys,
    written: ServerTime,
) -> Result<()> {
    let info = session.client.info_collections(None).await?;
    let crate::server::Conditional::Changed {
        value,
        last_modified,
    } = info
    else {
        return Err(Error::SetupRace);
    };
    let collections = value
        .iter()
        .map(|(name, time)| (name.clone(), time))
        .collect();
    session.state.info = Some(CachedInfo {
        modified: last_modified,
        collections,
    });
    if session
        .modified_of("crypto")
        .is_none_or(|time| time < written)
    {
        return Err(Error::SetupRace);
    }
    let record = session
        .get("crypto", "keys")
        .await?
        .ok_or(Error::SetupRace)?;
    let there = CollectionKeys::open(session.sync_key, &record.payload)?;
    match there.change_from(Some(keys)) {
        KeyChange::Nothing => Ok(()),
        KeyChange::All | KeyChange::Some(_) => Err(Error::SetupRace),
    }
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
