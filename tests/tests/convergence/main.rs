//! Two to four devices edit, delete and sync in random order, also at the same time and over a network that fails; they
//! ask things of each other, take one side's records, and switch the collection off and on. In the end all have the same,
//! and what anybody wrote is there unless somebody who saw it wrote over it, a conflict rule that a report names for the
//! record let it go, or a person decided that it may.
#![allow(
    clippy::unwrap_used,
    reason = "all of it is a test, also what clippy does not see as one"
)]

mod asks;
mod decisions;
mod devices;
mod edits;
mod killable_host;
mod model;
mod op;
mod settle;
mod world;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use selvedge_tests::seed;

use self::op::story;
use self::world::World;

/// How long new cases are tried, unless `SELVEDGE_PROPERTY_SECONDS` says otherwise.
const SECONDS: u64 = 20;

/// How many are tried at least, however long that takes.
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
    let world = World::start();
    let case = (2..=4usize, story(), vec(-100_000_000i64..100_000_000, 4));
    let result = TestRunner::new(config).run(&case, |(devices, ops, clocks)| {
        // A slow machine tries fewer cases, but not too few to mean anything.
        if began.elapsed() < Duration::from_secs(seconds) || *cases.borrow() < LEAST_CASES {
            *cases.borrow_mut() += 1;
            world.play(devices, &ops, &clocks)?;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    println!("{} cases", cases.borrow());
}
