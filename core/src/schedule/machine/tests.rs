use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const P: Policy = Policy::FIREFOX;
const NOW: LocalTime = LocalTime::from_millis(1_700_000_000_000);
const DONE: Ended = Ended::Done { incoming: false };

fn at(seconds: u64) -> LocalTime {
    NOW.plus_seconds(seconds)
}

/// A device in an account of `count` devices, whose last sync has just ended.
fn synced(count: usize) -> Schedule {
    let mut schedule = Schedule::default();
    for event in [Event::Devices { count }, Event::Began, ended(DONE)] {
        schedule.handle(&P, event, NOW, 0);
    }
    schedule
}

fn ended(how: Ended) -> Event {
    Event::Ended {
        how,
        backoff: Backoff::default(),
    }
}

fn after(mut schedule: Schedule, events: impl IntoIterator<Item = Event>) -> Schedule {
    for event in events {
        schedule.handle(&P, event, NOW, 0);
    }
    schedule
}

fn names(names: &[&str]) -> Set<CollectionName> {
    let name = |name: &&str| CollectionName::new(*name).unwrap();
    names.iter().map(name).collect()
}

#[test]
fn every_interval() {
    let points = |points| Event::Changed { points };
    let rows: [(&str, Schedule, u64); 14] = [
        ("started", after(Schedule::default(), [Event::Started]), 15),
        ("single", synced(1), 86_400),
        ("several, idle", synced(2), 3600),
        (
            "several, active",
            after(synced(2), [Event::Active, Event::Began, ended(DONE)]),
            600,
        ),
        (
            "incoming records",
            after(
                synced(2),
                [Event::Began, ended(Ended::Done { incoming: true })],
            ),
            90,
        ),
        (
            "incoming records, single",
            after(
                synced(1),
                [Event::Began, ended(Ended::Done { incoming: true })],
            ),
            86_400,
        ),
        ("a large change", after(synced(2), [points(301)]), 60),
        ("a small change", after(synced(2), [points(300)]), 3600),
        (
            "many small ones",
            after(synced(2), [points(200), points(101)]),
            60,
        ),
        (
            "a large change, single",
            after(synced(1), [points(301)]),
            86_400,
        ),
        (
            "a very large change, single",
            after(synced(1), [points(1001)]),
            60,
        ),
        (
            "a large change in the middle of a sync",
            after(synced(2), [Event::Began, points(301), ended(DONE)]),
            90,
        ),
        ("woke up", after(synced(2), [Event::Woke]), 60),
        (
            "another device was added",
            after(synced(1), [Event::Devices { count: 2 }]),
            3600,
        ),
    ];
    for (name, schedule, seconds) in rows {
        let until = at(seconds);
        assert_eq!(schedule.next(&P, NOW), Next::Wait { until }, "{name}");
        assert!(
            matches!(
                schedule.next(&P, until),
                Next::Sync {
                    is_asked_for: false,
                    only: None
                }
            ),
            "{name}"
        );
    }
}

#[test]
fn every_ending() {
    let rows = [
        ("again", Ended::Again, 1, 90),
        ("locked", Ended::Locked, 1, 900),
        ("no server", Ended::NoNode, 1, 600),
        ("offline, often", Ended::Offline, 9, 3600),
        ("failed once", Ended::Failed, 1, 3600),
        ("failed twice", Ended::Failed, 2, 3600),
        ("failed three times", Ended::Failed, 3, 3 * 900),
        ("failed five times", Ended::Failed, 5, 5 * 900),
        ("failed 99 times", Ended::Failed, 99, 8 * 3600),
    ];
    for (name, how, times, seconds) in rows {
        let events = (0..times).flat_map(|_| [Event::Began, ended(how)]);
        let schedule = after(synced(2), events);
        assert_eq!(
            schedule.next(&P, NOW),
            Next::Wait { until: at(seconds) },
            "{name}"
        );
    }
    let mut unlucky = after(synced(2), [ended(Ended::Failed), ended(Ended::Failed)]);
    unlucky.handle(&P, ended(Ended::Failed), NOW, u32::MAX);
    let until = at(3 * 1800);
    assert_eq!(
        unlucky.next(&P, NOW),
        Next::Wait { until },
        "with the maximum random extension"
    );
    let lucky = after(unlucky, [ended(DONE)]);
    assert_eq!(
        lucky.next(&P, NOW),
        Next::Wait { until: at(3600) },
        "a success resets the failures"
    );
}

#[test]
fn a_manual_sync_overrides_a_soft_backoff_but_not_a_hard_one() {
    let until = Some(at(1000));
    let soft = Backoff {
        soft: until,
        hard: None,
    };
    let hard = Backoff {
        soft: None,
        hard: until,
    };
    for (name, backoff, passes) in [("soft", soft, true), ("hard", hard, false)] {
        let event = Event::Ended {
            how: Ended::Failed,
            backoff,
        };
        let schedule = after(synced(2), [event, Event::NetworkBack]);
        let wait = Next::Wait { until: at(1000) };
        assert_eq!(schedule.next(&P, NOW), wait, "{name}");
        let asked = after(schedule, [Event::AskedFor]);
        let now = Next::Sync {
            is_asked_for: true,
            only: None,
        };
        assert_eq!(
            asked.next(&P, NOW),
            if passes { now.clone() } else { wait },
            "{name}"
        );
        assert_eq!(asked.refused_until(NOW).is_some(), !passes, "{name}");
        assert_eq!(asked.next(&P, at(1000)), now, "{name}, later");
    }
}

