//! `storage/<collection>`: POST, DELETE, both body formats.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Running;

#[tokio::test]
async fn a_post_writes_all_records_at_one_time() {
    let user = Running::start().await.user().await;
    let posted = user
        .post(
            "/storage/notes",
            json!([{"id": "a", "payload": "1"}, {"id": "b", "payload": "2"}]),
        )
        .await;
    assert_eq!(posted.json()["success"], json!(["a", "b"]));
    assert_eq!(posted.json()["failed"], json!({}));
    let records = user.get("/storage/notes?full=1").await.json();
    for record in records.as_array().unwrap() {
        assert_eq!(record["modified"], posted.json()["modified"]);
    }
    assert_eq!(
        user.get("/info/collections").await.json()["notes"],
        posted.json()["modified"]
    );
}

#[tokio::test]
async fn newlines_are_read_and_written() {
    let user = Running::start().await.user().await;
    let body = "{\"id\":\"a\",\"payload\":\"line\\nbreak\"}\n{\"id\":\"b\",\"payload\":\"2\"}\n";
    let call = user
        .call(Method::POST, "/storage/notes")
        .header("content-type", "application/newlines");
    assert_eq!(
        call.body(body).send().await.json()["success"],
        json!(["a", "b"])
    );
    let list = user
        .call(Method::GET, "/storage/notes?full=1")
        .header("accept", "application/newlines")
        .send()
        .await;
    assert_eq!(list.header("content-type"), "application/newlines");
    assert!(list.text().ends_with('\n'));
    let payloads: Vec<Value> = list
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["payload"].clone())
        .collect();
    assert_eq!(payloads, ["line\nbreak", "2"]);
}

#[tokio::test]
async fn what_firefox_accepts_is_json() {
    let user = Running::start().await.user().await;
    user.fill("notes", 1).await;
    let call = user
        .call(Method::GET, "/storage/notes")
        .header("accept", "application/json;q=0.9,*/*;q=0.2");
    assert_eq!(call.send().await.header("content-type"), "application/json");
    let refused = user
        .call(Method::GET, "/storage/notes")
        .header("accept", "text/html")
        .send()
        .await;
    assert_eq!(refused.status, 406);
}

#[tokio::test]
async fn a_bad_record_fails_alone_and_the_others_are_written() {
    let user = Running::start().await.user().await;
    for (n, member) in [
        r#""sortindex":12345678901"#,
        r#""sortindex":-9223372036854775808"#,
        r#""sortindex":"1""#,
        r#""sortindex":1.0"#,
        r#""sortindex":1e400"#,
        r#""sortindex":[]"#,
        r#""ttl":-1"#,
        r#""ttl":"5""#,
        r#""ttl":true"#,
        r#""payload":5"#,
        r#""payload":{"a":1}"#,
        r#""payload":"\ud83d""#,
        r#""foo":1"#,
        r#""id":"""#,
        r#""id":"é""#,
        r#""id":"a\n""#,
    ]
    .iter()
    .enumerate()
    {
        let (bad, good) = (format!("{{\"id\":\"bad\",{member}}}"), format!("g{n}"));
        let body = format!("[{bad},{{\"id\":\"{good}\",\"payload\":\"x\"}}]");
        let call = user
            .call(Method::POST, "/storage/notes")
            .header("content-type", "application/json");
        let posted = call.body(body.clone()).send().await;
        assert_eq!(posted.status, 200, "{member}");
        assert_eq!(posted.json()["success"], json!([good]), "{member}");
        assert_eq!(posted.json()["failed"].as_object().unwrap().len(), 1);
        assert_eq!(
            user.get(&format!("/storage/notes/{good}")).await.status,
            200
        );
        let call = user
            .call(Method::POST, "/storage/batched?batch=true")
            .header("content-type", "application/json");
        let posted = call.body(body).send().await;
        assert_eq!(posted.status, 202, "{member}");
        assert_eq!(posted.json()["success"], json!([good]), "{member}");
    }
    assert_eq!(user.get("/storage/notes/bad").await.status, 404);
}

#[tokio::test]
async fn a_post_that_is_no_list_of_records_writes_nothing() {
    let user = Running::start().await.user().await;
    for (body, code) in [
        (json!({"id": "a"}), "8"),
        (json!([{"id": "a"}, {"id": "a"}]), "8"),
        (json!([{"id": "a"}, "b"]), "8"),
        (json!([{"id": "a"}, {"id": 5}]), "8"),
        (json!([{"payload": "without id"}]), "8"),
    ] {
        let reply = user.post("/storage/notes", body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (400, code), "{body}");
    }
    let call = user
        .call(Method::POST, "/storage/notes")
        .header("content-type", "application/json");
    let reply = call.body("[{\"id\":").send().await;
    assert_eq!((reply.status.as_u16(), reply.text()), (400, "6"));
    assert_eq!(user.get("/info/collections").await.json(), json!({}));
}

