//! Kills the process at each commit and at each request.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use selvedge_tests::{Fault, Killed, SantaMachine, counted};
use tempfile::TempDir;

use super::test_bed::{BATCH, EVENTS, RULES, Server, TestBed};

/// Starts a sync in a child process.
fn spawn(machine: &SantaMachine) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_one_sync"))
        .arg("santa")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(machine.to_json().as_bytes()).unwrap();
    child
}

fn was_killed(status: std::process::ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_data_is_lost_when_the_process_is_killed_at_a_commit() {
    let dir = TempDir::new().unwrap();
    let server = Server::ours(&dir, false).await;
    let mut test_bed = TestBed::new(server, dir).await;
    let batches = (EVENTS as u64).div_ceil(BATCH);
    let (mut kills, mut sent_again, mut commit) = (0, 0, 1);
    'commits: loop {
        for is_after in [false, true] {
            let machine = test_bed.machine();
            let killed = Some(Killed { commit, is_after });
            let _alarm = test_bed.proxy.arm(None);
            let status = spawn(&SantaMachine {
                killed,
                ..machine.clone()
            })
            .wait()
            .unwrap();
            if !was_killed(status) {
                assert!(status.success(), "{status}");
                break 'commits;
            }
            let what = format!("killed at commit {commit}, after it: {is_after}");
            let (rules, _) = machine.rules().await;
            assert!(rules == 0 || rules == RULES, "{what}: {rules} rules");
            let uploads = test_bed.uploads() + test_bed.finish_sync(&machine, &what).await;
            // A batch is uploaded again if its response was received but not committed.
            let again = uploads - batches;
            assert!(again <= u64::from(!is_after), "{what}: {again} sent again");
            sent_again += again;
            kills += 1;
        }
        commit += 1;
    }
    // One commit per batch, one for the rules, and one for the settings.
    assert!(kills >= 2 * (batches + 2), "{kills}");
    counted("santa kills at commits", kills);
    counted(
        "santa uploads sent again because a kill came before their note",
        sent_again,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_data_is_lost_when_the_process_is_killed_at_a_request() {
    let dir = TempDir::new().unwrap();
    let server = Server::ours(&dir, false).await;
    let mut test_bed = TestBed::new(server, dir).await;
    let machine = test_bed.machine();
    let batches = test_bed.finish_sync(&machine, "no kill").await;
    let requests = test_bed.proxy.count();
    let mut kills = 0;
    for position in 1..=requests {
        for fault in [Fault::HeldRequest, Fault::HeldReply] {
            let machine = test_bed.machine();
            let alarm = test_bed.proxy.arm(Some((position, fault)));
            let mut child = spawn(&machine);
            loop {
                match alarm.recv_timeout(Duration::from_millis(5)) {
                    Err(RecvTimeoutError::Timeout) => {
                        assert_eq!(child.try_wait().unwrap(), None, "it exited too early");
                    }
                    alarm => break alarm.unwrap(),
                }
            }
            child.kill().unwrap();
            assert!(was_killed(child.wait().unwrap()));
            let what = format!("killed at request {position}, {fault:?}");
            let is_lost = fault == Fault::HeldReply
                && test_bed.proxy.fired_at().unwrap().contains("/eventupload/");
            let uploads = test_bed.uploads() + test_bed.finish_sync(&machine, &what).await;
            assert_eq!(uploads - batches, u64::from(is_lost), "{what}: sent again");
            kills += 1;
        }
    }
    counted("santa kills at requests", kills);
}
