//! X-If-Modified-Since and X-If-Unmodified-Since over all requests.

use reqwest::Method;
use selvedge_core::time::ServerTime;
use serde_json::json;

use crate::client::{Running, User};

const XIMS: &str = "x-if-modified-since";
const XIUS: &str = "x-if-unmodified-since";

fn before(time: ServerTime) -> ServerTime {
    ServerTime::from_hundredths(time.hundredths() - 1)
}

/// A store with `notes/a`, then `notes/b`, then `other/c`, and their times.
async fn store() -> (User, [ServerTime; 3]) {
    let user = Running::start().await.user().await;
    let mut times = [ServerTime::ZERO; 3];
    for (path, time) in ["notes/a", "notes/b", "other/c"].iter().zip(&mut times) {
        *time = user
            .put(&format!("/storage/{path}"), json!({"payload": "p"}))
            .await
            .last_modified();
    }
    (user, times)
}

#[tokio::test]
async fn a_read_is_answered_only_if_its_target_changed() {
    let (user, [a, b, c]) = store().await;
    for (path, target) in [
        ("/storage/notes/a", a),
        ("/storage/notes", b),
        ("/storage/notes?full=1&limit=1", b),
        ("/info/collections", c),
        ("/info/collection_counts", c),
        ("/info/collection_usage", c),
        ("/info/quota", c),
    ] {
        for (since, status) in [(before(target), 200), (target, 304)] {
            let reply = user
                .call(Method::GET, path)
                .header(XIMS, since)
                .send()
                .await;
            assert_eq!(reply.status, status, "{path}");
            assert_eq!(reply.last_modified(), target, "{path}");
            assert_eq!(reply.body.is_empty(), status == 304);
            assert!(ServerTime::parse(reply.header("x-weave-timestamp")).unwrap() >= target);
        }
    }
}

#[tokio::test]
async fn a_read_of_what_moved_is_refused() {
    let (user, [a, b, c]) = store().await;
    for (path, target) in [
        ("/storage/notes/a", a),
        ("/storage/notes", b),
        ("/info/collections", c),
    ] {
        for (since, status) in [(target, 200), (before(target), 412)] {
            let reply = user
                .call(Method::GET, path)
                .header(XIUS, since)
                .send()
                .await;
            assert_eq!(
                (reply.status.as_u16(), reply.last_modified()),
                (status, target),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_write_to_what_moved_does_nothing() {
    let (user, [a, b, c]) = store().await;
    let body = json!({"payload": "changed"});
    let list = json!([{"id": "a", "payload": "changed"}]);
    for (method, path, body, target) in [
        (Method::PUT, "/storage/notes/a", Some(&body), a),
        (Method::POST, "/storage/notes", Some(&list), b),
        (Method::POST, "/storage/notes?batch=true", Some(&list), b),
        (Method::DELETE, "/storage/notes/a", None, a),
        (Method::DELETE, "/storage/notes?ids=a", None, b),
        (Method::DELETE, "/storage/notes", None, b),
        (Method::DELETE, "/storage", None, c),
    ] {
        let call = user.call(method.clone(), path).header(XIUS, before(target));
        let reply = match body {
            Some(body) => call.json(body).send().await,
            None => call.send().await,
        };
        assert_eq!(
            (reply.status.as_u16(), reply.last_modified()),
            (412, target),
            "{method} {path}"
        );
    }
    assert_eq!(user.get("/storage/notes/a").await.json()["payload"], "p");
    assert_eq!(user.get("/info/collections").await.last_modified(), c);
}

#[tokio::test]
async fn a_write_to_what_did_not_move_is_done() {
    let (user, [a, b, _]) = store().await;
    let put = user
        .call(Method::PUT, "/storage/notes/a")
        .header(XIUS, a)
        .json(&json!({}))
        .send()
        .await;
    assert_eq!(put.status, 200);
    let post = user
        .call(Method::POST, "/storage/notes")
        .header(XIUS, b)
        .json(&json!([{"id": "x"}]))
        .send()
        .await;
    assert_eq!(
        (post.status.as_u16(), post.last_modified()),
        (412, put.last_modified())
    );
    let post = user
        .call(Method::POST, "/storage/notes")
        .header(XIUS, put.last_modified())
        .json(&json!([{"id": "x"}]))
        .send()
        .await;
    assert_eq!(post.status, 200);
}

#[tokio::test]
async fn zero_means_only_if_it_does_not_exist() {
    let (user, _) = store().await;
    for (method, path, body, status) in [
        (Method::PUT, "/storage/notes/a", json!({}), 412),
        (Method::PUT, "/storage/notes/new", json!({}), 200),
        (Method::POST, "/storage/notes", json!([{"id": "n"}]), 412),
        (Method::POST, "/storage/fresh", json!([{"id": "n"}]), 200),
    ] {
        let reply = user
            .call(method, path)
            .header(XIUS, "0")
            .json(&body)
            .send()
            .await;
        assert_eq!(reply.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_deleted_collection_is_as_if_it_never_existed() {
    let (user, _) = store().await;
    user.delete("/storage/notes").await;
    let post = user
        .call(Method::POST, "/storage/notes")
        .header(XIUS, "0")
        .json(&json!([{"id": "n"}]))
        .send()
        .await;
    assert_eq!(post.status, 200);
}

#[tokio::test]
async fn a_missing_collection_is_never_unchanged() {
    let (user, [_, b, _]) = store().await;
    user.delete("/storage/notes").await;
    let reply = user
        .call(Method::GET, "/storage/notes")
        .header(XIMS, b)
        .send()
        .await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "[]"));
}

#[tokio::test]
async fn malformed_conditions_and_both_at_once_are_refused() {
    let (user, _) = store().await;
    for path in [
        "/storage/notes/a",
        "/storage/notes",
        "/info/collections",
        "/info/configuration",
    ] {
        for header in [XIMS, XIUS] {
            for value in ["-1", "abc", "1.5e3"] {
                let reply = user
                    .call(Method::GET, path)
                    .header(header, value)
                    .send()
                    .await;
                assert_eq!(reply.status, 400, "{path} {header}: {value}");
            }
        }
        let both = user
            .call(Method::GET, path)
            .header(XIMS, "1")
            .header(XIUS, "2")
            .send()
            .await;
        assert_eq!(both.status, 400, "{path}");
    }
    let put = user
        .call(Method::PUT, "/storage/notes/a")
        .header(XIUS, "later")
        .json(&json!({}))
        .send()
        .await;
    assert_eq!(put.status, 400);
}
