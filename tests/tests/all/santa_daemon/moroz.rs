//! The real server moroz, if it is installed.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::TIMEOUT;

const CONFIG: &str = r#"client_mode = "MONITOR"
batch_size = 100
full_sync_interval = 900

[[rules]]
rule_type = "BINARY"
policy = "BLOCKLIST"
identifier = "2dc104631939b4bdf5d6bccab76e166e37fe5e1605340cf68dab919df58b8eda"
"#;

pub(crate) struct Moroz {
    program: PathBuf,
    dir: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Moroz {
    /// Starts the program of the variable `MOROZ`, or moroz from the PATH; `None` if it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let named = std::env::var_os("MOROZ").map(PathBuf::from);
        let program = named.or_else(|| {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path)
                .map(|dir| dir.join("moroz"))
                .find(|file| file.is_file())
        })?;
        let dir = tempfile::tempdir().unwrap();
        for name in ["cfg", "events"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        std::fs::write(dir.path().join("cfg/global.toml"), CONFIG).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut moroz = Self {
            program,
            dir,
            port: free.local_addr().unwrap().port(),
            child: None,
        };
        drop(free);
        moroz.restart();
        Some(moroz)
    }

    /// The base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/santa", self.port)
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            let _ended = child.wait().unwrap();
        }
    }

    /// Starts it again on the same port, with its stored events.
    pub(crate) fn restart(&mut self) {
        let path = |name: &str| self.dir.path().join(name);
        let child = Command::new(&self.program)
            .args(["-use-tls=false", "-http-addr"])
            .arg(format!("127.0.0.1:{}", self.port))
            .arg("-configs")
            .arg(path("cfg"))
            .arg("-event-dir")
            .arg(path("events"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.expect("moroz starts"));
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < TIMEOUT, "moroz does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The hashes of the programs in its events.
    pub(crate) fn events(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path().join("events")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Drop for Moroz {
    fn drop(&mut self) {
        self.kill();
    }
}