#[test]
fn a_push_syncs_the_named_collections_and_several_are_combined() {
    let push = |list: &[&str]| Event::Pushed {
        collections: names(list),
    };
    let schedule = after(synced(2), [push(&["clients"]), push(&["clients", "notes"])]);
    assert_eq!(
        schedule.next(&P, NOW),
        Next::Wait { until: at(60) },
        "the minimum interval applies"
    );
    let only = Some(names(&["clients", "notes"]));
    assert_eq!(
        schedule.next(&P, at(60)),
        Next::Sync {
            is_asked_for: false,
            only
        }
    );
    let all = Next::Sync {
        is_asked_for: false,
        only: None,
    };
    assert_eq!(schedule.next(&P, at(3600)), all, "a complete sync is due");
    assert_eq!(
        after(schedule, [Event::Began, ended(DONE)]).next(&P, NOW),
        Next::Wait { until: at(3600) },
        "it is done"
    );
}

#[test]
fn required_user_action_suspends_syncing() {
    let schedule = after(synced(2), [ended(Ended::NeedsPerson)]);
    assert_eq!(schedule.next(&P, at(1_000_000)), Next::ForPerson);
    let asked = after(schedule, [Event::AskedFor]);
    assert!(matches!(
        asked.next(&P, NOW),
        Next::Sync {
            is_asked_for: true,
            ..
        }
    ));
    assert_eq!(after(asked, [Event::Began]).next(&P, NOW), Next::Running);
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_the_syncs() {
    let long_ago = LocalTime::from_millis(1_000_000_000_000);
    let schedule = synced(2);
    let Next::Wait { until } = schedule.next(&P, long_ago) else {
        panic!("{schedule:?}")
    };
    assert_eq!(until, long_ago.plus_seconds(P.longest_seconds()));
    let woken = {
        let mut woken = schedule;
        woken.handle(&P, Event::Woke, long_ago, 0);
        woken
    };
    assert_eq!(
        woken.next(&P, long_ago),
        Next::Wait {
            until: long_ago.plus_seconds(2)
        }
    );
}

#[test]
fn a_schedule_continues_after_it_was_stored() {
    let schedule = after(synced(2), [Event::AskedFor, Event::Changed { points: 7 }]);
    let kept = serde_json::to_string(&schedule).unwrap();
    assert_eq!(serde_json::from_str::<Schedule>(&kept).unwrap(), schedule);
}

fn event() -> impl Strategy<Value = Event> {
    let how = prop_oneof![
        any::<bool>().prop_map(|incoming| Ended::Done { incoming }),
        Just(Ended::Again),
        Just(Ended::Failed),
        Just(Ended::Offline),
        Just(Ended::Locked),
        Just(Ended::NoNode),
    ];
    prop_oneof![
        Just(Event::Started),
        (0..2000u32).prop_map(|points| Event::Changed { points }),
        Just(Event::Active),
        Just(Event::Idle),
        (1..4usize).prop_map(|count| Event::Devices { count }),
        Just(Event::Woke),
        Just(Event::NetworkBack),
        Just(Event::Pushed {
            collections: names(&["clients"])
        }),
        Just(Event::Began),
        (
            how,
            proptest::option::of(0..2_000_000u64),
            proptest::option::of(0..2_000_000u64)
        )
            .prop_map(|(how, soft, hard)| {
                let backoff = Backoff {
                    soft: soft.map(at),
                    hard: hard.map(at),
                };
                Event::Ended { how, backoff }
            }),
    ]
}

proptest! {
    #[test]
    fn it_respects_interval_and_backoff_and_becomes_due(
        steps in proptest::collection::vec((event(), 0..100_000u64, any::<u32>()), 0..60),
        set_back in 0..10_000_000u64,
    ) {
        let (mut schedule, mut now) = (Schedule::default(), NOW);
        let mut last: Option<LocalTime> = None;
        let mut waits = Vec::new();
        for (event, seconds, random) in steps {
            now = now.plus_seconds(seconds);
            if let Event::Ended { backoff, .. } = &event {
                last = Some(now);
                waits.push(backoff.until());
            }
            schedule.handle(&P, event, now, random);
            if let Next::Sync { .. } = schedule.next(&P, now) {
                prop_assert!(last.is_none_or(|last| now >= last.plus_seconds(P.floor_seconds)));
                let latest = waits.last().copied().flatten();
                prop_assert!(latest.is_none_or(|until| until <= now));
            }
        }
        if schedule.next(&P, now) == Next::Running {
            schedule.handle(&P, ended(DONE), now, 0);
        }
        // Even if the clock is set back, the sync becomes due within the maximum wait.
        now = LocalTime::from_millis(now.millis().saturating_sub(set_back * 1000));
        let longest = P.longest_seconds().max(WEEK_SECONDS);
        let due = schedule.next(&P, now.plus_seconds(0));
        if let Next::Wait { until } = due {
            prop_assert!(until <= now.plus_seconds(longest));
        }
        let mut turns = 0;
        while let Next::Wait { until } = schedule.next(&P, now) {
            prop_assert!(until > now, "it never waits until a past time");
            now = until;
            turns += 1;
            prop_assert!(turns < 10_000_000 / 60, "it does not become due");
        }
    }
}
