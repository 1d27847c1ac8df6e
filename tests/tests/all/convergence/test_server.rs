//! A server with accounts, on which the cases run.

use std::cell::Cell;

use proptest::test_runner::TestCaseError;
use selvedge_core::account::Credentials;
use selvedge_host::NativeFetch;
use selvedge_server::{Options, Server};
use selvedge_tests::{Account, MasterSecret, Wire};
use tempfile::NamedTempFile;
use tokio::runtime::{Builder, Runtime};

use crate::convergence::devices::Devices;
use crate::convergence::operations::Operation;

/// A server with any number of accounts.
pub(crate) struct TestServer {
    runtime: Runtime,
    pub(crate) fetch: NativeFetch,
    secret: MasterSecret,
    url: String,
    accounts: Cell<u64>,
}

impl TestServer {
    /// Starts the embedded server in a thread.
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

    pub(crate) fn next_uid(&self) -> u64 {
        self.accounts.set(self.accounts.get() + 1);
        self.accounts.get()
    }

    /// A client of an account's storage that does not use the core's sync.
    pub(crate) fn wire(&self, account: &Account) -> Wire {
        Wire::new(&self.secret.credentials(&self.url, account, 3600), account)
    }

    pub(crate) fn credentials(&self, account: &Account) -> Credentials {
        let json = self
            .secret
            .credentials(&self.url, account, 3600)
            .to_string();
        Credentials::from_json(json.as_bytes()).unwrap()
    }

    /// Runs operations with a new account, then syncs all devices until nothing is left to do, and checks the result.
    pub(crate) fn run(
        &self,
        devices: usize,
        operations: &[Operation],
        clocks: &[i64],
    ) -> Result<(), TestCaseError> {
        let mut devices = Devices::new(self, devices, clocks);
        self.runtime.block_on(async {
            for operation in operations {
                devices.perform(operation).await?;
            }
            devices.end().await
        })
    }
}
