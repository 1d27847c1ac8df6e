//! The story that every fault is put into, and what must be true in its end.
//!
//! A sets the account up and sends several batches; B reads several pages. Both edit, delete, and disagree. Each syncs
//! twice more. Then both, and a third device that was never seen before, sync until nothing is left to do.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use selvedge_core::account::Credentials;
use selvedge_core::crypto::payload;
use selvedge_core::engine::Records;
use selvedge_core::host::{Clock as _, PageLimit, Store as _};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::sync::{Ending, KeptToken, Report};
use selvedge_host::SqliteStore;
use selvedge_tests::{Fault, Heard, KillableHost, Killed, SyncOnce, sync_once};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ground::{Ground, directory};
use crate::judge::{Contents, NOTES, check_contents, check_requests, note};

const COLLECTIONS: &[&str] = &["notes", "lists"];
/// Nothing may take more rounds than this to come to rest.
const ROUNDS: usize = 6;
const A: usize = 0;
const B: usize = 1;

/// The one thing that goes wrong in a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// Nothing.
    None,
    /// A fault of a request; they are counted from one on, through the whole story.
    Request(u32, Fault),
    /// The process of the client is killed while this request is held.
    KilledAtRequest(u32, Fault),
    /// The process of the client ends at a commit of the sync with this number, from zero on.
    KilledAtCommit(usize, Killed),
}

/// How long each sync of a story is.
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
struct Story<'g> {
    ground: &'g Ground,
    mishap: Mishap,
    /// The sync that is killed.
    killed_sync: Option<usize>,
    alarm: Receiver<()>,
    credentials: Credentials,
    devices: Vec<Device>,
    directory: Option<TempDir>,
    lengths: Vec<Length>,
}

/// Plays the story with a mishap; `plan` has the lengths of its syncs when nothing goes wrong. Answers the lengths.
pub(crate) fn play(
    ground: &Ground,
    mishap: Mishap,
    plan: &[Length],
) -> Result<Vec<Length>, String> {
    ground.runtime.block_on(async {
        let credentials = ground.account().await;
        let fault = match mishap {
            Mishap::Request(at, fault) | Mishap::KilledAtRequest(at, fault) => Some((at, fault)),
            Mishap::None | Mishap::KilledAtCommit(..) => None,
        };
        let killed_sync = match mishap {
            Mishap::None | Mishap::Request(..) => None,
            Mishap::KilledAtCommit(sync, _) => Some(sync),
            Mishap::KilledAtRequest(at, _) => sync_of(plan, at),
        };
        let mut story = Story {
            ground,
            mishap,
            killed_sync,
            alarm: ground.proxy.arm(fault),
            credentials,
            devices: Vec::new(),
            directory: killed_sync.map(|_| directory()),
            lengths: Vec::new(),
        };
        story.tell().await?;
        story.settle().await?;
        story.judge().await?;
        Ok(story.lengths)
    })
}

/// The sync in which a request of the story is sent.
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

