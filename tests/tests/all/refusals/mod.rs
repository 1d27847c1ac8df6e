//! An error has one message and an exit code, changes nothing on the server, and loses no local data.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

mod account;
mod closed;
mod input;
mod network;
mod storage;

use selvedge_tests::{Account, Device, Server, Wire};
use serde_json::json;

pub(crate) const FAILED: i32 = 1;
pub(crate) const USAGE: i32 = 2;
pub(crate) const SIGNED_OUT: i32 = 3;
pub(crate) const NOT_FOUND: i32 = 4;
pub(crate) const OFFLINE: i32 = 6;
pub(crate) const WRONG_KEY: i32 = 8;
pub(crate) const PARTIAL: i32 = 9;
pub(crate) const STORAGE: i32 = 10;
pub(crate) const BAD_DATA: i32 = 11;

/// A server with an account that has records, and a device with an unsent change.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) account: Account,
    pub(crate) device: Device,
    pub(crate) wire: Wire,
}

impl Scene {
    pub(crate) fn new(uid: u64) -> Self {
        let server = Server::start();
        let account = Account::new(uid);
        let credentials = server
            .master_secret()
            .credentials(server.url(), &account, 3600);
        let device = Device::with_credentials(&credentials);
        device.put("synced", &json!({"x": 1}));
        device.sync();
        device.put("waiting", &json!({"x": 2}));
        Self {
            server,
            wire: Wire::new(&credentials, &account),
            account,
            device,
        }
    }

    /// Syncs, and checks that it fails with `code`, that the server is unchanged, and that the device lost nothing.
    #[track_caller]
    pub(crate) fn sync_is_refused(&self, device: &Device, code: i32) -> String {
        let (rows, notes, pending) = (self.server.rows(), device.notes(), device.pending());
        let message = device.try_sync().fails(code);
        assert_eq!(self.server.rows(), rows, "the server is unchanged");
        assert_eq!(
            (device.notes(), device.pending()),
            (notes, pending),
            "the device is unchanged"
        );
        message
    }
}
