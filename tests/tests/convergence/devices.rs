//! The devices of an account, and what happens to them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::test_runner::TestCaseError;
use selvedge_core::account::Credentials;
use selvedge_core::engine::{Generic, Records};
use selvedge_core::host::{PageLimit, Selection, Store as _, Stored};
use selvedge_core::ids::CollectionName;
use selvedge_core::sync::{
    self, CollectionKeys, Ending, GlobalState, KeptToken, Report, Situation,
};
use selvedge_host::SystemRandom;
use selvedge_tests::Account;
use serde_json::{Map, Value};

use crate::asks::Asks;
use crate::killable_host::{Fault, KillableHost};
use crate::model::{Fields, Model};
use crate::op::Op;
use crate::world::World;

/// The devices of one account.
pub(crate) struct Devices<'w> {
    pub(crate) world: &'w World,
    pub(crate) account: Account,
    pub(crate) credentials: Credentials,
    pub(crate) hosts: Vec<KillableHost>,
    pub(crate) model: Model,
    pub(crate) asks: Asks,
}

/// A device as it was before a sync, for what the sync then says to be judged by.
pub(crate) struct Before {
    /// What was there.
    pub(crate) records: BTreeMap<String, Fields>,
    /// The ids of all records, deleted ones too that the server was not told of.
    pub(crate) ids: BTreeSet<String>,
    pub(crate) state: GlobalState,
}

pub(crate) fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

/// The fields of a record's cleartext, without its id.
pub(crate) fn fields(cleartext: &str) -> Fields {
    let object: Map<String, Value> = serde_json::from_str(cleartext).unwrap();
    let fields = object.into_iter().filter(|(name, _)| name != "id");
    fields
        .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
        .collect()
}

impl<'w> Devices<'w> {
    /// So many devices of a new account, with their clocks wrong by so much.
    pub(crate) fn new(world: &'w World, count: usize, clocks: &[i64]) -> Self {
        let account = Account::new(world.next_uid());
        let host = |clock: &i64| KillableHost::new(world.fetch.clone(), *clock);
        Self {
            world,
            credentials: world.credentials(&account),
            account,
            hosts: clocks.iter().take(count).map(host).collect(),
            model: Model::default(),
            asks: Asks::default(),
        }
    }

    pub(crate) async fn happen(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let count = self.hosts.len();
        match *op {
            Op::Put {
                device,
                record,
                fields,
            } => self.put(device % count, record, fields).await,
            Op::Set {
                device,
                record,
                field,
            } => self.set(device % count, record, field).await,
            Op::Remove {
                device,
                record,
                field,
            } => self.remove(device % count, record, field).await,
            Op::Delete { device, record } => self.delete(device % count, record).await,
            Op::Sync { device, fault } => {
                self.sync(device % count, fault).await?;
            }
            Op::SyncTogether { one, other, fault } => {
                return self.sync_together(one % count, other % count, fault).await;
            }
            Op::ReplaceKeys => {
                self.replace_keys();
                self.asks.forget();
            }
            Op::EmptyTheServer => {
                let (status, _) = self.world.wire(&self.account).send("DELETE", "storage", "");
                assert_eq!(status, 200);
                self.model.server_forgets();
                self.asks.forget();
            }
            Op::MoveToAnotherNode => {
                self.account.uid = self.world.next_uid();
                self.credentials = self.world.credentials(&self.account);
                self.model.server_forgets();
                self.asks.forget();
            }
            Op::Ask {
                from,
                to,
                what,
                fault,
            } => return self.ask(from % count, to % count, what, fault).await,
            Op::First {
                device,
                mode,
                fault,
            } => return self.first(device % count, mode, fault).await,
            Op::Choose { device, wish } => self.choose(device % count, wish).await,
            // More would only make stories longer.
            Op::Join if count >= 5 => {}
            Op::Join => self
                .hosts
                .push(KillableHost::new(self.world.fetch.clone(), 0)),
            Op::SignIn { device } => self.hosts[device % count].is_signed_in.set(true),
        }
        Ok(())
    }

