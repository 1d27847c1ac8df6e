use std::path::Path;

use selvedge_santa::ipc::{Answer, Call, Fault, Id, LINE_BYTES, Progress, call_line, read_answer};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::task::LocalSet;

use super::*;

/// Runs a daemon that answers each call with the name of its method, and peers.
async fn with_peers<F: Future<Output = ()>>(peers: impl FnOnce(std::path::PathBuf) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let (accepting, mut calls) = listen(UnixListener::bind(&path).unwrap(), None);
    let answering = async {
        while let Some(PendingCall { call, reply }) = calls.recv().await {
            reply.send_progress(&Progress::Started);
            reply.answer(Ok(json!(call.method())));
        }
    };
    let local = LocalSet::new();
    local
        .run_until(async {
            tokio::select! {
                () = accepting => {}
                () = answering => {}
                () = peers(path) => {}
            }
        })
        .await;
}

async fn answers(path: &Path, bytes: &[u8]) -> Vec<Option<Answer>> {
    let mut stream = UnixStream::connect(path).await.unwrap();
    // The daemon does not read a line that is too long to its end.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    all.split_inclusive(|byte| *byte == b'\n')
        .map(read_answer)
        .collect()
}

fn refused(fault: Fault) -> Option<Answer> {
    Some(Answer::Refused {
        id: Id::None,
        fault: Some(fault),
    })
}

#[tokio::test]
async fn calls_are_answered_by_id_after_progress_notifications() {
    with_peers(|path| async move {
        let calls = [
            call_line(&1.into(), &Call::Status),
            call_line(&2.into(), &Call::PushStatus),
        ];
        let result = |id: u64, method: &str| {
            let (id, result) = (id.into(), json!(method));
            Some(Answer::Result { id, result })
        };
        let started = || Some(Answer::Progress(Progress::Started));
        assert_eq!(
            answers(&path, &calls.concat()).await,
            [
                started(),
                result(1, "status"),
                started(),
                result(2, "push.status")
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_line_that_is_too_long_closes_the_connection_and_an_invalid_call_does_not() {
    with_peers(|path| async move {
        let mut long = vec![b'a'; LINE_BYTES + 2];
        long.push(b'\n');
        assert_eq!(answers(&path, &long).await, [refused(Fault::Request)]);
        let seen = answers(&path, b"nonsense\n[]\n").await;
        assert_eq!(seen, [refused(Fault::Parse), refused(Fault::Request)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_partial_line_times_out_after_a_minute_and_an_idle_peer_does_not() {
    with_peers(|path| async move {
        let mut idle = UnixStream::connect(&path).await.unwrap();
        let mut half = UnixStream::connect(&path).await.unwrap();
        half.write_all(b"{\"jsonrpc\"").await.unwrap();
        let began = tokio::time::Instant::now();
        let mut all = Vec::new();
        half.read_to_end(&mut all).await.unwrap();
        let waited = began.elapsed().as_secs();
        assert!((59..=61).contains(&waited), "{waited}");
        assert_eq!(read_answer(&all), refused(Fault::Request));
        idle.write_all(&call_line(&1.into(), &Call::Status))
            .await
            .unwrap();
        let mut lines = BufReader::new(idle).lines();
        assert!(lines.next_line().await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_connection_over_the_limit_is_refused_with_busy() {
    with_peers(|path| async move {
        let mut open = Vec::new();
        for _ in 0..100 {
            open.push(UnixStream::connect(&path).await.unwrap());
        }
        let mut last = UnixStream::connect(&path).await.unwrap();
        let mut all = Vec::new();
        last.read_to_end(&mut all).await.unwrap();
        assert_eq!(read_answer(&all), refused(Fault::Busy));
        open.clear();
        drop(last);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let seen = answers(&path, &call_line(&1.into(), &Call::Status)).await;
        assert_eq!(seen.len(), 2, "{seen:?}");
    })
    .await;
}
