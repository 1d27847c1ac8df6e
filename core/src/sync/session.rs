//! Shared by the steps of one sync: the server, the keys, the account's state, and the operations on them.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;

use super::consent::{Agreement, SECOND_LOOK_SECONDS};
use super::options::Options;
use super::state::{Cached, CollectionState, GlobalState, write};
use crate::account::Credentials;
use crate::crypto::KeyBundle;
use crate::error::{Error, Result};
use crate::host::{BulkChange, Commit, Host, Part};
use crate::ids::{CollectionName, RecordId};
use crate::journal;
use crate::metadata::{CollectionKeys, Listed, MetaGlobal};
use crate::server::{Access, Client, Limits, PutRecord};
use crate::time::ServerTime;

/// One run through the steps.
pub(super) struct Session<'a, H: Host> {
    pub(super) host: &'a H,
    pub(super) client: Client<'a, H>,
    pub(super) sync_key: &'a KeyBundle,
    pub(super) options: &'a Options<'a>,
    pub(super) state: GlobalState,
    pub(super) meta: Option<MetaGlobal>,
    pub(super) keys: Option<CollectionKeys>,
    pub(super) limits: Cell<Option<Limits>>,
    /// The agreement of a person, if this run is to set the account up again.
    pub(super) agreement: Option<Agreement>,
}

impl<'a, H: Host> Session<'a, H> {
    /// The beginning of a run, before the account is read.
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
    /// The time of a collection in info/collections; `None` when it is not listed.
    pub(super) fn modified_of(&self, name: &str) -> Option<ServerTime> {
        self.state
            .server
            .info
            .as_ref()?
            .collections
            .get(name)
            .copied()
    }

    /// The collections that info/collections listed when it was last read.
    pub(super) fn listed(&self) -> Listed {
        let info = self.state.server.info.as_ref();
        match info {
            Some(info) if !info.collections.is_empty() => match info.collections.get("meta") {
                Some(_) => Listed::Meta,
                None => Listed::OthersOnly,
            },
            _ => Listed::Nothing,
        }
    }

    /// A record of the whole account is missing: continues only if it was missing some seconds ago as well, or if a
    /// person has decided by now (spec §4.4).
    ///
    /// # Errors
    /// [`Error::LookAgain`] the first time.
    pub(super) async fn look_again(&mut self, record: &'static str) -> Result<()> {
        let now = self.host.now();
        let is_second = self
            .state
            .server
            .doubt
            .is_some_and(|first| first.plus_seconds(SECOND_LOOK_SECONDS) <= now);
        if is_second || self.agreement.is_some() {
            return Ok(());
        }
        // A clock that was set back must not prevent the second look.
        if self.state.server.doubt.is_none_or(|first| now < first) {
            self.state.server.doubt = Some(now);
            self.save().await?;
        }
        Err(Error::LookAgain { record })
    }

    /// The account's records are complete: ends a doubt.
    pub(super) fn end_doubts(&mut self) {
        self.state.server.doubt = None;
        self.state.server.needs_consent = None;
    }

    /// Whether the server requested a pause in this sync: a hard one, or, in an automatic sync, also a soft one.
    pub(super) fn is_to_leave(&self) -> bool {
        let backoff = self.client.observed().backoff;
        let until = match self.options.situation.is_asked_for {
            true => backoff.hard,
            false => backoff.until(),
        };
        until.is_some_and(|until| self.host.now() < until)
    }

    /// The former keys of a collection, if the sync key still opens them.
    pub(super) fn former_bundles(&self, name: &str) -> Vec<KeyBundle> {
        let records = self.state.device.former_keys.iter();
        let opened =
            records.filter_map(|payload| CollectionKeys::open(self.sync_key, payload).ok());
        let bundle = |keys: CollectionKeys| keys.bundle(name).ok().cloned();
        opened.filter_map(bundle).collect()
    }

    pub(super) fn forget_collection(&mut self, name: &CollectionName) {
        if let Some(info) = &mut self.state.server.info {
            info.collections.remove(name);
        }
    }

    /// Reads a small record; `None` when the server does not have it.
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

    /// Writes a small record if no client has written it after `unmodified_since`.
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

    /// Writes a small record if the server does not have it.
    pub(super) async fn put_if_absent(
        &self,
        collection: &'static str,
        id: &'static str,
        payload: String,
    ) -> Result<Cached> {
        match self.put(collection, id, &payload, ServerTime::ZERO).await {
            Ok(modified) => Ok(Cached { payload, modified }),
            Err(Error::Conflict { .. }) => Err(Error::SetupRace),
            Err(error) => Err(error),
        }
    }

    /// Uses these keys from now on; the record is kept as ciphertext.
    pub(super) fn install_keys(&mut self, keys: CollectionKeys, record: Cached) {
        self.state.replace_keys(Some(record));
        self.keys = Some(keys);
    }

    /// The server's limits, which are requested at their first use.
    pub(super) async fn limits(&self) -> Result<Limits> {
        if let Some(limits) = self.limits.get() {
            return Ok(limits);
        }
        let limits = self.client.info_configuration().await?;
        self.limits.set(Some(limits));
        Ok(limits)
    }

    /// Marks every collection for a complete comparison with the server's, because the server was restored to an
    /// earlier time, and stores the account's state, in one commit.
    pub(super) async fn compare_all(&mut self) -> Result<()> {
        let mut parts = Vec::new();
        for name in self.host.collections().await? {
            let mut state = CollectionState::load(self.host, &name).await?;
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
                global: Some(self.state.to_text()),
            })
            .await?;
        Ok(())
    }

    /// Stores the account's state.
    pub(super) async fn save(&self) -> Result<()> {
        self.state.save(self.host).await
    }

    /// Discards the state of every collection on the server, and stores the account's state, in one commit.
    pub(super) async fn reset_all(&mut self) -> Result<()> {
        self.reset(|_| true).await
    }

    /// Discards the state of the chosen collections on the server, and stores the account's state, in one commit.
    pub(super) async fn reset(&mut self, is_chosen: impl Fn(&str) -> bool) -> Result<()> {
        if is_chosen("clients") {
            self.state.device.clients.forget_server();
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
                global: Some(self.state.to_text()),
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
