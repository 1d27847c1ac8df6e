//! Events that no server could be told of: they are refused with the reason, and never lost under `ok`.

use serde_json::{Value, json};

use super::machine::{Daemon, Machine};
use crate::{OTHER, SHA, blocked, moroz};

/// What is answered to a call that is refused for its parameters.
fn reason(daemon: &Daemon, method: &str, params: &Value) -> String {
    let answer = daemon.talk().refusal(method, params);
    assert_eq!(answer["code"], -32602, "{answer}");
    answer["message"].as_str().unwrap().to_owned()
}

#[test]
fn an_invalid_event_is_refused_with_the_reason_that_events_add_gives() {
    let moroz = moroz!();
    let machine = Machine::of(&moroz.url());
    let daemon = Daemon::start(&machine, &[]);
    let changed = |changes: Value| {
        let mut event = blocked(SHA);
        for (name, value) in changes.as_object().unwrap() {
            event[name] = value.clone();
        }
        event
    };
    let rows = [
        changed(json!({"decision": "BLOCK_TEAM_ID"})),
        changed(json!({"decision": null})),
        changed(json!({"file_sha256": "zz"})),
        changed(json!({"execution_time": 0})),
        changed(json!({"pid": "many"})),
        changed(json!({"signingStatus": "GOOD"})),
        changed(json!({"executing_usr": "alice"})),
        json!({"sha256": "c".repeat(64)}),
        json!({"file_access": {"decision": "DENIED", "access_time": 1.5}}),
        json!({"audit": {}}),
        json!(7),
    ];
    for event in rows {
        let added = machine
            .run(&["santa", "events", "add", "-"])
            .stdin(event.to_string())
            .outcome();
        let said = added.fails(2);
        let expected = said.rsplit("event 1: ").next().unwrap().to_owned();
        // A good one beside it is not taken either.
        let params = json!({"events": [event, blocked(OTHER)]});
        let found = reason(&daemon, "events.post", &params);
        assert!(
            found.ends_with(&format!("event 1: {expected}")),
            "{found}: {said}"
        );
        if event.get("file_sha256").is_some() {
            let found = reason(&daemon, "events.post_bundle", &json!({"event": event}));
            assert!(found.ends_with(&expected), "{found}");
        }
    }
    let status = daemon.talk().call("status", &json!({}));
    assert_eq!(status["pending_events"], 0, "{status}");
    assert_eq!(moroz.events(), Vec::<String>::new());
}

#[test]
fn file_accesses_and_audits_are_kept_or_sent_like_executions() {
    let server = selvedge_tests::FakeSantaServer::answering(&[]);
    let machine = Machine::of(&server.url());
    let daemon = Daemon::start(&machine, &[]);
    let access = |decision: &str| json!({"file_access": {"decision": decision, "access_time": 1.5, "rule_name": decision, "target": "/etc/key"}});
    let created = json!({"decision": "ALLOW_BINARY", "identifier": SHA, "timestamp": 7});
    let events = [
        access("FILE_ACCESS_DECISION_DENIED"),
        access("FILE_ACCESS_DECISION_AUDIT_ONLY"),
        json!({"audit": {"standalone_mode_rule_creation": created}}),
    ];
    let mut talk = daemon.talk();
    let answer = talk.call("events.post", &json!({"events": events}));
    assert_eq!(answer, json!({"ok": true, "uploaded": 2}));
    // What was only audited waits for the next sync.
    assert_eq!(talk.call("status", &json!({}))["pending_events"], 1);
    let sent = server.requests("eventupload");
    let sent: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!(sent["file_access_events"][0]["target"], "/etc/key");
    assert_eq!(
        sent["audit_events"][0]["standalone_mode_rule_creation"]["identifier"],
        SHA
    );
}

#[test]
fn unknown_programs_are_kept_when_all_events_are_wanted_whatever_else_is_set() {
    // What the server sets, what the configuration sets; then which decisions wait.
    let (all, no_unknown) = (
        r#""enable_all_event_upload":true"#,
        r#""disable_unknown_event_upload":true"#,
    );
    let rows = [
        (format!("{all},{no_unknown}"), "", [true, true]),
        (all.to_owned(), "", [true, true]),
        (no_unknown.to_owned(), "", [false, false]),
        (String::new(), "", [true, false]),
        (
            no_unknown.to_owned(),
            "EnableAllEventUpload = true\n",
            [true, true],
        ),
        (
            all.to_owned(),
            "DisableUnknownEventUpload = true\n",
            [true, true],
        ),
        (
            r#""enable_all_event_upload":false"#.to_owned(),
            "EnableAllEventUpload = true\nDisableUnknownEventUpload = true\n",
            [false, false],
        ),
    ];
    for (set, own, expected) in rows {
        let server =
            selvedge_tests::FakeSantaServer::answering(&[("preflight", &format!("{{{set}}}"))]);
        let machine = Machine::of(&server.url());
        machine.configure_all(own, &server.url(), "");
        let daemon = Daemon::start(&machine, &[]);
        let mut talk = daemon.talk();
        let synced = talk.call("sync.run", &json!({"type": "normal", "wait": true}));
        assert_eq!(synced["status"], 0, "{synced}");
        for (sha256, decision) in [(SHA, "ALLOW_UNKNOWN"), (OTHER, "ALLOW_BINARY")] {
            let mut event = blocked(sha256);
            event["decision"] = json!(decision);
            let answer = talk.call("events.post", &json!({"events": [event]}));
            assert_eq!(answer["ok"], true, "{answer}");
        }
        let listed = machine
            .run(&["--json", "santa", "events", "list"])
            .outcome();
        let listed = listed.ok().stdout;
        let found = [SHA, OTHER].map(|sha256| listed.contains(sha256));
        assert_eq!(found, expected, "{set} {own}: {listed}");
        daemon.stops();
    }
}