impl Story<'_> {
    async fn tell(&mut self) -> Result<(), String> {
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
            // What comes now is done to records that both devices have.
            self.rest(2).await?;
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
        match self.has_happened() || self.mishap == Mishap::None {
            true => Ok(()),
            false => Err("the story ended before the mishap".into()),
        }
    }

    /// Whether the mishap is behind us.
    fn has_happened(&self) -> bool {
        self.ground.proxy.fired_at().is_some()
            || self
                .killed_sync
                .is_some_and(|sync| sync < self.lengths.len())
    }

    /// A device comes to the account.
    fn join(&mut self) {
        let number = self.devices.len();
        let file = self
            .directory
            .as_ref()
            .map(|directory| directory.path().join(format!("{number}.sqlite")));
        let host = Some(self.hand(file.as_ref()));
        self.devices.push(Device {
            host,
            token: None,
            file,
        });
    }

    fn hand(&self, file: Option<&PathBuf>) -> KillableHost {
        let store = match file {
            Some(file) => SqliteStore::open(file),
            None => SqliteStore::in_memory(),
        };
        KillableHost::new(self.ground.fetch.clone(), store.unwrap())
    }

    fn hand_of(&self, device: usize) -> &KillableHost {
        self.devices[device].host.as_ref().unwrap()
    }

    fn records(
        &self,
        device: usize,
        collection: &str,
    ) -> Records<'_, KillableHost, KillableHost, KillableHost> {
        let host = self.hand_of(device);
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

    /// A sync of the story, which may be the one that is killed.
    async fn sync(&mut self, device: usize) -> Result<(), String> {
        let (requests, commits) = (self.ground.proxy.count(), self.hand_of(device).commits());
        match self.killed_sync {
            Some(sync) if sync == self.lengths.len() => self.sync_and_kill(device)?,
            _ => drop(self.report(device).await),
        }
        self.lengths.push(Length {
            requests: self.ground.proxy.count() - requests,
            commits: self.hand_of(device).commits().saturating_sub(commits),
        });
        Ok(())
    }

    /// Syncs in this process, and puts the clock ahead as far as the server wants to be left alone.
    async fn report(&mut self, device: usize) -> Report {
        let mut token = self.devices[device].token.take();
        let host = self.hand_of(device);
        let report = sync_once(host, &self.credentials, &mut token, COLLECTIONS).await;
        if let Some(until) = report.backoff.until().filter(|until| *until > host.now()) {
            host.put_ahead(host.ahead() + until.millis() - host.now().millis() + 1);
        }
        self.devices[device].token = token;
        report
    }

    /// Syncs in a process of its own, which does not live to its end.
    fn sync_and_kill(&mut self, device: usize) -> Result<(), String> {
        let ahead = self.hand_of(device).ahead();
        let Device { host, token, file } = &mut self.devices[device];
        // The store is opened anew afterwards, as after a restart.
        drop(host.take());
        let file = file.clone().ok_or("the device has no file")?;
        let once = SyncOnce {
            store: file.clone(),
            credentials: self.credentials.clone(),
            token: token.take(),
            ahead,
            collections: COLLECTIONS.iter().map(ToString::to_string).collect(),
            killed: match self.mishap {
                Mishap::KilledAtCommit(_, killed) => Some(killed),
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
        let host = self.hand(Some(&file));
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

    /// Lets the first devices sync in turn until all have nothing to do.
    async fn rest(&mut self, devices: usize) -> Result<(), String> {
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

    async fn settle(&mut self) -> Result<(), String> {
        self.join();
        self.rest(3).await
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

    async fn judge(&self) -> Result<(), String> {
        let first = self.contents(A).await;
        for device in 0..self.devices.len() {
            for collection in COLLECTIONS {
                let counts = self
                    .hand_of(device)
                    .counts(&name(collection))
                    .await
                    .unwrap();
                if counts.pending > 0 {
                    return Err(format!("device {device} has something to send: {counts:?}"));
                }
            }
            let contents = self.contents(device).await;
            if contents != first {
                return Err(format!("device {device} has {contents:?}, A has {first:?}"));
            }
        }
        check_contents(&first)?;
        let heard = self.ground.proxy.heard();
        check_requests(&heard, self.is_told_to_start_afresh())?;
        self.check_server(&first, &heard)
    }

    /// Whether the mishap itself said that the account is not set up: then a fresh start is what the protocol asks for.
    fn is_told_to_start_afresh(&self) -> bool {
        let fired = self.ground.proxy.fired_at().unwrap_or_default();
        matches!(self.mishap, Mishap::Request(_, Fault::Instead(canned)) if canned.status == 404)
            && (fired.ends_with("/storage/meta/global") || fired.ends_with("/storage/crypto/keys"))
    }

    /// What is on the server: exactly the devices' records, and tombstones of what was deleted.
    fn check_server(&self, contents: &Contents, heard: &[Heard]) -> Result<(), String> {
        let uid = heard
            .iter()
            .find_map(|heard| heard.target.strip_prefix("/1.5/")?.split('/').next())
            .and_then(|uid| uid.parse().ok())
            .ok_or("nobody spoke to the storage")?;
        let wire = self.ground.wire(&self.credentials, uid);
        let keys = wire.keys();
        let counts = wire.get("info/collection_counts");
        // A device that forgot how it is called would be listed twice.
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
