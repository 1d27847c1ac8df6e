//! Invalid arguments and input of the user.

use selvedge_tests::{Device, Server};
use serde_json::json;

use crate::refusals::{NOT_FOUND, SIGNED_OUT, Scene, USAGE};

#[test]
fn a_missing_account_is_an_error() {
    let device = Device::default();
    device.put("mine", &json!({"x": 1}));
    let message = device.try_sync().fails(SIGNED_OUT);
    assert!(message.contains("selvedge account"), "{message}");
    assert_eq!(device.notes().len(), 1);
}

#[test]
fn missing_records_and_collections_are_errors() {
    let scene = Scene::new(60);
    let rows: [(&[&str], &str); 6] = [
        (&["records", "get", "notes", "nosuch"], "nosuch"),
        (
            &["records", "edit", "notes", "nosuch", "--record", "{}"],
            "nosuch",
        ),
        (&["records", "delete", "notes", "nosuch"], "nosuch"),
        (&["records", "get", "notes", "nosuch", "--remote"], "nosuch"),
        (&["records", "list", "nosuch", "--remote"], "nosuch"),
        (&["sync", "nosuch"], "nosuch"),
    ];
    let server = scene.server.rows();
    for (args, word) in rows {
        let message = scene.device.run(args).outcome().fails(NOT_FOUND);
        assert!(message.contains(word), "{args:?}: {message}");
    }
    assert_eq!(scene.server.rows(), server);
    assert_eq!(scene.device.notes().len(), 2);
}

#[test]
fn input_that_is_not_a_json_object_changes_nothing() {
    let scene = Scene::new(61);
    let notes = scene.device.notes();
    for text in [
        "",
        "{oops",
        "[1]",
        "null",
        "{\"x\":1}{oops",
        "{\"id\":7}",
        "{\"id\":\"\"}",
        "\u{fffd}",
    ] {
        let outcome = scene
            .device
            .run(&["records", "put", "notes"])
            .stdin(text)
            .outcome();
        outcome.fails(USAGE);
        let outcome = scene
            .device
            .run(&["records", "edit", "notes", "synced"])
            .stdin(text)
            .outcome();
        outcome.fails(USAGE);
        assert_eq!(scene.device.notes(), notes, "{text:?}");
    }
    let bytes = [0xFF, 0xFE, b'{', 0x80];
    scene
        .device
        .run(&["records", "put", "notes"])
        .stdin(bytes)
        .outcome()
        .fails(USAGE);
    assert_eq!(scene.device.notes(), notes);
}

#[test]
fn invalid_names_are_refused() {
    let device = Device::default();
    let rows: [&[&str]; 6] = [
        &["records", "list", "a/b"],
        &["records", "get", "notes", "é"],
        &["records", "put", "notes", ""],
        &["sync", "meta"],
        &["nonsense"],
        &["records", "list", "notes", "--format", "xml"],
    ];
    for args in rows {
        let outcome = device.run(args).outcome();
        assert!(
            matches!(outcome.code, Some(USAGE | SIGNED_OUT)),
            "{outcome}"
        );
        assert!(
            !outcome.stderr.is_empty() && outcome.stdout.is_empty(),
            "{outcome}"
        );
    }
}

#[test]
fn damaged_join_codes_and_credentials_are_refused() {
    let server = Server::start();
    let (_first, code) = Device::first(&server);
    let device = Device::default();
    let (begin, end) = code.split_at(code.len() / 2);
    let swapped = if end.starts_with('A') { 'B' } else { 'A' };
    let mistyped = format!("{begin}{swapped}{}", &end[1..]);
    for damaged in [
        "",
        "nonsense",
        begin,
        &mistyped,
        &code.to_lowercase(),
        &format!("{code}{code}"),
    ] {
        let outcome = device.run(&["account", "join", damaged]).outcome();
        outcome.fails(USAGE);
        assert!(!device.path("credentials.json").exists());
    }
    for text in [
        "",
        "{}",
        "{oops",
        "{\"api_endpoint\":\"http://127.0.0.1:1/1.5/1\"}",
    ] {
        let outcome = device
            .run(&["account", "use", "--credentials", "-"])
            .stdin(text)
            .outcome();
        outcome.fails(USAGE);
        assert!(!device.path("credentials.json").exists());
    }
}
