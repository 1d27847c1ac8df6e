//! An interrupted first sync: the status shows the rest of it, and the user can cancel it.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use selvedge_tests::{Account, Canned, Device, Fault, FaultProxy, Server};
use serde_json::{Value, json};

/// An error of a proxy. A lost connection is not sufficient: the client repeats a GET after one.
const UNAVAILABLE: Canned = Canned {
    status: 502,
    header: None,
    body: "<html>502</html>",
};

/// Two devices with a different record each, after an interrupted take-local of one of them.
struct Scene {
    server: Server,
    proxy: FaultProxy,
    device: Device,
    other: Device,
}

impl Scene {
    fn new() -> Self {
        let server = Server::start();
        let proxy = FaultProxy::start();
        proxy.lead_to(server.address());
        let account = Account::new(81);
        let scene = Self {
            device: Device::with_token(&server, &proxy.url(), &account),
            other: Device::with_token(&server, server.url(), &account),
            server,
            proxy,
        };
        scene.other.put("there", &json!({}));
        scene.other.sync();
        scene.device.put("here", &json!({}));
        scene.interrupt_first_sync();
        scene
    }

    /// Repeats a take-local, interrupted one request later each time, until a part of it remains to be done.
    fn interrupt_first_sync(&self) {
        for at in 1..100 {
            let _nothing_is_held = self.proxy.arm(Some((at, Fault::Instead(UNAVAILABLE))));
            let first = ["sync", "--first", "take-local", "--yes", "notes"];
            let cut = self.device.run(&first).outcome();
            let _disarmed = self.proxy.arm(None);
            if !self.status()["firstSync"].is_null() {
                assert_ne!(cut.code, Some(0), "{cut}");
                assert!(cut.stderr.contains("sync --first none"), "{cut}");
                return;
            }
        }
        panic!("no interrupted first sync left a rest");
    }

    fn status(&self) -> Value {
        self.device.run(&["--json", "status"]).outcome().ok().json()
    }

    #[track_caller]
    fn has(&self, device: &Device, ids: &[&str]) {
        device.sync();
        assert_eq!(device.notes().keys().collect::<Vec<_>>(), ids);
    }
}

#[test]
fn the_next_sync_completes_the_first_sync_as_the_status_shows() {
    let scene = Scene::new();
    let left = json!({"mode": "take-local", "collections": ["notes"]});
    assert_eq!(scene.status()["firstSync"], left);
    let text = scene.device.run(&["status"]).outcome().ok().stdout;
    assert!(text.contains("take-local of notes"), "{text}");
    let dry = scene.device.run(&["--json", "sync", "--dry-run"]);
    assert_eq!(dry.outcome().ok().json()["firstSync"], left);
    scene.has(&scene.device, &["here"]);
    assert!(scene.status()["firstSync"].is_null());
    scene.has(&scene.other, &["here"]);
}

#[test]
fn the_rest_can_be_cancelled_and_then_both_sides_keep_their_records() {
    let scene = Scene::new();
    let rows = scene.server.rows();
    let none = ["--json", "sync", "--first", "none", "notes", "--dry-run"];
    let dry = scene.device.run(&none).outcome().ok().json();
    assert!(dry["firstSync"].is_null(), "{dry}");
    assert!(
        !scene.status()["firstSync"].is_null(),
        "a dry run changes nothing"
    );
    assert_eq!(scene.server.rows(), rows);
    let done = scene.device.run(&none[..5]).outcome().ok().json();
    assert!(done["firstSync"].is_null(), "{done}");
    assert!(scene.status()["firstSync"].is_null());
    scene.has(&scene.device, &["here", "there"]);
    scene.has(&scene.other, &["here", "there"]);
}
