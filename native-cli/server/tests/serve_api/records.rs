//! `storage/<collection>/<id>`: PUT, GET, DELETE, and what absent and null members mean.

use serde_json::{Value, json};

use crate::client::Running;

#[tokio::test]
async fn a_record_reads_as_it_was_put() {
    let user = Running::start().await.user().await;
    let payload = "{\"ciphertext\":\"é ☃ \\u0000\\n\"}\u{1}\n";
    let put = user
        .put(
            "/storage/notes/a",
            json!({"payload": payload, "sortindex": -7}),
        )
        .await;
    assert_eq!(
        (put.status.as_u16(), put.text()),
        (200, put.header("x-last-modified"))
    );
    let got = user.get("/storage/notes/a").await;
    assert_eq!(got.header("content-type"), "application/json");
    let modified: Value = serde_json::from_str(put.text()).unwrap();
    assert_eq!(
        got.json(),
        json!({"id": "a", "modified": modified, "payload": payload, "sortindex": -7})
    );
    assert_eq!(got.header("x-last-modified"), put.text());
}

#[tokio::test]
async fn absent_members_keep_what_is_stored_and_null_clears_it() {
    let user = Running::start().await.user().await;
    user.put("/storage/notes/a", json!({"payload": "p", "sortindex": 5}))
        .await;
    user.put("/storage/notes/a", json!({"ttl": 1000})).await;
    let got = user.get("/storage/notes/a").await.json();
    assert_eq!(
        (&got["payload"], &got["sortindex"]),
        (&json!("p"), &json!(5))
    );
    assert!(got.get("ttl").is_none());
    user.put(
        "/storage/notes/a",
        json!({"payload": null, "sortindex": null}),
    )
    .await;
    let got = user.get("/storage/notes/a").await.json();
    assert_eq!((&got["payload"], got.get("sortindex")), (&json!(""), None));
}

#[tokio::test]
async fn a_record_without_payload_has_the_empty_one() {
    let user = Running::start().await.user().await;
    user.put("/storage/notes/a", json!({})).await;
    assert_eq!(user.get("/storage/notes/a").await.json()["payload"], "");
}

#[tokio::test]
async fn any_printable_id_can_be_put_and_read() {
    let user = Running::start().await.user().await;
    for (path, id) in [
        (
            "%7Bec8030f7-c20a-464f-9b0e-13a3a9e97384%7D",
            "{ec8030f7-c20a-464f-9b0e-13a3a9e97384}",
        ),
        ("a%2Fb%20c%3F", "a/b c?"),
        ("%22%5C%25", "\"\\%"),
    ] {
        let path = format!("/storage/addons/{path}");
        assert_eq!(
            user.put(&path, json!({"payload": "p"})).await.status,
            200,
            "{id}"
        );
        assert_eq!(user.get(&path).await.json()["id"], id);
    }
    assert_eq!(user.get("/storage/addons").await.ids().len(), 3);
}

#[tokio::test]
async fn invalid_ids_and_collections_are_refused() {
    let user = Running::start().await.user().await;
    let long_id = format!("/storage/notes/{}", "x".repeat(65));
    let long_collection = format!("/storage/{}/a", "x".repeat(33));
    for (path, code) in [
        (long_id.as_str(), "8"),
        ("/storage/notes/%C3%A9", "8"),
        (&long_collection, "13"),
        ("/storage/a%20b/a", "13"),
    ] {
        let reply = user.put(path, json!({})).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (400, code), "{path}");
    }
}

#[tokio::test]
async fn a_put_body_that_is_no_record_is_refused_by_its_code() {
    let user = Running::start().await.user().await;
    for (body, code) in [
        ("nonsense", "6"),
        ("", "6"),
        ("[]", "8"),
        ("{\"unknown\":1}", "8"),
        ("{\"payload\":5}", "8"),
        ("{\"sortindex\":1000000000}", "8"),
        ("{\"ttl\":-1}", "8"),
        ("{\"ttl\":\"5\"}", "8"),
    ] {
        let call = user.call(reqwest::Method::PUT, "/storage/notes/a");
        let reply = call
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await;
        assert_eq!((reply.status.as_u16(), reply.text()), (400, code), "{body}");
    }
    assert_eq!(user.get("/storage/notes/a").await.status, 404);
}

#[tokio::test]
async fn text_plain_is_json_and_other_types_are_refused() {
    let user = Running::start().await.user().await;
    for (content_type, status) in [
        ("text/plain", 200),
        ("text/plain;charset=UTF-8", 200),
        ("application/xml", 415),
        ("application/newlines", 415),
    ] {
        let call = user.call(reqwest::Method::PUT, "/storage/notes/a");
        let reply = call
            .header("content-type", content_type)
            .body("{}")
            .send()
            .await;
        assert_eq!(reply.status, status, "{content_type}");
    }
}

