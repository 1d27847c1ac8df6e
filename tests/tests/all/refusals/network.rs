//! Problems between a device and its server: certificates, proxies, closed connections, addresses without TLS.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use selvedge_tests::{Account, Canned, Device, Fault, FaultProxy, Server, ServerSetup};
use serde_json::json;
use tempfile::TempDir;

use crate::refusals::{OFFLINE, USAGE};

/// A server for https://localhost with a self-signed certificate that is marked as a certificate authority, as
/// `openssl req -x509` creates it; and the path of the certificate.
fn self_signed() -> (TempDir, Server, String) {
    let dir = TempDir::new().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let (certificate_path, key_path) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    // With a byte order mark, as an editor on Windows may write it.
    let pem = format!("\u{feff}{}", certificate.pem());
    std::fs::write(&certificate_path, pem).unwrap();
    std::fs::write(&key_path, key.serialize_pem()).unwrap();
    let plain = dir.path().join("served.pem");
    std::fs::write(&plain, certificate.pem()).unwrap();
    let server = ServerSetup::default()
        .args(&["--tls-cert", plain.to_str().unwrap()])
        .args(&["--tls-key", key_path.to_str().unwrap()])
        .start();
    let ca = certificate_path.to_str().unwrap().to_owned();
    (dir, server, ca)
}

#[test]
fn a_self_signed_certificate_is_trusted_with_a_file_and_stored() {
    let (_dir, server, ca) = self_signed();
    let url = format!("https://localhost:{}", server.address().port());
    let account = Account::new(71);
    let credentials = server.master_secret().credentials(&url, &account, 3600);
    let device = Device::with_credentials(&credentials);
    device.put("a", &json!({"x": 1}));
    let message = device.try_sync().fails(OFFLINE);
    assert!(message.contains("--ca FILE"), "{message}");
    let missing = device.run(&["--ca", "/nonexistent.pem", "sync", "notes"]);
    let message = missing.outcome().fails(OFFLINE);
    assert!(message.contains("/nonexistent.pem"), "{message}");

    let _synced = device.run(&["--ca", &ca, "sync", "notes"]).outcome().ok();
    // Also by the environment variable; `account use` stores the option in the settings.
    let by_variable = device.run(&["sync", "notes"]).env("SELVEDGE_CA_FILE", &ca);
    let _synced = by_variable.outcome().ok();
    let file = device.path("again.json");
    std::fs::write(&file, credentials.to_string()).unwrap();
    let another = Device::default();
    let used = another
        .run(&["--ca", &ca, "account", "use", "--credentials", "-"])
        .stdin(credentials.to_string());
    let _used = used.outcome().ok();
    another.sync();
    assert_eq!(another.notes().len(), 1);
}

#[test]
fn a_remote_server_without_tls_is_refused() {
    let account = Account::new(72);
    let server = Server::start();
    let secret = server.master_secret();
    // An address reserved for documentation: nothing is sent to it.
    let device = Device::with_credentials(&secret.credentials("http://192.0.2.1", &account, 3600));
    let message = device.try_sync().fails(USAGE);
    assert!(message.contains("--insecure-http"), "{message}");
    let create = ["account", "create", "--server", "HTTP://192.0.2.1"];
    let message = Device::default().run(&create).outcome().fails(USAGE);
    assert!(message.contains("https://"), "{message}");
}

#[test]
fn an_invalid_proxy_is_reported_with_its_variable() {
    let device = Device::default();
    let create = ["account", "create", "--server", "https://sync.example.org"];
    let run = device
        .run(&create)
        .env("https_proxy", "http://user:secret@a b");
    let message = run.outcome().fails(USAGE);
    assert!(
        message.contains("https_proxy") && !message.contains("secret"),
        "{message}"
    );
}

/// A device with `count` unsent records, and with a proxy.
fn behind_a_proxy(uid: u64, count: usize) -> (Server, FaultProxy, Device, Account) {
    let proxy = FaultProxy::start();
    let server = ServerSetup::default()
        .args(&["--public-url", &proxy.url()])
        .start();
    proxy.lead_to(server.address());
    let account = Account::new(uid);
    let device = Device::with_token(&server, &proxy.url(), &account);
    device.put("first", &json!({}));
    device.sync();
    device.put_many((0..count).map(|n| json!({"id": format!("r{n}"), "x": n})));
    (server, proxy, device, account)
}

#[test]
fn records_that_a_proxy_refuses_as_too_large_are_sent_in_smaller_requests() {
    const TOO_LARGE: Canned = Canned {
        status: 413,
        header: Some(("Content-Type", "text/html")),
        body: "<html><h1>413 Request Entity Too Large</h1></html>",
    };
    let (server, proxy, device, account) = behind_a_proxy(73, 9);
    let _heard = proxy.arm(None);
    // The first POST with records is refused once; its halves are accepted.
    let position = {
        let (_server, dry, twin, _account) = behind_a_proxy(74, 9);
        let _heard = dry.arm(None);
        twin.sync();
        let heard = dry.heard();
        let at = heard
            .iter()
            .position(|one| one.method == "POST" && one.target.contains("storage/notes"));
        u32::try_from(at.unwrap() + 1).unwrap()
    };
    let _heard = proxy.arm(Some((position, Fault::Instead(TOO_LARGE))));
    device.sync();
    assert!(proxy.fired_at().unwrap().starts_with("POST"));
    let posts = proxy.heard();
    let posts = posts
        .iter()
        .filter(|one| one.method == "POST" && one.target.contains("storage/notes"));
    assert!(posts.count() >= 2, "two halves");
    let other = Device::with_token(&server, &proxy.url(), &account);
    other.sync();
    assert_eq!(other.notes().len(), 10);
}

#[test]
fn the_message_for_a_redirect_contains_its_target() {
    const MOVED: Canned = Canned {
        status: 308,
        header: Some(("Location", "https://sync.example.org/1.5/75/info")),
        body: "",
    };
    let (_server, proxy, device, _account) = behind_a_proxy(75, 1);
    for position in 1..4 {
        let _heard = proxy.arm(Some((position, Fault::Instead(MOVED))));
        let message = device.try_sync().fails(USAGE);
        assert!(message.contains("https://sync.example.org"), "{message}");
        assert_eq!(device.pending(), 1);
    }
}
