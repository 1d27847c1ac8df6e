//! The life of a sync with one fault at every request and at every commit, of every kind.
#![allow(
    clippy::unwrap_used,
    reason = "all of it is a test, also what clippy does not see as one"
)]

mod ground;
mod judge;
mod kinds;
mod story;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use selvedge_tests::{Fault, Killed, counted};

use self::ground::Ground;
use self::kinds::KINDS;
use self::story::{Length, Mishap, play};

/// A story waits for the clock of the server more than it computes.
const STORIES_AT_ONCE: usize = 6;

/// Plays one story for each mishap; the errors that come of it, with their names.
fn play_all(mishaps: &[(String, Mishap)], plan: &[Length]) -> Vec<String> {
    let (next, errors) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..STORIES_AT_ONCE {
            scope.spawn(|| {
                let ground = Ground::new();
                while let Some((name, mishap)) = mishaps.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = play(&ground, *mishap, plan) {
                        let mut errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
                        errors.push(format!("{name}: {error}"));
                    }
                }
            });
        }
    });
    errors.into_inner().unwrap()
}

#[test]
fn no_fault_at_any_request_or_commit_loses_doubles_or_wipes_anything() {
    let began = Instant::now();
    let plan = play(&Ground::new(), Mishap::None, &[]).unwrap();
    let requests: u32 = plan.iter().map(|length| length.requests).sum();
    let commits: u32 = plan.iter().map(|length| length.commits).sum();
    let mut mishaps = Vec::new();
    for at in 1..=requests {
        for (name, fault) in KINDS {
            mishaps.push((format!("request {at}, {name}"), Mishap::Request(at, *fault)));
        }
        for (name, fault) in [
            ("before it is sent", Fault::HeldRequest),
            ("before the reply comes", Fault::HeldReply),
        ] {
            let name = format!("request {at}, client killed {name}");
            mishaps.push((name, Mishap::KilledAtRequest(at, fault)));
        }
    }
    for (sync, length) in plan.iter().enumerate() {
        for commit in 1..=length.commits {
            for is_after in [false, true] {
                let name = format!("sync {sync}, commit {commit}, killed after it: {is_after}");
                let killed = Killed { commit, is_after };
                mishaps.push((name, Mishap::KilledAtCommit(sync, killed)));
            }
        }
    }
    let errors = play_all(&mishaps, &plan);
    let faults = KINDS.len();
    let tried = format!("request positions tried, each with {faults} faults and 2 kills");
    counted(&tried, requests);
    counted("commit positions tried, each with 2 kills", commits);
    counted("stories with a fault", mishaps.len());
    counted("seconds that they took", began.elapsed().as_secs());
    assert!(
        requests >= 30 && commits >= 20,
        "the story is short: {plan:?}"
    );
    assert!(
        errors.is_empty(),
        "{} stories:\n{}",
        errors.len(),
        errors.join("\n")
    );
}
