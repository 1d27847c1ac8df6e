//! The scenario into which every fault is injected.
//!
//! A sets up the account and sends several batches; B reads several pages. Both edit and delete, with conflicts. Each syncs
//! twice more. Then both, and a new third device, sync until nothing is left to do.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use selvedge_core::account::Credentials;
use selvedge_core::crypto::payload;
use selvedge_core::engines::Records;
use selvedge_core::host::{Clock as _, PageLimit, Store as _};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::sync::{Ending, KeptToken, Report};
use selvedge_host::SqliteStore;
use selvedge_tests::{Fault, Heard, KillableHost, Killed, SyncOnce, sync_once};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sync_faults::invariants::{Contents, NOTES, check_contents, check_requests, note};
use crate::sync_faults::test_server::{TestServer, directory};

const COLLECTIONS: &[&str] = &["notes", "lists"];
/// Maximum number of rounds of syncs until nothing is left to do.
const ROUNDS: usize = 6;
const A: usize = 0;
const B: usize = 1;

/// The fault of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InjectedFault {
    /// Nothing.
    None,
    /// A fault of a request; the numbers start at one and count through the whole scenario.
    Request(u32, Fault),
    /// The client's process is killed while this request is held.
    KilledAtRequest(u32, Fault),
    /// The client's process is killed at a commit of the sync with this number, starting at zero.
    KilledAtCommit(usize, Killed),
}

/// The number of requests and commits of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Length {
    pub(crate) requests: u32,
    pub(crate) commits: u32,
}

struct Device {
    host: Option<KillableHost>,
    token: Option<KeptToken>,
    file: Option<PathBuf>,
}

/// One account with its devices.
struct Scenario<'g> {
    server: &'g TestServer,
    injected: InjectedFault,
    /// The number of the sync that is killed.
    killed_sync: Option<usize>,
    alarm: Receiver<()>,
    credentials: Credentials,
    devices: Vec<Device>,
    directory: Option<TempDir>,
    lengths: Vec<Length>,
}

/// Runs the scenario with a fault; `plan` has the lengths of its syncs without faults. Returns the lengths.
pub(crate) fn run(
    server: &TestServer,
    injected: InjectedFault,
    plan: &[Length],
) -> Result<Vec<Length>, String> {
    server.runtime.block_on(async {
        let credentials = server.account().await;
        let fault = match injected {
            InjectedFault::Request(at, fault) | InjectedFault::KilledAtRequest(at, fault) => {
                Some((at, fault))
            }
            InjectedFault::None | InjectedFault::KilledAtCommit(..) => None,
        };
        let killed_sync = match injected {
            InjectedFault::None | InjectedFault::Request(..) => None,
            InjectedFault::KilledAtCommit(sync, _) => Some(sync),
            InjectedFault::KilledAtRequest(at, _) => sync_of(plan, at),
        };
        let mut scenario = Scenario {
            server,
            injected,
            killed_sync,
            alarm: server.proxy.arm(fault),
            credentials,
            devices: Vec::new(),
            directory: killed_sync.map(|_| directory()),
            lengths: Vec::new(),
        };
        scenario.run_operations().await?;
        scenario.settle_all().await?;
        scenario.check().await?;
        Ok(scenario.lengths)
    })
}

/// The sync in which a request of the scenario is sent.
fn sync_of(plan: &[Length], request: u32) -> Option<usize> {
    let mut sent = 0;
    plan.iter().position(|length| {
        sent += length.requests;
        request <= sent
    })
}

fn name(text: &str) -> CollectionName {
    CollectionName::new(text).unwrap()
}

