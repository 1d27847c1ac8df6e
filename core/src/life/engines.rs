//! Chapter 7: each collection in its turn: associate it, pull, push (spec §4.4, §5.2).
//!
//! Where [`Association`] says that the server's collection is to be wiped, everything that it has is fetched and merged
//! here before, and the wipe depends on nobody having written since: so nothing is lost, whoever wrote it. If any record
//! cannot be read, nothing is wiped.
//!
//! meta/global is uploaded as soon as all collections are associated, before their records: a device that syncs at the
//! same moment then finds the new entries and does not wipe in its turn.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::association::Association;
use super::crypto_keys::{self, Recheck};
use super::error_policy::{Place, Reach, may_recheck_keys, reach};
use super::report::{CollectionReport, CollectionStatus, Skip};
use super::session::Session;
use super::state::{CollectionState, read, write};
use super::sync::Stage;
use crate::engine::{Engine, Generic};
use crate::error::{Error, Result};
use crate::host::{Commit, Host, Part, Sweep};
use crate::ids::Guid;
use crate::repository::{
    CryptoRepository, LocalRepository, Pair, ServerMark, ServerRepository, Synchronizer,
};
use crate::time::ServerTime;

/// After so many conflicts in one sync a collection waits for the next one.
const ATTEMPTS: u32 = 3;

/// Carries out what meta/global says of each collection, and tells which of them are to be synced.
///
/// `reports` has one report for each collection; what an earlier attempt of this sync has put into it stays.
pub(super) async fn associate<'a, H: Host>(
    session: &mut Session<'a, H>,
    reports: &mut Vec<CollectionReport>,
) -> Result<Vec<&'a Generic>> {
    let engines = &session.options.engines;
    if reports.is_empty() {
        let fresh = |engine: &Generic| CollectionReport::new(engine.collection().clone());
        reports.extend(engines.iter().map(fresh));
    }
    let mut ready = Vec::new();
    for (engine, report) in engines.iter().zip(reports) {
        let result = associate_one(session, engine, report).await;
        if settle(result, report)? == Some(true) {
            ready.push(engine);
        }
    }
    Ok(ready)
}

/// How the turns of the collections ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turns {
    /// All had theirs.
    Done,
    /// The keys were replaced meanwhile: begin again with the first chapter.
    KeysChanged,
    /// The server asked to be left alone: those that are left wait for the next sync.
    CutShort,
}

/// Gives every collection its turn.
pub(super) async fn synchronize<H: Host>(
    session: &mut Session<'_, H>,
    ready: &[&Generic],
    reports: &mut [CollectionReport],
) -> Result<Turns> {
    for engine in ready {
        let report = reports
            .iter_mut()
            .find(|report| report.name == *engine.collection());
        let Some(report) = report else { continue };
        if session.is_to_leave() {
            return Ok(Turns::CutShort);
        }
        (session.options.progress)(Stage::Collection(engine.collection()));
        let started = session.host.now();
        let before = session.client.observed().traffic;
        let mut result = synchronize_one(session, engine, report).await;
        if report.pulled.mismatches > 0
            && may_recheck_keys(session.state.keys_checked, session.host.now())
        {
            match crypto_keys::recheck(session, report.pulled.newest_mismatch).await {
                Ok(Recheck::Same) => {}
                Ok(Recheck::Changed) => {
                    report.pulled.forget_failures();
                    return Ok(Turns::KeysChanged);
                }
                Err(error) => result = result.and(Err(error)),
            }
        }
        report.traffic = session.client.observed().traffic.since(before);
        report.millis = session.host.now().millis().saturating_sub(started.millis());
        if settle(result, report)?.is_some() {
            let failed = report.pulled.failed_count + report.pushed.failed_count;
            report.status = match failed {
                0 => CollectionStatus::Ok,
                _ => CollectionStatus::Partial,
            };
        }
    }
    Ok(Turns::Done)
}

