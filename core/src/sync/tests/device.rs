//! Devices of an account whose server is scripted, with the operations that the tests need.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;

use pollster::block_on;

use super::server::{Shelf, serve};
use crate::account::Credentials;
use crate::crypto::RustCrypto;
use crate::crypto::{KeyBundle, payload};
use crate::engines::{Engine, Generic, Records};
use crate::host::{
    Aes, Clock, Commit, Committed, MemoryStore, Random, RandomError, Store, StoreError,
    StoreErrorKind,
};
use crate::http::{Fetch, FetchError, FetchErrorKind, Request, Response};
use crate::ids::{CollectionName, RecordId};
use crate::script::{Answer, ENDPOINT, Script, ScriptedBody};
use crate::sync::{CollectionKeys, Options, OwnClient, Preview, Report, Situation, preview, sync};
use crate::time::LocalTime;

/// A device whose network is a script and whose store is in memory.
pub(super) struct Device {
    pub(super) script: Script,
    pub(super) store: MemoryStore,
    pub(super) shelf: Shelf,
    pub(super) life: Life,
}

/// The moment at which a device's process is killed; numbers start at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kill {
    /// Before it commits, or after that.
    Commit { number: u32, is_after: bool },
    /// Before it sends a request, or after the server has handled it.
    Request { number: u32, is_after: bool },
}

/// What a device's process did since it started.
#[derive(Debug, Default)]
pub(super) struct Life {
    commits: Cell<u32>,
    requests: Cell<u32>,
    kill: Cell<Option<Kill>>,
    is_dead: Cell<bool>,
}

impl Life {
    /// Starts the process; it is killed at this moment.
    #[cfg(feature = "whole-collections")]
    pub(super) fn start(&self, kill: Option<Kill>) {
        self.commits.set(0);
        self.requests.set(0);
        self.kill.set(kill);
        self.is_dead.set(false);
    }

    /// Whether the process was killed since it started.
    #[cfg(feature = "whole-collections")]
    pub(super) fn is_dead(&self) -> bool {
        self.is_dead.get()
    }

    /// Whether the process is dead at this moment.
    fn dies(&self, at: Kill) -> bool {
        if self.kill.get() == Some(at) {
            self.is_dead.set(true);
        }
        self.is_dead.get()
    }
}

impl Fetch for Device {
    type Body = ScriptedBody;
    async fn fetch(&self, request: Request) -> Result<Response<ScriptedBody>, FetchError> {
        let number = self.life.requests.get() + 1;
        self.life.requests.set(number);
        let dead = || Err(FetchError::new(FetchErrorKind::Offline, "killed"));
        let is_after = false;
        if self.life.dies(Kill::Request { number, is_after }) {
            return dead();
        }
        let answer = self.script.fetch(request).await;
        let is_after = true;
        if self.life.dies(Kill::Request { number, is_after }) {
            return dead();
        }
        answer
    }
}

impl Clock for Device {
    fn now(&self) -> LocalTime {
        self.script.now()
    }
}

impl Random for Device {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.script.fill(bytes)
    }
}

impl Aes for Device {
    type Cbc = RustCrypto;

    fn cbc(&self, key: &[u8; 32]) -> RustCrypto {
        RustCrypto::with_key(key)
    }
}

impl Store for Device {
    crate::delegate_reads!(store);

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let number = self.life.commits.get() + 1;
        self.life.commits.set(number);
        let dead = || Err(StoreError::new(StoreErrorKind::Unavailable, "killed"));
        let is_after = false;
        if self.life.dies(Kill::Commit { number, is_after }) {
            return dead();
        }
        let committed = self.store.commit(commit).await;
        let is_after = true;
        if self.life.dies(Kill::Commit { number, is_after }) {
            return dead();
        }
        committed
    }
}

pub(super) fn sync_key() -> KeyBundle {
    KeyBundle::new([1; 32], [2; 32])
}

pub(super) fn credentials(sync_key: &KeyBundle) -> Credentials {
    let json = serde_json::json!({
        "api_endpoint": ENDPOINT, "id": "id", "key": "key", "uid": 777, "hashalg": "sha256", "duration": 3600,
        "ksync_b64url": sync_key.to_b64url().as_str(),
    });
    Credentials::from_json(json.to_string().as_bytes()).unwrap()
}

/// The engine of [`notes`].
pub(super) fn engines() -> [Box<dyn Engine>; 1] {
    [Box::new(Generic::new(notes()).unwrap())]
}

pub(super) fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

pub(super) fn device(shelf: &Shelf) -> Device {
    device_with(shelf, |_, _| None)
}

/// A device whose requests are passed to `meddle` first: it may answer them itself, or change the server.
pub(super) fn device_with(
    shelf: &Shelf,
    mut meddle: impl FnMut(&Shelf, &Request) -> Option<Answer> + 'static,
) -> Device {
    // Scripts generate the same bytes: each device starts at a different position.
    let others = Rc::strong_count(&shelf.clock);
    let server = shelf.clone();
    let script = Script::serving(move |request| {
        meddle(&server, request).unwrap_or_else(|| serve(&server, request))
    });
    (0..others).for_each(|_| script.fill(&mut [0; 64]).unwrap());
    Device {
        script,
        store: MemoryStore::default(),
        shelf: shelf.clone(),
        life: Life::default(),
    }
}

impl Device {
    pub(super) fn sync_with(&self, sync_key: &KeyBundle) -> Report {
        let options = Options {
            engines: &engines(),
            situation: Situation::default(),
            client: OwnClient::default(),
            user_agent: None,
            progress: &|_| (),
        };
        block_on(sync(self, &credentials(sync_key), &mut None, &options))
    }

    pub(super) fn sync(&self) -> Report {
        self.sync_with(&sync_key())
    }

    pub(super) fn preview(&self) -> Preview {
        let options = Options {
            engines: &engines(),
            situation: Situation::default(),
            client: OwnClient::default(),
            user_agent: None,
            progress: &|_| (),
        };
        block_on(preview(
            self,
            &credentials(&sync_key()),
            &mut None,
            &options,
        ))
        .unwrap()
    }

    pub(super) fn put(&self, id: &str, json: &str) {
        let records = Records::new(self, self, self, notes());
        block_on(records.put(Some(RecordId::new(id).unwrap()), json)).unwrap();
    }

    pub(super) fn get(&self, id: &str) -> Option<String> {
        block_on(Records::new(self, self, self, notes()).get(&RecordId::new(id).unwrap())).unwrap()
    }

    /// The requests after the first `before` ones.
    pub(super) fn requests(&self, before: usize) -> Vec<String> {
        let line = |request: &Request| {
            let path = request
                .url
                .strip_prefix(ENDPOINT)
                .unwrap_or(&request.url)
                .trim_start_matches('/');
            format!(
                "{} {}",
                request.method.as_str(),
                path.split('?').next().unwrap_or_default()
            )
        };
        self.script
            .requests()
            .iter()
            .skip(before)
            .map(line)
            .collect()
    }

    pub(super) fn count(&self) -> usize {
        self.script.requests().len()
    }
}

/// A payload under the keys that the account has.
pub(super) fn sealed(shelf: &Shelf, device: &Device, cleartext: &str) -> String {
    let keys = shelf.borrow()["crypto/keys"].1.clone();
    let keys = CollectionKeys::open(&sync_key(), &keys).unwrap();
    payload::seal(keys.bundle("notes").unwrap(), device, cleartext).unwrap()
}
