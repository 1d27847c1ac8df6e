//! Timelines: events, and the syncs that they start. The vectors are in `santa_daemon.json`.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::Value;

use super::super::push::Message;
use super::super::throttle::Throttle;
use super::super::timing::Timing;
use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const VECTORS: &str = include_str!("../../../../tests/vectors/santa_daemon.json");

fn at(seconds: u64) -> LocalTime {
    LocalTime::from_millis(0).plus_seconds(seconds)
}

/// A host that follows the daemon: it runs due jobs for a while each, and records when each one started.
struct Follower {
    daemon: Daemon,
    began: Vec<(u64, &'static str)>,
    ends: Option<u64>,
    sync_seconds: u64,
    /// The response to preflight; `None` if it fails.
    preflight: Option<Timing>,
    draw: Draw,
}

impl Follower {
    fn run_until(&mut self, end: u64, mut from: u64) {
        loop {
            if let Some(ends) = self.ends {
                if ends > end {
                    return;
                }
                self.ends = None;
                from = from.max(ends);
                self.daemon
                    .handle(Wake::Ended, at(ends), self.draw)
                    .unwrap();
            }
            match self.daemon.next(at(from)) {
                Due::Now(job) => self.begin(job, from),
                Due::At(next) if next.millis() <= end * 1000 => from = next.millis().div_ceil(1000),
                _ => return,
            }
        }
    }

    fn begin(&mut self, job: Job, now: u64) {
        self.daemon
            .handle(Wake::Began(job), at(now), self.draw)
            .unwrap();
        self.began
            .push((now, if job == Job::Rules { "rules" } else { "full" }));
        if job != Job::Rules {
            let wake = match self.preflight {
                Some(timing) => Wake::Preflighted(Preflighted {
                    at: at(now),
                    timing,
                    interval: timing.full_interval.unwrap_or(FULL_INTERVAL),
                }),
                None => Wake::PreflightFailed,
            };
            self.daemon.handle(wake, at(now), self.draw).unwrap();
        }
        self.ends = Some(now + self.sync_seconds);
    }
}

fn number(value: &Value, name: &str) -> Option<u32> {
    value[name].as_u64().map(|number| number as u32)
}

fn wake(event: &Value) -> Wake {
    match event["event"].as_str().unwrap() {
        "start" => Wake::Started,
        "asked_for" => Wake::AskedFor(Kind::Normal),
        "push_present" => Wake::PushPresent,
        "push_connected" => Wake::PushConnected,
        "push_disconnected" => Wake::PushDisconnected,
        "push_gone" => Wake::PushGone,
        "push_full" => Wake::Pushed(Message::Full),
        "push_rules_everyone" => Wake::Pushed(Message::Rules { is_for_us: false }),
        "push_rules_us" => Wake::Pushed(Message::Rules { is_for_us: true }),
        "push_tag" => {
            let payload = const_hex::decode(event["payload"].as_str().unwrap()).unwrap();
            let subject = super::super::push::Subject::Tag("santa.tag.a".into());
            Wake::Pushed(subject.message(&payload).unwrap())
        }
        "upload_failed" => Wake::UploadFailed,
        "network" => Wake::Network {
            is_up: event["up"].as_bool().unwrap(),
        },
        other => panic!("unknown event {other}"),
    }
}

#[test]
fn every_timeline_is_as_specified() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    for line in vectors["timelines"].as_array().unwrap() {
        let mut follower = Follower {
            daemon: Daemon::new(number(line, "known_interval")),
            began: Vec::new(),
            ends: None,
            sync_seconds: line["sync_seconds"].as_u64().unwrap_or(0),
            preflight: Some(Timing::default()),
            draw: Draw(0),
        };
        let mut refused = Vec::new();
        let mut now = 0;
        for event in line["events"].as_array().unwrap() {
            let next = event["at"].as_u64().unwrap();
            follower.run_until(next.saturating_sub(1), now);
            now = next;
            if event["event"] == "preflight" {
                follower.preflight = (event["fails"] != true).then(|| Timing {
                    full_interval: number(event, "full_interval"),
                    push_interval: number(event, "push_interval"),
                    rule_deadline: number(event, "rule_deadline").unwrap_or(600),
                });
                continue;
            }
            // A random draw is specified in percent.
            let percent = event["draw"].as_u64().unwrap_or(0);
            follower.draw = Draw((u64::from(u32::MAX) * percent / 100) as u32);
            if follower
                .daemon
                .handle(wake(event), at(now), follower.draw)
                .is_err()
            {
                refused.push(now);
            }
            follower.run_until(now, now);
        }
        follower.run_until(line["until"].as_u64().unwrap(), now);
        let began: Vec<(u64, String)> = follower
            .began
            .iter()
            .map(|(at, what)| (*at, (*what).into()))
            .collect();
        let expected: Vec<(u64, String)> = serde_json::from_value(line["began"].clone()).unwrap();
        assert_eq!(began, expected, "{line}");
        let expected: Vec<u64> =
            serde_json::from_value(line["refused"].clone()).unwrap_or_default();
        assert_eq!(refused, expected, "{line}");
    }
}

