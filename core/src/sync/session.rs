//! What the chapters of one sync have in common: the server, the keys, the account's state, and what is done with them.

use alloc::vec::Vec;
use core::cell::Cell;

use super::choices::keep;
use super::clients;
use super::consent::{Agreement, SECOND_LOOK_SECONDS};
use super::crypto_keys::{CollectionKeys, Where};
use super::engines;
use super::meta_global::{Listed, MetaGlobal};
use super::run::Options;
use super::state::{Cached, CollectionState, GlobalState, read, write};
use crate::account::Credentials;
use crate::crypto::KeyBundle;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::host::{BulkChange, Commit, Host, Part};
use crate::ids::{CollectionName, RecordId};
use crate::journal;
use crate::repository::has_outgoing;
use crate::server::{Access, Client, Limits, PutRecord};
use crate::time::ServerTime;

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
    /// What a person agreed to, if this run is to set the account up again.
    pub(super) agreement: Option<Agreement>,
}

impl<'a, H: Host> Session<'a, H> {
    /// The beginning of a run, of which the account is not read yet.
    pub(super) fn new(
        host: &'a H,
        access: Access,
        credentials: &'a Credentials,
        options: &'a Options<'a>,
        state: GlobalState,
    ) -> Self {
        Self {
            host,
            client: Client::new(host, access, options.user_agent.clone()),
            sync_key: &credentials.sync_key,
            options,
            state,
            meta: None,
            keys: None,
            limits: Cell::new(None),
            agreement: None,
        }
    }
}

impl<H: Host> Session<'_, H> {
    /// The time of a collection in info/collections; `None` when it is not there.
    pub(super) fn modified_of(&self, name: &str) -> Option<ServerTime> {
        self.state.info.as_ref()?.collections.get(name).copied()
    }

    /// What info/collections lists, as it was last read.
    pub(super) fn listed(&self) -> Listed {
        let info = self.state.info.as_ref();
        match info {
            Some(info) if !info.collections.is_empty() => match info.collections.get("meta") {
                Some(_) => Listed::Meta,
                None => Listed::OthersOnly,
            },
            _ => Listed::Nothing,
        }
    }

    /// A record of the whole account is missing: goes on only if it was missing some seconds ago as well, or if a person
    /// has decided by now (spec §4.4).
    ///
    /// # Errors
    /// [`Error::LookAgain`] the first time.
    pub(super) async fn look_again(&mut self, record: &'static str) -> Result<()> {
        let now = self.host.now();
        let is_second = self
            .state
            .doubt
            .is_some_and(|first| first.plus_seconds(SECOND_LOOK_SECONDS) <= now);
        if is_second || self.agreement.is_some() {
            return Ok(());
        }
        // A clock that was set back must not keep the second look off.
        if self.state.doubt.is_none_or(|first| now < first) {
            self.state.doubt = Some(now);
            self.save().await?;
        }
        Err(Error::LookAgain { record })
    }

    /// What the whole account has is in order.
    pub(super) fn end_doubts(&mut self) {
        self.state.doubt = None;
        self.state.needs_consent = None;
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
        let bundle = |keys: CollectionKeys| keys.bundle(name).ok().cloned();
        opened.filter_map(bundle).collect()
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
                || engines::has_news(
                    &state,
                    self.modified_of(name.as_str()),
                    self.client.latest_believable(),
                )
                || has_outgoing(self.host, name, &state.pair).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Has every collection compared whole with the server's, because the server was put back to an earlier time, and keeps
    /// the account's state, in one commit.
    pub(super) async fn compare_all(&mut self) -> Result<()> {
        let mut parts = Vec::new();
        for name in self.host.collections().await? {
            let mut state: CollectionState = read(self.host.state(&name).await?.as_deref());
            if state.pair.remote.last_sync > ServerTime::ZERO {
                state.is_comparing = true;
                parts.push(Part {
                    state: Some(write(&state)),
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
        for name in journal::collections(self.host).await? {
            if is_chosen(name.as_str()) {
                let state = Some(write(&CollectionState::default()));
                parts.push(Part {
                    sweep: Some(BulkChange::Reset),
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