#[tokio::test]
async fn a_missing_collection_is_an_empty_list_and_its_delete_succeeds() {
    let user = Running::start().await.user().await;
    let list = user.get("/storage/none").await;
    assert_eq!(
        (
            list.status.as_u16(),
            list.text(),
            list.header("x-weave-records")
        ),
        (200, "[]", "0")
    );
    assert_eq!(user.delete("/storage/none").await.status, 200);
    assert_eq!(user.delete("/storage/none?ids=a,b").await.status, 200);
    assert_eq!(user.get("/info/collections").await.json(), json!({}));
    let written = user.put("/storage/notes/a", json!({})).await;
    for path in ["/storage/none", "/storage/none?ids=a,b"] {
        let deleted = user.delete(path).await;
        assert_eq!(deleted.last_modified(), written.last_modified(), "{path}");
    }
    assert_eq!(user.delete("/storage/notes").await.status, 200);
    let last = user.get("/info/collections").await.last_modified();
    let deleted = user.delete("/storage/notes?ids=a").await;
    assert_eq!(deleted.last_modified(), last);
}

#[tokio::test]
async fn deleting_ids_keeps_the_collection_and_bumps_its_time() {
    let user = Running::start().await.user().await;
    user.fill("notes", 3).await;
    let deleted = user
        .delete("/storage/notes?ids=n000000,n000002,unknown")
        .await;
    assert_eq!(user.get("/storage/notes").await.ids(), ["n000001"]);
    user.delete("/storage/notes?ids=n000001").await;
    let list = user.get("/storage/notes").await;
    assert_eq!(list.text(), "[]");
    assert!(list.last_modified() > deleted.last_modified());
    assert_eq!(
        user.get("/info/collections").await.text(),
        format!("{{\"notes\":{}}}", list.last_modified())
    );
}

#[tokio::test]
async fn an_empty_ids_parameter_deletes_nothing() {
    let user = Running::start().await.user().await;
    user.fill("notes", 3).await;
    assert_eq!(user.delete("/storage/notes?ids=").await.status, 400);
    assert_eq!(user.get("/storage/notes").await.ids().len(), 3);
}

#[tokio::test]
async fn a_deleted_collection_disappears_and_can_be_made_again() {
    let user = Running::start().await.user().await;
    user.fill("notes", 250).await;
    user.fill("other", 1).await;
    let deleted = user.delete("/storage/notes").await;
    let info = user.get("/info/collections").await;
    assert_eq!(
        info.json().as_object().unwrap().keys().collect::<Vec<_>>(),
        ["other"]
    );
    assert_eq!(info.last_modified(), deleted.last_modified());
    assert_eq!(user.get("/storage/notes").await.text(), "[]");
    user.put("/storage/notes/n000001", json!({})).await;
    assert_eq!(
        user.get("/storage/notes?full=1").await.json()[0]["payload"],
        ""
    );
    assert_eq!(
        user.get("/info/collection_counts").await.json(),
        json!({"notes": 1, "other": 1})
    );
}

#[tokio::test]
async fn the_store_is_deleted_by_each_of_its_names() {
    let running = Running::start().await;
    let (user, bystander) = (running.user().await, running.user().await);
    bystander.fill("notes", 1).await;
    for path in ["/storage", "/storage/", "", "/"] {
        user.fill("notes", 2).await;
        let deleted = user
            .call(Method::DELETE, path)
            .header("x-confirm-delete", "1")
            .send()
            .await;
        assert_eq!(deleted.status, 200, "{path:?}");
        let info = user.get("/info/collections").await;
        assert_eq!(
            (info.json(), info.last_modified()),
            (json!({}), deleted.last_modified())
        );
    }
    assert_eq!(bystander.get("/storage/notes").await.ids().len(), 1);
}

#[tokio::test]
async fn users_do_not_see_each_other() {
    let running = Running::start().await;
    let (one, other) = (running.user().await, running.user().await);
    one.put("/storage/notes/a", json!({"payload": "mine"}))
        .await;
    assert_eq!(other.get("/storage/notes/a").await.status, 404);
    let mut thief = other.clone();
    thief.endpoint = one.endpoint.clone();
    assert_eq!(thief.get("/storage/notes/a").await.status, 401);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let user = Running::start().await.user().await;
    assert_eq!(user.get("/nothing").await.status, 404);
    assert_eq!(user.get("/storage").await.status, 405);
    assert_eq!(
        user.call(Method::PATCH, "/storage/notes")
            .send()
            .await
            .status,
        405
    );
    assert_eq!(user.put("/storage/notes", json!({})).await.status, 405);
}

#[tokio::test]
async fn any_value_of_full_asks_for_whole_records() {
    let user = Running::start().await.user().await;
    user.fill("notes", 1).await;
    for query in ["full=1", "full=0", "full=false", "full"] {
        let list = user.get(&format!("/storage/notes?{query}")).await.json();
        assert_eq!(list[0]["id"], "n000000", "{query}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_415() {
    let user = Running::start().await.user().await;
    for (method, path, body) in [
        (Method::POST, "/storage/notes", "[{\"id\":\"a\"}]"),
        (Method::PUT, "/storage/notes/a", "{}"),
    ] {
        for (encoding, status) in [("gzip", 415), ("br", 415), ("identity", 200)] {
            let call = user.call(method.clone(), path);
            let call = call.header("content-encoding", encoding).body(body);
            assert_eq!(call.send().await.status, status, "{method} {encoding}");
        }
    }
}