/// Keeps an error that concerns this collection alone in its report, and lets others through.
fn settle<T>(result: Result<T>, report: &mut CollectionReport) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            report.status = CollectionStatus::Failed(error.clone());
            match reach(&error, Place::Collection) {
                Reach::Collection | Reach::Again => Ok(None),
                Reach::Token | Reach::Sync => Err(error),
            }
        }
    }
}

/// Carries out what the entry in meta/global means. Answers whether the collection is to be synced.
async fn associate_one<H: Host>(
    session: &mut Session<'_, H>,
    engine: &Generic,
    report: &mut CollectionReport,
) -> Result<bool> {
    let name = engine.collection().as_str();
    let state = load(session, engine).await?;
    let meta = session.meta.as_ref().ok_or(Error::NotSetUp)?;
    let entry = meta.engine(name);
    match Association::judge(
        engine.version(),
        state.sync_id.as_deref(),
        entry.as_ref(),
        meta.is_declined(name),
    ) {
        Association::Proceed => return Ok(true),
        Association::Declined => report.status = CollectionStatus::Skipped(Skip::Declined),
        Association::OutOfDate { server } => {
            report.status = CollectionStatus::Skipped(Skip::OutOfDate {
                server,
                ours: engine.version(),
            });
        }
        Association::ResetLocalAndAdopt {
            sync_id: Some(sync_id),
        } => {
            reset(session, engine, Some(sync_id)).await?;
            return Ok(true);
        }
        Association::ResetLocalAndAdopt { sync_id: None } => {
            start_over(session, engine).await?;
            return Ok(true);
        }
        Association::WipeServerCollectionAndNewSyncId => {
            if session.modified_of(name).is_some() {
                rescue_and_wipe(session, engine, report).await?;
            }
            start_over(session, engine).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lists the collection in meta/global under a new sync ID.
async fn start_over<H: Host>(session: &mut Session<'_, H>, engine: &Generic) -> Result<()> {
    let sync_id = Guid::make(session.host)?;
    if let Some(meta) = &mut session.meta {
        meta.set_engine(
            engine.collection().as_str(),
            engine.version(),
            sync_id.as_str(),
        );
    }
    reset(session, engine, Some(sync_id.as_str().into())).await
}

/// Fetches and merges all that the server's collection has, then deletes it there if nobody wrote since.
async fn rescue_and_wipe<H: Host>(
    session: &mut Session<'_, H>,
    engine: &Generic,
    report: &mut CollectionReport,
) -> Result<()> {
    reset(session, engine, None).await?;
    let mut state = load(session, engine).await?;
    run(session, engine, &mut state, report, Flows::PullOnly).await?;
    if report.pulled.failed_count > 0 {
        return Err(Error::Unlisted {
            collection: engine.collection().clone(),
            damaged: report.pulled.failed_count,
        });
    }
    let seen = state.pair.remote.last_sync;
    session
        .client
        .delete_collection(engine.collection(), Some(seen))
        .await?;
    session.forget_collection(engine.collection());
    Ok(())
}

/// Forgets what the server has of the collection; records stay, to be sent again.
async fn reset<H: Host>(
    session: &Session<'_, H>,
    engine: &Generic,
    sync_id: Option<String>,
) -> Result<()> {
    let state = CollectionState {
        sync_id,
        ..CollectionState::default()
    };
    keep(session, engine, &state, Some(Sweep::Reset)).await
}

async fn keep<H: Host>(
    session: &Session<'_, H>,
    engine: &Generic,
    state: &CollectionState,
    sweep: Option<Sweep>,
) -> Result<()> {
    let part = Part {
        sweep,
        state: Some(write(state)),
        ..Part::new(engine.collection().clone())
    };
    // A part without writes is never stale.
    let _done = session
        .host
        .commit(Commit {
            parts: alloc::vec![part],
            global: None,
        })
        .await?;
    Ok(())
}

async fn load<H: Host>(session: &Session<'_, H>, engine: &Generic) -> Result<CollectionState> {
    Ok(read(
        session.host.state(engine.collection()).await?.as_deref(),
    ))
}

/// Pulls and pushes; when another device writes in between, again.
async fn synchronize_one<H: Host>(
    session: &Session<'_, H>,
    engine: &Generic,
    report: &mut CollectionReport,
) -> Result<()> {
    let mut flows = Flows::Both;
    for _ in 1..ATTEMPTS {
        let mut state = load(session, engine).await?;
        match run(session, engine, &mut state, report, flows).await {
            Err(error) if reach(&error, Place::Collection) == Reach::Again => {
                // What was being downloaded has changed: again from the last complete reading on.
                state.pair.remote.begin_again();
                keep(session, engine, &state, None).await?;
                flows = Flows::PullAnyway;
            }
            result => return result,
        }
    }
    let mut state = load(session, engine).await?;
    run(session, engine, &mut state, report, flows).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flows {
    /// In, whatever info/collections says; nothing out.
    PullOnly,
    /// In if info/collections says that something changed; out.
    Both,
    /// In, whatever info/collections says; out.
    PullAnyway,
}

#[derive(Serialize)]
struct Note<'a> {
    sync_id: &'a Option<String>,
    pair: &'a Pair<ServerMark, ()>,
}

async fn run<H: Host>(
    session: &Session<'_, H>,
    engine: &Generic,
    state: &mut CollectionState,
    report: &mut CollectionReport,
    flows: Flows,
) -> Result<()> {
    let name = engine.collection();
    let keys = session.keys.as_ref().ok_or(Error::NotSetUp)?;
    let bundle = keys.bundle(name.as_str());
    let server = ServerRepository::new(
        &session.client,
        name,
        &session.limits,
        state.pair.remote.last_sync,
    )
    .capped(engine.first_download());
    let mut remote = CryptoRepository::new(
        server,
        bundle,
        session.host.cbc(bundle.encryption_key()),
        session.host,
        engine.ttl(),
    )
    .with_former_keys(session.former_bundles(name.as_str()));
    let mut local = LocalRepository::new(session.host, session.host, engine);
    let CollectionState { sync_id, pair } = state;
    let is_new = has_news(pair, session.modified_of(name.as_str()));
    let note = |pair: &_| Some(write(&Note { sync_id, pair }));
    let progress = |progress| {
        (session.options.progress)(Stage::Records {
            collection: name,
            progress,
        })
    };
    let mut synchronizer = Synchronizer::new(&mut remote, &mut local, pair, note, progress);
    if is_new || flows != Flows::Both {
        synchronizer.pull(&mut report.pulled).await?;
    }
    if flows != Flows::PullOnly && session.host.counts(name).await?.pending > 0 {
        let mut synchronizer = Synchronizer::new(&mut remote, &mut local, pair, note, progress);
        synchronizer.push(&mut report.pushed).await?;
    }
    Ok(())
}

/// Whether the server may have what this device lacks.
pub(super) fn has_news(pair: &Pair<ServerMark, ()>, in_info: Option<ServerTime>) -> bool {
    let mark = &pair.remote;
    in_info.is_some_and(|time| time > mark.last_sync)
        || mark.download.is_some()
        || !pair.failed_in.is_empty()
        || !pair.backlog.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_collection_is_fetched_only_when_there_is_reason_to() {
        let time = ServerTime::from_hundredths;
        let mut pair = Pair::<ServerMark, ()>::default();
        pair.remote.last_sync = time(5);
        let rows = [
            ("absent", None, false),
            ("same", Some(time(5)), false),
            ("older", Some(time(4)), false),
            ("newer", Some(time(6)), true),
        ];
        for (name, in_info, expected) in rows {
            assert_eq!(has_news(&pair, in_info), expected, "{name}");
        }
        pair.failed_in
            .insert(crate::ids::RecordId::new("a").unwrap());
        assert!(
            has_news(&pair, None),
            "records that failed are asked for once more"
        );
    }
}
