//! The speed of the embedded server, compared with SQLite alone with the same rows.
//!
//! `tests/bench/server [SECONDS] [ROW]` starts a server in its own process with an empty directory and prints, for requests one at a
//! time and on sixteen connections: requests per second, median and 99th percentile of the time of a request, CPU time per
//! request, and the share of the time spent waiting for the disk (fsync). Each connection is another user.
//!
//! With ROW, only the rows whose names contain it are measured. Otherwise it prints at the end PASS or FAIL for each bound, and exits with 1 if one fails.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod client;
mod load;
mod process;
mod sqlite_only;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use self::client::User;
use self::load::{Concurrency, Load, Summary};
use self::process::Server;
use self::sqlite_only::SqliteOnly;

/// Maximum CPU time of a request without a body.
const CPU_LIMIT: Duration = Duration::from_micros(250);
/// Maximum time of a POST into a large collection relative to one into a small collection.
const GROWTH_LIMIT: f64 = 1.3;
/// Maximum time of a burst of [`BURST`] PUTs of one user relative to the same number of durable commits of one row in SQLite
/// with its defaults. The time relative to commits with the write-ahead log is printed, too; there a request's way through
/// HTTP alone takes as long as a commit on a fast disk.
const BURST_LIMIT: f64 = 1.5;
const BURST: u64 = 100;
/// Maximum memory of the server after the load, in MiB.
const MEMORY_LIMIT: f64 = 64.0;
const CONNECTIONS: usize = 16;
const MIB: f64 = 1024.0 * 1024.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, directory] = arguments.as_slice()
        && first == process::SERVE
    {
        return process::serve(directory);
    }
    // Cargo adds `--bench`.
    let seconds = arguments.iter().find_map(|text| text.parse().ok());
    let seconds = seconds.unwrap_or(2);
    let row = arguments
        .iter()
        .find(|text| !text.starts_with('-') && text.parse::<u64>().is_err());
    let is_chosen = |load: &Load| row.is_none_or(|row| load.name().contains(row.as_str()));
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(directory.path());
    let users: Vec<User> = (0..CONNECTIONS)
        .map(|_| User::make(&server.address))
        .collect();
    println!(
        "each row: requests/s, median and 99th percentile, server CPU per request, share of the time in fsync\n"
    );
    for user in &users {
        load::fill(user, "page", 1000);
        load::fill(user, "over", 1000);
    }
    println!(
        "{:<38} {:>40}   {:>40}",
        "", "one at a time", "16 connections"
    );
    let seconds = Duration::from_secs(seconds);
    let mut cpu = Vec::new();
    for load in Load::ALL.into_iter().filter(is_chosen) {
        let one = load::run(&server, &users, load, Concurrency::OneAtATime, seconds);
        let many = load::run(&server, &users, load, Concurrency::EachUser, seconds);
        println!("{:<38} {one}   {many}", load.name());
        if load.is_bodyless() {
            cpu.push(one.cpu);
        }
    }
    if row.is_some() {
        return ExitCode::SUCCESS;
    }
    let memory = server.memory();
    println!("\nSQLite alone, same rows, one connection, each commit durable:");
    let mut sqlite = SqliteOnly::open(directory.path());
    sqlite_only::print(&mut sqlite, seconds);
    let burst = burst(&server, &mut sqlite, directory.path());
    let growth = growth(&server);
    let cpu = cpu.into_iter().max().unwrap_or_default();
    println!("\npeak memory: {:.0} MiB", memory.peak as f64 / MIB);
    let held = [
        bound(
            "memory after the load, MiB",
            memory.now as f64 / MIB,
            MEMORY_LIMIT,
        ),
        bound(
            "CPU of a request without body work, µs",
            cpu.as_micros() as f64,
            CPU_LIMIT.as_micros() as f64,
        ),
        bound(
            "burst of 100 PUTs / 100 commits of SQLite",
            burst,
            BURST_LIMIT,
        ),
        bound(
            "POST of 100 new at 100,000 records / at 1,000",
            growth,
            GROWTH_LIMIT,
        ),
    ];
    if held.contains(&false) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn bound(name: &str, found: f64, limit: f64) -> bool {
    let holds = found <= limit;
    let verdict = if holds { "PASS" } else { "FAIL" };
    println!("{verdict} {name}: {found:.2} (at most {limit})");
    holds
}

/// The time of a burst of PUTs relative to the same number of durable commits of SQLite. They alternate on the same disk; the
/// medians are compared.
fn burst(server: &Server, sqlite: &mut SqliteOnly, directory: &Path) -> f64 {
    let user = User::make(&server.address);
    let (mut puts, mut commits, mut by_default) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..7 {
        // Wait until the user's timestamps may again be ahead of the clock, by up to one second.
        std::thread::sleep(Duration::from_millis(1100));
        puts.push(load::burst(&user, BURST));
        let started = std::time::Instant::now();
        for _ in 0..BURST {
            let number = client::fresh();
            sqlite.insert(number..number + 1);
        }
        commits.push(started.elapsed());
        by_default.push(SqliteOnly::commits_by_default(directory, BURST));
    }
    let median = |times: Vec<Duration>| Summary::of(times).median.as_secs_f64();
    let (puts, commits, by_default) = (median(puts), median(commits), median(by_default));
    println!("\nburst of {BURST} PUTs of one user: {:.1} ms", puts * 1e3);
    println!(
        "{BURST} durable commits of one row, SQLite's defaults: {:.1} ms; with the write-ahead log: {:.1} ms, the burst is {:.2} times that",
        by_default * 1e3,
        commits * 1e3,
        puts / commits
    );
    puts / by_default
}

/// The median time of a POST into a collection of 100,000 records relative to one of 1,000. They alternate, so that the disk
/// affects both equally.
fn growth(server: &Server) -> f64 {
    let (small, large) = (User::make(&server.address), User::make(&server.address));
    load::fill(&small, "grow", 1000);
    load::fill(&large, "grow", 100_000);
    // The server deletes the batches in the background.
    std::thread::sleep(Duration::from_secs(8));
    let (mut at_small, mut at_large) = (Vec::new(), Vec::new());
    for round in 0..100 {
        for (user, times) in [(&small, &mut at_small), (&large, &mut at_large)] {
            std::thread::sleep(Duration::from_millis(12));
            // Recreate the small collection after ten POSTs, so that it stays small.
            if round % 10 == 9 && std::ptr::eq(user, &small) {
                user.connect().delete("grow");
                load::fill(user, "grow", 1000);
                std::thread::sleep(Duration::from_millis(500));
            }
            times.push(load::one_post(user, "grow"));
        }
    }
    let (small, large) = (Summary::of(at_small), Summary::of(at_large));
    println!("\nPOST of 100 new records, at 1,000 records in the collection: {small}");
    println!("POST of 100 new records, at 100,000 records in the collection: {large}");
    large.median.as_secs_f64() / small.median.as_secs_f64()
}
