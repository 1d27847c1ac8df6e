//! The limits of info/configuration and the quota.

use reqwest::Method;
use selvedge_server::Options;
use selvedge_server::model::Limits;
use serde_json::json;

use crate::client::{Running, User};

fn small() -> Limits {
    Limits {
        max_request_bytes: 2000,
        max_post_records: 4,
        max_post_bytes: 800,
        max_total_records: 6,
        max_total_bytes: 1000,
        max_record_payload_bytes: 300,
    }
}

async fn user_with(options: Options) -> User {
    Running::with(options).await.user().await
}

async fn limited() -> User {
    let limits = small();
    user_with(Options {
        limits,
        ..Options::default()
    })
    .await
}

#[tokio::test]
async fn the_configuration_tells_the_limits_of_this_server() {
    let reply = limited().await.get("/info/configuration").await;
    assert_eq!(reply.header("x-last-modified"), "0.00");
    assert_eq!(
        reply.json(),
        json!({"max_request_bytes": 2000, "max_post_records": 4, "max_post_bytes": 800, "max_total_records": 6,
            "max_total_bytes": 1000, "max_record_payload_bytes": 300})
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_with_and_without_a_length() {
    let user = limited().await;
    let fits = format!("{:2000}", "[]");
    let call = |body: String| {
        user.call(Method::POST, "/storage/notes")
            .header("content-type", "text/plain")
            .body(body)
    };
    assert_eq!(call(fits.clone()).send().await.status, 200);
    assert_eq!(call(fits + " ").send().await.status, 413);
    let url = format!("{}/storage/notes", user.endpoint);
    let signed = user.sign("POST", &url, crate::client::seconds(), "chunked");
    let address = user
        .endpoint
        .strip_prefix("http://")
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    let path = user.endpoint.split_once(address).unwrap().1;
    let request = format!(
        "POST {path}/storage/notes HTTP/1.1\r\nhost: {address}\r\nauthorization: {signed}\r\ncontent-type: text/plain\r\n\
         transfer-encoding: chunked\r\n\r\n7d1\r\n{}\r\n",
        " ".repeat(2001)
    );
    assert!(
        crate::client::exchange(address, &request)
            .await
            .starts_with("HTTP/1.1 413 ")
    );
}

#[tokio::test]
async fn a_payload_at_the_limit_is_kept_and_one_above_is_not() {
    let user = limited().await;
    for (size, status) in [(300, 200), (301, 413)] {
        let reply = user
            .put("/storage/notes/a", json!({"payload": "x".repeat(size)}))
            .await;
        assert_eq!(reply.status, status, "{size}");
    }
    let posted = user.post("/storage/notes", json!([{"id": "a", "payload": "x".repeat(301)}, {"id": "b", "payload": "é".repeat(150)}])).await;
    assert_eq!(posted.json()["success"], json!(["b"]));
    assert_eq!(posted.json()["failed"], json!({"a": "payload too large"}));
}

#[tokio::test]
async fn what_does_not_fit_into_a_post_is_to_be_sent_again() {
    let user = limited().await;
    let ids = ["a", "b", "c", "d", "e"];
    let posted = user
        .post(
            "/storage/notes",
            ids.iter().map(|id| json!({"id": id})).collect(),
        )
        .await;
    assert_eq!(posted.json()["failed"], json!({"e": "retry bso"}));
    let records = ids[..3]
        .iter()
        .map(|id| json!({"id": id, "payload": "x".repeat(300)}));
    let posted = user.post("/storage/notes", records.collect()).await;
    assert_eq!(posted.json()["failed"], json!({"c": "retry bytes"}));
    assert_eq!(posted.json()["success"], json!(["a", "b"]));
}

#[tokio::test]
async fn a_batch_over_its_limits_is_refused_with_17() {
    let user = limited().await;
    for (first, second, status) in [(4, 2, 202), (4, 3, 400)] {
        let records = |count: usize| {
            (0..count)
                .map(|n| json!({"id": format!("{count}-{n}")}))
                .collect()
        };
        let batch = user
            .post("/storage/notes?batch=true", records(first))
            .await
            .json()["batch"]
            .as_str()
            .unwrap()
            .to_owned();
        let reply = user
            .post(&format!("/storage/notes?batch={batch}"), records(second))
            .await;
        assert_eq!(reply.status, status);
        assert!(status == 202 || reply.text() == "17");
    }
    let big = |id| json!([{"id": id, "payload": "x".repeat(300)}, {"id": format!("{id}2"), "payload": "x".repeat(300)}]);
    let batch = user
        .post("/storage/notes?batch=true", big("a"))
        .await
        .json()["batch"]
        .as_str()
        .unwrap()
        .to_owned();
    let reply = user
        .post(
            &format!("/storage/notes?batch={batch}&commit=true"),
            big("b"),
        )
        .await;
    assert_eq!((reply.status.as_u16(), reply.text()), (400, "17"));
    assert_eq!(user.get("/storage/notes").await.text(), "[]");
}

#[tokio::test]
async fn announced_sizes_are_refused_early() {
    let user = limited().await;
    for (name, value, query, expected) in [
        ("x-weave-records", "5", "", Some("17")),
        ("x-weave-bytes", "801", "", Some("17")),
        ("x-weave-total-records", "7", "?batch=true", Some("17")),
        ("x-weave-total-bytes", "1001", "?batch=true", Some("17")),
        ("x-weave-total-records", "2", "", Some("1")),
        ("x-weave-total-bytes", "2", "", Some("1")),
        ("x-weave-records", "many", "", Some("0")),
        ("x-weave-records", "4", "", None),
        (
            "x-weave-total-records",
            "6",
            "?batch=true&commit=true",
            None,
        ),
    ] {
        let call = user
            .call(Method::POST, &format!("/storage/notes{query}"))
            .header(name, value);
        let reply = call.json(&json!([{"id": "a"}])).send().await;
        match expected {
            Some(code) => assert_eq!(
                (reply.status.as_u16(), reply.text()),
                (400, code),
                "{name}: {value} {query}"
            ),
            None => assert_eq!(reply.status, 200, "{name}: {value} {query}"),
        }
    }
}

#[tokio::test]
async fn the_quota_is_told_and_enforced_and_what_frees_space_is_allowed() {
    let quota_bytes = Some(10 * 1024);
    let user = user_with(Options {
        quota_bytes,
        ..Options::default()
    })
    .await;
    assert_eq!(user.get("/info/quota").await.json(), json!([0.0, 10.0]));
    let payload = "x".repeat(4 * 1024);
    let put = user
        .put("/storage/notes/a", json!({"payload": payload}))
        .await;
    assert_eq!(put.header("x-weave-quota-remaining"), "6");
    user.put("/storage/notes/b", json!({"payload": payload}))
        .await;
    for (path, body) in [
        ("/storage/notes", json!([{"id": "c", "payload": payload}])),
        (
            "/storage/notes?batch=true",
            json!([{"id": "c", "payload": payload}]),
        ),
    ] {
        let reply = user.post(path, body).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (403, "14"), "{path}");
    }
    assert_eq!(user.get("/storage/notes").await.ids(), ["a", "b"]);
    assert_eq!(user.get("/info/quota").await.json(), json!([8.0, 10.0]));
    assert_eq!(
        user.put("/storage/notes/b", json!({"payload": "small"}))
            .await
            .status,
        200
    );
    assert_eq!(user.delete("/storage/notes/a").await.status, 200);
    assert_eq!(
        user.put("/storage/notes/c", json!({"payload": payload}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn what_waits_in_open_batches_counts_for_the_quota() {
    let user = user_with(Options {
        quota_bytes: Some(10 * 1024),
        ..Options::default()
    })
    .await;
    let record = |id: &str| json!([{"id": id, "payload": "x".repeat(4 * 1024)}]);
    let open = "/storage/notes?batch=true";
    let first = user.post(open, record("a")).await;
    assert_eq!(
        (
            first.status.as_u16(),
            first.header("x-weave-quota-remaining")
        ),
        (202, "6")
    );
    assert_eq!(user.post(open, record("b")).await.status, 202);
    let refused = user.post(open, record("c")).await;
    assert_eq!((refused.status.as_u16(), refused.text()), (403, "14"));
    let batch = first.json()["batch"].as_str().unwrap().to_owned();
    let commit = format!("/storage/notes?batch={batch}&commit=true");
    assert_eq!(user.post(&commit, json!([])).await.status, 200);
    assert_eq!(user.get("/storage/notes").await.ids(), ["a"]);
}

#[tokio::test]
async fn a_user_has_a_hundred_batches_open_at_most() {
    let running = Running::start().await;
    let (user, other) = (running.user().await, running.user().await);
    let open = "/storage/notes?batch=true";
    let mut batch = String::new();
    for _ in 0..100 {
        let opened = user.post(open, json!([])).await;
        assert_eq!(opened.status, 202);
        batch = opened.json()["batch"].as_str().unwrap().to_owned();
    }
    let refused = user.post(open, json!([])).await;
    assert_eq!((refused.status.as_u16(), refused.text()), (400, "17"));
    assert_eq!(other.post(open, json!([])).await.status, 202);
    let commit = format!("/storage/notes?batch={batch}&commit=true");
    assert_eq!(user.post(&commit, json!([])).await.status, 200);
    assert_eq!(user.post(open, json!([])).await.status, 202);
}
