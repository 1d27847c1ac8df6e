//! The backend for SQLite passes the tests of all backends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use selvedge_core::time::ServerTime;
use selvedge_server::model::Bounds;
use selvedge_server::storage::conformance::{Outcome, crash, run};
use selvedge_server::storage::{Storage, open};

fn assert_passed(outcomes: &[Outcome]) {
    let failed: Vec<&Outcome> = outcomes
        .iter()
        .filter(|one| one.failure.is_some())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    // A suite that runs nothing passes, too.
    assert!(outcomes.len() > 80, "{}", outcomes.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_in_memory_conforms() {
    let outcomes = run(&|bounds| open("sqlite::memory:", bounds).unwrap()).await;
    assert_passed(&outcomes);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_in_a_file_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU64::new(0);
    let outcomes = run(&|bounds| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        open_file(&directory.path().join(number.to_string()), bounds)
    })
    .await;
    assert_passed(&outcomes);
}

fn open_file(directory: &Path, bounds: Bounds) -> Storage {
    open(&format!("sqlite://{}/db", directory.display()), bounds).unwrap()
}

const DIRECTORY: &str = "SELVEDGE_TEST_WRITER_DIRECTORY";
const ROUND: &str = "SELVEDGE_TEST_WRITER_ROUND";

#[test]
#[ignore = "the process that another test starts and kills"]
fn is_a_writer() {
    let directory = std::env::var(DIRECTORY).expect("the other test sets it");
    let round = std::env::var(ROUND).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let failed = runtime.block_on(async {
        let storage = open_file(directory.as_ref(), Bounds::default());
        crash::write_until_killed(&storage, &round, |name, modified| {
            // In one call: a line is written whole or not at all. Not by a macro, whose output the test harness keeps.
            let line = format!("{name} {}\n", modified.hundredths());
            let _ = std::io::stderr().write_all(line.as_bytes());
        })
        .await
    });
    panic!("{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_survives_a_kill_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(String, ServerTime)> = Vec::new();
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["conformance::is_a_writer", "--exact", "--ignored"])
            .env(DIRECTORY, directory.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut add = |line: &str| {
            let (name, time) = line.split_once(' ').expect(line);
            let time = ServerTime::from_hundredths(time.parse().unwrap());
            acknowledged.push((name.to_owned(), time));
        };
        // The kill comes during the writes: at another moment in each round.
        for _ in 0..3 + round * 2 {
            add(&lines.next().unwrap().unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            add(&line.unwrap());
        }
        let storage = open_file(directory.path(), Bounds::default());
        assert_eq!(
            crash::check(&storage, &acknowledged).await,
            Ok(()),
            "round {round}"
        );
    }
}
