//! How fast the embedded server is, next to SQLite alone with the same rows.
//!
//! `cargo bench -p selvedge-tests --bench server [-- SECONDS]` starts a server in a process of its own on a
//! fresh directory and prints, for one connection and for sixteen, requests per second and the median and the 99th
//! percentile of the time that one takes. Each connection is a user of its own: one user's writes have times that increase
//! strictly in hundredths, so that no user writes more often than a hundred times a second, however fast the server is.
//!
//! It ends with the two figures that must hold, and with exit code 1 if one does not.
#![allow(
    clippy::print_stdout,
    reason = "what a benchmark prints is what it is for"
)]

mod client;
mod floor;
mod load;
mod process;

use std::process::ExitCode;
use std::time::Duration;

use self::client::User;
use self::load::{Load, Summary};
use self::process::Server;

/// The most that a request without body work may cost the server.
const CPU_LIMIT: Duration = Duration::from_micros(250);
/// The most that a POST into a large collection may take, in times of one into a small collection.
const GROWTH_LIMIT: f64 = 1.3;
const CONNECTIONS: usize = 16;

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
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(directory.path());
    let users: Vec<User> = (0..CONNECTIONS)
        .map(|_| User::make(&server.address))
        .collect();
    println!("each row: requests/s, median and 99th percentile; then server CPU per request\n");
    for user in &users {
        load::fill(user, "page", 1000);
        load::fill(user, "over", 1000);
    }
    println!(
        "{:<34} {:>34}   {:>34}",
        "", "1 connection", "16 connections"
    );
    let mut cpu = Vec::new();
    for load in Load::ALL {
        let one = load::run(&server, &users[..1], load, Duration::from_secs(seconds));
        let many = load::run(&server, &users, load, Duration::from_secs(seconds));
        println!("{:<34} {one}   {many}", load.name());
        if load.is_bodyless() {
            cpu.push(one.cpu);
        }
    }
    println!("\nSQLite alone, same rows, one connection, WAL and synchronous=FULL:");
    floor::print(directory.path(), Duration::from_secs(seconds));
    let growth = growth(&server);
    let cpu = cpu.into_iter().max().unwrap_or_default();
    println!(
        "\nserver CPU of a request without body work, at most: {} µs (limit {})",
        cpu.as_micros(),
        CPU_LIMIT.as_micros()
    );
    println!("POST of 100 new at 100,000 records / at 1,000: {growth:.2} (limit {GROWTH_LIMIT})");
    if cpu <= CPU_LIMIT && growth <= GROWTH_LIMIT {
        println!("both hold");
        ExitCode::SUCCESS
    } else {
        println!("NOT both hold");
        ExitCode::FAILURE
    }
}

/// The median time of a POST into a collection of 100,000 records over that into one of 1,000. The two take turns, each
/// when its user may write at once, so that both see the same disk and no waiting for a hundredth.
fn growth(server: &Server) -> f64 {
    let (small, large) = (User::make(&server.address), User::make(&server.address));
    load::fill(&small, "grow", 1000);
    load::fill(&large, "grow", 100_000);
    // The server clears up after the batches in the background.
    std::thread::sleep(Duration::from_secs(8));
    let (mut at_small, mut at_large) = (Vec::new(), Vec::new());
    for round in 0..100 {
        for (user, times) in [(&small, &mut at_small), (&large, &mut at_large)] {
            std::thread::sleep(Duration::from_millis(12));
            // Ten of them, then the small collection is made anew, so that it stays small.
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