impl Scenario<'_> {
    async fn run_operations(&mut self) -> Result<(), String> {
        self.join();
        self.join();
        for number in 0..NOTES {
            self.put(A, "notes", note(number)).await;
        }
        self.put(A, "lists", RecordId::new("list-1").unwrap()).await;
        self.put(A, "lists", RecordId::new("list-2").unwrap()).await;
        self.sync(A).await?;
        self.sync(B).await?;
        if self.has_happened() {
            // The following edits need records that both devices have.
            self.settle(2).await?;
        }
        self.edit(A, 0, json!({"title": "by A"})).await?;
        self.delete(A, 1).await?;
        self.put(A, "notes", note(NOTES)).await;
        self.edit(B, 2, json!({"body": "by B"})).await?;
        self.delete(B, 3).await?;
        self.put(B, "notes", note(NOTES + 1)).await;
        self.edit(A, 4, json!({"title": "by A"})).await?;
        self.edit(B, 4, json!({"body": "by B"})).await?;
        self.edit(A, 5, json!({"title": "by A"})).await?;
        self.edit(B, 5, json!({"title": "by B"})).await?;
        self.delete(A, 6).await?;
        self.edit(B, 6, json!({"body": "by B"})).await?;
        for device in [A, B, A, B] {
            self.sync(device).await?;
        }
        if self.has_happened() || self.injected == InjectedFault::None {
            Ok(())
        } else {
            Err("the scenario ended before the fault".into())
        }
    }

    /// Whether the fault has happened.
    fn has_happened(&self) -> bool {
        self.server.proxy.fired_at().is_some()
            || self
                .killed_sync
                .is_some_and(|sync| sync < self.lengths.len())
    }

    /// Adds a device to the account.
    fn join(&mut self) {
        let number = self.devices.len();
        let file = self
            .directory
            .as_ref()
            .map(|directory| directory.path().join(format!("{number}.sqlite")));
        let host = Some(self.open_host(file.as_ref()));
        self.devices.push(Device {
            host,
            token: None,
            file,
        });
    }

    fn open_host(&self, file: Option<&PathBuf>) -> KillableHost {
        let store = match file {
            Some(file) => SqliteStore::open(file),
            None => SqliteStore::in_memory(),
        };
        KillableHost::new(self.server.fetch.clone(), store.unwrap())
    }

    fn host_of(&self, device: usize) -> &KillableHost {
        self.devices[device].host.as_ref().unwrap()
    }

    fn records(
        &self,
        device: usize,
        collection: &str,
    ) -> Records<'_, KillableHost, KillableHost, KillableHost> {
        let host = self.host_of(device);
        Records::new(host, host, host, name(collection))
    }

    async fn put(&self, device: usize, collection: &str, id: RecordId) {
        let record = json!({"title": format!("title of {id}"), "body": "x".repeat(40)});
        let records = self.records(device, collection);
        records.put(Some(id), &record.to_string()).await.unwrap();
    }

    async fn edit(&self, device: usize, number: usize, patch: Value) -> Result<(), String> {
        let records = self.records(device, "notes");
        let edited = records.edit(&note(number), &patch.to_string()).await;
        edited.map_err(|error| format!("device {device} cannot edit: {error}"))
    }

    async fn delete(&self, device: usize, number: usize) -> Result<(), String> {
        let records = self.records(device, "notes");
        let deleted = records.delete(&note(number)).await;
        deleted.map_err(|error| format!("device {device} cannot delete: {error}"))
    }

    /// Runs a sync of the scenario, which may be the one that is killed.
    async fn sync(&mut self, device: usize) -> Result<(), String> {
        let (requests, commits) = (self.server.proxy.count(), self.host_of(device).commits());
        match self.killed_sync {
            Some(sync) if sync == self.lengths.len() => self.sync_and_kill(device)?,
            _ => drop(self.report(device).await),
        }
        self.lengths.push(Length {
            requests: self.server.proxy.count() - requests,
            commits: self.host_of(device).commits().saturating_sub(commits),
        });
        Ok(())
    }

    /// Syncs in this process, and sets the clock ahead by the time that the server asks the client to wait.
    async fn report(&mut self, device: usize) -> Report {
        let mut token = self.devices[device].token.take();
        let host = self.host_of(device);
        let report = sync_once(host, &self.credentials, &mut token, COLLECTIONS).await;
        if let Some(until) = report.backoff.until().filter(|until| *until > host.now()) {
            host.put_ahead(host.ahead() + until.millis() - host.now().millis() + 1);
        }
        self.devices[device].token = token;
        report
    }

    /// Syncs in a child process, which is killed.
    fn sync_and_kill(&mut self, device: usize) -> Result<(), String> {
        let ahead = self.host_of(device).ahead();
        let Device { host, token, file } = &mut self.devices[device];
        // The store is opened again afterwards, as after a restart.
        drop(host.take());
        let file = file.clone().ok_or("the device has no file")?;
        let once = SyncOnce {
            store: file.clone(),
            credentials: self.credentials.clone(),
            token: token.take(),
            ahead,
            collections: COLLECTIONS.iter().map(ToString::to_string).collect(),
            killed: match self.injected {
                InjectedFault::KilledAtCommit(_, killed) => Some(killed),
                _ => None,
            },
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_one_sync"))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(once.to_json().as_bytes()).unwrap();
        drop(stdin);
        loop {
            match self.alarm.recv_timeout(Duration::from_millis(1)) {
                Ok(()) => child.kill().unwrap(),
                Err(RecvTimeoutError::Timeout) if child.try_wait().unwrap().is_none() => continue,
                Err(_) => {}
            }
            break;
        }
        let output = child.wait_with_output().unwrap();
        let host = self.open_host(Some(&file));
        host.put_ahead(ahead);
        self.devices[device].host = Some(host);
        match output.status.code() {
            // By a signal.
            None => Ok(()),
            Some(code) => Err(format!(
                "the process was not killed: exit {code}: {}",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    /// Syncs the first `devices` in turn until all have nothing to do.
    async fn settle(&mut self, devices: usize) -> Result<(), String> {
        for round in 1..=ROUNDS {
            let mut is_settled = true;
            for device in 0..devices {
                let report = self.report(device).await;
                if round > 1 && !report.is_success() {
                    return Err(format!("device {device} in round {round}: {report:?}"));
                }
                is_settled &= report.ending == Ending::NothingToDo;
            }
            if is_settled {
                return Ok(());
            }
        }
        Err(format!("the devices are not settled after {ROUNDS} rounds"))
    }

    async fn settle_all(&mut self) -> Result<(), String> {
        self.join();
        self.settle(3).await
    }

    /// All live records of a device.
    async fn contents(&self, device: usize) -> Contents {
        let mut contents = Contents::new();
        let limit = PageLimit {
            records: 100,
            ..PageLimit::default()
        };
        for collection in COLLECTIONS {
            let page = self.records(device, collection).page(None, limit).await;
            let records = page.unwrap().into_iter().filter_map(|stored| {
                let record = serde_json::from_str(&stored.item.cleartext?).unwrap();
                Some((stored.item.id.to_string(), record))
            });
            contents.insert(collection.to_string(), records.collect());
        }
        contents
    }

    async fn check(&self) -> Result<(), String> {
        let first = self.contents(A).await;
        for device in 0..self.devices.len() {
            for collection in COLLECTIONS {
                let counts = self
                    .host_of(device)
                    .counts(&name(collection))
                    .await
                    .unwrap();
                if counts.pending > 0 {
                    return Err(format!("device {device} has unsent changes: {counts:?}"));
                }
            }
            let contents = self.contents(device).await;
            if contents != first {
                return Err(format!("device {device} has {contents:?}, A has {first:?}"));
            }
        }
        check_contents(&first)?;
        let heard = self.server.proxy.heard();
        check_requests(&heard, self.must_start_fresh())?;
        self.check_server(&first, &heard)
    }

    /// Whether the injected response means that the account is not set up: then the protocol requires a fresh start.
    fn must_start_fresh(&self) -> bool {
        let fired = self.server.proxy.fired_at().unwrap_or_default();
        matches!(self.injected, InjectedFault::Request(_, Fault::Instead(canned)) if canned.status == 404)
            && (fired.ends_with("/storage/meta/global") || fired.ends_with("/storage/crypto/keys"))
    }

    /// Checks that the server has exactly the devices' records, and tombstones of deleted ones.
    fn check_server(&self, contents: &Contents, heard: &[Heard]) -> Result<(), String> {
        let uid = heard
            .iter()
            .find_map(|heard| heard.target.strip_prefix("/1.5/")?.split('/').next())
            .and_then(|uid| uid.parse().ok())
            .ok_or("there was no request to the storage")?;
        let wire = self.server.wire(&self.credentials, uid);
        let keys = wire.keys();
        let counts = wire.get("info/collection_counts");
        // A device that lost its client id would be listed twice.
        if counts["clients"] != self.devices.len() {
            return Err(format!("the server has {counts}"));
        }
        for (collection, records) in contents {
            let deleted = [note(1), note(3)].map(|id| id.to_string());
            let deleted = deleted.iter().filter(|_| collection == "notes");
            let mut count = 0;
            for id in records.keys().chain(deleted) {
                let (status, body) = wire.send("GET", &format!("storage/{collection}/{id}"), "");
                let expected = records.get(id);
                if status == 404 && expected.is_none() {
                    continue;
                }
                count += 1;
                let found: Value = serde_json::from_str(&body)
                    .map_err(|_| format!("{collection}/{id}: {status} {body}"))?;
                let payload = found["payload"].as_str().unwrap_or_default();
                let cleartext = payload::open(keys.bundle(collection).unwrap(), payload, id)
                    .map_err(|error| format!("{collection}/{id} does not decrypt: {error}"))?;
                let cleartext: Value = serde_json::from_str(&cleartext).unwrap();
                let is_right = match expected {
                    Some(record) => cleartext == *record,
                    None => cleartext["deleted"] == true,
                };
                if !is_right {
                    return Err(format!("{collection}/{id} is {cleartext} on the server"));
                }
            }
            if counts[collection] != count {
                return Err(format!(
                    "the server has {counts}, known are {count} of {collection}"
                ));
            }
        }
        Ok(())
    }
}
