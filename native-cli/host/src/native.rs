//! All that the core asks of a host, in one value.

use hmac::Hmac;
use selvedge_core::account::mozilla::{Rounds, Stretch};
use selvedge_core::crypto::RustCrypto;
use selvedge_core::error::Error;
use selvedge_core::host::{Aes, Clock, Commit, Committed, Random, RandomError, Store, StoreError};
use selvedge_core::http::{Fetch, FetchError, Request, Response};
use selvedge_core::time::LocalTime;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{NativeBody, NativeFetch, SqliteStore, SystemClock, SystemRandom};

/// All four things that the core asks of a host, from this machine. Without a store, `NativeHost<()>`, it is enough for
/// what only speaks to the server.
#[derive(Debug)]
pub struct NativeHost<S = SqliteStore> {
    /// The network.
    pub fetch: NativeFetch,
    /// Records and sync state of one profile.
    pub store: S,
}

impl<S> NativeHost<S> {
    /// A host over one profile's store.
    #[must_use]
    pub const fn new(fetch: NativeFetch, store: S) -> Self {
        Self { fetch, store }
    }
}

impl<S> Clock for NativeHost<S> {
    fn now(&self) -> LocalTime {
        SystemClock.now()
    }
}

impl<S> Random for NativeHost<S> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        SystemRandom.fill(bytes)
    }
}

impl<S> Fetch for NativeHost<S> {
    type Body = NativeBody;

    async fn fetch(&self, request: Request) -> Result<Response<NativeBody>, FetchError> {
        self.fetch.fetch(request).await
    }
}

impl<S> Stretch for NativeHost<S> {
    async fn pbkdf2(
        &self,
        password: &str,
        salt: &str,
        rounds: Rounds,
    ) -> Result<Zeroizing<[u8; 32]>, Error> {
        let (password, salt) = (Zeroizing::new(password.to_owned()), salt.to_owned());
        let work = move || {
            let mut key = Zeroizing::new([0; 32]);
            pbkdf2::pbkdf2::<Hmac<Sha256>>(
                password.as_bytes(),
                salt.as_bytes(),
                rounds.count(),
                &mut *key,
            )
            .map(|()| key)
        };
        // A second of work, which must not block other tasks.
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(key)) => Ok(key),
            _ => Err(Error::Cipher),
        }
    }
}

impl<S> Aes for NativeHost<S> {
    type Cbc = RustCrypto;

    fn cbc(&self, key: &[u8; 32]) -> RustCrypto {
        RustCrypto::with_key(key)
    }
}

impl<S: Store> Store for NativeHost<S> {
    selvedge_core::delegate_reads!(store);

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.store.commit(commit).await
    }
}
