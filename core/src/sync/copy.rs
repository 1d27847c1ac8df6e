//! A copy of an account: every record goes from one server to another, encrypted again under new keys (spec §7.4).
//!
//! ```text
//! the source: token, info/collections, meta/global, crypto/keys   (only read; no device has synced to it → stop)
//! the target is empty ─────────────────→ set it up with new keys, listing the source's engines
//! the target was set up by this copy ──→ continue where it was interrupted
//! the target has other data ───────────→ stop: nothing is written
//! each collection but meta, crypto and clients: read, decrypt, encrypt, write, in commits; the position in the store
//! ```
//!
//! The clients collection is not copied: every device writes its own record when it first syncs with the copy.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::crypto_keys::{self, Next};
use super::error_policy::{Place, Reach, reach};
use super::fresh_start;
use super::options::{Options, Stage};
use super::report::{CollectionReport, CollectionStatus, Ending, Report};
use super::session::Session;
use super::state::{CachedInfo, DeviceState, GlobalState, ServerView, read, write};
use super::token::{self, KeptToken};
use crate::account::Credentials;
use crate::engines::{Engine as _, Generic};
use crate::error::{Error, Result};
use crate::host::{Commit, Host, Part};
use crate::ids::{CollectionName, RecordId};
use crate::metadata::{CollectionKeys, MetaGlobal, Seen, Verdict};
use crate::repository::{
    Checkpointed, CryptoRepository, Pair, Progress, Record, Repository, ServerMark,
    ServerRepository, Source as _, Synchronizer,
};
use crate::server::Conditional;
use crate::time::ServerTime;

/// Maximum number of attempts to read a collection of the source that changes during the copy.
const ATTEMPTS: u32 = 3;

/// The source of the copy, as it was when the copy began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Origin {
    endpoint: String,
    sync_id: Option<String>,
}

/// The state of the target for this copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// It is empty.
    Empty,
    /// This copy set it up before.
    Begun,
    /// It has data of its own.
    InUse,
}

/// Classifies the target by its collections and by its sync ID, compared with the one that this copy assigned to it.
fn judge(is_empty: bool, found: Option<&str>, given: Option<&str>) -> Target {
    match (is_empty, given) {
        (true, _) => Target::Empty,
        (false, Some(given)) if found == Some(given) => Target::Begun,
        (false, _) => Target::InUse,
    }
}

/// Copies the account `from` to the account `to`, which is empty or has an earlier copy of the same.
///
/// The host's store keeps the position of the copy and belongs to this copy alone: an interrupted copy continues from
/// there, and a complete one transfers what has changed since. Nothing is deleted on either server. `options.engines`
/// is ignored: all collections are copied.
///
/// # Errors
/// Errors that prevent the start, or concern the whole account; the report contains the errors of single collections
/// and records.
pub async fn copy<H: Host>(
    host: &H,
    from: &Credentials,
    to: &Credentials,
    options: &Options<'_>,
) -> Result<Report> {
    let started = host.now();
    let source = source(host, from, options).await?;
    let mut target = open(host, to, GlobalState::load(host).await?, options).await?;
    if source.client.endpoint() == target.client.endpoint() {
        return Err(Error::Input(
            "both accounts are the same: name another one to copy to".into(),
        ));
    }
    let mut report = Report {
        fresh_start: prepare(&source, &mut target).await?,
        ..Report::default()
    };
    let collections = source
        .state
        .server
        .info
        .iter()
        .flat_map(|info| &info.collections);
    for (name, modified) in collections {
        if !matches!(name.as_str(), "meta" | "crypto" | "clients") {
            let mut copied = CollectionReport::new(name.clone());
            let result = copy_collection(&source, &target, name, *modified, &mut copied).await;
            settle(result, &mut copied)?;
            report.collections.push(copied);
        }
    }
    for side in [&source, &target] {
        report.traffic.add(side.client.observed().traffic);
        report.backoff.merge(side.client.observed().backoff);
    }
    report.ending = Ending::Done;
    report.millis = host.now().millis().saturating_sub(started.millis());
    Ok(report)
}

fn settle(result: Result<()>, copied: &mut CollectionReport) -> Result<()> {
    copied.status = match result {
        Ok(()) if copied.pulled.failed_count == 0 => CollectionStatus::Ok,
        Ok(()) => CollectionStatus::Partial,
        Err(error) => match reach(&error, Place::Collection) {
            Reach::Collection | Reach::Again => CollectionStatus::Failed(error),
            Reach::Token | Reach::Sync => return Err(error),
        },
    };
    Ok(())
}

