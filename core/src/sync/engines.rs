//! Each collection in its turn: associate it, pull, push (spec §4.4, §5.2).
//!
//! Where [`Association`] finds that a collection is not listed, or is listed in an older format, its records are
//! fetched and merged, and it is listed under a new sync ID. No record of it is deleted.
//!
//! meta/global is uploaded as soon as all collections are associated, before their records: a Firefox that syncs at the
//! same moment deletes a collection that is not listed.
//!
//! Before newer records are fetched, the newest record that this device has seen on the server is requested. If neither
//! it nor a later version of it exists, the server was restored to an earlier time and another device has written
//! since: all records are compared.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::association::Association;
use super::comparison::{lacks_newest, resend_missing};
use super::crypto_keys::{self, Recheck};
use super::error_policy::{Place, Reach, may_recheck_keys, reach};
use super::fetch::Fetch;
use super::options::Stage;
use super::report::{CollectionReport, CollectionStatus, Skip};
use super::session::Session;
use super::state::{CollectionState, read, write};
use crate::engines::{Engine, Merge};
use crate::error::{Error, Result};
use crate::host::{BulkChange, Commit, Host, Part};
use crate::ids::Guid;
#[cfg(feature = "whole-collections")]
use crate::repository::merge_whole;
use crate::repository::{
    CryptoRepository, LocalRepository, Pair, ServerMark, ServerRepository, Synchronizer, index_keys,
};

/// Maximum number of conflicts in one sync, after which a collection waits for the next one.
const ATTEMPTS: u32 = 3;

/// Carries out the decision on each collection's entry in meta/global, and returns the collections to sync.
///
/// `reports` has one report for each collection; entries from an earlier attempt of this sync are kept.
pub(super) async fn associate<'a, H: Host>(
    session: &mut Session<'a, H>,
    reports: &mut Vec<CollectionReport>,
) -> Result<Vec<&'a dyn Engine>> {
    let engines = session.options.engines.iter().map(AsRef::as_ref);
    if reports.is_empty() {
        let fresh = |engine: &dyn Engine| CollectionReport::new(engine.collection().clone());
        reports.extend(engines.clone().map(fresh));
    }
    let mut ready = Vec::new();
    for (engine, report) in engines.zip(reports) {
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
    /// All collections were processed.
    Done,
    /// The keys were replaced meanwhile: begin again with the first step.
    KeysChanged,
    /// The server requested a pause: the remaining collections wait for the next sync.
    CutShort,
}

