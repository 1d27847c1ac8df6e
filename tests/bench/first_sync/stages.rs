//! The shares of the time of a first sync: one sync in this process, with a host that measures its calls.

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use selvedge_core::account::Credentials;
use selvedge_core::bso::{Decoder, Format, Opener};
use selvedge_core::crypto::RustCrypto;
use selvedge_core::engines::Generic;
use selvedge_core::host::{
    Aes, Clock, Commit, Committed, Counts, Key, PageLimit, Random, RandomError, Selection, Store,
    StoreError, Stored,
};
use selvedge_core::http::{Fetch, FetchError, Request, Response};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::sync::{self, Options, Situation};
use selvedge_core::time::LocalTime;
use selvedge_host::{NativeBody, NativeFetch, SqliteStore, SystemClock, SystemRandom};
use selvedge_tests::{Account, Wire};
use serde_json::Value;
use tokio::runtime::Builder;

/// The time of each stage.
pub(crate) struct Stages {
    whole: Duration,
    waiting: Duration,
    decode: Duration,
    store: Duration,
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |time: Duration| 100.0 * time.as_secs_f64() / self.whole.as_secs_f64();
        let rest = self
            .whole
            .saturating_sub(self.waiting + self.decode + self.store);
        write!(
            f,
            "of the time: {:.0} % waiting for the network, {:.0} % verifying and decrypting, {:.0} % reconciling, {:.0} % in \
             the store ({:.2} s in this process)",
            share(self.waiting),
            share(self.decode),
            share(rest),
            share(self.store),
            self.whole.as_secs_f64()
        )
    }
}

/// Syncs once into a new store on disk.
pub(crate) fn measure(credentials: &Value, account: &Account, count: u32) -> Stages {
    let dir = tempfile::tempdir().unwrap();
    let host = Timed {
        fetch: NativeFetch::new(),
        store: SqliteStore::open(&dir.path().join("store.sqlite")).unwrap(),
        storing: Cell::default(),
    };
    let waiting = Cell::default();
    let began = Instant::now();
    let report = sync(&host, credentials, &waiting);
    let whole = began.elapsed();
    assert_eq!(
        report.collections[0].pulled.received,
        u64::from(count),
        "{report:?}"
    );
    let decode = (0..3)
        .map(|_| decode(credentials, account, count))
        .min()
        .unwrap();
    Stages {
        whole,
        waiting: waiting.get(),
        decode,
        store: host.storing.get(),
    }
}

fn sync(host: &Timed, credentials: &Value, waiting: &Cell<Duration>) -> sync::Report {
    let credentials = Credentials::from_json(credentials.to_string().as_bytes()).unwrap();
    let options = Options {
        engines: &[Box::new(
            Generic::new(CollectionName::new("notes").unwrap()).unwrap(),
        )],
        situation: Situation {
            is_asked_for: true,
            ..Situation::default()
        },
        client: sync::OwnClient::default(),
        user_agent: None,
        progress: &|_| (),
    };
    // The same runtime as the program's.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mut session = None;
    let mut sync = pin!(sync::sync(host, &credentials, &mut session, &options));
    let mut idle_since: Option<Instant> = None;
    runtime.block_on(poll_fn(|context| {
        if let Some(since) = idle_since.take() {
            waiting.set(waiting.get() + since.elapsed());
        }
        let polled = sync.as_mut().poll(context);
        idle_since = Some(Instant::now());
        polled
    }))
}

/// The time that one thread needs to decode, verify and decrypt all records of the server.
pub(crate) fn decode(credentials: &Value, account: &Account, count: u32) -> Duration {
    const BATCH: usize = 500;
    let wire = Wire::new(credentials, account);
    let (status, body) =
        wire.send_accepting("application/newlines", "GET", "storage/notes?full=1", "");
    assert_eq!(status, 200);
    let keys = wire.keys();
    let bundle = keys.bundle("notes").unwrap();
    let began = Instant::now();
    let (mut decoder, mut opener) = (
        Decoder::new(Format::Newlines, 4 << 20),
        Opener::new(bundle, RustCrypto::new(bundle)),
    );
    let mut opened = 0;
    let mut open = |opener: &mut Opener<RustCrypto>| {
        let records = pollster::block_on(opener.open()).unwrap();
        opened += records
            .records()
            .filter(|record| record.cleartext.is_ok())
            .count();
    };
    for chunk in body.as_bytes().chunks(64 << 10) {
        decoder.push(chunk);
        while let Some(record) = decoder.next_record().unwrap() {
            opener.add(&record.unwrap());
            if opener.records() == BATCH {
                open(&mut opener);
            }
        }
    }
    open(&mut opener);
    let time = began.elapsed();
    assert_eq!(opened, count as usize);
    time
}

/// A host that measures the time of its store.
struct Timed {
    fetch: NativeFetch,
    store: SqliteStore,
    storing: Cell<Duration>,
}

async fn timed<T>(sum: &Cell<Duration>, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let result = work.await;
    sum.set(sum.get() + began.elapsed());
    result
}

impl Fetch for Timed {
    type Body = NativeBody;

    async fn fetch(&self, request: Request) -> Result<Response<NativeBody>, FetchError> {
        self.fetch.fetch(request).await
    }
}

impl Clock for Timed {
    fn now(&self) -> LocalTime {
        SystemClock.now()
    }
}

impl Random for Timed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        SystemRandom.fill(bytes)
    }
}

impl Aes for Timed {
    type Cbc = RustCrypto;

    fn cbc(&self, key: &[u8; 32]) -> RustCrypto {
        RustCrypto::with_key(key)
    }
}

impl Store for Timed {
    async fn global(&self) -> Result<Option<String>, StoreError> {
        timed(&self.storing, self.store.global()).await
    }

    async fn state(&self, collection: &CollectionName) -> Result<Option<String>, StoreError> {
        timed(&self.storing, self.store.state(collection)).await
    }

    async fn collections(&self) -> Result<Vec<CollectionName>, StoreError> {
        timed(&self.storing, self.store.collections()).await
    }

    async fn counts(&self, collection: &CollectionName) -> Result<Counts, StoreError> {
        timed(&self.storing, self.store.counts(collection)).await
    }

    async fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        timed(&self.storing, self.store.read(collection, ids)).await
    }

    async fn page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> Result<Vec<Stored>, StoreError> {
        timed(
            &self.storing,
            self.store.page(collection, selection, after, limit),
        )
        .await
    }

    async fn duplicates(
        &self,
        collection: &CollectionName,
        keys: &[Key],
    ) -> Result<Vec<Stored>, StoreError> {
        timed(&self.storing, self.store.duplicates(collection, keys)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        timed(&self.storing, self.store.commit(commit)).await
    }
}
