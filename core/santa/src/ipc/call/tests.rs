use alloc::format;
use alloc::string::ToString as _;

use proptest::prelude::*;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn fault(line: &str, caller: Caller) -> Option<Fault> {
    read_call(line.as_bytes(), caller)
        .err()
        .map(|refusal| refusal.fault)
}

#[test]
fn every_row() {
    let call = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":"a","method":"{method}","params":{params}}}"#)
    };
    let rows = [
        ("nothing".into(), Some(Fault::Parse)),
        ("[".repeat(100), Some(Fault::Parse)),
        ("[]".into(), Some(Fault::Request)),
        (
            r#"{"jsonrpc":"2.0","method":"status"}"#.into(),
            Some(Fault::Request),
        ),
        (
            r#"{"jsonrpc":"1.0","id":1,"method":"status"}"#.into(),
            Some(Fault::Request),
        ),
        (r#"{"jsonrpc":"2.0","id":1}"#.into(), Some(Fault::Request)),
        (
            r#"{"jsonrpc":"2.0","id":{},"method":"status"}"#.into(),
            Some(Fault::Request),
        ),
        (call("sync.walk", "{}"), Some(Fault::Method)),
        (call("events.post", "{}"), Some(Fault::Forbidden)),
        (call("events.post_bundle", "{}"), Some(Fault::Forbidden)),
        (call("service.stop", "{}"), Some(Fault::Forbidden)),
        (call("sync.run", r#"{"type":"dirty"}"#), Some(Fault::Params)),
        (call("sync.run", r#"{"wait":"yes"}"#), Some(Fault::Params)),
        (call("sync.run", "[]"), Some(Fault::Params)),
        (call("sync.run", "{}"), None),
        (call("sync.run", "null"), None),
        (call("status", "{}"), None),
        (call("push.reconnect", r#"{"more":1}"#), None),
    ];
    for (line, expected) in rows {
        assert_eq!(fault(&line, Caller::Operator), expected, "{line}");
    }
    for (params, expected) in [
        ("{}", Some(Fault::Params)),
        (r#"{"events":[{"id":-1}]}"#, Some(Fault::Params)),
        (r#"{"events":[{"file_sha256":5}]}"#, Some(Fault::Params)),
        (
            r#"{"events":[{"id":3,"file_sha256":"ab"}]}"#,
            Some(Fault::Params),
        ),
        (r#"{"events":[]}"#, None),
    ] {
        assert_eq!(
            fault(&call("events.post", params), Caller::Agent),
            expected,
            "{params}"
        );
    }
}

fn event(more: Value) -> Value {
    let mut event = json!({
        "file_sha256": "ab".repeat(32), "decision": "BLOCK_BINARY", "execution_time": 1.5,
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

#[test]
fn an_invalid_event_is_rejected_with_the_reason_and_no_other_event_is_accepted() {
    let reason_of = |method: &str, params: Value| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let refusal = read_call(call.to_string().as_bytes(), Caller::Agent).unwrap_err();
        assert_eq!(refusal.fault, Fault::Params);
        refusal.reason.unwrap_or_default()
    };
    let (good, bad) = (event(json!({})), event(json!({"decision": "WAT"})));
    let events = json!({"events": [good, bad]});
    assert_eq!(
        reason_of("events.post", events),
        "event 2: decision \"WAT\" is unknown"
    );
    let bundle = |event: &Value| reason_of("events.post_bundle", json!({"event": event}));
    assert_eq!(bundle(&good), "event: file_bundle_hash is missing");
    assert_eq!(bundle(&bad), "event: decision \"WAT\" is unknown");
    assert_eq!(
        bundle(&json!({"audit": {}})),
        "event: it contains no known kind of audit event"
    );
    assert_eq!(reason_of("events.post", json!({"events": 7})), "");
}

#[test]
fn every_call_arrives_unchanged() {
    let posted = Posted::read(event(json!({"id": 3, "file_bundle_hash": "ef"}))).unwrap();
    let access = json!({"file_access": {"decision": 1, "access_time": 1.5}});
    let access = Posted::read(access).unwrap();
    let calls = [
        Call::SyncRun {
            kind: Kind::CleanAll,
            log: true,
            wait: false,
        },
        Call::EventsPost {
            events: [posted.clone(), access].into(),
            key: Some("k".into()),
        },
        Call::EventsPostBundle { event: posted },
        Call::PushStatus,
        Call::PushReconnect,
        Call::ServerCheck,
        Call::Status,
        Call::ServiceStop,
    ];
    for call in calls {
        let line = call_line(&Id::Text("x".into()), &call);
        let (end, line) = line.split_last().unwrap();
        assert_eq!((*end, line.contains(&b'\n')), (b'\n', false));
        let incoming = read_call(line, Caller::Agent).unwrap();
        assert_eq!((incoming.id, incoming.call), (Id::Text("x".into()), call));
    }
}

proptest! {
    #[test]
    fn no_line_makes_the_reader_panic(bytes in any::<Vec<u8>>(), params in ".{0,60}") {
        let _any = read_call(&bytes, Caller::Agent);
        for method in ["sync.run", "events.post", "events.post_bundle"] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
            let _any = read_call(line.as_bytes(), Caller::Agent);
        }
    }
}
