//! The embedded server as a child process, on a free port.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::{MasterSecret, selvedge};

/// The options of a server.
#[derive(Debug, Default)]
pub struct ServerSetup {
    args: Vec<String>,
}

impl ServerSetup {
    /// Adds options of `selvedge serve`.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(ToString::to_string));
        self
    }

    /// Starts it with a new data directory and a master secret, and waits until it listens.
    #[must_use]
    pub fn start(self) -> Server {
        let dir = TempDir::new().expect("a directory can be created");
        std::fs::write(
            dir.path().join("secret"),
            "the master secret of these tests",
        )
        .expect("a file can be written");
        let (child, url) = start(dir.path(), "127.0.0.1:0", &self.args);
        Server {
            dir,
            args: self.args,
            address: listening(&child),
            child,
            url,
        }
    }
}

/// A running server. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Server {
    dir: TempDir,
    args: Vec<String>,
    child: Child,
    url: String,
    address: SocketAddr,
}

impl Server {
    /// A server with the default options.
    #[must_use]
    pub fn start() -> Self {
        ServerSetup::default().start()
    }

    /// The URL for clients, which the server prints.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address that its process listens on; the URL may be another one.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The secret of its tokens.
    #[must_use]
    pub fn master_secret(&self) -> MasterSecret {
        MasterSecret::new(
            &std::fs::read(self.dir.path().join("secret")).expect("the secret can be read"),
        )
    }

    /// Its data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server ends");
    }

    /// Starts it again after [`Server::kill`], with the same data and address.
    pub fn restart(&mut self) {
        let listen = self.address.to_string();
        (self.child, self.url) = start(self.dir.path(), &listen, &self.args);
    }

    /// A read-only connection to its database.
    #[must_use]
    pub fn database(&self) -> Connection {
        let path = self.data().join("server.sqlite");
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("the database can be opened")
    }

    /// Every row of every table as text, for comparisons.
    #[must_use]
    pub fn rows(&self) -> Vec<String> {
        let database = self.database();
        let mut tables = database
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
            .expect("the schema can be read");
        let tables = tables
            .query_map([], |row| row.get::<_, String>(0))
            .expect("the schema can be read");
        let tables: Vec<String> = tables
            .map(|name| name.expect("a table has a name"))
            .collect();
        assert!(!tables.is_empty(), "the server has a database");
        tables
            .iter()
            .flat_map(|table| rows_of(&database, table))
            .collect()
    }

    /// Every file of the data directory, with its bytes.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.data()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a directory can be read") {
                let path = entry.expect("a directory can be read").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).expect("a file can be read");
                    files.push((path, bytes));
                }
            }
        }
        files
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rows_of(database: &Connection, table: &str) -> Vec<String> {
    let mut rows = database
        .prepare(&format!("SELECT * FROM \"{table}\""))
        .expect("a table can be read");
    let columns = rows.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let values = (0..columns)
            .map(|at| row.get::<_, Value>(at))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(format!("{table}: {values:?}"))
    };
    let rows = rows.query_map([], row).expect("a table can be read");
    rows.map(|row| row.expect("a row can be read")).collect()
}

fn start(dir: &Path, listen: &str, args: &[String]) -> (Child, String) {
    let mut child = Command::new(selvedge())
        .args(["serve", "--listen", listen, "--data"])
        .arg(dir.join("data"))
        .arg("--master-secret-file")
        .arg(dir.join("secret"))
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
    let mut output = Vec::new();
    let url = loop {
        let Some(Ok(line)) = lines.next() else {
            panic!("the server did not listen: {output:?}")
        };
        match line.rsplit_once("listening on ") {
            Some((_, url)) => break url.trim().to_owned(),
            None => output.push(line),
        }
    };
    // Read its further output, so that the pipe does not fill up and block it.
    std::thread::spawn(move || lines.for_each(drop));
    (child, url)
}

/// The port that a process listens on, from the kernel's table of its sockets.
fn listening(child: &Child) -> SocketAddr {
    let pid = child.id();
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs");
    let sockets: Vec<String> = links
        .filter_map(|link| {
            std::fs::read_link(link.ok()?.path())
                .ok()?
                .to_str()
                .map(ToOwned::to_owned)
        })
        .filter_map(|name| Some(name.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp"))
        .expect("the kernel has a table of sockets");
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, "0A", _, _, _, _, _, inode, ..] = columns.as_slice() else {
            continue;
        };
        if sockets.iter().any(|socket| socket == inode) {
            let port = local.rsplit_once(':').expect("an address has a port").1;
            return SocketAddr::from((
                [127, 0, 0, 1],
                u16::from_str_radix(port, 16).expect("a port is hexadecimal"),
            ));
        }
    }
    panic!("the server does not listen");
}
