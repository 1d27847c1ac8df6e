//! What was acknowledged survives: a restart, and a kill at any moment.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use selvedge_server::{Location, Options, Server, local_token};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::client::{Running, User, create_account, http, kid, token};

/// A server in a process of its own, which can be killed.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(data: &Path, listen: &str) -> Self {
        let mut child = server_process(data, listen).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let url = first.rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://"), "{first}");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const DATA: &str = "SELVEDGE_TEST_SERVER_DATA";
const LISTEN: &str = "SELVEDGE_TEST_SERVER_LISTEN";

/// This program again, as a server.
fn server_process(data: &Path, listen: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["durability::is_a_server", "--exact", "--ignored"])
        .env(DATA, data)
        .env(LISTEN, listen)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

#[test]
#[ignore = "the process that other tests start and kill"]
fn is_a_server() {
    let data = std::env::var(DATA).expect("other tests set it");
    let options = Options {
        data: match data.as_str() {
            ":memory:" => Location::Memory,
            data => Location::Directory(data.into()),
        },
        listen: std::env::var(LISTEN).unwrap().parse().unwrap(),
        ..Options::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let server = Server::bind(options).await.unwrap();
        // Not by a macro, whose output the test harness keeps.
        writeln!(std::io::stderr(), "{}", server.public_url()).unwrap();
        server.run(std::future::pending()).await;
    });
}

async fn make_user(url: &str, data: &Path) -> User {
    let (http, kid) = (http(), kid());
    let invitation = local_token(data).unwrap();
    let account = create_account(&http, url, &json!({"kid": kid, "invitation": *invitation}))
        .await
        .json();
    let answer = token(
        &http,
        url,
        account["access_token"].as_str().unwrap(),
        &kid,
        "",
    )
    .await
    .json();
    User::from_token(&http, &answer)
}

#[tokio::test]
async fn a_restarted_server_has_everything_and_goes_on_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let options = |listen| Options {
        data: Location::Directory(directory.path().to_owned()),
        listen,
        ..Options::default()
    };
    let running = Running::with(options("127.0.0.1:0".parse().unwrap())).await;
    let address = running
        .url
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let user = running.user().await;
    user.fill("notes", 120).await;
    let batch = user
        .post("/storage/notes?batch=true", json!([{"id": "batched"}]))
        .await
        .json()["batch"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = user.get("/info/collections").await;
    running.stop().await;
    let running = Running::with(options(address)).await;
    let after = user.get("/info/collections").await;
    assert_eq!(
        (after.text(), after.last_modified()),
        (before.text(), before.last_modified())
    );
    assert_eq!(user.get("/storage/notes").await.ids().len(), 120);
    let committed = user
        .post(
            &format!("/storage/notes?batch={batch}&commit=true"),
            json!([]),
        )
        .await;
    assert!(committed.last_modified() > before.last_modified());
    assert_eq!(user.get("/storage/notes").await.ids().len(), 121);
    running.stop().await;
}

#[tokio::test]
async fn a_stopped_server_leaves_the_database_without_a_log() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::with(Options {
        data: Location::Directory(directory.path().to_owned()),
        ..Options::default()
    })
    .await;
    let user = running.user().await;
    user.fill("notes", 20).await;
    assert_eq!(user.get("/storage/notes").await.ids().len(), 20);
    assert!(directory.path().join("server.sqlite-wal").exists());
    running.stop().await;
    for file in ["server.sqlite-wal", "server.sqlite-shm"] {
        assert!(!directory.path().join(file).exists(), "{file}");
    }
    assert!(directory.path().join("server.sqlite").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_no_acknowledged_write_and_leaves_no_half_post() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path(), "127.0.0.1:0");
    let listen = process.url.strip_prefix("http://").unwrap().to_owned();
    let user = make_user(&process.url, directory.path()).await;
    let mut acknowledged = Vec::new();
    for round in 0..6usize {
        let (sender, mut names) = tokio::sync::mpsc::unbounded_channel();
        for writer in 0..4 {
            tokio::spawn(write_until_broken(
                user.clone(),
                format!("{round}-{writer}"),
                sender.clone(),
            ));
        }
        drop(sender);
        // The kill comes in the midst of the writes: at another moment in each round.
        for _ in 0..3 + round * 2 {
            acknowledged.push(names.recv().await.unwrap());
        }
        process.kill();
        while let Some(name) = names.recv().await {
            acknowledged.push(name);
        }
        process = Process::start(directory.path(), &listen);
        let ids = user.get("/storage/notes").await.ids();
        let mut posts = std::collections::BTreeMap::<&str, u32>::new();
        for id in &ids {
            *posts.entry(id.rsplit_once('-').unwrap().0).or_default() += 1;
        }
        assert!(
            posts.values().all(|count| *count == 20),
            "a post is there whole or not at all"
        );
        for name in &acknowledged {
            assert!(posts.contains_key(name.as_str()), "{name} was acknowledged");
        }
        let counts = user.get("/info/collection_counts").await.json();
        assert_eq!(counts["notes"], ids.len());
    }
}

/// Posts until the connection breaks, every other time through a batch, and tells the names of those that were
/// acknowledged.
async fn write_until_broken(user: User, prefix: String, acknowledged: UnboundedSender<String>) {
    for post in 0.. {
        let name = format!("{prefix}-{post}");
        let records =
            (0..20).map(|n| json!({"id": format!("{name}-{n}"), "payload": "x".repeat(500)}));
        let records: Value = records.collect();
        let query = if post % 2 == 0 { "" } else { "?batch=true" };
        let call = user.call(Method::POST, &format!("/storage/notes{query}"));
        let Ok(mut reply) = call.json(&records).try_send().await else {
            return;
        };
        if reply.status == 202 {
            let batch = reply.json()["batch"].as_str().unwrap().to_owned();
            let path = format!("/storage/notes?batch={batch}&commit=true");
            let commit = user.call(Method::POST, &path).json(&json!([]));
            let Ok(committed) = commit.try_send().await else {
                return;
            };
            reply = committed;
        }
        assert_eq!(reply.status, 200, "{reply:?}");
        if acknowledged.send(name).is_err() {
            return;
        }
    }
}

#[cfg(unix)]
#[test]
fn a_server_in_memory_leaves_nothing_behind_even_when_killed() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = server_process(Path::new(":memory:"), "127.0.0.1:0")
        .env("TMPDIR", temporary.path())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("http://127.0.0.1:"), "{line}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}
