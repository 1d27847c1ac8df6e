//! Tests of every row of the decision table.

use super::*;
use crate::ids::RecordId;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn every_row_of_the_lookup() {
    let time = |hundredths| Some(ServerTime::from_hundredths(hundredths));
    let rows = [
        (
            "never seen, none there",
            None,
            None,
            false,
            Lookup::Remembered,
        ),
        ("never seen", time(5), None, false, Lookup::Server),
        ("as last seen", time(5), time(5), false, Lookup::Remembered),
        (
            "as last seen, commands wait",
            time(5),
            time(5),
            true,
            Lookup::Server,
        ),
        ("newer", time(6), time(5), false, Lookup::Server),
        (
            "older: another server's",
            time(4),
            time(5),
            false,
            Lookup::Server,
        ),
        ("gone", None, time(5), false, Lookup::Absent),
    ];
    for (name, in_info, seen, has_commands, expected) in rows {
        assert_eq!(
            Lookup::judge(in_info, seen, has_commands),
            expected,
            "{name}"
        );
    }
}

#[test]
fn every_reason_to_write_the_own_record() {
    let says = OwnClient::default();
    let was = OwnClient {
        name: "Attic".into(),
        ..OwnClient::default()
    };
    let there = |commands| KnownClient {
        id: RecordId::new("npwmPOsO89Am").unwrap(),
        name: "Selvedge".into(),
        modified: ServerTime::ZERO,
        device_type: None,
        os: None,
        application: None,
        version: None,
        fxa_device_id: None,
        commands,
    };
    let day = 24 * 60 * 60 * 1000;
    let now = LocalTime::from_millis(100 * day);
    let days_ago = |days: u64| Some(LocalTime::from_millis((100 - days) * day));
    let rows = [
        ("absent", None, None, None, Due::Absent),
        (
            "absent, though it was written",
            None,
            Some(&says),
            days_ago(1),
            Due::Absent,
        ),
        (
            "never written by this one",
            Some(there(0)),
            None,
            None,
            Due::Changed,
        ),
        (
            "renamed",
            Some(there(0)),
            Some(&was),
            days_ago(1),
            Due::Changed,
        ),
        (
            "commands",
            Some(there(2)),
            Some(&says),
            days_ago(1),
            Due::Commands,
        ),
        (
            "written just now",
            Some(there(0)),
            Some(&says),
            days_ago(0),
            Due::No,
        ),
        (
            "written 7 days ago",
            Some(there(0)),
            Some(&says),
            days_ago(7),
            Due::No,
        ),
        (
            "written 8 days ago",
            Some(there(0)),
            Some(&says),
            days_ago(8),
            Due::Old,
        ),
        (
            "nobody knows when",
            Some(there(0)),
            Some(&says),
            None,
            Due::Old,
        ),
        (
            "written in the future",
            Some(there(0)),
            Some(&says),
            Some(LocalTime::from_millis(200 * day)),
            Due::Old,
        ),
    ];
    for (name, there, said, said_at, expected) in rows {
        assert_eq!(
            due(there.as_ref(), said, &says, said_at, now),
            expected,
            "{name}"
        );
    }
}
