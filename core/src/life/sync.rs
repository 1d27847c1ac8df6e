//! The table of contents: one sync from the precheck to the last upload of meta/global.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;

use super::choices::keep;
use super::clients::{self, OwnClient};
use super::crypto_keys::{self, CollectionKeys, Where};
use super::engines::{self, Turns};
use super::error_policy::{Place, REFUSED_SECONDS, Reach, reach};
use super::info_collections::{self, Course};
use super::meta_global::{self, MetaGlobal};
use super::precheck::{Situation, precheck};
use super::report::{Ending, Report};
use super::state::{Cached, CollectionState, GlobalState, read, write};
use super::token::{self, Attempt, KeptToken};
use super::{commands, first_sync, fresh_start, selection};
use crate::account::Credentials;
use crate::crypto::KeyBundle;
use crate::engine::{Engine, Generic};
use crate::error::{Error, Result};
use crate::host::{Commit, Host, Part, Sweep};
use crate::ids::{CollectionName, RecordId};
use crate::repository::{Progress, has_outgoing};
use crate::server::{Backoff, Client, Limits, PutRecord};
use crate::time::ServerTime;

/// When a record of the whole account changes under our hands, the sync begins again so often.
const ATTEMPTS: u32 = 3;

/// How far a sync is.
///
/// ```
/// use selvedge_core::life::Stage;
///
/// assert_eq!(Stage::MetaGlobal, Stage::MetaGlobal);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage<'a> {
    /// Getting a token.
    Token,
    /// Asking what changed.
    InfoCollections,
    /// Whose data, in which format.
    MetaGlobal,
    /// With which keys.
    CryptoKeys,
    /// Which other devices, and what they ask of this one.
    Clients,
    /// Setting the account up.
    FreshStart,
    /// A collection begins.
    Collection(&'a CollectionName),
    /// Records of a collection have passed.
    Records {
        /// The collection.
        collection: &'a CollectionName,
        /// How many, which way.
        progress: Progress,
    },
}

/// What a sync is to do.
pub struct Options<'a> {
    /// The collections, in the order in which they have their turn: small and valuable ones first.
    pub engines: Vec<Generic>,
    /// What the host knows before anything is asked; `now` and `backoff` are filled in by the sync.
    pub situation: Situation,
    /// What this device says of itself to the account's other devices.
    pub client: OwnClient,
    /// The product's name, for the server's operators; `None` where the host may not set it.
    pub user_agent: Option<String>,
    /// Told how far the sync is.
    pub progress: &'a dyn Fn(Stage<'_>),
}

/// One run through the chapters.
pub(super) struct Session<'a, H: Host> {
    pub(super) host: &'a H,
    pub(super) client: Client<'a, H>,
    pub(super) sync_key: &'a KeyBundle,
    pub(super) options: &'a Options<'a>,
    pub(super) state: GlobalState,
    pub(super) meta: Option<MetaGlobal>,
    pub(super) keys: Option<CollectionKeys>,
    pub(super) limits: Cell<Option<Limits>>,
}