/// Connects to an account's server and reads its list of collections.
async fn open<'a, H: Host>(
    host: &'a H,
    credentials: &'a Credentials,
    mut state: GlobalState,
    options: &'a Options<'a>,
) -> Result<Session<'a, H>> {
    let mut kept: Option<KeptToken> = None;
    let mut traffic = crate::server::Traffic::default();
    let access = token::step(
        host,
        credentials,
        &mut kept,
        token::Attempt::First,
        options,
        &mut state,
        &mut traffic,
    )
    .await?;
    let mut session = Session::new(host, access, credentials, options, state);
    (options.progress)(Stage::InfoCollections);
    let info = session.client.info_collections(None).await?;
    let Conditional::Changed {
        value,
        last_modified,
    } = info
    else {
        return Err(Error::NotSetUp);
    };
    session.state.server.info = Some(CachedInfo::new(&value, last_modified));
    Ok(session)
}

/// The account that is copied, with its meta/global and its keys.
async fn source<'a, H: Host>(
    host: &'a H,
    credentials: &'a Credentials,
    options: &'a Options<'a>,
) -> Result<Session<'a, H>> {
    let mut source = open(host, credentials, GlobalState::default(), options).await?;
    (options.progress)(Stage::MetaGlobal);
    let meta = meta_global(&source).await?.ok_or(Error::NotSetUp)?;
    source.state.server.sync_id = meta.sync_id().map(ToString::to_string);
    source.state.device.remember(&meta);
    (options.progress)(Stage::CryptoKeys);
    let keys = source.get("crypto", "keys").await?.ok_or(Error::NotSetUp)?;
    source.keys = Some(CollectionKeys::open(source.sync_key, &keys.payload)?);
    Ok(source)
}

/// meta/global; `None` where the account is not set up in our format.
async fn meta_global<H: Host>(session: &Session<'_, H>) -> Result<Option<MetaGlobal>> {
    let record = session.get("meta", "global").await?;
    let seen = record
        .as_ref()
        .map_or(Seen::Missing, |record| Seen::Payload(&record.payload));
    match MetaGlobal::judge(session.listed(), seen, None) {
        Verdict::Proceed(meta) | Verdict::ResetAllAndAdopt(meta) => Ok(Some(meta)),
        Verdict::FreshStart | Verdict::NeedsConsent(_) => Ok(None),
        other => Err(other.into_error()),
    }
}

fn origin_name() -> CollectionName {
    CollectionName::new("meta").expect("the name of meta is valid")
}

/// Sets the target up, or continues with the one that an earlier run of this copy set up. Returns whether it was set up
/// now.
async fn prepare<H: Host>(source: &Session<'_, H>, target: &mut Session<'_, H>) -> Result<bool> {
    let origin = Origin {
        endpoint: source.client.endpoint().into(),
        sync_id: source.state.server.sync_id.clone(),
    };
    let is_empty = target
        .state
        .server
        .info
        .as_ref()
        .is_some_and(|info| info.collections.is_empty());
    let is_same_target = target.state.server.endpoint.as_deref() == Some(target.client.endpoint());
    let given = target
        .state
        .server
        .sync_id
        .clone()
        .filter(|_| is_same_target);
    let found = match is_empty {
        true => None,
        false => meta_global(target).await?,
    };
    let known: Origin = read(target.host.state(&origin_name()).await?.as_deref());
    match judge(
        is_empty,
        found.as_ref().and_then(MetaGlobal::sync_id),
        given.as_deref(),
    ) {
        Target::InUse => Err(Error::Input(
            "the account to copy to has data of its own: copy to an empty one".into(),
        )),
        Target::Begun => {
            if let Next::NeedsConsent(reason) = crypto_keys::step(target).await? {
                return Err(Error::NeedsConsent { reason });
            }
            if known != origin {
                // The source was set up again: its former times have no meaning now.
                target.reset_all().await?;
                keep_origin(target, &origin).await?;
            }
            Ok(false)
        }
        Target::Empty => {
            target.state = GlobalState {
                server: ServerView {
                    endpoint: Some(target.client.endpoint().into()),
                    info: target.state.server.info.take(),
                    ..ServerView::default()
                },
                device: DeviceState {
                    engines: source.state.device.engines.clone(),
                    declined: source.state.device.declined.clone(),
                    ..DeviceState::default()
                },
            };
            (target.options.progress)(Stage::FreshStart);
            fresh_start::step(target, None).await?;
            keep_origin(target, &origin).await?;
            Ok(true)
        }
    }
}

