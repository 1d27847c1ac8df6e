//! The server in its own process: this program with another argument.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

use selvedge_server::{Location, Options, Server as Embedded, local_token};

use crate::client::LOCAL_TOKEN;

/// The argument that makes this program a server.
pub(crate) const SERVE: &str = "--serve";

pub(crate) struct Server {
    pub(crate) address: String,
    child: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

/// The memory of a process, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

/// Runs the server until its process is killed. Prints its address, and then for each line of input the time that it has
/// waited for flushes, in nanoseconds.
pub(crate) fn serve(directory: &str) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let data = Location::Directory(directory.into());
        let server = Embedded::bind(Options {
            data,
            ..Options::default()
        })
        .await
        .expect("a server");
        println!("{}", server.addr());
        let flushes = server.flushes();
        std::thread::spawn(move || {
            for _ in std::io::stdin().lines() {
                println!("{}", flushes().time.as_nanos());
            }
        });
        server.run(std::future::pending()).await;
    });
    ExitCode::SUCCESS
}

impl Server {
    pub(crate) fn start(directory: &Path) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .arg(SERVE)
            .arg(directory.join("server"))
            // As `selvedge serve` sets it for itself.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stdin = child.stdin.take().expect("the server's input");
        let stdout = child.stdout.take().expect("the server's output");
        let mut stdout = BufReader::new(stdout);
        let mut address = String::new();
        stdout
            .read_line(&mut address)
            .expect("the server's address");
        let token = local_token(&directory.join("server")).expect("the server's local token");
        // Replaces the token of an earlier server.
        *LOCAL_TOKEN.lock().expect("no panic before") = token.to_string();
        Self {
            address: address.trim().to_owned(),
            child,
            pipes: RefCell::new((stdin, stdout)),
        }
    }

    /// The time that the server has waited for flushes.
    pub(crate) fn flushes(&self) -> Duration {
        let (stdin, stdout) = &mut *self.pipes.borrow_mut();
        stdin.write_all(b"\n").expect("the server listens");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the server answers");
        Duration::from_nanos(line.trim().parse().expect("a number"))
    }

    /// The memory of the server.
    pub(crate) fn memory(&self) -> Memory {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.unwrap_or_default() * 1024
        };
        Memory {
            now: field("VmRSS:"),
            peak: field("VmHWM:"),
        }
    }

    /// The CPU time of the server, user and system.
    pub(crate) fn cpu(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        // The name in parentheses may contain blanks. utime and stime are fields 14 and 15, in ticks of 10 ms.
        let fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let ticks: u64 = fields
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
