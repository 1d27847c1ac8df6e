//! Tests timers of 10 minutes with a fake clock. All clocks advance together, as after suspend.

use std::time::Duration;

use selvedge_tests::FakeClock;
use serde_json::{Value, json};

use super::client::Client;
use super::machine::{Daemon, Machine};
use super::moroz::Moroz;
use crate::santa_daemon::{SHA, blocked, post, start_moroz, sync};

/// More than two poll intervals of the daemon (5 seconds), so that it has noticed a change.
const POLL_TIME: Duration = Duration::from_secs(12);

/// A daemon with a fake clock that has synced.
fn synced(moroz: &Moroz) -> Option<(Machine, FakeClock, Daemon, Client)> {
    let machine = Machine::of(&moroz.url());
    let clock = FakeClock::of_everything(&machine.dir())?;
    let daemon = Daemon::start_with(&machine, &[], |run| clock.given_to(run));
    let mut client = daemon.client();
    assert_eq!(sync(&mut client)["status"], 0);
    Some((machine, clock, daemon, client))
}

fn status(client: &mut Client) -> Value {
    client.call("status", &json!({}))
}

#[test]
fn settings_of_a_removed_server_are_cleared_after_ten_minutes_and_rules_and_events_remain() {
    let moroz = start_moroz!();
    let Some((machine, clock, daemon, mut client)) = synced(&moroz) else {
        return;
    };
    let event = blocked(SHA);
    let _sent = post(&mut client, std::slice::from_ref(&event));
    let _waits = post(&mut client, &[event]);
    machine.configure("");
    let removed = client.wait_for_status(|status| status["server"].is_null());
    assert_eq!(removed["settings"]["client_mode"], "MONITOR", "{removed}");
    clock.set("+540");
    std::thread::sleep(POLL_TIME);
    let kept = status(&mut client);
    assert_eq!(kept["last_full_sync"], removed["last_full_sync"], "{kept}");
    assert_eq!(kept["settings"]["client_mode"], "MONITOR", "{kept}");
    clock.set("+610");
    let cleared = client.wait_for_status(|status| status["last_full_sync"].is_null());
    assert_eq!(cleared["settings"]["client_mode"], Value::Null, "{cleared}");
    assert_eq!(cleared["requested"], "clean_all", "{cleared}");
    assert_eq!(cleared["rules"]["binary"], 1, "{cleared}");
    assert_eq!(cleared["pending_events"], 1, "{cleared}");
    daemon.stops();
}

#[test]
fn settings_remain_if_the_server_is_configured_again_in_time() {
    let mut moroz = start_moroz!();
    let Some((machine, clock, daemon, mut client)) = synced(&moroz) else {
        return;
    };
    // Prevent a sync from setting the values again.
    moroz.kill();
    let before = status(&mut client);
    machine.configure("");
    client.wait_for_status(|status| status["server"].is_null());
    clock.set("+300");
    machine.configure(&moroz.url());
    client.wait_for_status(|status| status["server"] == moroz.url());
    clock.set("+1000");
    std::thread::sleep(POLL_TIME);
    let after = status(&mut client);
    for name in [
        "last_full_sync",
        "settings",
        "requested",
        "interval_seconds",
    ] {
        assert_eq!(after[name], before[name], "{name}: {after}");
    }
    // A second removal starts another 10 minutes.
    machine.configure("");
    client.wait_for_status(|status| status["server"].is_null());
    clock.set("+1500");
    std::thread::sleep(POLL_TIME);
    assert_eq!(status(&mut client)["settings"], before["settings"]);
    daemon.stops();
}

#[test]
fn a_repeated_event_is_uploaded_immediately_after_ten_minutes() {
    let moroz = start_moroz!();
    let Some((_machine, clock, daemon, mut client)) = synced(&moroz) else {
        return;
    };
    let mut uploaded = || post(&mut client, &[blocked(SHA)])["uploaded"].clone();
    assert_eq!(uploaded(), 1);
    clock.set("+540");
    assert_eq!(uploaded(), 0);
    // A sync uploads the pending event, because a repeated event is dropped while one is pending.
    assert_eq!(sync(&mut daemon.client())["report"]["events_uploaded"], 1);
    assert_eq!(uploaded(), 0);
    assert_eq!(sync(&mut daemon.client())["report"]["events_uploaded"], 1);
    clock.set("+601");
    assert_eq!(uploaded(), 1);
    daemon.stops();
}
