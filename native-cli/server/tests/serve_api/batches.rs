//! Batched uploads.

use reqwest::Method;
use serde_json::json;

use crate::client::{Reply, Running, User};

async fn open(user: &User, collection: &str, ids: &[&str]) -> (String, Reply) {
    let reply = add(user, collection, "batch=true", ids).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    (reply.json()["batch"].as_str().unwrap().to_owned(), reply)
}

async fn add(user: &User, collection: &str, query: &str, ids: &[&str]) -> Reply {
    let records = ids
        .iter()
        .map(|id| json!({"id": id, "payload": format!("payload of {id}")}));
    user.post(&format!("/storage/{collection}?{query}"), records.collect())
        .await
}

#[tokio::test]
async fn nothing_of_a_batch_is_seen_before_its_commit_and_then_all_at_one_time() {
    let user = Running::start().await.user().await;
    user.fill("notes", 1).await;
    let before = user.get("/storage/notes").await.last_modified();
    let (batch, opened) = open(&user, "notes", &["a", "b"]).await;
    assert_eq!(opened.json()["success"], json!(["a", "b"]));
    assert_eq!(opened.last_modified(), before);
    let added = add(&user, "notes", &format!("batch={batch}"), &["c"]).await;
    assert_eq!(
        (added.status.as_u16(), added.json()["batch"].as_str()),
        (202, Some(batch.as_str()))
    );
    assert_eq!(user.get("/storage/notes").await.ids(), ["n000000"]);
    assert_eq!(user.get("/info/collections").await.last_modified(), before);
    let committed = add(
        &user,
        "notes",
        &format!("batch={batch}&commit=true"),
        &["d"],
    )
    .await;
    assert_eq!(committed.status, 200);
    assert_eq!(committed.json()["success"], json!(["d"]));
    let records = user.get("/storage/notes?full=1&sort=oldest").await.json();
    let records = records.as_array().unwrap();
    assert_eq!(records.len(), 5);
    for (record, id) in records[1..].iter().zip(["a", "b", "c", "d"]) {
        assert_eq!(record["payload"], format!("payload of {id}"));
        assert_eq!(record["modified"], committed.json()["modified"]);
    }
}

#[tokio::test]
async fn a_batch_that_opens_and_commits_at_once_is_a_plain_post() {
    let user = Running::start().await.user().await;
    let reply = add(&user, "notes", "batch=true&commit=true", &["a"]).await;
    assert_eq!(
        (reply.status.as_u16(), reply.json().get("batch")),
        (200, None)
    );
    assert_eq!(user.get("/storage/notes").await.ids(), ["a"]);
}

#[tokio::test]
async fn an_empty_batch_parameter_opens_one() {
    let user = Running::start().await.user().await;
    assert_eq!(add(&user, "notes", "batch=", &["a"]).await.status, 202);
    assert_eq!(user.get("/storage/notes").await.text(), "[]");
}

#[tokio::test]
async fn an_empty_commit_makes_the_batch_visible() {
    let user = Running::start().await.user().await;
    for (content_type, body) in [("application/json", "[]"), ("application/newlines", "")] {
        let (batch, _) = open(&user, "notes", &["a", "b"]).await;
        let call = user.call(
            Method::POST,
            &format!("/storage/notes?batch={batch}&commit=true"),
        );
        let reply = call
            .header("content-type", content_type)
            .body(body)
            .send()
            .await;
        assert_eq!(reply.status, 200, "{content_type}");
        assert_eq!(user.get("/storage/notes").await.ids(), ["a", "b"]);
        user.delete("/storage/notes").await;
    }
}

#[tokio::test]
async fn a_batch_writes_only_the_members_that_were_sent() {
    let user = Running::start().await.user().await;
    user.put(
        "/storage/notes/a",
        json!({"payload": "kept", "sortindex": 1}),
    )
    .await;
    user.put(
        "/storage/notes/b",
        json!({"payload": "cleared", "sortindex": 1}),
    )
    .await;
    let body = json!([{"id": "a", "sortindex": 2}, {"id": "b", "payload": null, "sortindex": null}, {"id": "c", "payload": "p", "ttl": 0}]);
    let batch = user.post("/storage/notes?batch=true", body).await.json()["batch"]
        .as_str()
        .unwrap()
        .to_owned();
    user.post(
        &format!("/storage/notes?batch={batch}&commit=true"),
        json!([]),
    )
    .await;
    let a = user.get("/storage/notes/a").await.json();
    assert_eq!(
        (&a["payload"], &a["sortindex"]),
        (&json!("kept"), &json!(2))
    );
    let b = user.get("/storage/notes/b").await.json();
    assert_eq!((&b["payload"], b.get("sortindex")), (&json!(""), None));
    assert_eq!(user.get("/storage/notes/c").await.status, 404);
}

