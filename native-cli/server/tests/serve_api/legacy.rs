//! The dialect 1.1: who is let in, and what is said otherwise than in 1.5.

use reqwest::{Method, RequestBuilder};
use selvedge_core::server::Dialect;
use selvedge_server::{Location, NewNode, Options, add_user, change_password, move_user};
use serde_json::{Value, json};

use crate::client::{Reply, Running};

struct Legacy {
    running: Running,
    data: tempfile::TempDir,
    root: String,
}

impl Legacy {
    async fn start() -> Self {
        Self::with(Options::default()).await
    }

    async fn with(options: Options) -> Self {
        let data = tempfile::tempdir().unwrap();
        let name = add_user(data.path().into(), "Alice", "pass:wörd").await;
        assert_eq!(name.unwrap(), "alice");
        let running = Running::with(Options {
            dialect: Dialect::V1_1,
            data: Location::Directory(data.path().into()),
            ..options
        })
        .await;
        let root = format!("{}/1.1/alice", running.url);
        Self {
            running,
            data,
            root,
        }
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .running
            .http
            .request(method, format!("{}{path}", self.root));
        request.basic_auth("alice", Some("pass:wörd"))
    }

    async fn get(&self, path: &str) -> Reply {
        send(self.call(Method::GET, path)).await
    }

    async fn write(&self, method: Method, path: &str, body: &Value) -> Reply {
        send(self.call(method, path).body(body.to_string())).await
    }

    async fn node(&self, name: &str) -> Reply {
        let url = format!("{}/user/1.0/{name}/node/weave", self.running.url);
        send(self.running.http.get(url)).await
    }

    async fn move_to(&self, node: NewNode) {
        let moved = move_user(self.data.path().into(), "alice", node).await;
        assert_eq!(moved.unwrap(), "alice");
    }
}

async fn send(request: RequestBuilder) -> Reply {
    Reply::read(request.send().await.unwrap()).await
}

fn time(reply: &Reply) -> f64 {
    reply.header("x-weave-timestamp").parse().unwrap()
}

#[tokio::test]
async fn each_user_has_a_node_or_is_unknown() {
    let server = Legacy::start().await;
    let node = server.node("alice").await;
    assert_eq!(node.text(), format!("{}/", server.running.url));
    assert_eq!(node.header("content-type"), "text/plain");
    let unknown = server.node("bob").await;
    assert_eq!((unknown.status.as_u16(), unknown.text()), (400, "3"));
    server.move_to(NewNode::Nowhere).await;
    assert_eq!(server.node("alice").await.text(), "null");
    server
        .move_to(NewNode::At("https://node.example.org/".into()))
        .await;
    let node = server.node("alice").await;
    assert_eq!(node.text(), "https://node.example.org/");
    let elsewhere = server.get("/info/collections").await;
    assert_eq!(elsewhere.status, 401, "the storage is elsewhere");
    server.move_to(NewNode::Here).await;
    assert_eq!(server.get("/info/collections").await.status, 200);
}

#[tokio::test]
async fn only_the_user_is_let_in() {
    let server = Legacy::start().await;
    let bob = add_user(server.data.path().into(), "bob", "bob's").await;
    assert_eq!(bob.unwrap(), "bob");
    assert_eq!(server.get("/info/collections").await.status, 200);
    let url = format!("{}/info/collections", server.root);
    let ask = |name: &'static str, password: &'static str| {
        let request = server.running.http.get(&url);
        send(request.basic_auth(name, Some(password)))
    };
    let nobody = send(server.running.http.get(&url)).await;
    assert_eq!(nobody.status, 401);
    let asked = nobody.header("www-authenticate");
    assert_eq!(asked, "Basic realm=\"Sync\"");
    for (name, password) in [
        ("alice", "wrong"),
        ("bob", "bob's"),
        ("carol", "x"),
        ("", ""),
    ] {
        assert_eq!(ask(name, password).await.status, 401, "{name}");
    }
    let changed = change_password(server.data.path().into(), "alice", "new").await;
    assert_eq!(changed.unwrap(), "alice");
    assert_eq!(ask("alice", "pass:wörd").await.status, 401);
    assert_eq!(ask("alice", "new").await.status, 200);
}

#[tokio::test]
async fn a_write_tells_its_time_in_the_headers_and_the_bodies_of_1_1() {
    let server = Legacy::start().await;
    let put = server
        .write(Method::PUT, "/storage/notes/a", &json!({"payload": "x"}))
        .await;
    assert_eq!(put.status, 200);
    assert_eq!(put.text(), put.header("x-weave-timestamp"));
    let post = server
        .write(
            Method::POST,
            "/storage/notes?batch=true",
            &json!([{"id": "b", "payload": "y", "parentid": "menu"}, {"id": "c", "sortindex": 12345678901_u64}]),
        )
        .await;
    assert_eq!(post.status, 200, "there are no batches: it is final");
    let body = post.json();
    assert_eq!(body["modified"].as_f64(), Some(time(&post)));
    assert_eq!(body["success"], json!(["b"]));
    assert!(body["failed"]["c"][0].is_string(), "{body}");
    assert!(body["batch"].is_null());
    let records = server.get("/storage/notes?full=1").await;
    assert_eq!(records.ids(), ["a", "b"]);
    assert_eq!(records.header("x-weave-records"), "2");
    assert!(time(&records) >= time(&post));
    let deleted = server
        .write(Method::DELETE, "/storage/notes/b", &Value::Null)
        .await;
    assert_eq!(deleted.text(), deleted.header("x-weave-timestamp"));
    for reply in [put, post, records, deleted] {
        assert!(reply.headers.get("x-last-modified").is_none(), "{reply:?}");
    }
}

