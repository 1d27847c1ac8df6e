//! A device's host: a real network and a real store, a clock with a constant offset, and network faults on demand.

use std::cell::Cell;

use selvedge_core::crypto::RustCrypto;
use selvedge_core::host::{Aes, Clock, Commit, Committed, Random, RandomError, Store, StoreError};
use selvedge_core::http::{Body, Fetch, FetchError, FetchErrorKind, Request, Response};
use selvedge_core::time::LocalTime;
use selvedge_host::{NativeBody, NativeFetch, SqliteStore, SystemClock, SystemRandom};

/// A failure of the network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// Number of requests before it.
    pub(crate) after: u32,
    /// The moment of the failure in the next request.
    pub(crate) moment: Moment,
}

/// The moment at which the network fails. All later requests fail too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The server does not receive the request.
    BeforeItIsSent,
    /// The server handles the request, but the response is lost.
    AfterItWasAnswered,
    /// The response is truncated.
    InTheAnswer,
}

/// The core's host traits for a device.
#[derive(Debug)]
pub(crate) struct FaultyHost {
    fetch: NativeFetch,
    store: SqliteStore,
    clock_is_wrong_by: i64,
    fault: Cell<Option<Fault>>,
    /// False after another device has signed it out.
    pub(crate) is_signed_in: Cell<bool>,
}

impl FaultyHost {
    /// A device without records, with an offset of its clock in milliseconds.
    pub(crate) fn new(fetch: NativeFetch, clock_is_wrong_by: i64) -> Self {
        let store = SqliteStore::in_memory().unwrap();
        Self {
            fetch,
            store,
            clock_is_wrong_by,
            fault: Cell::new(None),
            is_signed_in: Cell::new(true),
        }
    }

    /// Sets or clears the network fault.
    pub(crate) fn fail(&self, fault: Option<Fault>) {
        self.fault.set(fault);
    }
}

/// The body of a response that may be truncated.
#[derive(Debug)]
pub(crate) struct Cuttable {
    inner: NativeBody,
    is_cut: bool,
}

impl Body for Cuttable {
    type Chunk = <NativeBody as Body>::Chunk;

    async fn chunk(&mut self) -> Result<Option<Self::Chunk>, FetchError> {
        if self.is_cut {
            Err(cut())
        } else {
            self.inner.chunk().await
        }
    }
}

fn cut() -> FetchError {
    FetchError::new(FetchErrorKind::Cut, "the test cut the network")
}

impl Fetch for FaultyHost {
    type Body = Cuttable;

    async fn fetch(&self, request: Request) -> Result<Response<Cuttable>, FetchError> {
        let fault = self.fault.get();
        if let Some(fault) = fault {
            self.fault.set(Some(Fault {
                after: fault.after.saturating_sub(1),
                ..fault
            }));
        }
        let moment = fault
            .filter(|fault| fault.after == 0)
            .map(|fault| fault.moment);
        if moment == Some(Moment::BeforeItIsSent) {
            return Err(cut());
        }
        if moment.is_some() {
            // This request is sent; later ones are not.
            self.fault.set(Some(Fault {
                after: 0,
                moment: Moment::BeforeItIsSent,
            }));
        }
        let Response {
            status,
            headers,
            body,
        } = self.fetch.fetch(request).await?;
        if moment == Some(Moment::AfterItWasAnswered) {
            return Err(cut());
        }
        let is_cut = moment == Some(Moment::InTheAnswer);
        Ok(Response {
            status,
            headers,
            body: Cuttable {
                inner: body,
                is_cut,
            },
        })
    }
}

impl Clock for FaultyHost {
    fn now(&self) -> LocalTime {
        LocalTime::from_millis(
            SystemClock
                .now()
                .millis()
                .saturating_add_signed(self.clock_is_wrong_by),
        )
    }
}

impl Random for FaultyHost {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        SystemRandom.fill(bytes)
    }
}

impl Aes for FaultyHost {
    type Cbc = RustCrypto;

    fn cbc(&self, key: &[u8; 32]) -> RustCrypto {
        RustCrypto::with_key(key)
    }
}

impl Store for FaultyHost {
    selvedge_core::delegate_reads!(store);

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.store.commit(commit).await
    }
}
