//! A first sync that was cut off: people see what is left of it, and may drop it.
#![allow(
    clippy::unwrap_used,
    reason = "all of it is a test, also what clippy does not see as one"
)]

use selvedge_tests::{Account, Canned, Device, Fault, FaultProxy, Server};
use serde_json::{Value, json};

/// A proxy in trouble. A lost connection would not do: a GET is sent again after one.
const UNAVAILABLE: Canned = Canned {
    status: 502,
    header: None,
    body: "<html>502</html>",
};

/// Two devices with a record each that the other has not, after a take-local of one that was cut off.
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
        scene.cut_off();
        scene
    }

    /// Begins a take-local again and again, cut off one request later each time, until something is left of it.
    fn cut_off(&self) {
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
        panic!("nothing was ever left of it");
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
fn the_next_sync_goes_on_with_what_is_left_and_everybody_can_see_that_it_will() {
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
fn what_is_left_can_be_dropped_and_then_both_sides_keep_what_they_have() {
    let scene = Scene::new();
    let rows = scene.server.rows();
    let none = ["--json", "sync", "--first", "none", "notes", "--dry-run"];
    let dry = scene.device.run(&none).outcome().ok().json();
    assert!(dry["firstSync"].is_null(), "{dry}");
    assert!(!scene.status()["firstSync"].is_null(), "it was only a look");
    assert_eq!(scene.server.rows(), rows);
    let done = scene.device.run(&none[..5]).outcome().ok().json();
    assert!(done["firstSync"].is_null(), "{done}");
    assert!(scene.status()["firstSync"].is_null());
    scene.has(&scene.device, &["here", "there"]);
    scene.has(&scene.other, &["here", "there"]);
}