#[tokio::test]
async fn lists_are_skipped_by_number_and_narrowed_by_sort_index() {
    let server = Legacy::start().await;
    let records: Value = (0..5)
        .map(|n| json!({"id": format!("r{n}"), "payload": "", "sortindex": n}))
        .collect();
    server.write(Method::POST, "/storage/notes", &records).await;
    server
        .write(Method::PUT, "/storage/notes/none", &json!({"payload": ""}))
        .await;
    let rows: [(&str, &[&str]); 6] = [
        ("sort=index&limit=2", &["r4", "r3"]),
        ("sort=index&limit=2&offset=2", &["r2", "r1"]),
        ("sort=index&limit=2&offset=4", &["r0", "none"]),
        ("sort=index&limit=2&offset=6", &[]),
        ("sort=index&index_above=2", &["r4", "r3"]),
        ("sort=index&index_below=2", &["r1", "r0"]),
    ];
    for (query, ids) in rows {
        let reply = server.get(&format!("/storage/notes?{query}")).await;
        assert_eq!(reply.ids(), ids, "{query}");
        assert_eq!(reply.next(), None, "{query}");
    }
    let without_limit = server.get("/storage/notes?offset=2").await;
    assert_eq!(without_limit.status, 400);
    assert_eq!(server.get("/storage/none").await.json(), json!([]));
    assert_eq!(server.get("/storage/notes/missing").await.status, 404);
}

#[tokio::test]
async fn a_guard_looks_at_the_collection_and_only_of_writes() {
    let server = Legacy::start().await;
    let body = json!({"payload": "x"});
    let first = server.write(Method::PUT, "/storage/notes/a", &body).await;
    server.write(Method::PUT, "/storage/notes/b", &body).await;
    let guard = first.text();
    let guarded = |method: Method, path| {
        let request = server.call(method, path);
        request.header("x-if-unmodified-since", guard)
    };
    let put = guarded(Method::PUT, "/storage/notes/a").body(body.to_string());
    assert_eq!(send(put).await.status, 412, "b is newer");
    let delete = guarded(Method::DELETE, "/storage/notes/a");
    assert_eq!(send(delete).await.status, 412);
    for path in ["/storage/notes", "/storage/notes/a", "/info/collections"] {
        assert_eq!(send(guarded(Method::GET, path)).await.status, 200, "{path}");
        let request = server.call(Method::GET, path);
        let reply = send(request.header("x-if-modified-since", "99999999999")).await;
        assert_eq!(reply.status, 200, "{path}: there is no 304");
    }
}

#[tokio::test]
async fn everything_is_deleted_only_when_that_is_confirmed() {
    let server = Legacy::start().await;
    let body = json!({"payload": "x"});
    server.write(Method::PUT, "/storage/notes/a", &body).await;
    let unconfirmed = send(server.call(Method::DELETE, "/storage")).await;
    assert_eq!(unconfirmed.status, 400);
    let narrowed = send(server.call(Method::DELETE, "/storage/notes?older=1")).await;
    assert_eq!(narrowed.status, 400);
    assert_eq!(server.get("/storage/notes").await.ids(), ["a"]);
    let request = server.call(Method::DELETE, "/storage");
    let confirmed = send(request.header("x-confirm-delete", "1")).await;
    assert_eq!(confirmed.status, 200);
    assert_eq!(confirmed.text(), confirmed.header("x-weave-timestamp"));
    assert_eq!(server.get("/info/collections").await.json(), json!({}));
}

#[tokio::test]
async fn the_quota_is_told_and_kept_in_the_words_of_1_1() {
    let server = Legacy::with(Options {
        quota_bytes: Some(4096),
        ..Options::default()
    })
    .await;
    let body = |bytes| json!({"payload": "x".repeat(bytes)});
    let put = server
        .write(Method::PUT, "/storage/notes/a", &body(1024))
        .await;
    assert_eq!(put.header("x-weave-quota-remaining"), "3");
    let over = server
        .write(Method::PUT, "/storage/notes/b", &body(8192))
        .await;
    assert_eq!((over.status.as_u16(), over.text()), (400, "14"));
    assert_eq!(server.get("/info/quota").await.json(), json!([1.0, 4.0]));
}

#[tokio::test]
async fn what_belongs_to_1_5_is_not_there() {
    let server = Legacy::start().await;
    assert_eq!(server.get("/info/configuration").await.status, 404);
    for path in ["/1.0/sync/1.5", "/1.0/accounts", "/1.5/1/info/collections"] {
        let url = format!("{}{path}", server.running.url);
        assert_eq!(
            send(server.running.http.get(url)).await.status,
            404,
            "{path}"
        );
    }
    let modern = Running::start().await;
    let url = format!("{}/user/1.0/alice/node/weave", modern.url);
    assert_eq!(send(modern.http.get(url)).await.status, 404);
}
