use std::path::Path;

use selvedge_santa::ipc::{Answer, LINE_BYTES, call_line, read_answer};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::task::LocalSet;

use super::*;

/// Runs a daemon that answers each call with its method's name, and a peer.
async fn with_peers<F: Future<Output = ()>>(peers: impl FnOnce(std::path::PathBuf) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let (accepting, mut asked) = listen(UnixListener::bind(&path).unwrap(), None);
    let answering = async {
        while let Some(Asked { call, reply }) = asked.recv().await {
            reply.tell(&Progress::Started);
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
    // What is too long is not read to its end.
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
async fn calls_are_answered_by_their_ids_and_told_of_meanwhile() {
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
async fn a_line_that_is_too_long_is_the_end_and_one_that_is_no_call_is_not() {
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
async fn half_a_line_waits_a_minute_and_an_idle_peer_forever() {
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
async fn who_finds_no_seat_is_told_so() {
    with_peers(|path| async move {
        let mut seated = Vec::new();
        for _ in 0..100 {
            seated.push(UnixStream::connect(&path).await.unwrap());
        }
        let mut last = UnixStream::connect(&path).await.unwrap();
        let mut all = Vec::new();
        last.read_to_end(&mut all).await.unwrap();
        assert_eq!(read_answer(&all), refused(Fault::Busy));
        seated.clear();
        drop(last);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let seen = answers(&path, &call_line(&1.into(), &Call::Status)).await;
        assert_eq!(seen.len(), 2, "{seen:?}");
    })
    .await;
}