impl<H: Host> Session<'_, H> {
    /// The time of a collection in info/collections; `None` when it is not there.
    pub(super) fn modified_of(&self, name: &str) -> Option<ServerTime> {
        self.state.info.as_ref()?.collections.get(name).copied()
    }

    /// Whether the server asked in this sync to be left alone: at once, or, where no person waits, as soon as it may be.
    pub(super) fn is_to_leave(&self) -> bool {
        let backoff = self.client.observed().backoff;
        let until = match self.options.situation.is_asked_for {
            true => backoff.hard,
            false => backoff.until(),
        };
        until.is_some_and(|until| self.host.now() < until)
    }

    /// The keys that a collection had before, as far as the sync key still opens them.
    pub(super) fn former_bundles(&self, name: &str) -> Vec<KeyBundle> {
        let records = self.state.former_keys.iter();
        let opened =
            records.filter_map(|payload| CollectionKeys::open(self.sync_key, payload).ok());
        opened.map(|keys| keys.bundle(name).clone()).collect()
    }

    pub(super) fn forget_collection(&mut self, name: &CollectionName) {
        if let Some(info) = &mut self.state.info {
            info.collections.remove(name);
        }
    }

    /// A small record; `None` when the server has none.
    pub(super) async fn get(
        &self,
        collection: &'static str,
        id: &'static str,
    ) -> Result<Option<Cached>> {
        let record = self
            .client
            .get_record(&name_of(collection), &id_of(id))
            .await?;
        Ok(record.map(|record| Cached {
            payload: record.payload,
            modified: record.modified,
        }))
    }

    /// Writes a small record if nobody wrote it after `unmodified_since`.
    pub(super) async fn put(
        &self,
        collection: &'static str,
        id: &'static str,
        payload: &str,
        unmodified_since: ServerTime,
    ) -> Result<ServerTime> {
        let record = PutRecord {
            payload: Some(payload),
            ..PutRecord::default()
        };
        self.client
            .put_record(
                &name_of(collection),
                &id_of(id),
                record,
                Some(unmodified_since),
            )
            .await
    }

    /// The server's limits, which are asked for when first needed.
    pub(super) async fn limits(&self) -> Result<Limits> {
        if let Some(limits) = self.limits.get() {
            return Ok(limits);
        }
        let limits = self.client.info_configuration().await?;
        self.limits.set(Some(limits));
        Ok(limits)
    }

    /// Whether there is more to do than info/collections, as it was last read, says: something to send, or something
    /// that an earlier sync saw but did not come to fetch.
    pub(super) async fn is_anything_waiting(&self) -> Result<bool> {
        let meta = self.state.meta.as_ref().map(|record| record.modified);
        let keys = self.state.keys.as_ref().map(|record| record.modified);
        if meta.is_none() || meta != self.modified_of("meta") {
            return Ok(true);
        }
        if CollectionKeys::look(self.modified_of("crypto"), keys) != Where::Cache {
            return Ok(true);
        }
        if !self.state.choices.changes.is_empty()
            || self.state.first_sync.is_some()
            || clients::is_waiting(self)
        {
            return Ok(true);
        }
        for engine in &self.options.engines {
            let name = engine.collection();
            if self
                .state
                .declined
                .iter()
                .any(|known| known == name.as_str())
            {
                continue;
            }
            let state: CollectionState = read(self.host.state(name).await?.as_deref());
            if state.sync_id.is_none()
                || engines::has_news(&state.pair, self.modified_of(name.as_str()))
                || has_outgoing(self.host, name, &state.pair).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps the account's state.
    pub(super) async fn save(&self) -> Result<()> {
        keep(self.host, &self.state).await
    }

    /// Forgets of every collection what the server has, and keeps the account's state, in one commit.
    pub(super) async fn reset_all(&mut self) -> Result<()> {
        self.reset(|_| true).await
    }

    /// Forgets of the chosen collections what the server has, and keeps the account's state, in one commit.
    pub(super) async fn reset(&mut self, is_chosen: impl Fn(&str) -> bool) -> Result<()> {
        if is_chosen("clients") {
            self.state.clients.forget_server();
        }
        let mut parts = Vec::new();
        for name in self.host.collections().await? {
            if is_chosen(name.as_str()) {
                let state = Some(write(&CollectionState::default()));
                parts.push(Part {
                    sweep: Some(Sweep::Reset),
                    state,
                    ..Part::new(name)
                });
            }
        }
        // Parts without writes are never stale.
        let _done = self
            .host
            .commit(Commit {
                parts,
                global: Some(write(&self.state)),
            })
            .await?;
        Ok(())
    }
}

fn name_of(collection: &'static str) -> CollectionName {
    CollectionName::new(collection).expect("the names of meta and crypto are valid")
}

fn id_of(id: &'static str) -> RecordId {
    RecordId::new(id).expect("the ids global and keys are valid")
}

/// Syncs once. `token` is the storage token of the last sync, if the host kept it; it is replaced when a new one is
/// fetched, for the host to keep.
///
/// Nothing is lost when it is cut off at any moment: the next sync goes on from the last commit.
pub async fn sync<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
) -> Report {
    let started = host.now();
    let mut report = Report::default();
    report.ending = begin(host, credentials, token, options, &mut report)
        .await
        .unwrap_or_else(Ending::Stopped);
    report.millis = host.now().millis().saturating_sub(started.millis());
    report
}