    fn replace_keys(&self) {
        let wire = self.world.wire(&self.account);
        if wire.get("info/collections").get("crypto").is_none() {
            return;
        }
        let keys = CollectionKeys::make(&SystemRandom).unwrap();
        let sealed = keys
            .seal(&self.credentials.sync_key, &SystemRandom)
            .unwrap();
        wire.put("crypto", "keys", &sealed);
    }

    pub(crate) fn records(
        &self,
        device: usize,
    ) -> Records<'_, KillableHost, KillableHost, KillableHost> {
        let host = &self.hosts[device];
        Records::new(host, host, host, notes())
    }

    /// What the device keeps of the account.
    pub(crate) async fn state(&self, device: usize) -> GlobalState {
        GlobalState::load(&self.hosts[device]).await.unwrap()
    }

    /// The records of a device.
    pub(crate) async fn held(&self, device: usize) -> BTreeMap<String, Fields> {
        let page = self.page(device, Selection::Live).await;
        let live = page
            .into_iter()
            .filter_map(|stored| Some((stored.item.id, stored.item.cleartext?)));
        live.map(|(id, text)| (id.to_string(), fields(&text)))
            .collect()
    }

    async fn page(&self, device: usize, selection: Selection) -> Vec<Stored> {
        let limit = PageLimit {
            records: 100,
            ..PageLimit::default()
        };
        self.hosts[device]
            .page(&notes(), selection, None, limit)
            .await
            .unwrap()
    }

    async fn before(&self, device: usize) -> Before {
        let records = self.held(device).await;
        let waiting = self.page(device, Selection::Pending).await;
        let waiting = waiting.into_iter().map(|stored| stored.item.id.to_string());
        Before {
            ids: records.keys().cloned().chain(waiting).collect(),
            records,
            state: self.state(device).await,
        }
    }

    /// Syncs a device, and learns from what it reports.
    pub(crate) async fn sync(
        &mut self,
        device: usize,
        fault: Option<Fault>,
    ) -> Result<Report, TestCaseError> {
        let before = self.before(device).await;
        self.hosts[device].fail(fault);
        let report = self.report(device).await;
        self.hosts[device].fail(None);
        self.expect_wipes(device, &before).await;
        self.learn(device, &before, &report).await?;
        Ok(report)
    }

    async fn sync_together(
        &mut self,
        one: usize,
        other: usize,
        fault: Option<Fault>,
    ) -> Result<(), TestCaseError> {
        if one == other {
            return Ok(());
        }
        let before = (self.before(one).await, self.before(other).await);
        self.hosts[one].fail(fault);
        let reports = tokio::join!(self.report(one), self.report(other));
        self.hosts[one].fail(None);
        self.expect_wipes(one, &before.0).await;
        self.expect_wipes(other, &before.1).await;
        self.learn(one, &before.0, &reports.0).await?;
        self.learn(other, &before.1, &reports.1).await
    }

    async fn report(&self, device: usize) -> Report {
        let host = &self.hosts[device];
        let options = sync::Options {
            engines: vec![Generic::new(notes()).unwrap()],
            situation: Situation {
                is_asked_for: true,
                is_signed_in: host.is_signed_in.get(),
                ..Situation::default()
            },
            client: sync::OwnClient::default(),
            user_agent: None,
            progress: &|_| (),
        };
        let mut token: Option<KeptToken> = None;
        let report = sync::sync(host, &self.credentials, &mut token, &options).await;
        if report.ending == Ending::LoggedOut {
            host.is_signed_in.set(false);
        }
        report
    }

    async fn learn(
        &mut self,
        device: usize,
        before: &Before,
        report: &Report,
    ) -> Result<(), TestCaseError> {
        for (id, rule) in report
            .collections
            .iter()
            .flat_map(|collection| &collection.pulled.rules)
        {
            self.model.rule(id.as_str(), *rule);
        }
        self.learn_of_wipes(device, before, report).await;
        let client = self.state(device).await.device.clients.id;
        let client = client.map(|id| id.to_string()).unwrap_or_default();
        self.asks
            .learn(&client, report)
            .map_err(TestCaseError::fail)
    }
}
