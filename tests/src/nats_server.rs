//! A real NATS server (Debian package nats-server) on a free port.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use nkeys::KeyPair;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Timeout of each operation, long enough for slow computers.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running server. It is killed when the value is dropped.
#[derive(Debug)]
pub struct NatsServer {
    program: PathBuf,
    dir: TempDir,
    port: u16,
    child: Child,
}

impl NatsServer {
    /// Starts a server without authentication; `None`, with a message, if the program is not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// Starts a server with this configuration.
    #[must_use]
    pub fn start_with(configuration: &str) -> Option<Self> {
        let Some(program) = program() else {
            crate::skipped("nats-server");
            return None;
        };
        let dir = TempDir::new().expect("a directory can be created");
        std::fs::write(dir.path().join("server.conf"), configuration)
            .expect("a file can be written");
        let port = free_port();
        let child = run(&program, dir.path(), port);
        Some(Self {
            program,
            dir,
            port,
            child,
        })
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its URL without TLS.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.authority())
    }

    /// Kills the server. Its port remains reserved.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it exits");
    }

    /// Starts the server again on the same port.
    pub fn restart(&mut self) {
        self.child = run(&self.program, self.dir.path(), self.port);
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Debian installs it in /usr/sbin, which may be missing in the PATH.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|dir| dir.join("nats-server"))
        .find(|file| file.is_file())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

fn run(program: &Path, dir: &Path, port: u16) -> Child {
    let child = Command::new(program)
        .current_dir(dir)
        .args(["--addr", "127.0.0.1", "--config", "server.conf", "--port"])
        .arg(port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nats-server runs");
    let began = Instant::now();
    while !sends_info(port) {
        assert!(began.elapsed() < TIMEOUT, "nats-server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn sends_info(port: u16) -> bool {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout can be set");
    let mut line = String::new();
    let is_read = BufReader::new(&stream).read_line(&mut line).is_ok();
    let _ended = (&stream).write_all(b"PING\r\n");
    is_read && line.starts_with("INFO ")
}

/// An operator with an account, whose users have a JWT and a key.
#[derive(Debug)]
pub struct NatsAccount {
    operator: KeyPair,
    account: KeyPair,
}

impl Default for NatsAccount {
    fn default() -> Self {
        Self {
            operator: KeyPair::new_operator(),
            account: KeyPair::new_account(),
        }
    }
}

impl NatsAccount {
    /// The lines for the server's configuration.
    #[must_use]
    pub fn configuration(&self) -> String {
        let (operator, account) = (self.operator.public_key(), self.account.public_key());
        let of_operator = jwt(
            &self.operator,
            &operator,
            &json!({"type": "operator", "version": 2}),
        );
        let of_account = jwt(
            &self.operator,
            &account,
            &json!({"type": "account", "version": 2, "limits": {
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            }}),
        );
        format!(
            "operator: {of_operator}\nresolver: MEMORY\nresolver_preload: {{ {account}: {of_account} }}\n"
        )
    }

    /// The text of the credentials file of a new user.
    #[must_use]
    pub fn credentials(&self) -> String {
        let user = KeyPair::new_user();
        let claims = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}});
        let jwt = jwt(&self.account, &user.public_key(), &claims);
        let seed = user.seed().expect("a new key has a seed");
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    }
}

/// A NATS JWT of `issuer` with `claims` about `subject`.
fn jwt(issuer: &KeyPair, subject: &str, claims: &Value) -> String {
    let encode = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let body = json!({
        "jti": "of-a-test", "iat": 1_767_225_600, "iss": issuer.public_key(), "sub": subject, "name": "test", "nats": claims,
    });
    let signed = format!("{}.{}", encode(&header), encode(&body));
    let signature = issuer.sign(signed.as_bytes()).expect("a new key can sign");
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
}