async fn begin<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    options: &Options<'_>,
    report: &mut Report,
) -> Result<Ending> {
    let state: GlobalState = read(host.global().await?.as_deref());
    report.backoff = state.backoff;
    let situation = Situation {
        now: host.now(),
        backoff: state.backoff,
        ..options.situation
    };
    if let Err(obstacle) = precheck(&situation) {
        return Ok(Ending::Blocked(obstacle));
    }
    let mut result = with_token(host, credentials, token, Attempt::First, options, report).await;
    let is_void = |result: &Result<_>| matches!(result, Err(error) if reach(error, Place::Account) == Reach::Token);
    if is_void(&result) && token::can_renew(credentials) {
        *token = None;
        result = with_token(
            host,
            credentials,
            token,
            Attempt::AfterRefusal,
            options,
            report,
        )
        .await;
    }
    if is_void(&result) {
        let soft = Some(host.now().plus_seconds(REFUSED_SECONDS));
        let mut state: GlobalState = read(host.global().await?.as_deref());
        state.backoff.merge(Backoff { soft, hard: None });
        report.backoff = state.backoff;
        keep(host, &state).await?;
    }
    result
}

async fn with_token<H: Host>(
    host: &H,
    credentials: &Credentials,
    token: &mut Option<KeptToken>,
    attempt: Attempt,
    options: &Options<'_>,
    report: &mut Report,
) -> Result<Ending> {
    let mut state: GlobalState = read(host.global().await?.as_deref());
    let access = match token::step(
        host,
        credentials,
        token,
        attempt,
        options,
        &mut state,
        &mut report.traffic,
    )
    .await
    {
        Ok(access) => access,
        Err(error) => {
            report.backoff = state.backoff;
            keep(host, &state).await?;
            return Err(error);
        }
    };
    let mut session = Session {
        host,
        client: Client::new(host, access.clone(), options.user_agent.clone()),
        sync_key: &credentials.sync_key,
        options,
        state,
        meta: None,
        keys: None,
        limits: Cell::new(None),
    };
    let result = match token::adopt(&mut session, credentials, &access).await {
        Ok(()) => chapters(&mut session, report).await,
        Err(error) => Err(error),
    };
    let observed = session.client.observed();
    session.state.backoff.merge(observed.backoff);
    if result.is_ok() {
        session.state.last_sync = Some(host.now());
    }
    report.backoff = session.state.backoff;
    report.traffic.add(observed.traffic);
    report.alerts.extend(observed.alerts);
    session.save().await.and(result)
}

/// Runs through the chapters until they end; a conflict over a record of the whole account begins them again.
async fn chapters<H: Host>(session: &mut Session<'_, H>, report: &mut Report) -> Result<Ending> {
    let mut attempt = 1;
    loop {
        match pass(session, report).await {
            Ok(Pass::Ended(ending)) => return Ok(ending),
            Ok(Pass::BeginAgain) => {}
            Err(error) if reach(&error, Place::Account) == Reach::Again && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// How a run through the chapters went.
enum Pass {
    Ended(Ending),
    /// What the first chapters read has changed: by a fresh start, by another client's command, or because the keys were
    /// replaced.
    BeginAgain,
}

/// The chapters in their order.
async fn pass<H: Host>(session: &mut Session<'_, H>, report: &mut Report) -> Result<Pass> {
    let progress = session.options.progress;
    progress(Stage::InfoCollections);
    if info_collections::step(session).await? == Course::NothingToDo {
        return Ok(Pass::Ended(match report.collections.is_empty() {
            true => Ending::NothingToDo,
            false => Ending::Done,
        }));
    }
    progress(Stage::MetaGlobal);
    let is_set_up = meta_global::step(session).await? == meta_global::Next::CryptoKeys && {
        progress(Stage::CryptoKeys);
        crypto_keys::step(session).await? == crypto_keys::Next::Engines
    };
    if !is_set_up {
        if report.fresh_start {
            return Err(Error::SetupRace);
        }
        report.fresh_start = true;
        progress(Stage::FreshStart);
        fresh_start::step(session).await?;
        return Ok(Pass::BeginAgain);
    }
    progress(Stage::Clients);
    let found = clients::step(session, &mut report.clients).await?;
    first_sync::step(session, report).await?;
    if let clients::Found::Inbox(inbox) = found {
        match commands::step(session, &inbox, report).await? {
            commands::Next::GoOn => {}
            commands::Next::BeginAgain => return Ok(Pass::BeginAgain),
            commands::Next::LoggedOut => return Ok(Pass::Ended(Ending::LoggedOut)),
        }
    }
    let selection = selection::step(session).await?;
    let ready = engines::associate(session, &mut report.collections).await?;
    meta_global::upload(session).await?;
    selection::settle(session, &selection, report).await?;
    Ok(
        match engines::synchronize(session, &ready, &mut report.collections).await? {
            Turns::Done => Pass::Ended(Ending::Done),
            Turns::CutShort => Pass::Ended(Ending::CutShort),
            Turns::KeysChanged => Pass::BeginAgain,
        },
    )
}