#[tokio::test]
async fn a_later_record_of_a_batch_replaces_an_earlier_one() {
    let user = Running::start().await.user().await;
    let (batch, _) = open(&user, "notes", &["a"]).await;
    let last = json!([{"id": "a", "payload": "last"}]);
    user.post(&format!("/storage/notes?batch={batch}&commit=true"), last)
        .await;
    assert_eq!(user.get("/storage/notes/a").await.json()["payload"], "last");
    assert_eq!(
        user.get("/info/collection_counts").await.json(),
        json!({"notes": 1})
    );
}

#[tokio::test]
async fn what_is_no_open_batch_of_this_collection_is_refused() {
    let running = Running::start().await;
    let (user, other) = (running.user().await, running.user().await);
    let (batch, _) = open(&user, "notes", &["a"]).await;
    for query in [
        "batch=999999",
        "batch=nonsense",
        "commit=true",
        "batch=true&commit=1",
    ] {
        assert_eq!(
            add(&user, "notes", query, &["b"]).await.status,
            400,
            "{query}"
        );
    }
    let query = format!("batch={batch}&commit=true");
    assert_eq!(add(&user, "other", &query, &[]).await.status, 400);
    assert_eq!(add(&other, "notes", &query, &[]).await.status, 400);
    assert_eq!(add(&user, "notes", &query, &[]).await.status, 200);
    assert_eq!(
        add(&user, "notes", &query, &[]).await.status,
        400,
        "a batch commits once"
    );
}

#[tokio::test]
async fn a_commit_to_a_collection_that_moved_writes_nothing() {
    let user = Running::start().await.user().await;
    user.fill("notes", 1).await;
    let seen = user.get("/storage/notes").await.last_modified();
    let (batch, _) = open(&user, "notes", &["a"]).await;
    user.put("/storage/notes/between", json!({})).await;
    let call = user.call(
        Method::POST,
        &format!("/storage/notes?batch={batch}&commit=true"),
    );
    let reply = call
        .header("x-if-unmodified-since", seen)
        .json(&json!([]))
        .send()
        .await;
    assert_eq!(reply.status, 412);
    assert_eq!(user.get("/storage/notes/a").await.status, 404);
}

#[tokio::test]
async fn deleting_the_collection_voids_its_batches() {
    let user = Running::start().await.user().await;
    for path in ["/storage/notes", "/storage"] {
        let (batch, _) = open(&user, "notes", &["a"]).await;
        user.delete(path).await;
        assert_eq!(
            add(&user, "notes", &format!("batch={batch}&commit=true"), &[])
                .await
                .status,
            400,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_batch_of_ten_thousand_records_commits_whole() {
    let user = Running::start().await.user().await;
    let mut query = "batch=true".to_owned();
    for post in 0..100 {
        let ids: Vec<String> = (0..100).map(|n| format!("{post}-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        if post == 99 {
            query += "&commit=true";
        }
        let reply = add(&user, "notes", &query, &ids).await;
        assert_eq!(
            reply.status,
            if post == 99 { 200 } else { 202 },
            "{reply:?}"
        );
        if post == 0 {
            query = format!("batch={}", reply.json()["batch"].as_str().unwrap());
        }
    }
    assert_eq!(
        user.get("/info/collection_counts").await.json(),
        json!({"notes": 10_000})
    );
    assert_eq!(user.get("/storage/notes").await.ids().len(), 10_000);
}

#[tokio::test]
async fn a_gathered_record_of_nothing_but_ttl_gets_the_time_of_the_commit() {
    let user = Running::start().await.user().await;
    user.post(
        "/storage/tabs",
        json!([{"id": "a", "payload": "1"}, {"id": "b", "payload": "2"}]),
    )
    .await;
    let before = user.get("/storage/tabs/b").await.last_modified();
    let opened = user
        .post("/storage/tabs?batch=true", json!([{"id": "a", "ttl": 100}]))
        .await
        .json();
    let batch = opened["batch"].as_str().unwrap();
    let committed = user
        .post(
            &format!("/storage/tabs?batch={batch}&commit=true"),
            json!([{"id": "b", "ttl": 100}]),
        )
        .await;
    let gathered = user.get("/storage/tabs/a").await;
    assert_eq!(gathered.last_modified(), committed.last_modified());
    let committing = user.get("/storage/tabs/b").await;
    assert_eq!(committing.last_modified(), before);
    assert_eq!(gathered.json()["payload"], "1");
}

#[tokio::test]
async fn a_stale_condition_is_told_before_an_unknown_batch() {
    let user = Running::start().await.user().await;
    user.fill("notes", 1).await;
    for batch in ["nonsense", "999999", "true"] {
        let path = format!("/storage/notes?batch={batch}&commit=TRUE");
        let call = user.call(reqwest::Method::POST, &path);
        let stale = call.header("x-if-unmodified-since", "1").json(&json!([]));
        assert_eq!(stale.send().await.status, 412, "{batch}");
    }
    let unknown = user.post("/storage/notes?batch=nonsense", json!([])).await;
    assert_eq!(unknown.status, 400);
    let opened = user.post("/storage/notes?batch=TRUE", json!([])).await;
    assert_eq!(opened.status, 202);
}
