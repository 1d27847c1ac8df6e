//! The version that the program reports to a server, if the user has allowed it.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

use selvedge_tests::{Account, Device, FaultProxy, Server};

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// A device with a record, and a proxy that records the requests.
struct Scene {
    _server: Server,
    proxy: FaultProxy,
    device: Device,
}

impl Scene {
    fn new() -> Self {
        let server = Server::start();
        let proxy = FaultProxy::start();
        proxy.lead_to(server.address());
        let device = Device::with_token(&server, &proxy.url(), &Account::new(80));
        device.put("r", &serde_json::json!({}));
        Self {
            _server: server,
            proxy,
            device,
        }
    }

    fn set_reporting(&self, on_or_off: &str) {
        let run = self.device.run(&["account", "tell-version", on_or_off]);
        let _done = run.outcome().ok();
    }

    /// Syncs three times; returns the versions in the requests.
    fn versions_in_three_syncs(&self) -> Vec<String> {
        let _nothing_is_held = self.proxy.arm(None);
        for _ in 0..3 {
            self.device.sync();
        }
        let requests = self.proxy.heard();
        let info = requests
            .iter()
            .filter(|request| request.target.contains("/info/collections"));
        assert!(info.clone().count() >= 3);
        info.filter_map(|request| request.target.split_once("?v="))
            .map(|(_, version)| version.to_owned())
            .collect()
    }

    fn let_a_day_pass(&self) {
        self.device.change_state(|state| {
            let reported = state["device"]["version_told"].as_u64().unwrap();
            state["device"]["version_told"] = (reported - DAY_MILLIS).into();
        });
    }
}

#[test]
fn the_version_is_reported_at_most_once_a_day_and_only_if_enabled() {
    let scene = Scene::new();
    let once = [env!("CARGO_PKG_VERSION")];
    assert!(scene.versions_in_three_syncs().is_empty(), "off by default");
    scene.set_reporting("on");
    assert_eq!(scene.versions_in_three_syncs(), once);
    assert!(scene.versions_in_three_syncs().is_empty(), "the same day");
    scene.let_a_day_pass();
    assert_eq!(scene.versions_in_three_syncs(), once, "the next day");
    scene.let_a_day_pass();
    scene.set_reporting("off");
    assert!(scene.versions_in_three_syncs().is_empty(), "switched off");
}

#[test]
fn the_user_agent_names_the_product_without_its_version() {
    let scene = Scene::new();
    for word in ["off", "on"] {
        scene.set_reporting(word);
        let _nothing_is_held = scene.proxy.arm(None);
        scene.device.sync();
        let heard = scene.proxy.heard();
        assert!(!heard.is_empty(), "{word}");
        for request in heard {
            assert_eq!(request.user_agent.as_deref(), Some("Selvedge"), "{word}");
        }
    }
}
