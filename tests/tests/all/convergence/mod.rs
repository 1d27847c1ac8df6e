//! Two to four devices edit, delete and sync in random order, also concurrently and with network failures; they send commands
//! to each other, run first syncs with all modes, and disable and enable the collection. At the end all devices have the same
//! records. Every written value exists, unless a device that had it overwrote it, a report names a conflict rule for the
//! record, or a decision of the user allowed its loss.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

mod devices;
mod edits;
mod faulty_host;
mod final_state;
mod model;
mod operations;
mod pending_commands;
mod test_server;
mod user_decisions;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use selvedge_tests::seed;

use self::operations::operations;
use self::test_server::TestServer;

/// How long new cases are started; `SELVEDGE_PROPERTY_SECONDS` overrides it.
const SECONDS: u64 = 20;

/// Minimum number of cases, independent of the time.
const LEAST_CASES: u32 = 10;

#[test]
fn all_devices_end_equal_and_no_edit_is_lost_without_a_rule() {
    let seconds =
        std::env::var("SELVEDGE_PROPERTY_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let config = Config {
        cases: 10_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed()),
        max_shrink_time: 30_000,
        ..Config::default()
    };
    let (began, cases) = (Instant::now(), RefCell::new(0u32));
    let server = TestServer::start();
    let case = (
        2..=4usize,
        operations(),
        vec(-100_000_000i64..100_000_000, 4),
    );
    let result = TestRunner::new(config).run(&case, |(devices, operations, clocks)| {
        // A slow machine runs fewer cases, but at least the minimum.
        if began.elapsed() < Duration::from_secs(seconds) || *cases.borrow() < LEAST_CASES {
            *cases.borrow_mut() += 1;
            server.run(devices, &operations, &clocks)?;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    println!("{} cases", cases.borrow());
}
