//! Tests requests over TLS: trusted roots, client certificates in PEM and PKCS#12, and the doctor's findings.
#![allow(missing_docs, reason = "the names of tests describe them")]
#![allow(
    clippy::unwrap_used,
    reason = "a panic fails the test at the right line"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};
use selvedge_tests::{Outcome, Run};

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a name, with its key.
fn issue(issuer: &Issuer, name: &str) -> (rcgen::Certificate, KeyPair) {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, issuer).unwrap(), key)
}

/// Starts a server that requires a client certificate and responds with an empty 200. Returns its port.
fn serve(server: &Issuer, clients: &Issuer) -> u16 {
    let (certificate, key) = issue(server, "localhost");
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(clients.der().to_vec()))
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let (mut tcp, mut tls) = (tcp.unwrap(), ServerConnection::new(config).unwrap());
                answer(&mut Stream::new(&mut tls, &mut tcp));
            });
        }
    });
    port
}

/// Responds until the client closes the connection or is rejected.
fn answer(stream: &mut (impl Read + Write)) {
    while request(stream).is_some() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads a request, which must have a Content-Length.
fn request(stream: &mut impl Read) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![
        0;
        length
            .expect("the request has a Content-Length")
            .parse()
            .unwrap()
    ];
    stream.read_exact(&mut body).ok()
}

struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::process::Command::new("chmod")
            .args(["600", path.to_str().unwrap()])
            .status()
            .unwrap();
        path
    }

    fn run(&self, port: u16, settings: &str, args: &[&str]) -> Outcome {
        self.write(
            "santa.toml",
            format!("SyncBaseURL = \"https://localhost:{port}/\"\nMachineID = \"M\"\n{settings}"),
        );
        let dir = self.dir.path().to_str().unwrap();
        let options = ["--data-dir", dir, "--json", "santa"];
        Run::new(options.iter().chain(args)).outcome()
    }
}

#[test]
fn only_configured_roots_are_trusted_and_the_client_sends_its_certificate() {
    let (servers, clients) = (authority("servers"), authority("clients"));
    let port = serve(&servers, &clients);
    let machine = Machine::new();
    let (certificate, key) = issue(&clients, "machine");
    let roots = machine.write("roots.pem", servers.pem());
    let both = machine.write("client.pem", certificate.pem() + &key.serialize_pem());
    let alone = machine.write("certificate.pem", certificate.pem());
    let key_file = machine.write("key.pem", key.serialize_pem());
    let pinned = format!("ServerAuthRootsFile = \"{}\"\n", roots.display());

    let in_one = format!(
        "{pinned}ClientAuthCertificateFile = \"{}\"\n",
        both.display()
    );
    let synced = machine.run(port, &in_one, &["sync"]).ok().json();
    assert_eq!(synced["status"], 0);
    let in_two = format!(
        "{pinned}ClientAuthCertificateFile = \"{}\"\n[selvedge]\nclient_key_file = \"{}\"\n",
        alone.display(),
        key_file.display()
    );
    let _synced = machine.run(port, &in_two, &["sync"]).ok();
    let inline = format!(
        "ServerAuthRootsData = '''{}'''\nClientAuthCertificateFile = \"{}\"\n",
        servers.pem(),
        both.display()
    );
    let _synced = machine.run(port, &inline, &["sync"]).ok();

    let examined = machine.run(port, &in_one, &["doctor"]).ok();
    assert!(
        examined
            .stdout
            .contains("CN=localhost, issued by CN=servers, is valid until"),
        "{examined}"
    );
    assert!(
        examined
            .stdout
            .contains("CN=machine, issued by CN=clients, is valid until"),
        "{examined}"
    );
    let unknown = machine
        .run(
            port,
            &format!("ServerAuthRootsFile = \"{}\"\n", alone.display()),
            &["doctor"],
        )
        .exits(6);
    assert!(
        unknown
            .stdout
            .contains("set ServerAuthRootsFile to the certificate of its issuer"),
        "{unknown}"
    );
    let _nameless = machine.run(port, &pinned, &["doctor"]).exits(6);
    let _system = machine.run(port, "", &["doctor"]).exits(6);
}

#[test]
fn a_client_certificate_in_pkcs12_requires_its_password() {
    let (servers, clients) = (authority("servers"), authority("clients"));
    let port = serve(&servers, &clients);
    let machine = Machine::new();
    let (certificate, key) = issue(&clients, "machine");
    let chain = PrivateKeyChain::new(
        vec![1],
        PrivateKey::from_der(&key.serialize_der()).unwrap(),
        [Certificate::from_der(certificate.der()).unwrap()],
    );
    let mut store = KeyStore::new();
    store.add_entry("machine", KeyStoreEntry::PrivateKeyChain(chain));
    let file = machine.write("client.p12", store.writer("hunter2").write().unwrap());
    let password = machine.write("password", "hunter2\n");
    let roots = machine.write("roots.pem", servers.pem());
    let settings = format!(
        "ServerAuthRootsFile = \"{}\"\nClientAuthCertificateFile = \"{}\"\n",
        roots.display(),
        file.display()
    );
    let named = format!(
        "{settings}[selvedge]\nclient_password_file = \"{}\"\n",
        password.display()
    );
    let _synced = machine.run(port, &named, &["sync"]).ok();
    let inline = format!("{settings}ClientAuthCertificatePassword = \"hunter2\"\n");
    let _synced = machine.run(port, &inline, &["sync"]).ok();
    let wrong = format!("{settings}ClientAuthCertificatePassword = \"hunter3\"\n");
    let refused = machine.run(port, &wrong, &["status"]).exits(2);
    assert!(
        refused.stderr.contains("the password is wrong") && !refused.stderr.contains("hunter"),
        "{refused}"
    );
}

#[test]
fn a_key_that_does_not_match_the_certificate_is_refused_before_any_request() {
    let clients = authority("clients");
    let machine = Machine::new();
    let ((certificate, _), (_, other)) = (issue(&clients, "machine"), issue(&clients, "machine"));
    let file = machine.write("client.pem", certificate.pem() + &other.serialize_pem());
    let settings = format!("ClientAuthCertificateFile = \"{}\"\n", file.display());
    let refused = machine.run(1, &settings, &["sync"]).exits(2);
    assert!(
        refused
            .stderr
            .contains("its key does not match its certificate"),
        "{refused}"
    );
}
