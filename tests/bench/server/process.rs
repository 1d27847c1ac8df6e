//! The server in a process of its own: this program, run again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use selvedge_cli::serve::storage::sqlite::Place;
use selvedge_cli::serve::{Options, Server as Embedded};

/// The argument that makes this program a server.
pub(crate) const SERVE: &str = "--serve";

pub(crate) struct Server {
    pub(crate) address: String,
    child: Child,
}

/// Runs the server until its process is killed.
pub(crate) fn serve(directory: &str) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let data = Place::Directory(directory.into());
        let server = Embedded::bind(Options {
            data,
            ..Options::default()
        })
        .await
        .expect("a server");
        println!("{}", server.addr());
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
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut address = String::new();
        let stdout = child.stdout.take().expect("the server's output");
        BufReader::new(stdout)
            .read_line(&mut address)
            .expect("the server's address");
        Self {
            address: address.trim().to_owned(),
            child,
        }
    }

    /// CPU time that the server has used, user and system.
    pub(crate) fn cpu(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        // The name in parentheses may hold blanks. utime and stime are fields 14 and 15, in ticks of 10 ms.
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