async fn keep_origin<H: Host>(target: &Session<'_, H>, origin: &Origin) -> Result<()> {
    let part = Part {
        state: Some(write(origin)),
        ..Part::new(origin_name())
    };
    // A part without writes is never stale.
    let _done = target
        .host
        .commit(Commit {
            parts: alloc::vec![part],
            global: None,
        })
        .await?;
    Ok(())
}

/// Copies the records of a collection that the copy lacks.
async fn copy_collection<H: Host>(
    source: &Session<'_, H>,
    target: &Session<'_, H>,
    name: &CollectionName,
    modified: ServerTime,
    copied: &mut CollectionReport,
) -> Result<()> {
    (source.options.progress)(Stage::Collection(name));
    let started = source.host.now();
    let mut result = Ok(());
    for _ in 0..ATTEMPTS {
        let mut pair: Pair<ServerMark, ServerMark> =
            read(source.host.state(name).await?.as_deref());
        let is_whole = pair.remote.last_sync >= modified && pair.remote.download.is_none();
        if is_whole && pair.failed_in.is_empty() {
            break;
        }
        result = copy_since(source, target, name, &mut pair, copied).await;
        match &result {
            Err(error) if reach(error, Place::Collection) == Reach::Again => {
                pair.remote.begin_again();
            }
            _ => break,
        }
    }
    copied.millis = source.host.now().millis().saturating_sub(started.millis());
    result
}

async fn copy_since<H: Host>(
    source: &Session<'_, H>,
    target: &Session<'_, H>,
    name: &CollectionName,
    pair: &mut Pair<ServerMark, ServerMark>,
    copied: &mut CollectionReport,
) -> Result<()> {
    let (Some(old), Some(new)) = (&source.keys, &target.keys) else {
        return Err(Error::NotSetUp);
    };
    let ttl = Generic::new(name.clone())?.ttl();
    let (old, new) = (old.bundle(name.as_str())?, new.bundle(name.as_str())?);
    let reader = ServerRepository::new(&source.client, name, &source.limits, ServerTime::ZERO);
    let cbc = source.host.cbc(old.encryption_key());
    let mut reader = CryptoRepository::new(reader, old, cbc, source.host, None);
    let written = pair.local.last_sync;
    let writer = ServerRepository::new(&target.client, name, &target.limits, written);
    let cbc = target.host.cbc(new.encryption_key());
    let writer = CryptoRepository::new(writer, new, cbc, target.host, ttl);
    let is_ahead = target
        .modified_of(name.as_str())
        .is_some_and(|time| time > written);
    if is_ahead && !is_all_ours(&reader, &writer, &pair.local).await? {
        return Err(Error::Input(alloc::format!(
            "another device writes to {name} of the account that is copied to: nothing more was copied of it"
        )));
    }
    let mut writer = Checkpointed::new(writer, target.host, name.clone());
    let note = |pair: &Pair<_, _>| Some(write(pair));
    let progress = |progress: Progress| {
        (source.options.progress)(Stage::Records {
            collection: name,
            progress,
        });
    };
    Synchronizer::new(&mut reader, &mut writer, pair, note, progress)
        .pull(&mut copied.pulled)
        .await
}

/// Whether all records of the target newer than `since` equal the source's, as after a commit whose response was lost.
/// If so, the writer knows the target's time.
async fn is_all_ours<S: Repository, T: Repository>(
    source: &S,
    target: &T,
    since: &T::Mark,
) -> Result<bool> {
    let mut beyond = target.fetch_since(since).await?;
    while let Some(batch) = beyond.next().await? {
        let ids: Vec<RecordId> = batch
            .records
            .iter()
            .map(|record| record.id.clone())
            .collect();
        let mut texts: BTreeMap<RecordId, Option<String>> = BTreeMap::new();
        let mut same = source.fetch(&ids).await?;
        while let Some(found) = same.next().await? {
            let found = found.records.into_iter();
            texts.extend(found.map(|record| (record.id, record.cleartext)));
        }
        let is_ours = |record: &Record| texts.get(&record.id) == Some(&record.cleartext);
        if !batch.failed.is_empty() || !batch.records.iter().all(is_ours) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