/// Processes every collection in turn.
pub(super) async fn synchronize<H: Host>(
    session: &mut Session<'_, H>,
    ready: &[&dyn Engine],
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
        let mut result = synchronize_one(session, *engine, report).await;
        if report.pulled.mismatches > 0
            && may_recheck_keys(session.state.server.keys_checked, session.host.now())
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

/// Stores an error that concerns this collection alone in its report, and returns all other errors.
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

/// Carries out the decision on the entry in meta/global. Returns whether to sync the collection.
async fn associate_one<H: Host>(
    session: &mut Session<'_, H>,
    engine: &dyn Engine,
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
        Association::Unreadable => report.status = CollectionStatus::Skipped(Skip::Unreadable),
        Association::OutOfDate { server } => {
            report.status = CollectionStatus::Skipped(Skip::OutOfDate {
                server,
                ours: engine.version(),
            });
        }
        Association::ResetLocalAndAdopt { sync_id } => {
            reset(session, engine, Some(sync_id)).await?;
            return Ok(true);
        }
        Association::MergeAndAdopt => {
            start_over(session, engine).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lists the collection in meta/global under a new sync ID.
async fn start_over<H: Host>(session: &mut Session<'_, H>, engine: &dyn Engine) -> Result<()> {
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

/// Discards the state of the server's collection; records stay, to be sent again.
async fn reset<H: Host>(
    session: &Session<'_, H>,
    engine: &dyn Engine,
    sync_id: Option<String>,
) -> Result<()> {
    let state = CollectionState {
        sync_id,
        ..CollectionState::default()
    };
    keep(session, engine, &state, Some(BulkChange::Reset)).await
}

async fn keep<H: Host>(
    session: &Session<'_, H>,
    engine: &dyn Engine,
    state: &CollectionState,
    sweep: Option<BulkChange>,
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

async fn load<H: Host>(session: &Session<'_, H>, engine: &dyn Engine) -> Result<CollectionState> {
    Ok(read(
        session.host.state(engine.collection()).await?.as_deref(),
    ))
}

/// Pulls and pushes; repeats both when another device writes in between.
async fn synchronize_one<H: Host>(
    session: &Session<'_, H>,
    engine: &dyn Engine,
    report: &mut CollectionReport,
) -> Result<()> {
    let mut must_pull = false;
    for _ in 1..ATTEMPTS {
        let mut state = load(session, engine).await?;
        match run(session, engine, &mut state, report, must_pull).await {
            Err(error) if reach(&error, Place::Collection) == Reach::Again => {
                // The collection changed during the download: restart from the last complete read.
                state.pair.remote.begin_again();
                keep(session, engine, &state, None).await?;
                must_pull = true;
            }
            result => return result,
        }
    }
    let mut state = load(session, engine).await?;
    run(session, engine, &mut state, report, must_pull).await
}

#[derive(Serialize)]
struct Note<'a> {
    sync_id: &'a Option<String>,
    pair: &'a Pair<ServerMark, ()>,
    is_comparing: bool,
}

/// Pulls if info/collections shows a change, or in any case if it must; then pushes.
async fn run<H: Host>(
    session: &Session<'_, H>,
    engine: &dyn Engine,
    state: &mut CollectionState,
    report: &mut CollectionReport,
    must_pull: bool,
) -> Result<()> {
    let name = engine.collection();
    let keys = session.keys.as_ref().ok_or(Error::NotSetUp)?;
    let bundle = keys.bundle(name.as_str())?;
    let in_info = session.modified_of(name.as_str());
    let fetch = match Fetch::decide(state, in_info, session.client.latest_believable()) {
        Fetch::Nothing if must_pull => Fetch::Newer,
        Fetch::Newer if lacks_newest(session, name, &state.pair, in_info).await? => Fetch::Compare,
        fetch => fetch,
    };
    if fetch == Fetch::Compare {
        // From the beginning, also where a comparison was interrupted: only a complete one shows what the server lacks.
        state.is_comparing = true;
        state.pair.remote = ServerMark::default();
        state.pair.backlog.clear();
        state.pair.newest = None;
        keep(session, engine, state, None).await?;
        report.compared = true;
        report.pulled.ids = Some(Vec::new());
    }
    let server = ServerRepository::new(
        &session.client,
        name,
        &session.limits,
        state.pair.remote.last_sync,
    )
    .capped(match engine.merge() {
        Merge::PerRecord(_) => engine.first_download(),
        // A part of it cannot be merged.
        #[cfg(feature = "whole-collections")]
        Merge::WholeCollection(_) => None,
    });
    let mut remote = CryptoRepository::new(
        server,
        bundle,
        session.host.cbc(bundle.encryption_key()),
        session.host,
        engine.ttl(),
    )
    .with_former_keys(session.former_bundles(name.as_str()));
    let mut local = LocalRepository::new(session.host, session.host, session.host, engine);
    local.compare(fetch == Fetch::Compare);
    let CollectionState {
        sync_id,
        pair,
        is_comparing,
    } = state;
    let was_comparing = *is_comparing;
    let note = |pair: &_| {
        Some(write(&Note {
            sync_id,
            pair,
            is_comparing: was_comparing,
        }))
    };
    let progress = |progress| {
        (session.options.progress)(Stage::Records {
            collection: name,
            progress,
        })
    };
    if fetch != Fetch::Nothing {
        index_keys(session.host, engine).await?;
        let mut synchronizer = Synchronizer::new(&mut remote, &mut local, pair, note, progress);
        synchronizer.pull(&mut report.pulled).await?;
    }
    if fetch == Fetch::Compare {
        let there = report.pulled.ids.take().unwrap_or_default();
        report.lacking = resend_missing(session.host, name, there, pair).await?;
        if in_info.is_none() {
            // Nothing was read of a collection that does not exist.
            pair.remote = ServerMark::default();
        }
        *is_comparing = false;
        keep(session, engine, state, None).await?;
    }
    let CollectionState { sync_id, pair, .. } = state;
    let note = |pair: &_| {
        Some(write(&Note {
            sync_id,
            pair,
            is_comparing: false,
        }))
    };
    #[cfg(feature = "whole-collections")]
    if let Merge::WholeCollection(tree) = engine.merge() {
        // A record that could not be read is requested again by the next sync: without it, the rest is not complete.
        if !pair.failed_in.is_empty() {
            return Ok(());
        }
        let now = session.client.server_now_millis();
        let merged = merge_whole(session.host, session.host, engine, tree, now).await?;
        report.pulled.count(merged.receipt, pair);
        return Synchronizer::new(&mut remote, &mut local, pair, note, progress)
            .push_whole(merged.uploads, &mut report.pushed)
            .await;
    }
    if session.host.counts(name).await?.pending > 0 {
        let mut synchronizer = Synchronizer::new(&mut remote, &mut local, pair, note, progress);
        synchronizer.push(&mut report.pushed).await?;
    }
    Ok(())
}
