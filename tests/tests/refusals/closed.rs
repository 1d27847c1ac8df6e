//! A server that is closed for good.

use selvedge_tests::{Account, Canned, Device, Fault, FaultProxy, Server};
use serde_json::json;

#[test]
fn a_server_that_was_closed_is_told_of_until_a_person_tries_it_again() {
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
    let said = device.try_sync().fails(crate::FAILED);
    assert!(said.contains("closed for good: move"), "{said}");
    let status = device.run(&["status"]).outcome().ok().stdout;
    assert!(status.contains("closed permanently: move"), "{status}");
    assert_eq!(device.sync().count("sent"), 1);
    let status = device.run(&["status"]).outcome().ok().stdout;
    assert!(!status.contains("closed"), "{status}");
}
