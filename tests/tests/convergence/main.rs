//! Two to four devices edit, delete and sync in random order, also at the same time and over a network that fails. In
//! the end all have the same, and what anybody wrote is there unless somebody who saw it wrote over it, or a conflict
//! rule that a report names for the record let it go.
#![allow(
    clippy::unwrap_used,
    reason = "all of it is a test, also what clippy does not see as one"
)]

mod hand;
mod model;
mod world;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use selvedge_tests::seed;

use self::hand::{Fault, Moment};
use self::world::{Op, World};

/// How long new cases are tried, unless `SELVEDGE_PROPERTY_SECONDS` says otherwise.
const SECONDS: u64 = 20;

fn op() -> impl Strategy<Value = Op> {
    let (device, record, field) = (0..4usize, 0..4u8, 0..3u8);
    let moment = prop_oneof![
        Just(Moment::BeforeItIsSent),
        Just(Moment::AfterItWasAnswered),
        Just(Moment::InTheAnswer)
    ];
    let fault = proptest::option::weighted(
        0.4,
        (0..12u32, moment).prop_map(|(after, moment)| Fault { after, moment }),
    );
    prop_oneof![
        3 => (device.clone(), record.clone(), 1..8u8).prop_map(|(device, record, fields)| Op::Put { device, record, fields }),
        5 => (device.clone(), record.clone(), field.clone()).prop_map(|(device, record, field)| Op::Set { device, record, field }),
        1 => (device.clone(), record.clone(), field).prop_map(|(device, record, field)| Op::Remove { device, record, field }),
        2 => (device.clone(), record).prop_map(|(device, record)| Op::Delete { device, record }),
        5 => (device.clone(), fault.clone()).prop_map(|(device, fault)| Op::Sync { device, fault }),
        1 => (device.clone(), device, fault).prop_map(|(one, other, fault)| Op::SyncTogether { one, other, fault }),
        1 => prop_oneof![Just(Op::ReplaceKeys), Just(Op::EmptyTheServer), Just(Op::MoveToAnotherNode)],
    ]
}

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
    let case = (
        2..=4usize,
        vec(op(), 1..60),
        vec(-100_000_000i64..100_000_000, 4),
    );
    let result = TestRunner::new(config).run(&case, |(devices, ops, clocks)| {
        if began.elapsed() < Duration::from_secs(seconds) {
            *cases.borrow_mut() += 1;
            world.play(devices, &ops, &clocks)?;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    println!("{} cases", cases.borrow());
    assert!(
        *cases.borrow() >= 10,
        "too slow to mean anything: {} cases",
        cases.borrow()
    );
}
