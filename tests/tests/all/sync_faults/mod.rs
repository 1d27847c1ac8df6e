//! Runs a scenario of syncs with one fault of each kind at every request, and with kills at every request and commit.
#![allow(clippy::unwrap_used, reason = "this file contains only tests")]

mod fault_kinds;
mod invariants;
mod scenario;
mod test_server;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use selvedge_tests::{Fault, Killed, counted};

use self::fault_kinds::KINDS;
use self::scenario::{InjectedFault, Length, run};
use self::test_server::TestServer;

/// Number of concurrent scenarios; a scenario mostly waits for the server's clock.
const CONCURRENT_SCENARIOS: usize = 6;

/// Runs one scenario for each fault; returns the errors, with their names.
fn run_all(faults: &[(String, InjectedFault)], plan: &[Length]) -> Vec<String> {
    let (next, errors) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..CONCURRENT_SCENARIOS {
            scope.spawn(|| {
                let server = TestServer::new();
                while let Some((name, injected)) = faults.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    if let Err(error) = run(&server, *injected, plan) {
                        let mut errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
                        errors.push(format!("{name}: {error}"));
                    }
                }
            });
        }
    });
    errors.into_inner().unwrap()
}

/// With this variable every request gets every fault. Without it, each request gets a quarter of the faults, and each
/// fault is tried at a quarter of the requests.
const LONG: &str = "SELVEDGE_LONG";

/// Whether the fault with the number `kind` is tried at the request with the number `at`.
fn is_tried(is_long: bool, at: u32, kind: usize) -> bool {
    is_long || (at as usize + kind).is_multiple_of(4)
}

#[test]
fn no_fault_at_any_request_or_commit_loses_duplicates_or_wipes_anything() {
    let began = Instant::now();
    let plan = run(&TestServer::new(), InjectedFault::None, &[]).unwrap();
    let requests: u32 = plan.iter().map(|length| length.requests).sum();
    let commits: u32 = plan.iter().map(|length| length.commits).sum();
    let mut faults = Vec::new();
    let is_long = std::env::var_os(LONG).is_some();
    for at in 1..=requests {
        let kinds = KINDS.iter().enumerate();
        for (_, (name, fault)) in kinds.filter(|(kind, _)| is_tried(is_long, at, *kind)) {
            faults.push((
                format!("request {at}, {name}"),
                InjectedFault::Request(at, *fault),
            ));
        }
        for (name, fault) in [
            ("before it is sent", Fault::HeldRequest),
            ("before the reply comes", Fault::HeldReply),
        ] {
            let name = format!("request {at}, client killed {name}");
            faults.push((name, InjectedFault::KilledAtRequest(at, fault)));
        }
    }
    for (sync, length) in plan.iter().enumerate() {
        for commit in 1..=length.commits {
            for is_after in [false, true] {
                let name = format!("sync {sync}, commit {commit}, killed after it: {is_after}");
                let killed = Killed { commit, is_after };
                faults.push((name, InjectedFault::KilledAtCommit(sync, killed)));
            }
        }
    }
    let errors = run_all(&faults, &plan);
    let kinds = KINDS.len() / if is_long { 1 } else { 4 };
    let tried = format!("request positions tried, each with {kinds} faults and 2 kills");
    counted(&tried, requests);
    counted("commit positions tried, each with 2 kills", commits);
    counted("scenarios with a fault", faults.len());
    counted("seconds for all scenarios", began.elapsed().as_secs());
    assert!(
        requests >= 30 && commits >= 20,
        "the scenario is short: {plan:?}"
    );
    assert!(
        errors.is_empty(),
        "{} scenarios:\n{}",
        errors.len(),
        errors.join("\n")
    );
}
