//! One connection: lines come and are called out to the loop, and answers go back.

use std::time::Duration;

use selvedge_santa::ipc::{Caller, Fault, Id, Lines, answer_line, read_call, refusal_line};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::connection_limit::Seat;
use super::{Asked, Reply};

/// So long half a line may wait for its other half, and an answer for being read.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Lines that wait to be read by the peer, those included whose calls are being done.
const LINES: usize = 32;

/// Bytes that are read at once.
const CHUNK: usize = 16 << 10;

/// A connection that was accepted.
pub(super) struct Connection {
    stream: UnixStream,
    caller: Caller,
    seat: Option<Seat>,
}

/// Nothing more is read from the peer.
struct Over;

impl Connection {
    pub(super) const fn new(stream: UnixStream, caller: Caller, seat: Option<Seat>) -> Self {
        Self {
            stream,
            caller,
            seat,
        }
    }

    /// Reads until the peer ends, or does what it may not. What is being done for it then is still answered.
    pub(super) async fn serve(self, calls: mpsc::Sender<Asked>) {
        let (half, writer) = self.stream.into_split();
        let (lines, outgoing) = mpsc::channel(LINES);
        let reader = Reader {
            calls,
            lines,
            caller: self.caller,
        };
        let is_seated = self.seat.is_some();
        let reading = async move {
            // However it ends, it has ended: the writer stops when the last answer is sent.
            let _over = match is_seated {
                true => reader.read(half).await,
                false => reader.refuse(Id::None, Fault::Busy).await,
            };
        };
        tokio::join!(reading, write(writer, outgoing));
    }
}

/// Sends lines until there can be no more, or the peer does not take them.
async fn write(mut writer: OwnedWriteHalf, mut outgoing: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = outgoing.recv().await {
        let written = timeout(TIMEOUT, writer.write_all(&line)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

struct Reader {
    calls: mpsc::Sender<Asked>,
    lines: mpsc::Sender<Vec<u8>>,
    caller: Caller,
}

impl Reader {
    async fn read(&self, mut half: OwnedReadHalf) -> Result<(), Over> {
        let mut lines = Lines::default();
        let mut chunk = vec![0; CHUNK];
        // When the line began that has not ended.
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

    async fn call(&self, line: &[u8]) -> Result<(), Over> {
        let room = self.lines.clone().reserve_owned().await.map_err(|_| Over)?;
        let incoming = match read_call(line, self.caller) {
            Ok(incoming) => incoming,
            Err(refusal) => {
                room.send(refusal_line(&refusal));
                return Ok(());
            }
        };
        let asked = Asked {
            call: incoming.call,
            reply: Reply {
                id: incoming.id,
                room,
                lines: self.lines.clone(),
            },
        };
        self.calls.send(asked).await.map_err(|_| Over)
    }

    async fn refuse(&self, id: Id, fault: Fault) -> Result<(), Over> {
        let line = answer_line(&id, &Err(fault));
        self.lines.send(line).await.map_err(|_| Over)
    }
}
