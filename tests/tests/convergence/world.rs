//! A server, the devices of an account, and what happens to them.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prop_assert;
use proptest::test_runner::TestCaseError;
use selvedge_cli::host::{NativeFetch, SystemRandom};
use selvedge_cli::serve::{Options, Server};
use selvedge_core::account::Credentials;
use selvedge_core::engine::{Generic, Records};
use selvedge_core::host::{Base, PageLimit, Store as _};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::life::{self, CollectionKeys, Ending, KeptToken, Report, Situation};
use selvedge_tests::{Account, MasterSecret, Wire};
use serde_json::{Map, Value};
use tempfile::NamedTempFile;
use tokio::runtime::{Builder, Runtime};

use crate::hand::{Fault, Hand};
use crate::model::{Fields, Model};

/// Something that happens. Devices are counted modulo their number.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A whole record is put; the bits of `fields` say which fields it has.
    Put {
        device: usize,
        record: u8,
        fields: u8,
    },
    /// A field gets a new value.
    Set {
        device: usize,
        record: u8,
        field: u8,
    },
    /// A field is removed.
    Remove {
        device: usize,
        record: u8,
        field: u8,
    },
    /// A record is deleted.
    Delete { device: usize, record: u8 },
    /// A device syncs.
    Sync { device: usize, fault: Option<Fault> },
    /// Two devices sync at the same time.
    SyncTogether {
        one: usize,
        other: usize,
        fault: Option<Fault>,
    },
    /// Another client replaces the keys of the account; the records on the server stay under the old ones.
    ReplaceKeys,
    /// Another client deletes all that the server has.
    EmptyTheServer,
    /// The account moves to another node, which has nothing yet.
    MoveToAnotherNode,
}

/// A server with any number of accounts.
pub(crate) struct World {
    runtime: Runtime,
    fetch: NativeFetch,
    secret: MasterSecret,
    url: String,
    accounts: Cell<u64>,
}

/// The devices of one account.
struct Devices<'w> {
    world: &'w World,
    account: Account,
    credentials: Credentials,
    hands: Vec<Hand>,
    model: Model,
}

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn name_of(record: u8) -> String {
    format!("record-{record}")
}

fn name_of_field(field: u8) -> String {
    format!("field-{field}")
}

/// The fields of a record's cleartext, without its id.
fn fields(cleartext: &str) -> Fields {
    let object: Map<String, Value> = serde_json::from_str(cleartext).unwrap();
    let fields = object.into_iter().filter(|(name, _)| name != "id");
    fields
        .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
        .collect()
}

impl World {
    /// Starts the embedded server on a thread of its own.
    pub(crate) fn start() -> Self {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "the master secret of this test").unwrap();
        let options = Options {
            master_secret_file: Some(file.path().to_owned()),
            ..Options::default()
        };
        let served = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let server = served.block_on(Server::bind(options)).unwrap();
        let url = server.public_url().to_owned();
        std::thread::spawn(move || served.block_on(server.run(std::future::pending())));
        Self {
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            fetch: NativeFetch::new(),
            secret: MasterSecret::new(b"the master secret of this test"),
            url,
            accounts: Cell::new(1000),
        }
    }

    fn next_uid(&self) -> u64 {
        self.accounts.set(self.accounts.get() + 1);
        self.accounts.get()
    }

    fn credentials(&self, account: &Account) -> Credentials {
        let json = self
            .secret
            .credentials(&self.url, account, 3600)
            .to_string();
        Credentials::from_json(json.as_bytes()).unwrap()
    }

    /// Plays one story with a new account, then lets all devices sync until nothing is left to do, and judges.
    pub(crate) fn play(
        &self,
        devices: usize,
        ops: &[Op],
        clocks: &[i64],
    ) -> Result<(), TestCaseError> {
        let account = Account::new(self.next_uid());
        let hand = |clock: &i64| Hand::new(self.fetch.clone(), *clock);
        let mut devices = Devices {
            world: self,
            credentials: self.credentials(&account),
            account,
            hands: clocks.iter().take(devices).map(hand).collect(),
            model: Model::default(),
        };
        self.runtime.block_on(async {
            for op in ops {
                devices.happen(op).await;
            }
            devices.settle().await?;
            devices.judge().await
        })
    }
}

