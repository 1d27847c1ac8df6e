//! A process that is killed at every commit and at every request.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use selvedge_tests::{Fault, Killed, SantaMachine, counted};
use tempfile::TempDir;

use super::stage::{BATCH, EVENTS, RULES, Server, Stage};

/// A sync in a process of its own.
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
async fn a_process_that_is_killed_at_any_commit_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let server = Server::ours(&dir, false).await;
    let mut stage = Stage::new(server, dir).await;
    let batches = (EVENTS as u64).div_ceil(BATCH);
    let (mut kills, mut sent_again, mut commit) = (0, 0, 1);
    'commits: loop {
        for is_after in [false, true] {
            let machine = stage.machine();
            let killed = Some(Killed { commit, is_after });
            let _alarm = stage.proxy.arm(None);
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
            let uploads = stage.uploads() + stage.settles(&machine, &what).await;
            // A batch whose answer came, but was not noted, is sent again.
            let again = uploads - batches;
            assert!(again <= u64::from(!is_after), "{what}: {again} sent again");
            sent_again += again;
            kills += 1;
        }
        commit += 1;
    }
    // A commit for each batch, one for the rules, one for the settings.
    assert!(kills >= 2 * (batches + 2), "{kills}");
    counted("santa kills at commits", kills);
    counted(
        "santa uploads sent again because a kill came before their note",
        sent_again,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_at_any_request_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let server = Server::ours(&dir, false).await;
    let mut stage = Stage::new(server, dir).await;
    let machine = stage.machine();
    let batches = stage.settles(&machine, "no kill").await;
    let requests = stage.proxy.count();
    let mut kills = 0;
    for position in 1..=requests {
        for fault in [Fault::HeldRequest, Fault::HeldReply] {
            let machine = stage.machine();
            let alarm = stage.proxy.arm(Some((position, fault)));
            let mut child = spawn(&machine);
            loop {
                match alarm.recv_timeout(Duration::from_millis(5)) {
                    Err(RecvTimeoutError::Timeout) => {
                        assert_eq!(child.try_wait().unwrap(), None, "it ended too early");
                    }
                    rung => break rung.unwrap(),
                }
            }
            child.kill().unwrap();
            assert!(was_killed(child.wait().unwrap()));
            let what = format!("killed at request {position}, {fault:?}");
            let is_lost = fault == Fault::HeldReply
                && stage.proxy.fired_at().unwrap().contains("/eventupload/");
            let uploads = stage.uploads() + stage.settles(&machine, &what).await;
            assert_eq!(uploads - batches, u64::from(is_lost), "{what}: sent again");
            kills += 1;
        }
    }
    counted("santa kills at requests", kills);
}
