//! Tests that invalid events are refused with the reason, and not silently lost.

use serde_json::{Value, json};

use super::machine::{Daemon, Machine};
use crate::santa_daemon::{OTHER, SHA, blocked, start_moroz};

/// The message of a call that is refused because of its parameters.
fn reason(daemon: &Daemon, method: &str, params: &Value) -> String {
    let answer = daemon.client().refusal(method, params);
    assert_eq!(answer["code"], -32602, "{answer}");
    answer["message"].as_str().unwrap().to_owned()
}

#[test]
fn an_invalid_event_is_refused_with_the_same_reason_as_events_add() {
    let moroz = start_moroz!();
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
        let error = added.fails(2);
        let expected = error.rsplit("event 1: ").next().unwrap().to_owned();
        // A valid event in the same call is not accepted either.
        let params = json!({"events": [event, blocked(OTHER)]});
        let found = reason(&daemon, "events.post", &params);
        assert!(
            found.ends_with(&format!("event 1: {expected}")),
            "{found}: {error}"
        );
        if event.get("file_sha256").is_some() {
            let found = reason(&daemon, "events.post_bundle", &json!({"event": event}));
            assert!(found.ends_with(&expected), "{found}");
        }
    }
    let status = daemon.client().call("status", &json!({}));
    assert_eq!(status["pending_events"], 0, "{status}");
    assert_eq!(moroz.events(), Vec::<String>::new());
}

#[test]
fn file_access_and_audit_events_are_stored_or_uploaded_like_executions() {
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
    let mut client = daemon.client();
    let answer = client.call("events.post", &json!({"events": events}));
    assert_eq!(answer, json!({"ok": true, "uploaded": 2}));
    // An event that was only audited waits for the next sync.
    assert_eq!(client.call("status", &json!({}))["pending_events"], 1);
    let sent = server.requests("eventupload");
    let sent: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!(sent["file_access_events"][0]["target"], "/etc/key");
    assert_eq!(
        sent["audit_events"][0]["standalone_mode_rule_creation"]["identifier"],
        SHA
    );
}

#[test]
fn unknown_programs_are_stored_when_all_events_are_requested() {
    // Settings of the server, settings of the configuration, and whether events of each decision are pending.
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
        let mut client = daemon.client();
        let synced = client.call("sync.run", &json!({"type": "normal", "wait": true}));
        assert_eq!(synced["status"], 0, "{synced}");
        for (sha256, decision) in [(SHA, "ALLOW_UNKNOWN"), (OTHER, "ALLOW_BINARY")] {
            let mut event = blocked(sha256);
            event["decision"] = json!(decision);
            let answer = client.call("events.post", &json!({"events": [event]}));
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
