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
use super::report::{CollectionReport, CollectionStatus, Skip};
use super::state::{CollectionState, read, write};
use super::sync::{Session, Stage};
use crate::crypto::RustCrypto;
use crate::engine::{Engine, Generic};
use crate::error::{Error, Result};
use crate::host::{Commit, Host, Part, Sweep};
use crate::ids::Guid;
use crate::repository::{
    CryptoRepository, LocalRepository, Pair, ServerMark, ServerRepository, Synchronizer,
    has_outgoing,
};
use crate::time::ServerTime;

/// After so many conflicts in one sync a collection waits for the next one.
const ATTEMPTS: u32 = 3;

/// How far an error reaches (spec §4.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// This collection only; the others have their turn.
    Collection,
    /// The whole sync.
    Sync,
}

const fn scope(error: &Error) -> Scope {
    match error {
        Error::Conflict { .. }
        | Error::WrongCollectionKey
        | Error::OverQuota { .. }
        | Error::TooLarge { .. }
        | Error::Answer { .. }
        | Error::Refused { .. }
        | Error::Unlisted { .. }
        | Error::Input(_) => Scope::Collection,
        _ => Scope::Sync,
    }
}

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

/// Gives every collection its turn.
pub(super) async fn synchronize<H: Host>(
    session: &Session<'_, H>,
    ready: &[&Generic],
    reports: &mut [CollectionReport],
) -> Result<()> {
    for engine in ready {
        let report = reports
            .iter_mut()
            .find(|report| report.name == *engine.collection());
        let Some(report) = report else { continue };
        (session.options.progress)(Stage::Collection(engine.collection()));
        let started = session.host.now();
        let before = session.client.observed().traffic;
        let result = synchronize_one(session, engine, report).await;
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
    Ok(())
}

/// Keeps an error that concerns this collection alone in its report, and lets others through.
fn settle<T>(result: Result<T>, report: &mut CollectionReport) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            report.status = CollectionStatus::Failed(error.clone());
            match scope(&error) {
                Scope::Collection => Ok(None),
                Scope::Sync => Err(error),
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
            Err(Error::Conflict { .. }) => {
                // What was being downloaded has changed: again from the last complete reading on.
                state.pair.remote.download = None;
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
    );
    let mut remote = CryptoRepository::new(
        server,
        bundle,
        RustCrypto::new(bundle),
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
    if flows != Flows::PullOnly && has_outgoing(session.host, name, pair).await? {
        let mut synchronizer = Synchronizer::new(&mut remote, &mut local, pair, note, progress);
        synchronizer.push(&mut report.pushed).await?;
    }
    Ok(())
}

/// Whether the server may have what this device lacks.
pub(super) fn has_news(pair: &Pair<ServerMark, ()>, in_info: Option<ServerTime>) -> bool {
    let ServerMark {
        last_sync,
        download,
    } = &pair.remote;
    in_info.is_some_and(|time| time > *last_sync)
        || download.is_some()
        || !pair.failed_in.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::RequestLine;
    use crate::http::Method;
    use crate::ids::CollectionName;

    #[test]
    fn what_concerns_one_collection_does_not_stop_the_others() {
        let request = RequestLine::new(Method::Post, "storage/notes");
        let collection = CollectionName::new("notes").unwrap();
        let rows = [
            (
                Error::Conflict {
                    request: request.clone(),
                },
                Scope::Collection,
            ),
            (Error::WrongCollectionKey, Scope::Collection),
            (
                Error::OverQuota {
                    request: request.clone(),
                },
                Scope::Collection,
            ),
            (
                Error::TooLarge {
                    request: request.clone(),
                },
                Scope::Collection,
            ),
            (
                Error::Unlisted {
                    collection,
                    damaged: 1,
                },
                Scope::Collection,
            ),
            (
                Error::SignedOut {
                    request: request.clone(),
                },
                Scope::Sync,
            ),
            (
                Error::NotFound {
                    request: request.clone(),
                },
                Scope::Sync,
            ),
            (
                Error::Wait {
                    until: None,
                    status: 503,
                    request: request.clone(),
                },
                Scope::Sync,
            ),
            (Error::ClientRefused { request }, Scope::Sync),
            (Error::ServiceClosed, Scope::Sync),
        ];
        for (error, expected) in rows {
            assert_eq!(scope(&error), expected, "{error}");
        }
    }

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