#[test]
fn the_same_event_is_sent_immediately_only_every_ten_minutes() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    for row in vectors["throttle"].as_array().unwrap() {
        let mut throttle = Throttle::of_uploads();
        let mut sent = Vec::new();
        for event in row["events"].as_array().unwrap() {
            let (now, key) = (
                event["at"].as_u64().unwrap(),
                event["key"].as_str().unwrap(),
            );
            if throttle.passes(key, at(now)) {
                sent.push(now);
                // The upload failed, or the server also requests the other members.
                if event["fails"] == true || event["action"] == "send" {
                    throttle.forget(key);
                }
            }
        }
        let expected: Vec<u64> = serde_json::from_value(row["sent"].clone()).unwrap();
        assert_eq!(sent, expected, "{row}");
    }
}

#[test]
fn random_draws_stay_below_their_limit_and_reach_both_ends() {
    for limit in [0, 1, 2, 180, 600, u64::from(u32::MAX)] {
        assert_eq!(Draw(0).below(limit), 0);
        assert_eq!(
            Draw(u32::MAX).below(limit),
            limit.saturating_sub(1),
            "{limit}"
        );
    }
}

#[test]
fn a_spread_makes_the_interval_a_tenth_longer_or_shorter() {
    for (draw, expected) in [(0, 540), (u32::MAX, 660), (1 << 31, 600)] {
        let mut daemon = Daemon::new(None).spread(10);
        let seen = Preflighted {
            at: at(1000),
            timing: Timing::default(),
            interval: 600,
        };
        daemon
            .handle(Wake::Preflighted(seen), at(1000), Draw(draw))
            .unwrap();
        assert_eq!(daemon.full_at(), Some(at(1000 + expected)));
    }
}

fn any_wake() -> impl Strategy<Value = Wake> {
    prop_oneof![
        Just(Wake::Started),
        Just(Wake::AskedFor(Kind::Clean)),
        Just(Wake::PushPresent),
        Just(Wake::PushConnected),
        Just(Wake::PushDisconnected),
        Just(Wake::PushGone),
        Just(Wake::Pushed(Message::Full)),
        Just(Wake::Pushed(Message::Rules { is_for_us: false })),
        proptest::option::of(any::<u32>())
            .prop_map(|max_jitter| Wake::Pushed(Message::Tag { max_jitter })),
        any::<bool>().prop_map(|is_up| Wake::Network { is_up }),
        Just(Wake::UploadFailed),
    ]
}

proptest! {
    /// Whatever happens, only one sync runs at a time, and a started daemon always has a next job.
    #[test]
    fn syncs_never_overlap_and_never_stop(
        events in proptest::collection::vec((any_wake(), 1..2000_u64, any::<u32>()), 0..40),
        sync_seconds in 0..900_u64,
        succeeds in any::<bool>(),
    ) {
        let mut follower = Follower {
            daemon: Daemon::new(None),
            began: Vec::new(),
            ends: None,
            sync_seconds,
            preflight: succeeds.then(Timing::default),
            draw: Draw(0),
        };
        follower.daemon.handle(Wake::Started, at(0), Draw(0)).unwrap();
        let mut now = 0;
        for (wake, pause, draw) in events {
            follower.run_until(now + pause - 1, now);
            now += pause;
            follower.draw = Draw(draw);
            let _may_be_refused = follower.daemon.handle(wake, at(now), Draw(draw));
            follower.run_until(now, now);
        }
        follower.run_until(now + 20_000, now);
        let starts = follower.began.windows(2);
        prop_assert!(starts.clone().all(|pair| pair[1].0 >= pair[0].0 + sync_seconds));
        prop_assert!(follower.began.last().is_some_and(|(last, _)| *last > now));
    }
}
