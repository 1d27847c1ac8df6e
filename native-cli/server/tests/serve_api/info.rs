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
    assert_eq!(
        user.get("/info/quota").await.json(),
        json!([3.5, 2_048_000.0])
    );
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
        json!({"notes": 2})
    );
    assert_eq!(
        user.get("/info/collection_usage").await.json(),
        json!({"notes": 1.0})
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
async fn load_balancers_find_the_paths_of_the_reference_server() {
    let running = Running::start().await;
    for (path, member, value) in [
        ("/__heartbeat__", "status", json!("Ok")),
        ("/__lbheartbeat__", "status", json!(null)),
        ("/__version__", "version", json!(env!("CARGO_PKG_VERSION"))),
    ] {
        let request = running.http.get(format!("{}{path}", running.url));
        let reply = crate::client::Reply::read(request.send().await.unwrap()).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.json()[member], value, "{path}");
    }
}

#[tokio::test]
async fn counts_and_usage_leave_out_collections_without_live_records() {
    let user = Running::start().await.user().await;
    user.put("/storage/tabs/a", json!({"payload": "p", "ttl": 0}))
        .await;
    user.put("/storage/notes/a", json!({"payload": "x".repeat(512)}))
        .await;
    user.put("/storage/emptied/a", json!({})).await;
    user.delete("/storage/emptied/a").await;
    for (path, expected) in [
        ("/info/collection_counts", json!({"notes": 1})),
        ("/info/collection_usage", json!({"notes": 0.5})),
    ] {
        assert_eq!(user.get(path).await.json(), expected, "{path}");
    }
    let times = user.get("/info/collections").await.json();
    assert_eq!(times.as_object().unwrap().len(), 3);
}
