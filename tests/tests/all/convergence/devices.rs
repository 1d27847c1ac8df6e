//! The devices of an account, and the operations on them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::test_runner::TestCaseError;
use selvedge_core::account::Credentials;
use selvedge_core::engines::{Generic, Records};
use selvedge_core::host::{PageLimit, Selection, Store as _, Stored};
use selvedge_core::ids::CollectionName;
use selvedge_core::sync::{
    self, CollectionKeys, Ending, GlobalState, KeptToken, Report, Situation,
};
use selvedge_host::SystemRandom;
use selvedge_tests::Account;
use serde_json::{Map, Value};

use crate::convergence::faulty_host::{Fault, FaultyHost};
use crate::convergence::model::{Fields, Model};
use crate::convergence::operations::Operation;
use crate::convergence::pending_commands::PendingCommands;
use crate::convergence::test_server::TestServer;

/// The devices of one account.
pub(crate) struct Devices<'w> {
    pub(crate) server: &'w TestServer,
    pub(crate) account: Account,
    pub(crate) credentials: Credentials,
    pub(crate) hosts: Vec<FaultyHost>,
    pub(crate) model: Model,
    pub(crate) pending_commands: PendingCommands,
}

/// The state of a device before a sync, to check the sync's report.
pub(crate) struct Before {
    /// The live records.
    pub(crate) records: BTreeMap<String, Fields>,
    /// The ids of all records, including deleted ones whose deletion is not uploaded.
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
    /// Creates devices of a new account, with these offsets of their clocks.
    pub(crate) fn new(server: &'w TestServer, count: usize, clocks: &[i64]) -> Self {
        let account = Account::new(server.next_uid());
        let host = |clock: &i64| FaultyHost::new(server.fetch.clone(), *clock);
        Self {
            server,
            credentials: server.credentials(&account),
            account,
            hosts: clocks.iter().take(count).map(host).collect(),
            model: Model::default(),
            pending_commands: PendingCommands::default(),
        }
    }

    pub(crate) async fn perform(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        let count = self.hosts.len();
        match *operation {
            Operation::Put {
                device,
                record,
                fields,
            } => self.put(device % count, record, fields).await,
            Operation::Set {
                device,
                record,
                field,
            } => self.set(device % count, record, field).await,
            Operation::Remove {
                device,
                record,
                field,
            } => self.remove(device % count, record, field).await,
            Operation::Delete { device, record } => self.delete(device % count, record).await,
            Operation::Sync { device, fault } => {
                self.sync(device % count, fault).await?;
            }
            Operation::SyncTogether { one, other, fault } => {
                return self.sync_together(one % count, other % count, fault).await;
            }
            Operation::ReplaceKeys => {
                self.replace_keys();
                self.pending_commands.forget();
            }
            Operation::EmptyTheServer => {
                let (status, _) = self
                    .server
                    .wire(&self.account)
                    .send("DELETE", "storage", "");
                assert_eq!(status, 200);
                self.model.server_forgets();
                self.pending_commands.forget();
            }
            Operation::MoveToAnotherNode => {
                self.account.uid = self.server.next_uid();
                self.credentials = self.server.credentials(&self.account);
                self.model.server_forgets();
                self.pending_commands.forget();
            }
            Operation::SendCommand {
                from,
                to,
                what,
                fault,
            } => {
                return self
                    .send_command(from % count, to % count, what, fault)
                    .await;
            }
            Operation::First {
                device,
                mode,
                fault,
            } => return self.first(device % count, mode, fault).await,
            Operation::Choose { device, wish } => self.choose(device % count, wish).await,
            // More devices would only make the cases slower.
            Operation::Join if count >= 5 => {}
            Operation::Join => self
                .hosts
                .push(FaultyHost::new(self.server.fetch.clone(), 0)),
            Operation::SignIn { device } => self.hosts[device % count].is_signed_in.set(true),
        }
        Ok(())
    }

    fn replace_keys(&self) {
        let wire = self.server.wire(&self.account);
        if wire.get("info/collections").get("crypto").is_none() {
            return;
        }
        let keys = CollectionKeys::make(&SystemRandom).unwrap();
        let sealed = keys
            .seal(&self.credentials.sync_key, &SystemRandom)
            .unwrap();
        wire.put("crypto", "keys", &sealed);
    }

    pub(crate) fn records(&self, device: usize) -> Records<'_, FaultyHost, FaultyHost, FaultyHost> {
        let host = &self.hosts[device];
        Records::new(host, host, host, notes())
    }

    /// The device's stored state of the account.
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

    /// Syncs a device, and records its report.
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
            engines: &[Box::new(Generic::new(notes()).unwrap())],
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
        self.pending_commands
            .learn(&client, report)
            .map_err(TestCaseError::fail)
    }
}