impl Devices<'_> {
    fn records(&self, device: usize) -> Records<'_, Hand, Hand, Hand> {
        let hand = &self.hands[device];
        Records::new(hand, hand, hand, notes())
    }

    async fn get(&self, device: usize, record: &RecordId) -> Option<Fields> {
        self.records(device)
            .get(record)
            .await
            .unwrap()
            .map(|text| fields(&text))
    }

    async fn happen(&mut self, op: &Op) {
        let count = self.hands.len();
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
                self.sync(device % count, fault).await;
            }
            Op::SyncTogether { one, other, fault } => {
                let (one, other) = (one % count, other % count);
                if one != other {
                    self.hands[one].fail(fault);
                    let reports = tokio::join!(self.report(one), self.report(other));
                    self.hands[one].fail(None);
                    self.learn(&reports.0);
                    self.learn(&reports.1);
                }
            }
            Op::ReplaceKeys => self.replace_keys(),
            Op::EmptyTheServer => {
                let (status, _) = self.wire().send("DELETE", "storage", "");
                assert_eq!(status, 200);
                self.model.server_forgets();
            }
            Op::MoveToAnotherNode => {
                self.account.uid = self.world.next_uid();
                self.credentials = self.world.credentials(&self.account);
                self.model.server_forgets();
            }
        }
    }

    /// Another client, which speaks to the server without the core's life of a sync.
    fn wire(&self) -> Wire {
        let credentials = self
            .world
            .secret
            .credentials(&self.world.url, &self.account, 3600);
        Wire::new(&credentials, &self.account)
    }

    fn replace_keys(&self) {
        let wire = self.wire();
        if wire.get("info/collections").get("crypto").is_none() {
            return;
        }
        let keys = CollectionKeys::make(&SystemRandom).unwrap();
        let sealed = keys
            .seal(&self.credentials.sync_key, &SystemRandom)
            .unwrap();
        wire.put("crypto", "keys", &sealed);
    }

    async fn put(&mut self, device: usize, record: u8, bits: u8) {
        let id = RecordId::new(name_of(record)).unwrap();
        let old = self.get(device, &id).await.unwrap_or_default();
        old.values().for_each(|value| self.model.replace(value));
        let names = (0..3)
            .filter(|bit| bits & (1 << bit) != 0)
            .map(name_of_field);
        let object: Map<String, Value> = names
            .map(|name| (name.clone(), self.model.write(id.as_str(), &name).into()))
            .collect();
        self.records(device)
            .put(Some(id), &Value::Object(object).to_string())
            .await
            .unwrap();
    }

    async fn set(&mut self, device: usize, record: u8, field: u8) {
        let (id, field) = (
            RecordId::new(name_of(record)).unwrap(),
            name_of_field(field),
        );
        let Some(old) = self.get(device, &id).await else {
            return;
        };
        old.get(&field)
            .into_iter()
            .for_each(|value| self.model.replace(value));
        let value = self.model.write(id.as_str(), &field);
        let patch = Map::from_iter([(field, value.into())]);
        self.records(device)
            .edit(&id, &Value::Object(patch).to_string())
            .await
            .unwrap();
    }

    async fn remove(&mut self, device: usize, record: u8, field: u8) {
        let (id, field) = (
            RecordId::new(name_of(record)).unwrap(),
            name_of_field(field),
        );
        let Some(old) = self.get(device, &id).await else {
            return;
        };
        old.get(&field)
            .into_iter()
            .for_each(|value| self.model.replace(value));
        let patch = Map::from_iter([(field, Value::Null)]);
        self.records(device)
            .edit(&id, &Value::Object(patch).to_string())
            .await
            .unwrap();
    }

    async fn delete(&mut self, device: usize, record: u8) {
        let id = RecordId::new(name_of(record)).unwrap();
        let Some(old) = self.get(device, &id).await else {
            return;
        };
        let stored = self.hands[device]
            .read(&notes(), std::slice::from_ref(&id))
            .await
            .unwrap();
        let is_known = stored
            .into_iter()
            .flatten()
            .any(|stored| stored.item.base != Base::Unknown);
        self.model.delete(id.as_str(), old, is_known);
        self.records(device).delete(&id).await.unwrap();
    }

    async fn sync(&mut self, device: usize, fault: Option<Fault>) -> Report {
        self.hands[device].fail(fault);
        let report = self.report(device).await;
        self.hands[device].fail(None);
        self.learn(&report);
        report
    }

    async fn report(&self, device: usize) -> Report {
        let options = life::Options {
            engines: vec![Generic::new(notes()).unwrap()],
            situation: Situation {
                is_asked_for: true,
                ..Situation::default()
            },
            client: life::OwnClient::default(),
            user_agent: None,
            progress: &|_| (),
        };
        let mut token: Option<KeptToken> = None;
        life::sync(&self.hands[device], &self.credentials, &mut token, &options).await
    }

    fn learn(&mut self, report: &Report) {
        for (id, rule) in report
            .collections
            .iter()
            .flat_map(|collection| &collection.pulled.rules)
        {
            self.model.rule(id.as_str(), *rule);
        }
    }

    /// Lets the devices sync in turn until all have nothing to do.
    async fn settle(&mut self) -> Result<(), TestCaseError> {
        const ROUNDS: usize = 6;
        // One that comes only now must get all that the others have.
        self.hands.push(Hand::new(self.world.fetch.clone(), 0));
        for round in 1..=ROUNDS {
            let mut is_settled = true;
            for device in 0..self.hands.len() {
                let report = self.sync(device, None).await;
                // Where two set the account up at the same moment, the records of one may lie under keys that the other
                // has replaced, until the one has synced again.
                is_settled &= report.is_success();
                prop_assert!(
                    report.is_success() || round == 1,
                    "device {device} in round {round}: {report:?}"
                );
                is_settled &= report.ending == Ending::NothingToDo;
            }
            if is_settled {
                return Ok(());
            }
        }
        Err(TestCaseError::fail(format!(
            "the devices are not settled after {ROUNDS} rounds"
        )))
    }

    async fn judge(&self) -> Result<(), TestCaseError> {
        let mut all = Vec::new();
        for device in 0..self.hands.len() {
            let counts = self.hands[device].counts(&notes()).await.unwrap();
            prop_assert!(counts.pending == 0, "device {device} has something to send");
            let limit = PageLimit {
                records: 100,
                ..PageLimit::default()
            };
            let page = self.records(device).page(None, limit).await.unwrap();
            let records = page
                .into_iter()
                .filter_map(|stored| Some((stored.item.id, stored.item.cleartext?)));
            let records: BTreeMap<String, Fields> = records
                .map(|(id, text)| (id.to_string(), fields(&text)))
                .collect();
            all.push(records);
        }
        for (device, records) in all.iter().enumerate() {
            prop_assert!(
                *records == all[0],
                "device {device} has {records:?}, the first has {:?}",
                all[0]
            );
        }
        self.model.check(&all[0]).map_err(TestCaseError::fail)
    }
}
