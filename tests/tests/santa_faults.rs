//! A fault at every request of a sync with the real server moroz, which `MOROZ` or PATH names. Afterwards the rules are the
//! server's, every event has arrived, and none was sent twice, except where the answer to it was lost: then nobody can tell
//! whether the server has it, and it is sent again.
#![allow(missing_docs, reason = "the names of tests are their claims")]
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::thread;

use selvedge_tests::{Canned, Fault, FaultProxy, Moroz, Run};

/// The requests of a sync, in their order.
const STAGES: [&str; 4] = ["preflight", "eventupload", "ruledownload", "postflight"];

const BUSY: Fault = Fault::Instead(Canned {
    status: 503,
    header: None,
    body: "busy",
});

const FAULTS: [Fault; 6] = [
    Fault::LostRequest,
    Fault::LostReply,
    Fault::CutHead,
    Fault::CutBody,
    BUSY,
    Fault::Duplicate,
];

fn sha256(digit: &str) -> String {
    digit.repeat(64)
}

/// How often the server hears of events when this happens to their request.
const fn expected_uploads(fault: Fault) -> usize {
    match fault {
        Fault::LostReply | Fault::CutHead | Fault::CutBody | Fault::Duplicate => 2,
        _ => 1,
    }
}

/// Syncs a machine with a fault at one request, and answers how often the server heard of its events.
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
        let place = [
            "--data-dir",
            dir.path().to_str().unwrap(),
            "--json",
            "santa",
        ];
        Run::new(place.iter().chain(args))
            .stdin(stdin)
            .outcome()
            .ok()
            .json()
    };
    let event = format!(
        r#"{{"file_sha256":"{}","decision":"BLOCK_BINARY","execution_time":1767225600.25}}"#,
        sha256("e")
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
    assert_eq!(identifiers, [sha256("1"), sha256("2")], "{machine}");
    let heard = proxy.heard();
    heard
        .iter()
        .filter(|heard| heard.target.contains("/eventupload/"))
        .count()
}

#[test]
fn whatever_happens_to_a_request_rules_and_events_arrive() {
    let rules: String = ["1", "2"]
        .map(|digit| format!("[[rules]]\nidentifier = \"{}\"\n", sha256(digit)))
        .concat();
    let Some(moroz) = Moroz::start(&rules) else {
        return;
    };
    // Each waits some seconds before its second attempt: all at once they take no longer than one.
    thread::scope(|scope| {
        for (stage, name) in STAGES.iter().enumerate() {
            for (number, fault) in FAULTS.into_iter().enumerate() {
                let moroz = &moroz;
                scope.spawn(move || {
                    let machine = format!("{name}-{number}");
                    let at = u32::try_from(stage).unwrap() + 1;
                    let uploads = sync_with(moroz, &machine, at, fault);
                    let expected = match *name {
                        "eventupload" => expected_uploads(fault),
                        _ => 1,
                    };
                    assert_eq!(uploads, expected, "{machine}: {fault:?}");
                });
            }
        }
    });
    let arrived = moroz.events();
    assert_eq!(arrived.len(), STAGES.len() * FAULTS.len(), "{arrived:?}");
}
