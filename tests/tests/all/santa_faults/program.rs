//! Tests the program with its normal retry delays, with moroz.

use std::thread;

use selvedge_tests::{Fault, FaultProxy, Moroz, Run};

use super::requests::{canned, is_outcome_unknown};
use super::test_bed::sha256;

/// The requests of a sync in their order.
const STAGES: [&str; 4] = ["preflight", "eventupload", "ruledownload", "postflight"];

const FAULTS: [Fault; 6] = [
    Fault::LostRequest,
    Fault::LostReply,
    Fault::CutHead,
    Fault::CutBody,
    Fault::Instead(canned(503, "busy")),
    Fault::Duplicate,
];

/// Syncs a machine with a fault at one request. Returns the number of event uploads.
fn sync_with(moroz: &Moroz, machine: &str, at: u32, fault: Fault) -> usize {
    let proxy = FaultProxy::start();
    proxy.lead_to(moroz.address());
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "SyncBaseURL = \"{}/v1/santa\"\nMachineID = \"{machine}\"\n",
        proxy.url()
    );
    std::fs::write(dir.path().join("santa.toml"), config).unwrap();
    let run = |args: &[&str], stdin: &str| {
        let options = [
            "--data-dir",
            dir.path().to_str().unwrap(),
            "--json",
            "santa",
        ];
        Run::new(options.iter().chain(args))
            .stdin(stdin)
            .outcome()
            .ok()
            .json()
    };
    let event = format!(
        r#"{{"file_sha256":"{}","decision":"BLOCK_BINARY","execution_time":1767225600.25}}"#,
        sha256(14)
    );
    run(&["events", "add"], &event);
    let _armed = proxy.arm(Some((at, fault)));
    let report = run(&["sync", "--once"], "");
    assert_eq!(report["degraded"], false, "{machine}: {report}");
    assert!(proxy.fired_at().is_some(), "{machine}");
    assert_eq!(run(&["events", "list"], "")["pending"], 0, "{machine}");
    let rules = run(&["rules", "list", "--from", "server"], "");
    let identifiers: Vec<&str> = rules
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["identifier"].as_str().unwrap())
        .collect();
    assert_eq!(identifiers, [sha256(1), sha256(2)], "{machine}");
    let requests = proxy.heard();
    requests
        .iter()
        .filter(|request| request.target.contains("/eventupload/"))
        .count()
}

#[test]
fn rules_and_events_arrive_after_any_fault() {
    let rules: String = [1, 2]
        .map(|number| format!("[[rules]]\nidentifier = \"{}\"\n", sha256(number)))
        .concat();
    let Some(moroz) = Moroz::start(&rules) else {
        return;
    };
    // Each sync waits some seconds before a retry, so run all in parallel.
    thread::scope(|scope| {
        for (stage, name) in STAGES.iter().enumerate() {
            for (number, fault) in FAULTS.into_iter().enumerate() {
                let moroz = &moroz;
                scope.spawn(move || {
                    let machine = format!("{name}-{number}");
                    let at = u32::try_from(stage).unwrap() + 1;
                    let uploads = sync_with(moroz, &machine, at, fault);
                    // If the response was lost, the client cannot know whether the server has the events, and uploads
                    // them again.
                    let is_lost = *name == "eventupload" && is_outcome_unknown(fault);
                    let expected = 1 + usize::from(is_lost);
                    assert_eq!(uploads, expected, "{machine}: {fault:?}");
                });
            }
        }
    });
    let arrived = moroz.events();
    assert_eq!(arrived.len(), STAGES.len() * FAULTS.len(), "{arrived:?}");
}
