//! Client of the daemon's socket (spec §5.4).

use std::io;
use std::path::Path;

use selvedge_santa::ipc::{Call, Fault, Progress};
use serde_json::Value;

/// The outcome of a call.
#[derive(Debug)]
pub enum CallOutcome {
    /// No process listens on the socket.
    NotListening,
    /// The result.
    Done(Value),
    /// The daemon refused the call; `None` for an error code that this version does not know.
    Refused(Option<Fault>),
    /// The connection was lost before the answer arrived.
    Lost(io::Error),
}

/// Calls the daemon and waits for the answer. `notice` receives progress notifications.
#[cfg(unix)]
pub async fn call_daemon(
    socket: &Path,
    call: &Call,
    notice: &mut dyn FnMut(Progress),
) -> CallOutcome {
    let stream = match tokio::net::UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) => {
            return match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    CallOutcome::NotListening
                }
                _ => CallOutcome::Lost(error),
            };
        }
    };
    exchange(stream, call, notice)
        .await
        .unwrap_or_else(CallOutcome::Lost)
}

/// Unix sockets exist only on Unix.
#[cfg(not(unix))]
pub async fn call_daemon(_: &Path, _: &Call, _: &mut dyn FnMut(Progress)) -> CallOutcome {
    CallOutcome::NotListening
}

#[cfg(unix)]
async fn exchange(
    mut stream: tokio::net::UnixStream,
    call: &Call,
    notice: &mut dyn FnMut(Progress),
) -> io::Result<CallOutcome> {
    use selvedge_santa::ipc::{Answer, Id, Lines, call_line, read_answer};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let own = Id::from(1);
    stream.write_all(&call_line(&own, call)).await?;
    let mut lines = Lines::default();
    let mut chunk = vec![0; 16 << 10];
    loop {
        while let Some(line) = lines.next_line().map_err(io::Error::other)? {
            match read_answer(&line) {
                Some(Answer::Progress(progress)) => notice(progress),
                Some(Answer::Result { id, result }) if id == own => {
                    return Ok(CallOutcome::Done(result));
                }
                // An error for a call that could not be parsed has no id.
                Some(Answer::Refused { id, fault }) if id == own || id == Id::None => {
                    return Ok(CallOutcome::Refused(fault));
                }
                Some(_) | None => {}
            }
        }
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        lines.push(chunk.get(..read).unwrap_or_default());
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::UnixListener;

    use selvedge_santa::ipc::{answer_line, progress_line};

    use super::*;

    /// Answers one call with these bytes, then closes the connection.
    async fn answered(bytes: Vec<u8>) -> (CallOutcome, Vec<Progress>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let daemon = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            stream.write_all(&bytes).unwrap();
        });
        let mut received = Vec::new();
        let outcome = call_daemon(&path, &Call::Status, &mut |progress| {
            received.push(progress)
        })
        .await;
        daemon.join().unwrap();
        (outcome, received)
    }

    #[tokio::test]
    async fn notifications_are_delivered_until_the_answer_arrives() {
        let mut bytes = progress_line(&Progress::Started);
        bytes.extend(b"invalid line\n");
        bytes.extend(answer_line(&2.into(), &Ok(Value::from("another's"))));
        bytes.extend(answer_line(&1.into(), &Ok(Value::from("ours"))));
        let (outcome, received) = answered(bytes).await;
        assert!(matches!(outcome, CallOutcome::Done(value) if value == "ours"));
        assert_eq!(received, [Progress::Started]);
    }

    #[tokio::test]
    async fn a_refusal_a_lost_connection_and_a_missing_daemon_are_distinguished() {
        let (outcome, _) = answered(answer_line(&1.into(), &Err(Fault::Busy))).await;
        assert!(matches!(outcome, CallOutcome::Refused(Some(Fault::Busy))));
        let (outcome, _) = answered(b"{\"jsonrpc\"".to_vec()).await;
        assert!(matches!(outcome, CallOutcome::Lost(_)));
        let outcome =
            call_daemon(Path::new("/nonexistent/socket"), &Call::Status, &mut |_| {}).await;
        assert!(matches!(outcome, CallOutcome::NotListening));
    }
}
