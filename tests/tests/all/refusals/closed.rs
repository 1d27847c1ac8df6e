//! A server that is closed permanently.

use selvedge_tests::{Account, Canned, Device, Fault, FaultProxy, Server};
use serde_json::json;

#[test]
fn a_closed_server_is_reported_until_the_user_syncs_again() {
    let server = Server::start();
    let proxy = FaultProxy::start();
    proxy.lead_to(server.address());
    let device = Device::with_token(&server, &proxy.url(), &Account::new(60));
    device.put("r", &json!({"x": 1}));
    let closed = Canned {
        status: 513,
        header: None,
        body: "",
    };
    let _armed = proxy.arm(Some((1, Fault::Instead(closed))));
    let message = device.try_sync().fails(crate::refusals::FAILED);
    assert!(message.contains("closed for good: move"), "{message}");
    let status = device.run(&["status"]).outcome().ok().stdout;
    assert!(status.contains("closed permanently: move"), "{status}");
    assert_eq!(device.sync().count("sent"), 1);
    let status = device.run(&["status"]).outcome().ok().stdout;
    assert!(!status.contains("closed"), "{status}");
}
