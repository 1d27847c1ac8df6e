//! Invalid accounts, and invalid data on the server.

use selvedge_tests::{Account, Device, Server};
use serde_json::{Value, json};

use crate::refusals::{BAD_DATA, OFFLINE, PARTIAL, SIGNED_OUT, Scene, WRONG_KEY};

#[test]
fn with_a_wrong_key_nothing_is_written() {
    let scene = Scene::new(50);
    let mut credentials =
        scene
            .server
            .master_secret()
            .credentials(scene.server.url(), &scene.account, 3600);
    credentials["ksync_b64url"] = Account::new(51).ksync_b64url().into();
    let stranger = Device::with_credentials(&credentials);
    stranger.put("mine", &json!({"x": 3}));
    let message = scene.sync_is_refused(&stranger, WRONG_KEY);
    assert!(message.contains("key"), "{message}");
}

#[test]
fn with_an_expired_token_nothing_is_lost_and_a_new_one_continues() {
    let scene = Scene::new(52);
    let secret = scene.server.master_secret();
    scene
        .device
        .use_credentials(&secret.credentials(scene.server.url(), &scene.account, -60));
    let message = scene.sync_is_refused(&scene.device, SIGNED_OUT);
    assert!(message.contains("sign in"), "{message}");

    scene
        .device
        .use_credentials(&secret.credentials(scene.server.url(), &scene.account, 3600));
    scene.device.sync();
    let other = Device::with_token(&scene.server, scene.server.url(), &scene.account);
    other.sync();
    assert_eq!(
        other.notes().into_keys().collect::<Vec<_>>(),
        ["synced", "waiting"]
    );
}

#[test]
fn a_token_of_another_server_is_refused() {
    let (scene, elsewhere) = (Scene::new(53), Server::start());
    let mut credentials =
        scene
            .server
            .master_secret()
            .credentials(elsewhere.url(), &scene.account, 3600);
    credentials["api_endpoint"] = format!("{}/1.5/53", elsewhere.url()).into();
    credentials["key"] = "another-key".into();
    let device = Device::with_credentials(&credentials);
    device.put("mine", &json!({"x": 3}));
    scene.sync_is_refused(&device, SIGNED_OUT);
}

#[test]
fn a_meta_global_that_cannot_be_read_stops_the_sync_and_wipes_nothing() {
    for payload in [
        "",
        "{oops",
        "[]",
        "\"text\"",
        "null",
        "{\"syncID\":\"AAAAAAAAAAAA\"",
    ] {
        let scene = Scene::new(54);
        scene.wire.put("meta", "global", payload);
        for device in [
            &scene.device,
            &Device::with_token(&scene.server, scene.server.url(), &scene.account),
        ] {
            device.put("mine", &json!({"x": 3}));
            let message = scene.sync_is_refused(device, BAD_DATA);
            assert!(message.contains("meta/global"), "{payload:?}: {message}");
        }
        assert_eq!(scene.wire.ids("notes"), ["synced"]);
    }
}

#[test]
fn a_newer_storage_version_is_not_changed() {
    let scene = Scene::new(55);
    let meta =
        json!({"syncID": "AAAAAAAAAAAA", "storageVersion": 6, "engines": {}, "declined": []});
    scene.wire.put("meta", "global", &meta.to_string());
    let message = scene.sync_is_refused(&scene.device, BAD_DATA);
    assert!(message.contains("upgrade"), "{message}");
}

#[test]
fn damaged_keys_stop_the_sync() {
    let scene = Scene::new(56);
    for payload in ["{oops", "{\"ciphertext\":\"\",\"IV\":\"\",\"hmac\":\"\"}"] {
        scene.wire.put("crypto", "keys", payload);
        let outcome = scene.device.try_sync();
        assert!(
            matches!(outcome.code, Some(WRONG_KEY | BAD_DATA)),
            "{payload:?}: {outcome}"
        );
        assert_eq!(scene.wire.payload("crypto", "keys"), payload);
        assert_eq!(scene.wire.ids("notes"), ["synced"]);
        assert_eq!(scene.device.pending(), 1);
    }
}

#[test]
fn a_collection_of_a_newer_version_is_not_changed() {
    let scene = Scene::new(57);
    let mut meta: Value = serde_json::from_str(&scene.wire.payload("meta", "global")).unwrap();
    meta["engines"]["notes"]["version"] = 2.into();
    scene.wire.put("meta", "global", &meta.to_string());
    let outcome = scene.device.try_sync().exits(BAD_DATA);
    assert!(outcome.stderr.contains("notes"), "{outcome}");
    assert_eq!(scene.wire.ids("notes"), ["synced"]);
    assert_eq!(scene.device.pending(), 1);
}

#[test]
fn a_damaged_record_is_reported_and_the_others_are_received() {
    let scene = Scene::new(58);
    scene
        .device
        .put_many((0..30).map(|n| json!({"id": format!("n{n:02}"), "n": n})));
    scene.device.sync();
    scene.wire.put("notes", "n07", "{oops");
    scene
        .wire
        .put("notes", "n11", &scene.wire.payload("notes", "n12"));
    let mut other: Value = serde_json::from_str(&scene.wire.payload("notes", "n13")).unwrap();
    other["hmac"] = "0".repeat(64).into();
    scene.wire.put("notes", "n13", &other.to_string());

    let late = Device::with_token(&scene.server, scene.server.url(), &scene.account);
    let outcome = late.try_sync().exits(PARTIAL);
    let listed = scene
        .device
        .run(&["records", "list", "notes", "--remote", "--format", "jsonl"])
        .outcome()
        .exits(PARTIAL);
    for id in ["n07", "n11", "n13"] {
        assert!(outcome.stderr.contains(id), "{id} is named: {outcome}");
        assert!(listed.stderr.contains(id), "{id} is named: {listed}");
    }
    assert_eq!(late.notes().len(), 29);
    assert_eq!(listed.stdout.lines().count(), 29);
    assert_eq!(
        scene.device.notes().len(),
        32,
        "the device that wrote them still has them"
    );
}

#[test]
fn without_a_network_nothing_is_lost() {
    let mut scene = Scene::new(59);
    scene.server.kill();
    let message = scene.device.try_sync().fails(OFFLINE);
    assert!(!message.is_empty());
    assert_eq!((scene.device.notes().len(), scene.device.pending()), (2, 1));
    scene.server.restart();
}
