//! What takes ten minutes, by a clock that is set: all clocks go on at once, as after a machine has slept.

use std::time::Duration;

use selvedge_tests::FakeClock;
use serde_json::{Value, json};

use super::machine::{Daemon, Machine};
use super::moroz::Moroz;
use super::talk::Talk;
use crate::{SHA, blocked, moroz, post, sync};

/// The daemon looks around every 5 seconds: in so long it has done what it was to do.
const LOOKED: Duration = Duration::from_secs(12);

/// A daemon with a clock of its own, that has synced.
fn synced(moroz: &Moroz) -> Option<(Machine, FakeClock, Daemon, Talk)> {
    let machine = Machine::of(&moroz.url());
    let clock = FakeClock::of_everything(&machine.dir())?;
    let daemon = Daemon::start_with(&machine, &[], |run| clock.given_to(run));
    let mut talk = daemon.talk();
    assert_eq!(sync(&mut talk)["status"], 0);
    Some((machine, clock, daemon, talk))
}

fn status(talk: &mut Talk) -> Value {
    talk.call("status", &json!({}))
}

#[test]
fn what_a_server_had_set_is_cleared_ten_minutes_after_it_was_removed_and_rules_and_events_stay() {
    let moroz = moroz!();
    let Some((machine, clock, daemon, mut talk)) = synced(&moroz) else {
        return;
    };
    let event = blocked(SHA);
    let _sent = post(&mut talk, std::slice::from_ref(&event));
    let _waits = post(&mut talk, &[event]);
    machine.configure("");
    let removed = talk.wait_for_status(|status| status["server"].is_null());
    assert_eq!(removed["settings"]["client_mode"], "MONITOR", "{removed}");
    clock.set("+540");
    std::thread::sleep(LOOKED);
    let kept = status(&mut talk);
    assert_eq!(kept["last_full_sync"], removed["last_full_sync"], "{kept}");
    assert_eq!(kept["settings"]["client_mode"], "MONITOR", "{kept}");
    clock.set("+610");
    let cleared = talk.wait_for_status(|status| status["last_full_sync"].is_null());
    assert_eq!(cleared["settings"]["client_mode"], Value::Null, "{cleared}");
    assert_eq!(cleared["requested"], "clean_all", "{cleared}");
    assert_eq!(cleared["rules"]["binary"], 1, "{cleared}");
    assert_eq!(cleared["pending_events"], 1, "{cleared}");
    daemon.stops();
}

#[test]
fn a_server_that_returns_in_time_finds_what_it_had_set() {
    let mut moroz = moroz!();
    let Some((machine, clock, daemon, mut talk)) = synced(&moroz) else {
        return;
    };
    // So that no sync sets anew what was cleared.
    moroz.kill();
    let before = status(&mut talk);
    machine.configure("");
    talk.wait_for_status(|status| status["server"].is_null());
    clock.set("+300");
    machine.configure(&moroz.url());
    talk.wait_for_status(|status| status["server"] == moroz.url());
    clock.set("+1000");
    std::thread::sleep(LOOKED);
    let after = status(&mut talk);
    for name in [
        "last_full_sync",
        "settings",
        "requested",
        "interval_seconds",
    ] {
        assert_eq!(after[name], before[name], "{name}: {after}");
    }
    // Another ten minutes are counted from another removal.
    machine.configure("");
    talk.wait_for_status(|status| status["server"].is_null());
    clock.set("+1500");
    std::thread::sleep(LOOKED);
    assert_eq!(status(&mut talk)["settings"], before["settings"]);
    daemon.stops();
}

#[test]
fn the_same_event_is_sent_at_once_again_after_ten_minutes() {
    let moroz = moroz!();
    let Some((_machine, clock, daemon, mut talk)) = synced(&moroz) else {
        return;
    };
    let mut uploaded = || post(&mut talk, &[blocked(SHA)])["uploaded"].clone();
    assert_eq!(uploaded(), 1);
    clock.set("+540");
    assert_eq!(uploaded(), 0);
    // The one that waits goes with a sync, so that none is left when the same comes again.
    assert_eq!(sync(&mut daemon.talk())["report"]["events_uploaded"], 1);
    assert_eq!(uploaded(), 0);
    assert_eq!(sync(&mut daemon.talk())["report"]["events_uploaded"], 1);
    clock.set("+601");
    assert_eq!(uploaded(), 1);
    daemon.stops();
}
