//! Asks the daemon over its socket (spec §5.4).

use std::io;
use std::path::Path;

use selvedge_santa::ipc::{Call, Fault, Progress};
use serde_json::Value;

/// What came of a call.
#[derive(Debug)]
pub enum Asked {
    /// Nobody listens there.
    Nobody,
    /// The daemon did it.
    Done(Value),
    /// The daemon would not; `None` for a reason that this version does not know.
    Refused(Option<Fault>),
    /// The connection broke before the answer came.
    Lost(io::Error),
}

/// Calls the daemon, and waits for its answer; `notice` hears what it says meanwhile.
#[cfg(unix)]
pub async fn ask(socket: &Path, call: &Call, notice: &mut dyn FnMut(Progress)) -> Asked {
    let stream = match tokio::net::UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) => {
            return match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Asked::Nobody,
                _ => Asked::Lost(error),
            };
        }
    };
    talk(stream, call, notice).await.unwrap_or_else(Asked::Lost)
}

/// Sockets of this kind are Unix's.
#[cfg(not(unix))]
pub async fn ask(_: &Path, _: &Call, _: &mut dyn FnMut(Progress)) -> Asked {
    Asked::Nobody
}

#[cfg(unix)]
async fn talk(
    mut stream: tokio::net::UnixStream,
    call: &Call,
    notice: &mut dyn FnMut(Progress),
) -> io::Result<Asked> {
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
                Some(Answer::Result { id, result }) if id == own => return Ok(Asked::Done(result)),
                // A call that could not be read is answered without its number.
                Some(Answer::Refused { id, fault }) if id == own || id == Id::None => {
                    return Ok(Asked::Refused(fault));
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

    /// Answers one call with these bytes, then hangs up.
    async fn answered(bytes: Vec<u8>) -> (Asked, Vec<Progress>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let daemon = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            stream.write_all(&bytes).unwrap();
        });
        let mut heard = Vec::new();
        let asked = ask(&path, &Call::Status, &mut |progress| heard.push(progress)).await;
        daemon.join().unwrap();
        (asked, heard)
    }

    #[tokio::test]
    async fn notices_are_heard_until_the_answer_comes() {
        let mut bytes = progress_line(&Progress::Started);
        bytes.extend(b"nothing of the kind\n");
        bytes.extend(answer_line(&2.into(), &Ok(Value::from("another's"))));
        bytes.extend(answer_line(&1.into(), &Ok(Value::from("ours"))));
        let (asked, heard) = answered(bytes).await;
        assert!(matches!(asked, Asked::Done(value) if value == "ours"));
        assert_eq!(heard, [Progress::Started]);
    }

    #[tokio::test]
    async fn a_refusal_a_broken_connection_and_nobody_are_told_apart() {
        let (asked, _) = answered(answer_line(&1.into(), &Err(Fault::Busy))).await;
        assert!(matches!(asked, Asked::Refused(Some(Fault::Busy))));
        let (asked, _) = answered(b"{\"jsonrpc\"".to_vec()).await;
        assert!(matches!(asked, Asked::Lost(_)));
        let asked = ask(Path::new("/nonexistent/socket"), &Call::Status, &mut |_| {}).await;
        assert!(matches!(asked, Asked::Nobody));
    }
}
