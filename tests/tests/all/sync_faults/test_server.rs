//! A server with small limits, and the proxy through which clients connect to it.

use std::path::PathBuf;
use std::time::Duration;

use selvedge_core::account::{Credentials, embedded};
use selvedge_host::{NativeFetch, NativeHost};
use selvedge_server::model::Limits;
use selvedge_server::{Location, Options, Server, invite};
use selvedge_tests::{Account, FaultProxy, MasterSecret, Wire};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const SECRET: &str = "the master secret of these tests";

/// A server with any number of accounts, for consecutive scenarios.
pub(crate) struct TestServer {
    pub(crate) runtime: Runtime,
    pub(crate) proxy: FaultProxy,
    pub(crate) fetch: NativeFetch,
    directory: TempDir,
}

/// A directory in memory if possible: these tests do not need durable writes.
pub(crate) fn directory() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .unwrap()
}

impl TestServer {
    pub(crate) fn new() -> Self {
        let directory = directory();
        let secret = directory.path().join("secret");
        std::fs::write(&secret, SECRET).unwrap();
        let proxy = FaultProxy::start();
        let options = Options {
            data: Location::Directory(data(&directory)),
            master_secret_file: Some(secret),
            public_url: Some(proxy.url()),
            limits: Limits {
                max_post_records: 3,
                max_total_records: 6,
                ..Limits::default()
            },
            max_page_records: Some(5),
            ..Options::default()
        };
        let serving = Builder::new_current_thread().enable_all().build().unwrap();
        let server = serving.block_on(Server::bind(options)).unwrap();
        proxy.lead_to(server.addr());
        std::thread::spawn(move || serving.block_on(server.run(std::future::pending())));
        Self {
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            proxy,
            fetch: NativeFetch::new(),
            directory,
        }
    }

    /// A new account.
    pub(crate) async fn account(&self) -> Credentials {
        let _alarm = self.proxy.arm(None);
        let invitation = invite(data(&self.directory), Duration::from_secs(3600)).await;
        let host = NativeHost::<()>::new(self.fetch.clone(), ());
        embedded::create_account(&host, &self.proxy.url(), Some(&invitation.unwrap()))
            .await
            .unwrap()
    }

    /// A client of the account's storage.
    pub(crate) fn wire(&self, credentials: &Credentials, uid: u64) -> Wire {
        let credentials: Value = serde_json::from_slice(&credentials.to_json()).unwrap();
        let key = credentials["ksync_b64url"].as_str().unwrap();
        let account = Account::with_key(uid, key);
        let minted = MasterSecret::new(SECRET.as_bytes());
        Wire::new(
            &minted.credentials(&self.proxy.url(), &account, 3600),
            &account,
        )
    }
}

fn data(directory: &TempDir) -> PathBuf {
    directory.path().join("data")
}