#[tokio::test]
async fn a_deleted_record_is_gone_and_its_collection_changed() {
    let user = Running::start().await.user().await;
    user.put("/storage/notes/a", json!({"payload": "p"})).await;
    let put = user.put("/storage/notes/b", json!({"payload": "p"})).await;
    let deleted = user.delete("/storage/notes/a").await;
    assert!(deleted.last_modified() > put.last_modified());
    assert_eq!(
        deleted.json()["modified"].to_string(),
        serde_json::from_str::<Value>(deleted.header("x-last-modified"))
            .unwrap()
            .to_string()
    );
    assert_eq!(user.get("/storage/notes/a").await.status, 404);
    assert_eq!(user.delete("/storage/notes/a").await.status, 404);
    let list = user.get("/storage/notes").await;
    assert_eq!(
        (list.ids(), list.last_modified()),
        (vec!["b".to_owned()], deleted.last_modified())
    );
}

#[tokio::test]
async fn an_expired_record_is_gone_and_writing_it_again_begins_anew() {
    let user = Running::start().await.user().await;
    user.put(
        "/storage/tabs/a",
        json!({"payload": "p", "sortindex": 5, "ttl": 0}),
    )
    .await;
    user.put("/storage/tabs/b", json!({"payload": "p", "ttl": 1000}))
        .await;
    assert_eq!(user.get("/storage/tabs/a").await.status, 404);
    assert_eq!(user.delete("/storage/tabs/a").await.status, 404);
    assert_eq!(user.get("/storage/tabs").await.ids(), ["b"]);
    assert_eq!(
        user.get("/info/collection_counts").await.json(),
        json!({"tabs": 1})
    );
    user.put("/storage/tabs/a", json!({"payload": "new"})).await;
    let got = user.get("/storage/tabs/a").await.json();
    assert_eq!(
        (&got["payload"], got.get("sortindex")),
        (&json!("new"), None)
    );
}

#[tokio::test]
async fn a_null_ttl_makes_a_record_live_for_ever() {
    let user = Running::start().await.user().await;
    user.put("/storage/tabs/a", json!({"payload": "p", "ttl": 1}))
        .await;
    user.put("/storage/tabs/a", json!({"ttl": null})).await;
    user.put("/storage/tabs/b", json!({"payload": "p", "ttl": 1}))
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(user.get("/storage/tabs").await.ids(), ["a"]);
}

#[tokio::test]
async fn a_write_of_nothing_but_ttl_keeps_the_records_time_and_moves_the_collections() {
    let user = Running::start().await.user().await;
    let stored = user
        .put("/storage/tabs/a", json!({"payload": "p", "ttl": 5}))
        .await;
    let mut collection = stored.last_modified();
    let one = |body: Value| json!([{"id": "a", "ttl": body["ttl"]}]);
    for body in [json!({"ttl": 100}), json!({"ttl": null}), json!({})] {
        let put = user.put("/storage/tabs/a", body.clone()).await;
        let mut writes = vec![put];
        if body.get("ttl").is_some() {
            writes.push(user.post("/storage/tabs", one(body.clone())).await);
            let whole = "/storage/tabs?batch=true&commit=true";
            writes.push(user.post(whole, one(body.clone())).await);
        }
        for written in writes {
            assert!(written.last_modified() > collection, "{body}");
            collection = written.last_modified();
        }
        let got = user.get("/storage/tabs/a").await;
        assert_eq!(got.last_modified(), stored.last_modified(), "{body}");
        let info = user.get("/info/collections").await;
        assert_eq!(info.text(), format!("{{\"tabs\":{collection}}}"));
    }
    for body in [
        json!({"payload": "p"}),
        json!({"sortindex": 1, "ttl": 9}),
        json!({"payload": null}),
    ] {
        let put = user.put("/storage/tabs/a", body.clone()).await;
        let got = user.get("/storage/tabs/a").await;
        assert_eq!(got.last_modified(), put.last_modified(), "{body}");
    }
    let new = user.put("/storage/tabs/b", json!({"ttl": 100})).await;
    let got = user.get("/storage/tabs/b").await;
    assert_eq!(got.last_modified(), new.last_modified());
}

#[tokio::test]
async fn keys_with_an_iv_of_zeros_are_refused() {
    let user = Running::start().await.user().await;
    let bad = json!({"payload": r#"{"ciphertext":"x","IV": "AAAAAAAAAAAAAAAAAAAAAA=="}"#});
    let listed = json!([{"id": "good", "payload": "x"}, {"id": "keys", "payload": bad["payload"]}]);
    for refused in [
        user.put("/storage/crypto/keys", bad.clone()).await,
        user.put("/storage/crypto/other", bad.clone()).await,
        user.post("/storage/crypto", listed.clone()).await,
        user.post("/storage/crypto?batch=true", listed.clone())
            .await,
    ] {
        assert_eq!((refused.status.as_u16(), refused.text()), (400, "8"));
    }
    assert_eq!(user.get("/storage/crypto").await.text(), "[]");
    assert_eq!(user.put("/storage/notes/keys", bad).await.status, 200);
    assert_eq!(user.post("/storage/notes", listed).await.status, 200);
}
