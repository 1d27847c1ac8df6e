//! info/* and the headers of all replies.

use selvedge_core::time::ServerTime;
use serde_json::json;

use crate::client::Running;

#[tokio::test]
async fn info_counts_and_weighs_through_every_kind_of_write() {
    let user = Running::start().await.user().await;
    user.post(
        "/storage/notes",
        json!([{"id": "a", "payload": "x".repeat(1024)}, {"id": "b", "payload": "é".repeat(256)}]),
    )
    .await;
    user.put("/storage/tabs/t", json!({"payload": "x".repeat(2048)}))
        .await;
    assert_eq!(
        user.get("/info/collection_counts").await.json(),
        json!({"notes": 2, "tabs": 1})
    );
    assert_eq!(
        user.get("/info/collection_usage").await.json(),
        json!({"notes": 1.5, "tabs": 2.0})
    );
    assert_eq!(user.get("/info/quota").await.json(), json!([3.5, null]));
    user.put("/storage/notes/a", json!({"payload": "x".repeat(512)}))
        .await;
    user.delete("/storage/notes/b").await;
    let batch = user
        .post(
            "/storage/notes?batch=true",
            json!([{"id": "c", "payload": "x".repeat(512)}]),
        )
        .await
        .json()["batch"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        user.get("/info/collection_usage").await.json(),
        json!({"notes": 0.5, "tabs": 2.0})
    );
    user.post(
        &format!("/storage/notes?batch={batch}&commit=true"),
        json!([]),
    )
    .await;
    user.delete("/storage/tabs?ids=t").await;
    assert_eq!(
        user.get("/info/collection_counts").await.json(),
        json!({"notes": 2, "tabs": 0})
    );
    assert_eq!(
        user.get("/info/collection_usage").await.json(),
        json!({"notes": 1.0, "tabs": 0.0})
    );
}

#[tokio::test]
async fn info_collections_tells_the_time_of_each_last_write() {
    let user = Running::start().await.user().await;
    assert_eq!(user.get("/info/collections").await.text(), "{}");
    let notes = user
        .put("/storage/notes/a", json!({}))
        .await
        .last_modified();
    let tabs = user.put("/storage/tabs/a", json!({})).await.last_modified();
    let info = user.get("/info/collections").await;
    assert_eq!(
        info.text(),
        format!("{{\"notes\":{notes},\"tabs\":{tabs}}}")
    );
    assert_eq!(
        (info.last_modified(), info.header("x-weave-records")),
        (tabs, "2")
    );
}

#[tokio::test]
async fn every_reply_tells_the_servers_time() {
    let running = Running::start().await;
    let user = running.user().await;
    let mut replies = vec![
        user.get("/info/collections").await,
        user.get("/nothing").await,
        user.get("/storage/notes/none").await,
    ];
    replies.push(user.put("/storage/notes/a", json!({"unknown": 1})).await);
    for path in [
        "/",
        "/__heartbeat__",
        "/1.5/1/info/collections",
        "/1.0/sync/1.5",
    ] {
        let reply = running
            .http
            .get(format!("{}{path}", running.url))
            .send()
            .await
            .unwrap();
        replies.push(crate::client::Reply::read(reply).await);
    }
    for reply in replies {
        let time = ServerTime::parse(reply.header("x-weave-timestamp")).unwrap();
        assert!(
            time.hundredths().abs_diff(crate::client::seconds() * 100) < 1000,
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn the_heartbeat_says_that_reads_and_writes_work() {
    let running = Running::start().await;
    let reply = running
        .http
        .get(format!("{}/__heartbeat__", running.url))
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
}
