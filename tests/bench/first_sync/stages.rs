//! Where the time of a first sync goes: one sync in this process, with a clock at each thing that the host lends.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use selvedge_cli::host::{NativeBody, NativeFetch, SqliteStore, SystemClock, SystemRandom};
use selvedge_core::account::Credentials;
use selvedge_core::bso::{Decoder, Format, Opener};
use selvedge_core::crypto::RustCrypto;
use selvedge_core::engine::Generic;
use selvedge_core::host::{
    Clock, Commit, Committed, Counts, PageLimit, Random, RandomError, Selection, Store, StoreError,
    Stored,
};
use selvedge_core::http::{Body, Fetch, FetchError, Request, Response};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::life::{self, Options, Situation};
use selvedge_core::time::LocalTime;
use selvedge_tests::{Account, Wire};
use serde_json::Value;
use tokio::runtime::Builder;

/// The shares of the time.
pub(crate) struct Stages {
    whole: Duration,
    fetch: Duration,
    decode: Duration,
    store: Duration,
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |time: Duration| 100.0 * time.as_secs_f64() / self.whole.as_secs_f64();
        let rest = self
            .whole
            .saturating_sub(self.fetch + self.decode + self.store);
        write!(
            f,
            "of the time: {:.0} % waiting for the network, {:.0} % verifying and decrypting, {:.0} % reconciling, {:.0} % in \
             the store ({:.2} s in this process)",
            share(self.fetch),
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
        fetch: NativeFetch::new().unwrap(),
        store: SqliteStore::open(&dir.path().join("store.sqlite")).unwrap(),
        clocks: Rc::default(),
    };
    let began = Instant::now();
    let report = sync(&host, credentials);
    let whole = began.elapsed();
    assert_eq!(
        report.collections[0].pulled.received,
        u64::from(count),
        "{report:?}"
    );
    let body = host.clocks.body.take();
    let decode = (0..3)
        .map(|_| decode_body(credentials, account, &body, count))
        .min()
        .unwrap();
    Stages {
        whole,
        fetch: host.clocks.fetching.get(),
        decode,
        store: host.clocks.storing.get(),
    }
}

fn sync(host: &Timed, credentials: &Value) -> life::Report {
    let credentials = Credentials::from_json(credentials.to_string().as_bytes()).unwrap();
    let options = Options {
        engines: vec![Generic::new(CollectionName::new("notes").unwrap()).unwrap()],
        situation: Situation {
            is_asked_for: true,
            ..Situation::default()
        },
        user_agent: None,
        progress: &|_| (),
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(life::sync(host, &credentials, &mut None, &options))
}

/// The time that one thread needs to decode, verify and decrypt all records of the server.
pub(crate) fn decode(credentials: &Value, account: &Account, count: u32) -> Duration {
    let wire = Wire::new(credentials, account);
    let (status, body) =
        wire.send_accepting("application/newlines", "GET", "storage/notes?full=1", "");
    assert_eq!(status, 200);
    decode_body(credentials, account, body.as_bytes(), count)
}

fn decode_body(credentials: &Value, account: &Account, body: &[u8], count: u32) -> Duration {
    const BATCH: usize = 500;
    let keys = Wire::new(credentials, account).keys();
    let bundle = keys.bundle("notes");
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
    for chunk in body.chunks(64 << 10) {
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

/// A host that knows how long it was waited for.
struct Timed {
    fetch: NativeFetch,
    store: SqliteStore,
    clocks: Rc<Clocks>,
}

#[derive(Default)]
struct Clocks {
    fetching: Cell<Duration>,
    storing: Cell<Duration>,
    /// A copy of the records as they came.
    body: RefCell<Vec<u8>>,
}

async fn timed<T>(sum: &Cell<Duration>, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let result = work.await;
    sum.set(sum.get() + began.elapsed());
    result
}

struct TimedBody {
    inner: NativeBody,
    is_of_records: bool,
    clocks: Rc<Clocks>,
}

impl Body for TimedBody {
    type Chunk = <NativeBody as Body>::Chunk;

    async fn chunk(&mut self) -> Result<Option<Self::Chunk>, FetchError> {
        let chunk = timed(&self.clocks.fetching, self.inner.chunk()).await?;
        if let Some(chunk) = chunk.as_ref().filter(|_| self.is_of_records) {
            self.clocks.body.borrow_mut().extend_from_slice(chunk);
        }
        Ok(chunk)
    }
}

impl Fetch for Timed {
    type Body = TimedBody;

    async fn fetch(&self, request: Request) -> Result<Response<TimedBody>, FetchError> {
        let is_of_records = request.url.contains("/storage/notes?");
        let Response {
            status,
            headers,
            body,
        } = timed(&self.clocks.fetching, self.fetch.fetch(request)).await?;
        let body = TimedBody {
            inner: body,
            is_of_records,
            clocks: Rc::clone(&self.clocks),
        };
        Ok(Response {
            status,
            headers,
            body,
        })
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

impl Store for Timed {
    async fn global(&self) -> Result<Option<String>, StoreError> {
        timed(&self.clocks.storing, self.store.global()).await
    }

    async fn state(&self, collection: &CollectionName) -> Result<Option<String>, StoreError> {
        timed(&self.clocks.storing, self.store.state(collection)).await
    }

    async fn collections(&self) -> Result<Vec<CollectionName>, StoreError> {
        timed(&self.clocks.storing, self.store.collections()).await
    }

    async fn counts(&self, collection: &CollectionName) -> Result<Counts, StoreError> {
        timed(&self.clocks.storing, self.store.counts(collection)).await
    }

    async fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        timed(&self.clocks.storing, self.store.read(collection, ids)).await
    }

    async fn page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> Result<Vec<Stored>, StoreError> {
        timed(
            &self.clocks.storing,
            self.store.page(collection, selection, after, limit),
        )
        .await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        timed(&self.clocks.storing, self.store.commit(commit)).await
    }
}
