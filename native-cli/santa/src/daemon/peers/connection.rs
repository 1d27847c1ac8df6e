//! One connection: reads calls for the event loop, and writes the answers.

use std::time::Duration;

use selvedge_santa::ipc::{Caller, Fault, Id, Lines, answer_line, read_call, refusal_line};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::connection_limit::ConnectionPermit;
use super::pending_call::{PendingCall, Reply};

/// Timeout for the rest of a partial line, and for the peer to read an answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum number of outstanding answers of one connection.
const MAX_OUTSTANDING: usize = 32;

/// Size of the read buffer in bytes.
const CHUNK: usize = 16 << 10;

/// An accepted connection.
pub(super) struct Connection {
    stream: UnixStream,
    caller: Caller,
    permit: Option<ConnectionPermit>,
}

/// The connection ends; nothing more is read from the peer.
struct Closed;

impl Connection {
    pub(super) const fn new(
        stream: UnixStream,
        caller: Caller,
        permit: Option<ConnectionPermit>,
    ) -> Self {
        Self {
            stream,
            caller,
            permit,
        }
    }

    /// Reads until the peer closes the connection or violates the protocol. Outstanding calls are still answered.
    pub(super) async fn serve(self, calls: mpsc::Sender<PendingCall>) {
        let (half, writer) = self.stream.into_split();
        let (lines, outgoing) = mpsc::channel(MAX_OUTSTANDING);
        let reader = Reader {
            calls,
            lines,
            caller: self.caller,
        };
        let is_permitted = self.permit.is_some();
        let reading = async move {
            // Any result means the end: the reader is dropped, and the writer stops after the last answer.
            let _closed = if is_permitted {
                reader.read(half).await
            } else {
                reader.refuse(Id::None, Fault::Busy).await
            };
        };
        tokio::join!(reading, write(writer, outgoing));
    }
}

/// Writes lines until all senders are dropped, or the peer does not read within the timeout.
async fn write(mut writer: OwnedWriteHalf, mut outgoing: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = outgoing.recv().await {
        let written = timeout(TIMEOUT, writer.write_all(&line)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

struct Reader {
    calls: mpsc::Sender<PendingCall>,
    lines: mpsc::Sender<Vec<u8>>,
    caller: Caller,
}

impl Reader {
    async fn read(&self, mut half: OwnedReadHalf) -> Result<(), Closed> {
        let mut lines = Lines::default();
        let mut chunk = vec![0; CHUNK];
        // When the current partial line started.
        let mut began = None;
        loop {
            let count = match began {
                Some(began) => timeout_at(began + TIMEOUT, half.read(&mut chunk)).await,
                None => Ok(half.read(&mut chunk).await),
            };
            let Ok(count) = count else {
                return self.refuse(Id::None, Fault::Request).await;
            };
            let read = count.ok().and_then(|count| chunk.get(..count));
            let Some(read) = read.filter(|read| !read.is_empty()) else {
                return Ok(());
            };
            lines.push(read);
            loop {
                match lines.next_line() {
                    Ok(Some(line)) => {
                        began = None;
                        self.call(&line).await?;
                    }
                    Ok(None) => break,
                    Err(_too_long) => return self.refuse(Id::None, Fault::Request).await,
                }
            }
            began = lines
                .is_in_a_line()
                .then(|| began.unwrap_or_else(Instant::now));
        }
    }

    async fn call(&self, line: &[u8]) -> Result<(), Closed> {
        let slot = self
            .lines
            .clone()
            .reserve_owned()
            .await
            .map_err(|_| Closed)?;
        let incoming = match read_call(line, self.caller) {
            Ok(incoming) => incoming,
            Err(refusal) => {
                slot.send(refusal_line(&refusal));
                return Ok(());
            }
        };
        let pending = PendingCall {
            call: incoming.call,
            reply: Reply {
                id: incoming.id,
                slot,
                lines: self.lines.clone(),
            },
        };
        self.calls.send(pending).await.map_err(|_| Closed)
    }

    async fn refuse(&self, id: Id, fault: Fault) -> Result<(), Closed> {
        let line = answer_line(&id, &Err(fault));
        self.lines.send(line).await.map_err(|_| Closed)
    }
}
