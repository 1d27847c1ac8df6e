//! The real server moroz on a free port: the program of the variable `MOROZ`, or moroz from the PATH.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Timeout for the start, long enough for slow computers.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running moroz. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Moroz {
    dir: TempDir,
    child: Child,
    address: SocketAddr,
}

impl Moroz {
    /// Starts it with this `global.toml`. Without moroz, prints a message and returns `None`: the test is skipped.
    #[must_use]
    pub fn start(global: &str) -> Option<Self> {
        let Some(program) = program() else {
            crate::skipped("moroz");
            return None;
        };
        let dir = TempDir::new().expect("a directory can be created");
        for name in ["configs", "events"] {
            std::fs::create_dir(dir.path().join(name)).expect("a directory can be created");
        }
        std::fs::write(dir.path().join("configs/global.toml"), global)
            .expect("a file can be written");
        // Another process may use the port before moroz: try another port.
        for _ in 0..5 {
            let address = free_port();
            let mut child = spawn(&program, dir.path(), address);
            if listens(&mut child, address) {
                return Some(Self {
                    dir,
                    child,
                    address,
                });
            }
        }
        panic!("moroz did not listen")
    }

    /// The base URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1/santa", self.address)
    }

    /// The address of the listener.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces the configuration of `global` or of a machine id, which moroz reads at the next request.
    pub fn configure(&self, name: &str, toml: &str) {
        let path = self.dir.path().join("configs").join(format!("{name}.toml"));
        // Replace the file atomically: a partial file would make requests fail.
        let new = self.dir.path().join("new.toml");
        std::fs::write(&new, toml).expect("a file can be written");
        std::fs::rename(new, path).expect("a file can be moved");
    }

    /// The stored events as hash, machine and time.
    #[must_use]
    pub fn events(&self) -> Vec<(String, String, String)> {
        let mut events = Vec::new();
        for sha256 in entries(&self.dir.path().join("events")) {
            for machine in entries(&sha256) {
                for time in entries(&machine) {
                    events.push((name(&sha256), name(&machine), name(&time)));
                }
            }
        }
        events.sort();
        events
    }
}

impl Drop for Moroz {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("MOROZ").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "MOROZ is not a file: {}", path.display());
        return Some(path);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join("moroz"))
        .find(|path| path.is_file())
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("a listener has an address")
}

fn spawn(program: &Path, dir: &Path, address: SocketAddr) -> Child {
    Command::new(program)
        .args(["-use-tls=false", "-http-addr", &address.to_string()])
        .args(["-configs", "configs", "-event-dir", "events"])
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("moroz starts")
}

/// Whether moroz responds at the address.
fn listens(child: &mut Child, address: SocketAddr) -> bool {
    let end = Instant::now() + TIMEOUT;
    while Instant::now() < end {
        if child
            .try_wait()
            .expect("the child's status can be read")
            .is_some()
        {
            return false;
        }
        if TcpStream::connect(address).is_ok_and(answers) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

fn answers(mut stream: TcpStream) -> bool {
    let request = "GET /v1/santa HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 404")
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a directory can be read");
    entries
        .map(|entry| entry.expect("a directory can be read").path())
        .collect()
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
